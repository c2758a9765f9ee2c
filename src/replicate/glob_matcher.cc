#include "replicate/glob_matcher.h"

#include <algorithm>

namespace freightliner::replicate {

using Kind = GlobToken::Kind;

bool GlobMatcher::can_match(const GlobSequence& glob) noexcept {
  const auto has = [&glob](Kind kind) {
    return std::ranges::any_of(glob, [kind](const GlobToken& token) { return token.kind == kind; });
  };
  return !has(Kind::kOpen) && !(has(Kind::kStar) && has(Kind::kComponentStar));
}

GlobMatcher::GlobMatcher(const GlobSequence& glob) : pieces_(1) {
  for (const GlobToken& token : glob) {
    if (token.kind == Kind::kStar || token.kind == Kind::kComponentStar) {
      stops_at_slash_ = token.kind == Kind::kComponentStar;
      pieces_.emplace_back();
      continue;
    }
    const std::size_t length = token.kind == Kind::kLiteral ? token.literal.size() : 1;
    pieces_.back().tokens.push_back(token);
    pieces_.back().length += length;
    shortest_ += length;
  }
}

bool GlobMatcher::Piece::matches_at(std::string_view name, std::size_t position) const noexcept {
  for (const GlobToken& token : tokens) {
    if (token.kind == Kind::kLiteral) {
      if (!name.substr(position).starts_with(token.literal)) return false;
      position += token.literal.size();
    } else if (!token.bytes[static_cast<unsigned char>(name[position++])]) {
      return false;
    }
  }
  return true;
}

std::size_t GlobMatcher::find(const Piece& piece, std::string_view name, std::size_t position) const noexcept {
  const GlobToken& first = piece.tokens.front();
  for (; position + piece.length <= name.size(); ++position) {
    if (first.kind == Kind::kLiteral) {
      const std::size_t next = name.find(first.literal, position);
      if (next == std::string_view::npos || next + piece.length > name.size()) break;
      if (stops_at_slash_ && name.substr(position, next - position).find('/') != std::string_view::npos) break;
      position = next;
    }
    if (piece.matches_at(name, position)) return position;
    if (stops_at_slash_ && name[position] == '/') break;
  }
  return std::string_view::npos;
}

bool GlobMatcher::matches(std::string_view name) const noexcept {
  const Piece& head = pieces_.front();
  if (name.size() < shortest_ || !head.matches_at(name, 0)) return false;
  if (pieces_.size() == 1) return name.size() == head.length;
  const Piece& tail = pieces_.back();
  const std::size_t end = name.size() - tail.length;
  if (!tail.matches_at(name, end)) return false;

  std::size_t position = head.length;
  for (auto piece = pieces_.begin() + 1; piece != pieces_.end() - 1; ++piece) {
    position = find(*piece, name.substr(0, end), position);
    if (position == std::string_view::npos) return false;
    position += piece->length;
  }
  return !stops_at_slash_ || name.substr(position, end - position).find('/') == std::string_view::npos;
}

}  // namespace freightliner::replicate
