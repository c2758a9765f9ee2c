#include "freightliner/replicate/report_summary.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "freightliner/base/text.h"
#include "replicate/report_file.h"
#include "replicate/report_format.h"

namespace freightliner::replicate {
namespace {

constexpr std::size_t kMaxFigures = 4'096;
constexpr std::size_t kMaxOperations = 1'024;
constexpr std::size_t kMaxHosts = 1'024;
constexpr std::size_t kMaxEvents = 10'000;
constexpr std::size_t kMaxColumns = 64;
constexpr std::size_t kMaxSamples = 2'000'000;

constexpr std::string_view kOperation = "performance.operations[]";
constexpr std::string_view kHost = "performance.hosts[]";
constexpr std::string_view kAlert = "performance.alerts[]";
constexpr std::string_view kTransition = "performance.memory.transitions[]";
constexpr std::string_view kColumns = "performance.samples.columns[]";
constexpr std::string_view kRow = "performance.samples.rows[]";

double* number_of(OperationFigures& operation, std::string_view member) noexcept {
  if (member == "count") return &operation.count;
  if (member == "errors") return &operation.errors;
  if (member == "bytes") return &operation.bytes;
  if (member == "items") return &operation.items;
  if (member == "seconds_total") return &operation.seconds_total;
  if (member == "p50_ms") return &operation.p50_ms;
  if (member == "p90_ms") return &operation.p90_ms;
  if (member == "p99_ms") return &operation.p99_ms;
  return member == "max_ms" ? &operation.max_ms : nullptr;
}

/// Takes the numbers and texts of a report by their places: members are joined by ".", an element's place is "[]".
class SummaryCollector final : public ReportVisitor {
 public:
  bool complete() override {
    if (!accept_format(format_)) return false;
    if (!has_source_ || !has_destination_ || !has_references_) {
      return stop("it lacks \"source\", \"destination\" or \"references\"");
    }
    for (const std::string_view needed : {"duration_ms", "exit_code", "totals.tags"}) {
      if (std::isnan(summary_.figure(needed))) return stop(fmt::format("it lacks \"{}\"", needed));
    }
    return samples_fit();
  }
  ReportSummary take() { return std::move(summary_); }

  bool null() override { return number(kNoFigure); }
  bool boolean(bool value) override {
    if (!in_references_ && place() == "dry_run") summary_.dry_run = value;
    return scalar();
  }
  bool number_integer(number_integer_t value) override { return number(static_cast<double>(value)); }
  bool number_unsigned(number_unsigned_t value) override {
    if (!in_references_ && place() == kReportMark) format_ = value;
    return number(static_cast<double>(value));
  }
  bool number_float(number_float_t value, const string_t& /*text*/) override { return number(value); }

  bool string(string_t& value) override {
    if (!scalar()) return false;
    if (in_references_) return true;
    const std::string_view place = this->place();
    if (place == "source") has_source_ = true;
    if (place == "destination") has_destination_ = true;
    if (std::string* const known = text_at(place)) {
      *known = std::move(value);
    } else if (place == kColumns) {
      if (summary_.samples.columns.size() == kMaxColumns) return stop(fmt::format("{} has too many columns", place));
      summary_.samples.columns.push_back(std::move(value));
    } else if (place.starts_with("performance.") && !in_array()) {
      if (summary_.texts.size() == kMaxFigures) return too_many("texts");
      summary_.texts.insert_or_assign(std::string(place), std::move(value));
    }
    return true;
  }

  bool key(string_t& value) override {
    key_ = std::move(value);
    // No name of ours, and none that may be taken for the place of something else.
    if (key_.find_first_of(".[]") != std::string::npos) key_.clear();
    return true;
  }
  bool start_object(std::size_t /*size*/) override {
    if (!enter(false)) return false;
    const std::string_view here = path_;
    if (here == kOperation) {
      if (summary_.operations.size() == kMaxOperations) return too_many("operations");
      summary_.operations.emplace_back();
    } else if (here == kHost) {
      if (summary_.hosts.size() == kMaxHosts) return too_many("hosts");
      summary_.hosts.emplace_back();
    } else if (here == kAlert) {
      if (summary_.alerts.size() == kMaxEvents) return too_many("alerts");
      summary_.alerts.emplace_back();
    } else if (here == kTransition) {
      if (summary_.transitions.size() == kMaxEvents) return too_many("transitions");
      summary_.transitions.emplace_back();
    } else if (here == "references[]") {
      ++summary_.references;
    }
    return true;
  }
  bool end_object() override { return leave(); }
  bool start_array(std::size_t /*size*/) override {
    if (levels_.empty()) return stop("it is no JSON object");
    if (!enter(true)) return false;
    if (path_ == "references") in_references_ = has_references_ = true;
    if (path_ == kRow) row_begin_ = summary_.samples.values.size();
    return true;
  }
  bool end_array() override {
    if (path_ == kRow && !end_row()) return false;
    if (path_ == "references") in_references_ = false;
    return leave();
  }

 private:
  struct Level {
    std::size_t length = 0;  // of path_ outside of this container
    bool array = false;
  };

  bool too_many(std::string_view what) { return stop(fmt::format("it has too many {}", what)); }
  bool in_array() const noexcept { return std::ranges::any_of(levels_, &Level::array); }
  bool scalar() { return !levels_.empty() || stop("it is no JSON object"); }

