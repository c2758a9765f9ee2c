#include "freightliner/cli/option_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "freightliner/base/bytes.h"
#include "freightliner/base/clock.h"
#include "freightliner/base/text.h"

namespace freightliner::cli {
namespace {

Status check_range(const OptionSpec& option, std::uint64_t number, std::string_view value) {
  if (number >= option.minimum && number <= option.maximum) return {};
  const auto show = [&](std::uint64_t limit) {
    if (option.kind == OptionKind::kSize) return format_bytes(limit);
    if (option.kind == OptionKind::kDuration) return format_duration(Duration(static_cast<Duration::rep>(limit)));
    return fmt::format("{}", limit);
  };
  return fail(ErrorCode::kUsage, fmt::format("{} is out of range: from {} to {}", printable(value, 64),
                                             show(option.minimum), show(option.maximum)));
}

Status check_choice(const OptionSpec& option, std::string_view value) {
  const auto choices = split(option.choices, '|');
  if (std::ranges::find(choices, value) != choices.end()) return {};
  return fail(ErrorCode::kUsage,
              fmt::format("\"{}\" is not one of {}", printable(value, 64), fmt::join(choices, ", ")));
}

}  // namespace

const OptionSpec* find_option(std::string_view name) noexcept {
  const std::span<const OptionSpec> table = option_table();
  const auto found = std::ranges::find(table, name, &OptionSpec::name);
  return found == table.end() ? nullptr : &*found;
}

std::string_view heading(OptionGroup group) noexcept {
  switch (group) {
    case OptionGroup::kContent:
      return "What is copied";
    case OptionGroup::kSelection:
      return "Which repositories and tags";
    case OptionGroup::kDeletion:
      return "Deletion at the destination";
    case OptionGroup::kState:
      return "Runs: locks, checkpoints";
    case OptionGroup::kAuthentication:
      return "Authentication";
    case OptionGroup::kConnection:
      return "TLS and connections";
    case OptionGroup::kPace:
      return "Pace, retries and memory";
    case OptionGroup::kMonitor:
      return "What a run tells of itself";
    case OptionGroup::kOutput:
      return "Output and configuration";
    case OptionGroup::kDocs:
      return "Documentation";
  }
  return "";
}

std::string environment_name(const OptionSpec& option) {
  std::string name = "FREIGHTLINER_";
  for (const char c : option.name) {
    name += c == '-' ? '_' : c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  }
  return name;
}

std::string_view default_description(const OptionSpec& option) noexcept {
  return option.default_value.empty() ? option.default_text : option.default_value;
}

Result<bool> parse_switch(std::string_view value) {
  const std::string word = to_lower(value);
  if (word == "true" || word == "yes" || word == "on" || word == "1") return true;
  if (word == "false" || word == "no" || word == "off" || word == "0") return false;
  return fail(ErrorCode::kUsage, fmt::format("\"{}\" is neither true nor false", printable(value, 64)));
}

Result<std::uint64_t> parse_number(std::string_view value) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
  if (error == std::errc() && end == value.data() + value.size()) return number;
  return fail(ErrorCode::kUsage, fmt::format("\"{}\" is not a whole number", printable(value, 64)));
}

Status check_value(const OptionSpec& option, std::string_view value) {
  if (value.empty()) return fail(ErrorCode::kUsage, "the value is empty");
  if (value.find('\0') != std::string_view::npos) return fail(ErrorCode::kUsage, "the value has a NUL byte in it");
  switch (option.kind) {
    case OptionKind::kSwitch:
      FL_CHECK(parse_switch(value));
      return {};
    case OptionKind::kText:
      return {};
    case OptionKind::kChoice:
      return check_choice(option, value);
    case OptionKind::kNumber: {
      FL_TRY(const auto number, parse_number(value));
      return check_range(option, number, value);
    }
    case OptionKind::kSize: {
      FL_TRY(const auto bytes, parse_bytes(value));
      return check_range(option, bytes, value);
    }
    case OptionKind::kDuration: {
      FL_TRY(const auto duration, parse_duration(value));
      return check_range(option, static_cast<std::uint64_t>(duration.count()), value);
    }
  }
  return {};
}

}  // namespace freightliner::cli
