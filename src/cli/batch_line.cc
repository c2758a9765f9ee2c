#include "cli/batch_line.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <vector>

#include "cli/foreign_flags.h"
#include "freightliner/base/text.h"
#include "freightliner/oci/json.h"

namespace freightliner::cli {
namespace {

// A request is flat, but for lists; what is longer or deeper is something else.
constexpr oci::JsonLimits kLimits{.max_bytes = LineReader::kLongest, .max_depth = 4, .max_values = 10'000};
// Members that are options of the command line, by the same names.
constexpr std::array<std::string_view, 4> kOptionMembers = {"platform", "overwrite", "also-tag", "referrers"};
constexpr std::array<std::string_view, 4> kOwnMembers = {"source", "destination", "id", "timeout"};

Unexpected wrong(std::string_view member, std::string_view reason) {
  return fail(Error(ErrorCode::kUsage, std::string(reason)).with_context(std::string(member)));
}

Result<std::string> read_text(const oci::Json& object, const char* member) {
  const auto found = object.find(member);
  if (found == object.end()) return fail(ErrorCode::kUsage, fmt::format("\"{}\" is missing", member));
  if (!found->is_string()) return wrong(member, "must be a string");
  return found->get<std::string>();
}

// As it would stand on a command line.
Result<std::string> scalar_text(std::string_view member, const oci::Json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_boolean()) return std::string(value.get<bool>() ? "true" : "false");
  return wrong(member, "must be a string, or true or false where it is a switch");
}

Result<ConfigEntry> read_option(const std::string& member, const oci::Json& value) {
  ConfigEntry entry{.name = member, .values = {}};
  if (value.is_array() && !find_option(member)->repeatable) return wrong(member, "takes one value, not a list");
  if (!value.is_array()) {
    FL_TRY(std::string text, scalar_text(member, value));
    entry.values.push_back(std::move(text));
    return entry;
  }
  for (const oci::Json& item : value) {
    FL_TRY(std::string text, scalar_text(member, item));
    entry.values.push_back(std::move(text));
  }
  return entry;
}

Result<Duration> read_timeout(const oci::Json& object) {
  const auto found = object.find("timeout");
  if (found == object.end()) return Duration(0);
  if (found->is_number() && !found->is_number_unsigned()) {
    return wrong("timeout", "must be a whole number of seconds, not below 0");
  }
  if (!found->is_string() && !found->is_number()) {
    return wrong("timeout", "must be a string as in \"30s\", or a number of seconds");
  }
  const std::string text = found->is_string() ? found->get<std::string>() : found->dump();
  Status checked = check_value(*find_option("timeout"), text);
  if (!checked) return fail(std::move(checked).error().with_context("timeout"));
  return parse_duration(text);
}

Unexpected unknown_member(const std::string& member) {
  std::vector<std::string_view> names(kOwnMembers.begin(), kOwnMembers.end());
  names.insert(names.end(), kOptionMembers.begin(), kOptionMembers.end());
  const auto similar = nearest(member, names);
  return fail(ErrorCode::kUsage, fmt::format("unknown member \"{}\"{}", printable(member, 64),
                                             similar ? fmt::format("; did you mean \"{}\"?", *similar) : ""));
}

Status read_id(const oci::Json& object, BatchLine& result) {
  const auto found = object.find("id");
  if (found == object.end()) return {};
  if (!found->is_string() && !found->is_number()) return wrong("id", "must be a string or a number");
  result.id = Json(*found);
  return {};
}

/// Fills `result` in the order in which a reader of the results needs it, so that an error has what there is.
Result<CopyOrder> read_order(const LineReader::Line& line, const Settings& settings, BatchLine& result) {
  if (line.is_too_long) {
    return fail(ErrorCode::kUsage, fmt::format("longer than {} bytes, the limit", LineReader::kLongest));
  }
  auto parsed = oci::parse_json(line.text, "the request", kLimits);
  if (!parsed) return fail(ErrorCode::kUsage, parsed.error().message());
  if (!parsed->is_object()) return fail(ErrorCode::kUsage, "the request is no JSON object");
  FL_CHECK(read_id(*parsed, result));
  FL_TRY(result.names.source, read_text(*parsed, "source"));
  FL_TRY(result.names.destination, read_text(*parsed, "destination"));
  FL_TRY(result.timeout, read_timeout(*parsed));
  std::vector<ConfigEntry> options;
  for (const auto& [member, value] : parsed->items()) {
    if (std::ranges::find(kOwnMembers, member) != kOwnMembers.end()) continue;
    if (std::ranges::find(kOptionMembers, member) == kOptionMembers.end()) return unknown_member(member);
    FL_TRY(ConfigEntry entry, read_option(member, value));
    options.push_back(std::move(entry));
  }
  FL_TRY(const Settings own, settings.with(options));
  return make_copy_order(own, {result.names.source, result.names.destination});
}

}  // namespace

BatchLine read_batch_line(const LineReader::Line& line, const Settings& settings) {
  BatchLine result{.number = line.number, .id = line.number, .order = CopyOrder()};
  auto order = read_order(line, settings, result);
  if (order) {
    result.names = {.source = order->source.to_string(), .destination = order->destination.to_string()};
    result.order = *std::move(order);
  } else {
    result.order = fail(std::move(order).error().with_context(fmt::format("line {}", line.number)));
  }
  return result;
}

}  // namespace freightliner::cli
