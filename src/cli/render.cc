#include "cli/render.h"

#include <fmt/format.h>

#include <algorithm>

#include "freightliner/base/bytes.h"
#include "freightliner/base/text.h"

namespace freightliner::cli {
namespace {

using copy::CopyReport;
using copy::PlannedItem;

std::string_view to_text(CopyReport::Status status) {
  switch (status) {
    case CopyReport::Status::kCopied:
      return "copied";
    case CopyReport::Status::kUnchanged:
      return "unchanged";
    case CopyReport::Status::kSkipped:
      return "skipped";
    case CopyReport::Status::kPlanned:
      return "planned";
  }
  return "";
}

std::string_view to_text(PlannedItem::Kind kind) {
  switch (kind) {
    case PlannedItem::Kind::kBlob:
      return "blob";
    case PlannedItem::Kind::kManifest:
      return "manifest";
    case PlannedItem::Kind::kTag:
      return "tag";
  }
  return "";
}

std::string_view to_text(PlannedItem::Action action) {
  switch (action) {
    case PlannedItem::Action::kCopy:
      return "copy";
    case PlannedItem::Action::kPresent:
      return "present";
    case PlannedItem::Action::kForeign:
      return "foreign";
    case PlannedItem::Action::kRecompress:
      return "recompress";
    case PlannedItem::Action::kWrite:
      return "write";
  }
  return "";
}

std::string plural(std::uint64_t count, std::string_view word) {
  return fmt::format("{} {}{}", count, word, count == 1 ? "" : "s");
}

// "2 of them recompressed (12.3 MiB before)". What they come to, a dry run can't tell: it counts them apart.
std::string recompressed(const CopyReport& report) {
  const std::string before = format_bytes(report.bytes_recompressed);
  if (report.status != CopyReport::Status::kPlanned) {
    return fmt::format("{} of them recompressed ({} before)", report.blobs_recompressed, before);
  }
  return fmt::format("{} to recompress ({})", plural(report.blobs_recompressed, "layer"), before);
}

// "3 blobs copied (12.3 MiB), 1 mounted, 2 already there"
std::string blob_counts(const CopyReport& report, std::string_view copied, std::string_view mounted) {
  std::string text =
      fmt::format("{} {} ({})", plural(report.blobs_copied, "blob"), copied, format_bytes(report.bytes_copied));
  if (report.blobs_recompressed > 0) text += ", " + recompressed(report);
  if (report.blobs_mounted > 0) text += fmt::format(", {} {}", report.blobs_mounted, mounted);
  if (report.blobs_present > 0) text += fmt::format(", {} already there", report.blobs_present);
  if (report.blobs_foreign > 0) text += fmt::format(", {} foreign", report.blobs_foreign);
  if (report.referrers > 0) text += fmt::format(", {}", plural(report.referrers, "referrer"));
  return text;
}

std::string plan_table(const std::vector<PlannedItem>& plan) {
  std::string text = fmt::format("{:<10} {:<9} {:>10}  {}\n", "ACTION", "KIND", "SIZE", "NAME");
  for (const PlannedItem& item : plan) {
    // A tag has no size of its own.
    const std::string size = item.kind == PlannedItem::Kind::kTag ? "-" : format_bytes(item.size);
    text +=
        fmt::format("{:<10} {:<9} {:>10}  {}\n", to_text(item.action), to_text(item.kind), size, printable(item.name));
  }
  return text;
}

std::string plan_text(const CopyReport& report, const std::string& digest, const CopyNames& names) {
  const auto writes = [&](PlannedItem::Kind kind) {
    return static_cast<std::uint64_t>(std::ranges::count_if(report.plan, [&](const PlannedItem& item) {
      return item.kind == kind && item.action == PlannedItem::Action::kWrite;
    }));
  };
  return fmt::format("{}{} planned {} → {}: {}, {} and {} to write\n", plan_table(report.plan), digest, names.source,
                     names.destination, blob_counts(report, "to copy", "to mount"),
                     plural(writes(PlannedItem::Kind::kManifest), "manifest"),
                     plural(writes(PlannedItem::Kind::kTag), "tag"));
}

Json plan_json(const std::vector<PlannedItem>& plan) {
  Json items = Json::array();
  for (const PlannedItem& item : plan) {
    Json entry;
    entry["kind"] = to_text(item.kind);
    entry["action"] = to_text(item.action);
    entry["name"] = item.name;
    entry["media_type"] = item.media_type;
    entry["size"] = item.size;
    items.push_back(std::move(entry));
  }
  return items;
}

}  // namespace

std::string render_text(const CopyReport& report, const CopyNames& given) {
  const CopyNames names = {.source = printable(given.source), .destination = printable(given.destination)};
  const std::string digest = report.digest.to_string();
  const std::string duration = format_duration(report.duration);
  switch (report.status) {
    case CopyReport::Status::kCopied:
      return fmt::format("{} copied {} → {}: {}, {}\n", digest, names.source, names.destination,
                         blob_counts(report, "copied", "mounted"), duration);
    case CopyReport::Status::kUnchanged: {
      // The image was there; what refers to it may not have been.
      const std::string more = report.referrers > 0 ? "; " + blob_counts(report, "copied", "mounted") : "";
      return fmt::format("{} unchanged {} → {}: already there{}, {}\n", digest, names.source, names.destination, more,
                         duration);
    }
    case CopyReport::Status::kSkipped:
      return fmt::format("{} skipped {} → {}: the destination names another digest, and --overwrite is never, {}\n",
                         digest, names.source, names.destination, duration);
    case CopyReport::Status::kPlanned:
      return plan_text(report, digest, names);
  }
  return {};
}

Json copy_json(const CopyReport& report, const CopyNames& names) {
  Json line;
  line["status"] = to_text(report.status);
  line["digest"] = report.digest.to_string();
  line["media_type"] = report.media_type;
  line["source"] = names.source;
  line["destination"] = names.destination;
  line["bytes"] = report.bytes_copied;
  line["bytes_recompressed"] = report.bytes_recompressed;
  Json& blobs = line["blobs"];
  blobs["total"] = report.blobs_total;
  blobs["copied"] = report.blobs_copied;
  blobs["mounted"] = report.blobs_mounted;
  blobs["present"] = report.blobs_present;
  blobs["foreign"] = report.blobs_foreign;
  blobs["recompressed"] = report.blobs_recompressed;
  line["manifests_written"] = report.manifests_written;
  line["tags_written"] = report.tags_written;
  line["referrers"] = report.referrers;
  line["retries"] = report.retries;
  line["duration_ms"] = report.duration.count();
  if (report.status == CopyReport::Status::kPlanned) line["plan"] = plan_json(report.plan);
  return line;
}

std::string render_json(const CopyReport& report, const CopyNames& names) {
  return json_text(copy_json(report, names)) + "\n";
}

Json failure_json(const Error& error, int exit_code, const CopyNames& names) {
  Json line;
  line["status"] = "failed";
  Json& details = line["error"];
  details["class"] = to_string(error.code());
  details["message"] = printable(error.describe(), 8192);
  details["exit_code"] = exit_code;
  if (error.http_status() != 0) details["http_status"] = error.http_status();
  line["source"] = names.source;
  line["destination"] = names.destination;
  return line;
}

std::string render_json(const Error& error, int exit_code, const CopyNames& names) {
  return json_text(failure_json(error, exit_code, names)) + "\n";
}

int exit_code(const CopyReport& report) noexcept {
  return report.status == CopyReport::Status::kSkipped ? kExitPartial : kExitDone;
}

}  // namespace freightliner::cli
