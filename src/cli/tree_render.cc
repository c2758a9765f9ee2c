#include "cli/tree_render.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "freightliner/base/bytes.h"
#include "freightliner/base/text.h"

namespace freightliner::cli {
namespace {

using replicate::Outcome;
using replicate::ReferenceResult;
using replicate::TreeReport;
using replicate::TreeTotals;

/// What happened in one repository.
struct Row {
  TreeTotals totals;
  std::uint64_t bytes = 0;

  std::uint64_t copied() const noexcept { return totals.copied + totals.planned; }
  bool is_quiet() const noexcept { return copied() + totals.kept + totals.failed + totals.deleted == 0; }
  void add(const ReferenceResult& result) {
    totals.add(result.outcome);
    bytes += result.bytes;
  }
};

const std::string& repository_of(const ReferenceResult& result) {
  return result.repository->source.empty() ? result.repository->destination : result.repository->source;
}

std::string reference_of(const ReferenceResult& result) {
  return printable(result.tag.empty() ? repository_of(result) : repository_of(result) + ":" + result.tag, 512);
}

std::string table_of(const TreeReport& report) {
  std::map<std::string, Row> rows;
  std::size_t width = std::string_view("REPOSITORY").size();
  for (const ReferenceResult& result : report.references) rows[repository_of(result)].add(result);
  std::size_t quiet = 0;
  for (const auto& [name, row] : rows) {
    if (row.is_quiet()) {
      ++quiet;
    } else {
      width = std::max(width, name.size());
    }
  }
  if (quiet == rows.size()) return {};
  std::string text = fmt::format("{:<{}}  {:>7}  {:>7}  {:>5}  {:>6}  {:>7}  {:>10}\n", "REPOSITORY", width,
                                 report.dry_run ? "TO COPY" : "COPIED", "EQUAL", "KEPT", "FAILED",
                                 report.dry_run ? "TO DEL" : "DELETED", "BYTES");
  for (const auto& [name, row] : rows) {
    if (row.is_quiet()) continue;
    text +=
        fmt::format("{:<{}}  {:>7}  {:>7}  {:>5}  {:>6}  {:>7}  {:>10}\n", printable(name, 512), width, row.copied(),
                    row.totals.equal, row.totals.kept, row.totals.failed, row.totals.deleted, format_bytes(row.bytes));
  }
  if (quiet > 0) text += fmt::format("({} more with nothing to do)\n", quiet);
  return text;
}

std::string lines_of(const TreeReport& report, Outcome outcome, std::string_view word) {
  std::string text;
  for (const ReferenceResult& result : report.references) {
    if (result.outcome != outcome) continue;
    const std::string why = result.error.empty() ? "" : ": " + printable(result.error, 1024);
    text += fmt::format("{} {}{}\n", word, reference_of(result), why);
  }
  return text;
}

std::string repositories_of(const TreeTotals& totals) {
  return fmt::format(
      "{} {}{}", totals.repositories, totals.repositories == 1 ? "repository" : "repositories",
      totals.repositories_skipped > 0 ? fmt::format(" ({} more skipped by filter)", totals.repositories_skipped) : "");
}

std::string tags_of(const TreeTotals& totals) {
  return fmt::format("{} tag{}", totals.tags, totals.tags == 1 ? "" : "s");
}

}  // namespace

std::string render_tree_text(const TreeReport& report) {
  const TreeTotals& totals = report.totals;
  std::string text;
  if (report.dry_run) text += lines_of(report, Outcome::kPlanned, "copy");
  text += lines_of(report, report.dry_run ? Outcome::kPlannedDelete : Outcome::kDeleted,
                   report.dry_run ? "delete" : "deleted");
  text += lines_of(report, Outcome::kKept, "kept");
  text += lines_of(report, Outcome::kFailed, "failed");
  text += table_of(report);
  text += fmt::format("{}, {}: {} {}, {} already equal, {} skipped by filter{}{}, {} failed; {} {}; {} in {}\n",
                      repositories_of(totals), tags_of(totals), report.dry_run ? totals.planned : totals.copied,
                      report.dry_run ? "to copy" : "copied", totals.equal, totals.skipped_by_filter,
                      totals.kept > 0 ? fmt::format(", {} kept", totals.kept) : "",
                      totals.not_begun > 0 ? fmt::format(", {} not begun", totals.not_begun) : "", totals.failed,
                      totals.deleted, report.dry_run ? "to delete" : "deleted", format_bytes(totals.bytes_copied),
                      format_duration(report.duration));
  return text;
}

std::string render_check_text(const TreeReport& report) {
  const TreeTotals& totals = report.totals;
  std::string text = lines_of(report, Outcome::kMissing, "missing") +
                     lines_of(report, Outcome::kDifferent, "different") +
                     lines_of(report, Outcome::kIncomplete, "incomplete") + lines_of(report, Outcome::kExtra, "extra") +
                     lines_of(report, Outcome::kFailed, "failed");
  text += fmt::format("{}, {}: {} equal, {} missing, {} different, {} extra, {} skipped by filter, {} failed; {}\n",
                      repositories_of(totals), tags_of(totals), totals.equal, totals.missing, totals.different,
                      totals.extra, totals.skipped_by_filter, totals.failed, format_duration(report.duration));
  return text;
}

}  // namespace freightliner::cli
