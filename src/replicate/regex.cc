#include "replicate/regex.h"

#include <fmt/format.h>
#include <re2/re2.h>

#include <algorithm>

#include "freightliner/base/text.h"

namespace freightliner::replicate {
namespace {

RE2::Options options() {
  constexpr std::int64_t kMaxMemory = 2 * 1024 * 1024;  // of the program and its automaton, per expression
  RE2::Options result;
  result.set_encoding(RE2::Options::EncodingLatin1);  // names are bytes
  result.set_log_errors(false);
  result.set_max_mem(kMaxMemory);
  return result;
}

/// RE2 names the part that it refuses, not its place. An escape that is part of "\\" before it is not that part.
std::size_t find_part(std::string_view expression, std::string_view part) {
  for (std::size_t i = 0; i < expression.size(); i += expression[i] == '\\' ? 2 : 1) {
    if (expression.substr(i).starts_with(part)) return i;
  }
  return 0;
}

/// What our users miss most often gets its reason.
std::string_view hint(const RE2& expression) {
  const std::string& part = expression.error_arg();
  const bool reference =
      expression.error_code() == RE2::ErrorBadEscape && part.size() > 1 && part[1] >= '1' && part[1] <= '9';
  if (expression.error_code() != RE2::ErrorBadPerlOp && !reference) return {};
  return "; look-around and back-references are refused, since matching them can take exponential time";
}

/// RE2 20220601 compares what alternatives have in common at the beginning as UTF-8, whatever the encoding: bytes
/// beyond ASCII, written as they are or as \xff or \377, never match then.
bool may_begin_beyond_ascii(std::string_view expression) {
  const auto is_beyond = [](char c) { return static_cast<unsigned char>(c) >= 0x80; };
  if (std::ranges::any_of(expression, is_beyond)) return true;
  for (std::size_t i = 0; i + 1 < expression.size(); i += expression[i] == '\\' ? 2 : 1) {
    const char next = expression[i + 1];
    if (expression[i] == '\\' && (next == 'x' || (next >= '0' && next <= '9'))) return true;
  }
  return false;
}

std::string class_expression(const ByteSet& bytes) {
  std::string result = "[";
  for (std::size_t low = 0; low < bytes.size(); ++low) {
    if (!bytes[low]) continue;
    std::size_t high = low;
    while (high + 1 < bytes.size() && bytes[high + 1]) ++high;
    result += fmt::format("\\x{:02x}-\\x{:02x}", low, high);
    low = high;
  }
  return result + "]";
}

}  // namespace

Regex::Regex(const std::string& expression) : expression_(std::make_unique<RE2>(expression, options())) {
  if (!expression_->ok()) return;
  // With the anchor written out RE2 compares a literal beginning before it starts its automaton, which makes most names
  // three times as fast. What can't be wrapped (an open \Q) does without.
  if (may_begin_beyond_ascii(expression)) return;
  auto anchored = std::make_unique<RE2>("^(?:" + expression + ")", options());
  if (anchored->ok()) expression_ = std::move(anchored);
}

Regex::~Regex() = default;
Regex::Regex(Regex&&) noexcept = default;
Regex& Regex::operator=(Regex&&) noexcept = default;

std::optional<Regex::Fault> Regex::fault() const {
  if (expression_->ok()) return std::nullopt;
  return Fault{find_part(expression_->pattern(), expression_->error_arg()),
               fmt::format("RE2 refuses it: {}{}", printable(expression_->error()), hint(*expression_))};
}

bool Regex::matches(std::string_view name) const noexcept {
  return expression_->Match(re2::StringPiece(name.data(), name.size()), 0, name.size(), RE2::ANCHOR_BOTH, nullptr, 0);
}

std::string to_expression(const GlobSequence& glob) {
  std::string result;
  for (const GlobToken& token : glob) {
    switch (token.kind) {
      case GlobToken::Kind::kLiteral:
        result += RE2::QuoteMeta(token.literal);
        break;
      case GlobToken::Kind::kClass:
        result += class_expression(token.bytes);
        break;
      case GlobToken::Kind::kComponentStar:
        result += "[^/]*";
        break;
      case GlobToken::Kind::kStar:
        result += "(?s:.)*";
        break;
      case GlobToken::Kind::kOpen:
        result += "(?:";
        break;
      case GlobToken::Kind::kNext:
        result += "|";
        break;
      case GlobToken::Kind::kClose:
        result += ")";
        break;
    }
  }
  return result;
}

}  // namespace freightliner::replicate
