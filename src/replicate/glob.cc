#include "replicate/glob.h"

#include <fmt/format.h>

#include "replicate/pattern_fault.h"

namespace freightliner::replicate {
namespace {

using Kind = GlobToken::Kind;

constexpr std::size_t kMaxDepth = 10;

std::size_t index_of(char c) noexcept {
  return static_cast<unsigned char>(c);
}

bool is_star(Kind kind) noexcept {
  return kind == Kind::kStar || kind == Kind::kComponentStar;
}

void append(GlobSequence& sequence, GlobToken token) {
  if (!sequence.empty()) {
    GlobToken& last = sequence.back();
    if (last.kind == Kind::kLiteral && token.kind == Kind::kLiteral) {
      last.literal += token.literal;
      return;
    }
    if (is_star(last.kind) && is_star(token.kind)) {
      if (token.kind == Kind::kStar) last.kind = Kind::kStar;
      return;
    }
  }
  sequence.push_back(std::move(token));
}

class GlobParser {
 public:
  GlobParser(std::string_view text, NameKind kind) : text_(text), kind_(kind) {}

  Result<GlobSequence> parse() {
    if (text_.empty()) return fault(0, "the pattern is empty; * matches every name");
    while (!at_end()) FL_CHECK(parse_one());
    if (!open_.empty()) return fault(open_.back(), R"(this "{" is not closed; write \{ for the character itself)");
    return std::move(tokens_);
  }

 private:
  bool at_end() const noexcept { return position_ == text_.size(); }
  bool next_is(char c) const noexcept { return !at_end() && text_[position_] == c; }
  Unexpected fault(std::size_t offset, std::string_view what) const { return pattern_fault(text_, offset, what); }

  Status parse_one() {
    switch (text_[position_]) {
      case '*':
        parse_stars();
        return {};
      case '?':
        ++position_;
        return add_class(ByteSet().set(), position_ - 1);
      case '[':
        return parse_class();
      case '{':
        open_.push_back(position_);
        if (open_.size() > kMaxDepth)
          return fault(position_, fmt::format("braces are nested more than {} deep", kMaxDepth));
        return add_mark(Kind::kOpen);
      case '}':
        return close_brace();
      case ']':
        return fault(position_, R"(this "]" closes nothing; write \] for the character itself)");
      case ',':
        if (!open_.empty()) return add_mark(Kind::kNext);
        break;
      default:
        break;
    }
    FL_TRY(const char c, take_byte());
    append(tokens_, {Kind::kLiteral, std::string(1, c)});
    return {};
  }

  void parse_stars() {
    const auto end = std::min(text_.find_first_not_of('*', position_), text_.size());
    const bool component = kind_ == NameKind::kRepository && end - position_ == 1;
    append(tokens_, {component ? Kind::kComponentStar : Kind::kStar});
    position_ = end;
  }

  Status add_mark(Kind kind) {
    append(tokens_, {kind});
    ++position_;
    return {};
  }

  Status close_brace() {
    if (open_.empty()) return fault(position_, R"(this "}" closes nothing; write \} for the character itself)");
    if (tokens_.back().kind == Kind::kOpen) return fault(open_.back(), R"(there is nothing between "{" and "}")");
    open_.pop_back();
    return add_mark(Kind::kClose);
  }

  /// One byte that stands for itself, escaped or not.
  Result<char> take_byte() {
    if (text_[position_] == '\\') {
      if (position_ + 1 == text_.size()) {
        return fault(position_, R"(nothing follows this "\"; write \\ for the character itself)");
      }
      ++position_;
    }
    return text_[position_++];
  }

