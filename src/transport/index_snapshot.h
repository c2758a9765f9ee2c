#pragma once

#include <optional>
#include <string>
#include <vector>

#include "freightliner/transport/image_tree.h"
#include "transport/layout_index.h"

namespace freightliner::transport {

/// What an index.json said at one moment, for look-ups: some 200 bytes for each entry, and a tag is found in
/// logarithmic time. An entry that is no valid descriptor is an error (kProtocol) where it is asked for, and hides no
/// other. Immutable, so safe from any thread.
class IndexSnapshot {
 public:
  /// One without entries.
  IndexSnapshot() = default;
  explicit IndexSnapshot(LayoutIndex index);

  /// The distinct images (by digest, in order) that a tag names, with media type, digest and size; there may be
  /// several, as the specification allows.
  Result<std::vector<oci::Descriptor>> tagged(const std::string& tag) const;
  /// The distinct images of the entries without a name.
  Result<std::vector<oci::Descriptor>> nameless() const;
  Result<std::vector<oci::Descriptor>> all() const;
  /// The first entry of a digest, whatever its name.
  Result<std::optional<oci::Descriptor>> find(const oci::Digest& digest) const;
  /// All names, sorted, each once; without a digest where it is not the only one of that name, or no valid one.
  std::vector<ListedTag> tags() const;

 private:
  using Positions = std::vector<std::uint32_t>;

  Positions positions_of(const std::string& tag) const;
  template <class Predicate>
  Positions positions_where(Predicate&& wanted) const;
  Result<std::vector<oci::Descriptor>> images_at(const Positions& positions) const;

  std::vector<IndexEntry> entries_;  // without their texts
  Positions by_tag_;                 // of the entries with a tag, by tag and then in order
};

}  // namespace freightliner::transport
