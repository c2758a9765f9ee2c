// The input is a pattern, and in the lines behind it names. Globs are compared with a slow matcher that shares no code
// with ours, expressions with RE2 as it comes, versions with what the range says by itself.

#include <re2/re2.h>

#include "freightliner/replicate/name_filter.h"
#include "freightliner/replicate/pattern.h"
#include "freightliner/replicate/version.h"
#include "fuzz_target.h"
#include "slow_glob.h"

using namespace freightliner;
using replicate::NameKind;

namespace {

void check_position(std::string_view text, const Error& error) {
  const std::string& message = error.message();
  fuzz::require(fuzz::is_harmless(message), "an error shows no control characters");
  const std::string before = "pattern \"" + printable(text, 200) + "\", position ";
  fuzz::require(message.starts_with(before), "an error has a position");
  const auto position = std::strtoul(message.c_str() + before.size(), nullptr, 10);
  fuzz::require(position >= 1 && position <= text.size() + 1, "a position is inside the pattern");
}

void check_match(std::string_view text, NameKind kind, std::string_view name, bool matches) {
  if (text.starts_with("re:")) {
    RE2::Options options(RE2::Latin1);
    options.set_log_errors(false);
    const RE2 expression(re2::StringPiece(text.data() + 3, text.size() - 3), options);
    fuzz::require(expression.ok() && RE2::FullMatch(re2::StringPiece(name.data(), name.size()), expression) == matches,
                  "an expression matches as RE2 says");
  } else if (text.starts_with("semver:")) {
    const auto range = replicate::VersionRange::parse(text.substr(7));
    const auto version = replicate::Version::parse(name);
    fuzz::require(range && (version && range->contains(*version)) == matches,
                  "a range has the versions that are in it");
  } else {
    const auto expected = fuzz::SlowGlob(text, kind == NameKind::kRepository).matches(name);
    fuzz::require(!expected || *expected == matches, "a glob matches as the slow matcher says");
  }
}

void check(std::string_view text, NameKind kind, std::string_view rest) {
  const auto pattern = replicate::Pattern::compile(text, kind);
  if (!pattern) {
    check_position(text, pattern.error());
    return;
  }
  fuzz::require((*pattern)->text() == text, "a pattern knows its text");
  replicate::PatternCache cache;
  const auto list = replicate::PatternList::create(cache, kind, {std::string(text)});
  fuzz::require(list.has_value(), "a list takes what compiles");
  std::size_t count = 0;
  for (const std::string_view name : split(rest, '\n')) {
    if (++count > 8 || name.size() > 300) break;
    const bool matches = (*pattern)->matches(name);
    check_match(text, kind, name, matches);
    fuzz::require((list->find(name) != nullptr) == matches, "a list matches as its pattern does");
  }
  const std::string_view exact = (*pattern)->exact_name();
  if (!exact.empty()) fuzz::require((*pattern)->matches(exact), "an exact name matches itself");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto [text, rest] = fuzz::split_once(fuzz::text_of(data, size), '\n');
  check(text, NameKind::kTag, rest);
  check(text, NameKind::kRepository, rest);
  return 0;
}
