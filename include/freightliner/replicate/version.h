#pragma once

#include <compare>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "freightliner/base/result.h"

namespace freightliner::replicate {

/// A version as tags write it: Semantic Versioning 2.0.0, with a leading "v" allowed, missing minor and patch numbers
/// taken as 0 ("v1.2" is 1.2.0) and zeros before a number read over, as calendar versions have them ("24.04"
/// is 24.4.0). A value type; order is that of the specification (clause 11): a pre-release comes before its release,
/// build metadata does not count.
struct Version {
  std::uint64_t major = 0;
  std::uint64_t minor = 0;
  std::uint64_t patch = 0;
  /// Without its hyphen ("rc.1"); empty for a release. Refers to the text that was parsed, which must live as long.
  std::string_view prerelease = {};

  /// nullopt where the text is no version, and for numbers of 2^63 and more. Allocates nothing.
  static std::optional<Version> parse(std::string_view text) noexcept;
  std::strong_ordering operator<=>(const Version& other) const noexcept;
  bool operator==(const Version& other) const noexcept { return (*this <=> other) == std::strong_ordering::equal; }
};

/// A set of versions as node-semver writes it: `>=1.2 <2`, `^1.2`, `~1.2.3`, `1.x`, `1.2 - 1.4`, alternatives with
/// `||`, commas as blanks. A pre-release is in only where a comparator of the same alternative names a pre-release of
/// the same major.minor.patch. Immutable; copies share their text.
class VersionRange {
 public:
  /// `prefix` is what stands before the range where it was written ("semver:"): it is shown in messages and counts in
  /// positions. Errors: kUsage, naming what can't be read and its position (from 1).
  static Result<VersionRange> parse(std::string_view text, std::string_view prefix = {});
  /// Allocates nothing.
  bool contains(const Version& version) const noexcept;

  struct Comparator {
    enum class Operator { kLess, kLessEqual, kGreater, kGreaterEqual, kEqual };
    Operator op;
    Version version;
  };

 private:
  VersionRange() = default;

  std::shared_ptr<const std::string> text_;  // what the versions refer to
  std::vector<std::vector<Comparator>> alternatives_;
};

/// The order of `sort -V` in spirit: runs of digits compare as numbers, all else byte by byte. Names that differ only
/// in zeros before a number compare byte by byte.
bool natural_less(std::string_view a, std::string_view b) noexcept;

/// Newest last: names that are no versions in natural order, then versions in theirs; equal versions ("1.2", "v1.2.0")
/// in natural order.
void sort_by_version(std::vector<std::string>& tags);

/// True for the tags that say a digest, not a version: "sha256-<64 hex>" as the referrers fallback writes it, and
/// cosign's with ".sig", ".att", ".sbom".
bool is_digest_tag(std::string_view tag) noexcept;
/// The digest that such a tag speaks of, "sha256:<hex>"; nullopt for other tags.
std::optional<std::string> digest_of_tag(std::string_view tag);

}  // namespace freightliner::replicate
