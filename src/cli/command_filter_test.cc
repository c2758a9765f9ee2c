#include <fmt/format.h>
#include <unistd.h>

#include "cli/arguments.h"
#include "cli/json_text.h"
#include "cli/reference_text.h"
#include "cli/tree_request.h"
#include "cli/voice.h"
#include "freightliner/base/text.h"
#include "freightliner/cli/exit_codes.h"
#include "freightliner/io/file.h"
#include "freightliner/oci/reference.h"
#include "freightliner/replicate/version.h"

namespace freightliner::cli {
namespace {

using replicate::Decision;

constexpr std::size_t kMaxNames = 256 * kMiB;

/// What was decided of one tag, and what by.
struct Verdict {
  std::string tag;
  bool selected = false;
  std::string by;
  const replicate::Pattern* pattern = nullptr;  ///< of the filter
};

std::string reason_of(const Decision& decision) {
  switch (decision.why) {
    case Decision::Why::kNoInclude:
      return "no include pattern is set";
    case Decision::Why::kIncluded:
      return fmt::format("--include-tag {} ({})", decision.pattern->text(), to_string(decision.pattern->tier()));
    case Decision::Why::kExcluded:
      return fmt::format("--exclude-tag {} ({})", decision.pattern->text(), to_string(decision.pattern->tier()));
    case Decision::Why::kNotIncluded:
      break;
  }
  return "no --include-tag matches";
}

Verdict judge(const replicate::NameFilter& filter, bool skip_digest_tags, const std::string& tag) {
  if (!oci::is_valid_tag(tag)) return {tag, false, "not a tag", nullptr};
  const Decision decision = filter.decide(tag);
  if (decision.selected() && skip_digest_tags && replicate::is_digest_tag(tag))
    return {tag, false, "--skip-digest-tags", nullptr};
  return {tag, decision.selected(), reason_of(decision), decision.pattern};
}

Result<std::vector<std::string>> read_tags(const std::vector<std::string>& operands) {
  if (!operands.empty()) return operands;
  FL_TRY(const std::string text, io::read_small_file("/dev/stdin", kMaxNames));
  std::vector<std::string> tags;
  for (const std::string_view line : split(text, '\n')) {
    if (!trim(line).empty()) tags.emplace_back(trim(line));
  }
  return tags;
}

Result<std::string> test_filters(const Settings& settings, const std::vector<std::string>& operands) {
  replicate::PatternCache patterns;
  FL_TRY(const auto filter, read_name_filter(settings, patterns, replicate::NameKind::kTag));
  FL_TRY(const std::vector<std::string> tags, read_tags(operands));
  const bool json = settings.text("output") == "json";
  std::string text;
  for (const std::string& tag : tags) {
    // REPOSITORY:TAG is judged by its tag.
    const Verdict verdict = judge(filter, settings.on("skip-digest-tags"), tag.substr(tag.rfind(':') + 1));
    if (json) {
      Json line;
      line["tag"] = tag;
      line["selected"] = verdict.selected;
      line["by"] = verdict.by;
      line["tier"] = verdict.pattern != nullptr ? Json(to_string(verdict.pattern->tier())) : Json();
      text += json_text(line) + "\n";
    } else {
      text += fmt::format("{:<4} {}  {}\n", verdict.selected ? "in" : "out", printable(tag, 256),
                          printable(verdict.by, 512));
    }
  }
  return text;
}

}  // namespace

int run_filter_test(const CommandContext& context) {
  const Voice guess = guess_voice(context);
  const auto arguments = parse_arguments(kFilterTestCommand, context.arguments);
  if (!arguments) return report_usage(guess, arguments.error());
  if (arguments->help) return print_result(context.terminal, command_help(*find_command("filter-test")));
  const auto settings = Settings::resolve(kFilterTestCommand, *arguments, context.environment);
  if (!settings) return report_usage(guess, settings.error());
  const Voice voice = voice_of(*settings, context.terminal);
  const auto text = test_filters(*settings, arguments->operands);
  if (!text) return report_usage(voice, text.error());
  return report_result(voice, *text, kExitDone);
}

}  // namespace freightliner::cli
