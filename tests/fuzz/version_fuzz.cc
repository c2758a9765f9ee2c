// The input is a list of tags, one a line.

#include <algorithm>
#include <vector>

#include "freightliner/oci/digest.h"
#include "freightliner/replicate/version.h"
#include "fuzz_target.h"

using namespace freightliner;
using replicate::Version;

namespace {

void check_order(const std::vector<std::string>& tags) {
  for (const std::string& a : tags) {
    fuzz::require(!replicate::natural_less(a, a), "no name is before itself");
    for (const std::string& b : tags) {
      const bool less = replicate::natural_less(a, b);
      fuzz::require(a == b || less != replicate::natural_less(b, a), "of two names one is first");
      const auto left = Version::parse(a);
      const auto right = Version::parse(b);
      if (left && right) {
        fuzz::require((*left <=> *right) == (0 <=> (*right <=> *left)), "an order has two sides");
      }
      for (const std::string& c : tags) {
        fuzz::require(!less || !replicate::natural_less(b, c) || replicate::natural_less(a, c), "names have an order");
        const auto last = Version::parse(c);
        const bool chain = left && right && last && *left <= *right && *right <= *last;
        fuzz::require(!chain || *left <= *last, "versions have an order");
      }
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::size_t kMostTags = 10;
  std::vector<std::string> tags;
  for (const std::string_view line : split(fuzz::text_of(data, size), '\n')) {
    if (tags.size() < kMostTags) tags.emplace_back(line);
  }
  check_order(tags);
  for (const std::string& tag : tags) {
    const auto version = Version::parse(tag);
    const auto range = replicate::VersionRange::parse(tag);
    if (version && range) fuzz::require(range->contains(*version), "a version is in the range of itself alone");
    if (version) fuzz::require(range.has_value(), "a version is a range");
    const auto digest = replicate::digest_of_tag(tag);
    fuzz::require(digest.has_value() == replicate::is_digest_tag(tag), "a digest tag has a digest");
    if (digest) fuzz::require(oci::Digest::parse(*digest).has_value(), "the digest of a tag is one");
  }
  std::vector<std::string> sorted = tags;
  replicate::sort_by_version(sorted);
  fuzz::require(std::is_permutation(sorted.begin(), sorted.end(), tags.begin(), tags.end()), "sorting loses nothing");
  std::vector<std::string> reversed(tags.rbegin(), tags.rend());
  replicate::sort_by_version(reversed);
  fuzz::require(sorted == reversed, "the order does not depend on where it began");
  return 0;
}