  /// The place of the value that was met.
  std::string_view place() {
    value_place_ = path_;
    append_to(value_place_);
    return value_place_;
  }
  void append_to(std::string& path) const {
    if (levels_.empty()) return;
    if (levels_.back().array) {
      path += "[]";
    } else {
      if (levels_.size() > 1) path += '.';
      path += key_;
    }
  }
  bool enter(bool array) {
    const std::size_t length = path_.size();
    append_to(path_);
    levels_.push_back({length, array});
    return true;
  }
  bool leave() {
    path_.resize(levels_.back().length);
    levels_.pop_back();
    return true;
  }

  bool number(double value) {
    if (!scalar()) return false;
    if (in_references_) return true;
    const std::string_view place = this->place();
    if (place == "performance.samples.rows[][]") {
      if (summary_.samples.values.size() == kMaxSamples) return too_many("samples");
      summary_.samples.values.push_back(value);
    } else if (double* const known = number_at(place)) {
      *known = value;
    } else if (!in_array() && !std::isnan(value)) {
      return figure(place, value);
    }
    return true;
  }

  bool figure(std::string_view place, double value) {
    if (value < 0) return stop(fmt::format("{} is negative", printable(place, 200)));
    if (summary_.figures.size() == kMaxFigures) return too_many("figures");
    summary_.figures.insert_or_assign(std::string(place), value);
    return true;
  }

  std::string* text_at(std::string_view place) noexcept {
    if (place == "source") return &summary_.source;
    if (place == "destination") return &summary_.destination;
    if (place == "started") return &summary_.started;
    if (place == "error.class") return &summary_.error_class;
    if (place == "error.message") return &summary_.error;
    if (place == "performance.operations[].operation") return &summary_.operations.back().name;
    if (place == "performance.hosts[].host") return &summary_.hosts.back().name;
    if (place == "performance.alerts[].alert") return &summary_.alerts.back().alert;
    if (place == "performance.alerts[].message") return &summary_.alerts.back().message;
    if (place == "performance.memory.transitions[].time") return &summary_.transitions.back().time;
    if (place == "performance.memory.transitions[].from") return &summary_.transitions.back().from;
    return place == "performance.memory.transitions[].to" ? &summary_.transitions.back().to : nullptr;
  }

  double* number_at(std::string_view place) noexcept {
    if (path_ == kOperation && !levels_.back().array) return number_of(summary_.operations.back(), key_);
    if (place == "performance.hosts[].requests") return &summary_.hosts.back().requests;
    if (place == "performance.hosts[].throttled") return &summary_.hosts.back().throttled;
    if (place == "performance.hosts[].waits.count") return &summary_.hosts.back().waits;
    if (place == "performance.hosts[].waits.seconds") return &summary_.hosts.back().wait_seconds;
    if (place == "performance.alerts[].value") return &summary_.alerts.back().value;
    if (place == "performance.alerts[].seconds") return &summary_.alerts.back().seconds;
    return place == "performance.memory.transitions[].resident_bytes" ? &summary_.transitions.back().resident_bytes
                                                                      : nullptr;
  }

  bool end_row() {
    const std::size_t width = summary_.samples.values.size() - row_begin_;
    const std::size_t row = row_count_++;
    if (row == 0) row_width_ = width;
    if (width == row_width_ && width > 0) return true;
    return stop(fmt::format("performance.samples.rows[{}] has {} numbers", row, width));
  }

  bool samples_fit() {
    const ReportSamples& samples = summary_.samples;
    if (row_count_ == 0) return true;
    if (row_width_ != samples.columns.size()) {
      return stop(
          fmt::format("performance.samples has {} columns, and rows of {}", samples.columns.size(), row_width_));
    }
    const auto seconds = samples.column("seconds");
    for (std::size_t row = 0; seconds && row < samples.rows(); ++row) {
      const double before = row == 0 ? 0 : samples.at(row - 1, *seconds);
      if (!(samples.at(row, *seconds) >= before)) {
        return stop(fmt::format("performance.samples.rows[{}] goes back in time", row));
      }
    }
    return true;
  }

  std::vector<Level> levels_;  // of containers around the parser's place
  std::string path_;           // the place of the innermost of them
  std::string value_place_;
  std::string key_;
  number_unsigned_t format_ = 0;
  bool has_source_ = false;
  bool has_destination_ = false;
  bool has_references_ = false;
  bool in_references_ = false;  // nothing in there counts, but how many there are
  std::size_t row_begin_ = 0;
  std::size_t row_count_ = 0;
  std::size_t row_width_ = 0;
  ReportSummary summary_;
};

}  // namespace

std::optional<std::size_t> ReportSamples::column(std::string_view name) const noexcept {
  const auto found = std::ranges::find(columns, name);
  if (found == columns.end()) return std::nullopt;
  return static_cast<std::size_t>(found - columns.begin());
}

double ReportSummary::figure(std::string_view place) const noexcept {
  const auto found = figures.find(place);
  return found == figures.end() ? kNoFigure : found->second;
}

Result<ReportSummary> read_report_summary(const std::filesystem::path& path) {
  SummaryCollector collector;
  FL_CHECK(visit_report(path, collector));
  return collector.take();
}

}  // namespace freightliner::replicate
