#include "freightliner/runtime/performance_monitor.h"

#include <algorithm>

namespace freightliner::runtime {
namespace {

struct OperationName {
  Operation operation;
  std::string_view name;
};

constexpr std::array<OperationName, kOperations> kNames = {{
    {Operation::kBlobCopy, "blob_copy"},
    {Operation::kRecompress, "recompress"},
    {Operation::kHead, "head"},
    {Operation::kMount, "mount"},
    {Operation::kUploadStart, "upload_start"},
    {Operation::kUploadCancel, "upload_cancel"},
    {Operation::kDownloadStart, "download_start"},
    {Operation::kManifestGet, "manifest_get"},
    {Operation::kManifestPut, "manifest_put"},
    {Operation::kTagList, "tag_list"},
    {Operation::kCatalog, "catalog"},
    {Operation::kReferrers, "referrers"},
    {Operation::kDelete, "delete"},
    {Operation::kToken, "token"},
}};

constexpr std::array<Operation, kOperations> kAll = [] {
  std::array<Operation, kOperations> all{};
  for (std::size_t i = 0; i < kOperations; ++i) all[i] = kNames[i].operation;
  return all;
}();

}  // namespace

std::string_view to_string(Operation operation) noexcept {
  return kNames[static_cast<std::size_t>(operation)].name;
}

std::span<const Operation, kOperations> all_operations() noexcept {
  return kAll;
}

std::optional<Operation> find_operation(std::string_view name) noexcept {
  if (name == "blob") return Operation::kBlobCopy;
  const auto* const found = std::ranges::find(kNames, name, &OperationName::name);
  if (found == kNames.end()) return std::nullopt;
  return found->operation;
}

std::uint64_t PerformanceSnapshot::blobs_in_flight() const {
  return of(Operation::kBlobCopy).in_flight + of(Operation::kRecompress).in_flight;
}

WaitStatistics PerformanceSnapshot::rate_limit() const noexcept {
  WaitStatistics all;
  for (const HostStatistics& host : hosts) {
    all.count += host.waits.count;
    all.time += host.waits.time;
  }
  return all;
}

PerformanceMonitor::Contribution::~Contribution() {
  if (monitor_ == nullptr) return;
  monitor_->components_.with([](Components& components) {
    components.source(components.kept);
    components.source = nullptr;
  });
}

PerformanceMonitor::Contribution PerformanceMonitor::contribute(Source source) {
  components_.with([&](Components& components) { components.source = std::move(source); });
  return Contribution(*this);
}

PerformanceSnapshot PerformanceMonitor::snapshot() const {
  PerformanceSnapshot result = components_.with([](const Components& components) {
    PerformanceSnapshot snapshot = components.kept;
    if (components.source) components.source(snapshot);
    return snapshot;
  });
  for (const Operation operation : kAll) {
    const Counters& counters = operations_[static_cast<std::size_t>(operation)];
    constexpr auto kOrder = std::memory_order_relaxed;
    result.operations.push_back({.operation = operation,
                                 .errors = counters.errors.load(kOrder),
                                 .bytes = counters.bytes.load(kOrder),
                                 .items = counters.items.load(kOrder),
                                 .in_flight = counters.in_flight.load(kOrder),
                                 .latency = counters.latency.snapshot()});
  }
  result.system = read_system_usage();
  return result;
}

}  // namespace freightliner::runtime
