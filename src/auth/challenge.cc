#include "freightliner/auth/challenge.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "freightliner/base/text.h"

namespace freightliner::auth {
namespace {

constexpr std::size_t kMaxChallenges = 32;
constexpr std::size_t kMaxParameters = 64;

bool is_space(char c) noexcept {
  return c == ' ' || c == '\t';
}

// RFC 9110, section 5.6.2.
bool is_token_char(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

bool is_token68_char(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("-._~+/").find(c) != std::string_view::npos;
}

// A cursor over one header value; every step takes at least one character or
// ends the work.
class Parser {
 public:
  Parser(std::string_view text, std::vector<Challenge>& challenges) : rest_(text), challenges_(challenges) {}

  void run() {
    bool in_challenge = false;  // whether a parameter has a challenge of this value to belong to
    for (;;) {
      skip([](char c) { return is_space(c) || c == ','; });
      if (rest_.empty()) return;
      const std::string_view name = take(is_token_char);
      if (name.empty()) {
        skip_item();
        continue;
      }
      if (at_equals()) {
        const std::optional<std::string> value = take_value();
        if (!value)
          return;  // an unterminated text: whatever follows can't be told apart
                   // from it
        if (in_challenge) add_parameter(name, *value);
      } else if (rest_.empty() || is_space(rest_.front()) || rest_.front() == ',') {
        if (challenges_.size() >= kMaxChallenges) return;
        challenges_.push_back({to_lower(name), {}});
        in_challenge = true;
        take_token68();
      } else {
        skip_item();
      }
    }
  }

 private:
  template <class Predicate>
  void skip(Predicate predicate) {
    take(predicate);
  }

  template <class Predicate>
  std::string_view take(Predicate predicate) {
    const auto end = std::find_if_not(rest_.begin(), rest_.end(), predicate);
    const auto taken = rest_.substr(0, static_cast<std::size_t>(end - rest_.begin()));
    rest_.remove_prefix(taken.size());
    return taken;
  }

  // Goes past "=", with the white space around it that old servers send; stays
  // where there is none.
  bool at_equals() {
    const std::string_view before = rest_;
    skip(is_space);
    if (rest_.empty() || rest_.front() != '=') {
      rest_ = before;
      return false;
    }
    rest_.remove_prefix(1);
    skip(is_space);
    return true;
  }

  // A quoted text, or, leniently, everything up to a comma or a space (unquoted
  // URLs). nullopt: no closing quote.
  std::optional<std::string> take_value() {
    if (rest_.empty() || rest_.front() != '"') {
      return std::string(take([](char c) { return !is_space(c) && c != ','; }));
    }
    std::string value;
    for (std::size_t i = 1; i < rest_.size(); ++i) {
      if (rest_[i] == '"') {
        rest_.remove_prefix(i + 1);
        return value;
      }
      if (rest_[i] == '\\' && ++i == rest_.size()) break;
      value += rest_[i];
    }
    return std::nullopt;
  }

  // The opaque form `Negotiate abc==`: only where it fills the place up to the
  // next comma.
  void take_token68() {
    const std::string_view before = rest_;
    skip(is_space);
    const std::string_view start = rest_;
    if (take(is_token68_char).empty()) {
      rest_ = before;
      return;
    }
    skip([](char c) { return c == '='; });
    const std::string_view token = start.substr(0, start.size() - rest_.size());
    skip(is_space);
    if (rest_.empty() || rest_.front() == ',') {
      challenges_.back().parameters.emplace("token68", token);
    } else {
      rest_ = before;
    }
  }

  // Garbage: on to the next comma that is not inside of quotes.
  void skip_item() {
    bool quoted = false;
    std::size_t i = 0;
    for (; i < rest_.size() && (quoted || rest_[i] != ','); ++i) {
      if (rest_[i] == '"') quoted = !quoted;
      if (quoted && rest_[i] == '\\' && i + 1 < rest_.size()) ++i;
    }
    rest_.remove_prefix(i);
  }

  // The first of several counts: what a server appends to a header can't
  // replace what it said before.
  void add_parameter(std::string_view name, const std::string& value) {
    auto& parameters = challenges_.back().parameters;
    if (parameters.size() < kMaxParameters) parameters.emplace(to_lower(name), value);
  }

  std::string_view rest_;
  std::vector<Challenge>& challenges_;
};

}  // namespace

std::vector<Challenge> parse_challenges(const std::vector<std::string>& header_values) {
  std::vector<Challenge> challenges;
  for (const std::string& value : header_values) Parser(value, challenges).run();
  return challenges;
}

}  // namespace freightliner::auth