  Status parse_class() {
    const std::size_t start = position_++;
    const bool negated = next_is('!') || next_is('^');
    if (negated) ++position_;
    if (next_is(']')) return fault(start, R"(this class is empty; write \] for a bracket in a class)");
    ByteSet bytes;
    while (!next_is(']')) {
      if (at_end()) return fault(start, R"(this "[" is not closed; write \[ for the character itself)");
      FL_CHECK(parse_range(bytes));
    }
    ++position_;
    return add_class(negated ? ~bytes : bytes, start);
  }

  /// One byte of a class, or a range of bytes.
  Status parse_range(ByteSet& bytes) {
    const std::size_t start = position_;
    const std::string_view rest = text_.substr(start);
    if (rest.starts_with("[:") || rest.starts_with("[=") || rest.starts_with("[.")) {
      return fault(start, R"(classes have no names here; write the bytes, as in [0-9a-z], and \[ for a bracket)");
    }
    FL_TRY(const char low, take_byte());
    bytes.set(index_of(low));
    // A '-' before the closing bracket, or before the end, which is an error anyhow, is no range.
    if (!next_is('-') || position_ + 1 >= text_.size() || text_[position_ + 1] == ']') return {};
    ++position_;
    FL_TRY(const char high, take_byte());
    if (index_of(low) > index_of(high)) {
      return fault(start,
                   fmt::format("the range \"{}\" runs backwards", printable(text_.substr(start, position_ - start))));
    }
    for (std::size_t i = index_of(low); i <= index_of(high); ++i) bytes.set(i);
    return {};
  }

  /// A class of one byte is that byte: `v1[.]2` is an exact name.
  Status add_class(ByteSet bytes, std::size_t start) {
    if (kind_ == NameKind::kRepository) bytes.reset(index_of('/'));
    if (bytes.none()) {
      return fault(start, R"(this class matches nothing ("/" is never in a class of a repository pattern))");
    }
    if (bytes.count() == 1) {
      append(tokens_, {Kind::kLiteral, std::string(1, static_cast<char>(bytes._Find_first()))});
    } else {
      append(tokens_, {Kind::kClass, {}, bytes});
    }
    return {};
  }

  std::string_view text_;
  NameKind kind_;
  std::size_t position_ = 0;
  std::vector<std::size_t> open_;  // where the braces that are open began
  GlobSequence tokens_;
};

class BraceExpander {
 public:
  BraceExpander(const GlobSequence& glob, std::size_t limit) : glob_(glob), limit_(limit) {}

  /// What stands up to the next kNext or kClose of this level, or up to the end. Nothing where there are too many.
  std::vector<GlobSequence> expand() {
    std::vector<GlobSequence> result(1);
    for (; position_ < glob_.size(); ++position_) {
      const GlobToken& token = glob_[position_];
      if (token.kind == Kind::kNext || token.kind == Kind::kClose) break;
      if (token.kind == Kind::kOpen) {
        result = joined(result, expand_group());
      } else {
        for (GlobSequence& sequence : result) append(sequence, token);
      }
    }
    return result;
  }

 private:
  /// From kOpen to its kClose.
  std::vector<GlobSequence> expand_group() {
    std::vector<GlobSequence> result;
    bool complete = true;
    do {
      ++position_;
      const std::vector<GlobSequence> alternative = expand();
      complete = complete && !alternative.empty() && result.size() + alternative.size() <= limit_;
      if (complete) result.insert(result.end(), alternative.begin(), alternative.end());
    } while (glob_[position_].kind == Kind::kNext);
    if (!complete) result.clear();
    return result;
  }

  std::vector<GlobSequence> joined(const std::vector<GlobSequence>& heads,
                                   const std::vector<GlobSequence>& tails) const {
    std::vector<GlobSequence> result;
    if (heads.size() * tails.size() > limit_) return result;
    for (const GlobSequence& head : heads) {
      for (const GlobSequence& tail : tails) {
        GlobSequence& sequence = result.emplace_back(head);
        for (const GlobToken& token : tail) append(sequence, token);
      }
    }
    return result;
  }

  const GlobSequence& glob_;
  std::size_t limit_;
  std::size_t position_ = 0;
};

}  // namespace

Result<GlobSequence> parse_glob(std::string_view pattern, NameKind kind) {
  return GlobParser(pattern, kind).parse();
}

std::optional<std::vector<GlobSequence>> expand_braces(const GlobSequence& glob, std::size_t limit) {
  std::vector<GlobSequence> result = BraceExpander(glob, limit).expand();
  if (result.empty()) return std::nullopt;
  return result;
}

}  // namespace freightliner::replicate
