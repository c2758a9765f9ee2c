#include "freightliner/replicate/tree_report.h"

#include <fmt/format.h>

#include <cmath>

#include "freightliner/base/date.h"
#include "freightliner/base/text.h"
#include "freightliner/copy/copier.h"
#include "freightliner/replicate/performance_json.h"
#include "freightliner/runtime/temporary_file.h"
#include "replicate/json_text.h"
#include "replicate/report_format.h"
#include "replicate/text_buffer.h"

namespace freightliner::replicate {
namespace {

constexpr std::size_t kMaxName = 8 * kKiB;
constexpr std::size_t kMaxError = 4 * kKiB;

double per_second(std::uint64_t count, Duration duration) noexcept {
  if (duration.count() <= 0) return 0.0;
  return static_cast<double>(count) * 1000.0 / static_cast<double>(duration.count());
}

std::uint64_t handled_tags(const TreeTotals& totals) noexcept {
  return totals.tags > totals.skipped_by_filter ? totals.tags - totals.skipped_by_filter : 0;
}

OrderedJson totals_json(const TreeTotals& totals) {
  return {
      {"repositories", totals.repositories},
      {"repositories_skipped", totals.repositories_skipped},
      {"tags", totals.tags},
      {"copied", totals.copied},
      {"equal", totals.equal},
      {"kept", totals.kept},
      {"planned", totals.planned},
      {"skipped_by_filter", totals.skipped_by_filter},
      {"not_begun", totals.not_begun},
      {"failed", totals.failed},
      {"deleted", totals.deleted},
      {"missing", totals.missing},
      {"different", totals.different},
      {"extra", totals.extra},
  };
}

OrderedJson patterns_json(const PatternUse& use) {
  OrderedJson decisions;
  for (std::size_t tier = 0; tier < kPatternTiers; ++tier) {
    decisions[std::string(to_string(static_cast<PatternTier>(tier)))] = use.decisions[tier];
  }
  decisions["none"] = use.decisions[kPatternTiers];
  return {{"compiled", use.cache.compiled}, {"reused", use.cache.reused}, {"decisions", std::move(decisions)}};
}

OrderedJson whole_performance_json(const TreeReport& report) {
  const TreeTotals& totals = report.totals;
  OrderedJson json = {
      {"duration_ms", report.duration.count()},
      {"bytes_copied", totals.bytes_copied},
      {"bytes_per_second", std::llround(per_second(totals.bytes_copied, report.duration))},
      {"tags_per_second", std::round(per_second(handled_tags(totals), report.duration) * 10.0) / 10.0},
      {"retries", totals.retries},
      {"peak_rss_bytes", report.performance.end.system.peak_rss_bytes},
      {"blobs",
       {{"copied", totals.blobs_copied}, {"mounted", totals.blobs_mounted}, {"present", totals.blobs_present}}},
  };
  if (report.patterns) json["patterns"] = patterns_json(*report.patterns);
  json.update(performance_json(report.performance));
  json["samples"] = samples_json(report.performance.series);
  return json;
}

OrderedJson error_json(const Error& error) {
  return {
      {"class", to_string(error.code())},
      {"message", printable(error.describe(), kMaxError)},
  };
}

/// All of the document but its references.
OrderedJson head_json(const TreeReport& report) {
  OrderedJson head = {
      {std::string(kReportMark), kReportFormat},
      {"source", printable(report.source, kMaxName)},
      {"destination", printable(report.destination, kMaxName)},
      {"started", date_text(report.started)},
      {"duration_ms", report.duration.count()},
      {"dry_run", report.dry_run},
      {"exit_code", report.exit_code},
      {"totals", totals_json(report.totals)},
      {"performance", whole_performance_json(report)},
  };
  if (report.error) head["error"] = error_json(*report.error);
  return head;
}

OrderedJson reference_json(const ReferenceResult& reference) {
  return {
      {"source_repository", printable(reference.repository->source)},
      {"destination_repository", printable(reference.repository->destination)},
      {"tag", printable(reference.tag)},
      {"outcome", to_string(reference.outcome)},
      {"reason", to_string(reference.reason)},
      {"digest", reference.digest ? OrderedJson(reference.digest->to_string()) : OrderedJson()},
      {"bytes", reference.bytes},
      {"duration_ms", reference.duration.count()},
      {"error_class", reference.error_class ? OrderedJson(to_string(*reference.error_class)) : OrderedJson()},
      {"error", reference.error.empty() ? OrderedJson() : OrderedJson(printable(reference.error, kMaxError))},
  };
}

}  // namespace

void TreeTotals::add(Outcome outcome) noexcept {
  switch (outcome) {
    case Outcome::kCopied:
      ++copied;
      break;
    case Outcome::kEqual:
      ++equal;
      break;
    case Outcome::kKept:
      ++kept;
      break;
    case Outcome::kFailed:
      ++failed;
      break;
    case Outcome::kDeleted:
    case Outcome::kPlannedDelete:
      ++deleted;
      break;
    case Outcome::kPlanned:
      ++planned;
      break;
    case Outcome::kMissing:
      ++missing;
      break;
    case Outcome::kDifferent:
    case Outcome::kIncomplete:
      ++different;
      break;
    case Outcome::kExtra:
      ++extra;
      break;
  }
}

void TreeTotals::add_blobs(const copy::CopyReport& report) noexcept {
  bytes_copied += report.bytes_copied;
  blobs_copied += report.blobs_copied;
  blobs_mounted += report.blobs_mounted;
  blobs_present += report.blobs_present;
}

std::string_view to_string(Outcome outcome) noexcept {
  switch (outcome) {
    case Outcome::kCopied:
      return "copied";
    case Outcome::kEqual:
      return "equal";
    case Outcome::kKept:
      return "kept";
    case Outcome::kFailed:
      return "failed";
    case Outcome::kDeleted:
      return "deleted";
    case Outcome::kPlanned:
      return "planned";
    case Outcome::kPlannedDelete:
      return "planned-delete";
    case Outcome::kMissing:
      return "missing";
    case Outcome::kDifferent:
      return "different";
    case Outcome::kIncomplete:
      return "incomplete";
    case Outcome::kExtra:
      return "extra";
  }
  return "failed";
}

std::string_view to_string(Reason reason) noexcept {
  switch (reason) {
    case Reason::kNew:
      return "new";
    case Reason::kChanged:
      return "changed";
    case Reason::kSameDigest:
      return "same-digest";
    case Reason::kImmutable:
      return "immutable";
    case Reason::kCheckpoint:
      return "checkpoint";
    case Reason::kOverwriteNever:
      return "overwrite-never";
    case Reason::kExtra:
      return "extra";
    case Reason::kMissingContent:
      return "missing-content";
    case Reason::kRecompressed:
      return "recompressed";
    case Reason::kError:
      return "error";
  }
  return "error";
}

Status write_report(const TreeReport& report, const std::function<Status(std::string_view)>& sink) {
  TextBuffer buffer(sink);
  FL_CHECK(buffer.append("{"));
  const OrderedJson head = head_json(report);
  for (const auto& member : head.items()) {
    FL_CHECK(buffer.append(fmt::format("\n\"{}\":{},", member.key(), json_text(member.value()))));
  }
  FL_CHECK(buffer.append("\n\"references\":["));
  std::string_view separator = "\n";
  for (const ReferenceResult& reference : report.references) {
    FL_CHECK(buffer.append(separator));
    FL_CHECK(buffer.append(json_text(reference_json(reference))));
    separator = ",\n";
  }
  FL_CHECK(buffer.append("\n]\n}\n"));
  return buffer.flush();
}

Status save_report(const TreeReport& report, const std::filesystem::path& path, runtime::CleanupRegistry& cleanups) {
  return runtime::save_file(cleanups, path, [&](const auto& sink) { return write_report(report, sink); });
}

}  // namespace freightliner::replicate
