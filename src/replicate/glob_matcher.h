#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include "replicate/glob.h"

namespace freightliner::replicate {

/// Matches names against a glob without braces, in time linear in the name for a given glob and without allocating.
/// Immutable, safe from any thread.
///
/// The glob is cut at its stars. What stands before the first and after the last star is compared in place; every piece
/// in between is taken where it is found first. That never misses a match as long as all stars are of one kind: a later
/// place leaves less to what follows, and stars that stop at '/' leave no choice across a '/'. With both kinds a piece
/// might have to be searched for again and again, in quadratic time: can_match() says no.
class GlobMatcher {
 public:
  /// False for a glob with braces, or with stars of both kinds.
  static bool can_match(const GlobSequence& glob) noexcept;
  /// Requires can_match(glob).
  explicit GlobMatcher(const GlobSequence& glob);

  bool matches(std::string_view name) const noexcept;

 private:
  /// Literals and classes: matches texts of one length only.
  struct Piece {
    GlobSequence tokens;
    std::size_t length = 0;

    bool matches_at(std::string_view name, std::size_t position) const noexcept;
  };

  /// The first place at or after `position` where `piece` matches; npos where a star can't reach one.
  std::size_t find(const Piece& piece, std::string_view name, std::size_t position) const noexcept;

  std::vector<Piece> pieces_;  // one more than there are stars
  std::size_t shortest_ = 0;
  bool stops_at_slash_ = false;
};

}  // namespace freightliner::replicate
