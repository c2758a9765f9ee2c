#include "transport/index_snapshot.h"

#include <algorithm>
#include <tuple>
#include <unordered_set>

namespace freightliner::transport {

IndexSnapshot::IndexSnapshot(LayoutIndex index) : entries_(std::move(index).entries()) {
  for (std::uint32_t position = 0; position < entries_.size(); ++position) {
    entries_[position].text.reset();
    if (!entries_[position].tag.empty()) by_tag_.push_back(position);
  }
  std::ranges::sort(by_tag_, [this](std::uint32_t a, std::uint32_t b) {
    return std::tie(entries_[a].tag, a) < std::tie(entries_[b].tag, b);
  });
}

IndexSnapshot::Positions IndexSnapshot::positions_of(const std::string& tag) const {
  const auto tag_at = [this](std::uint32_t position) -> const std::string& { return entries_[position].tag; };
  return {std::ranges::lower_bound(by_tag_, tag, {}, tag_at), std::ranges::upper_bound(by_tag_, tag, {}, tag_at)};
}

template <class Predicate>
IndexSnapshot::Positions IndexSnapshot::positions_where(Predicate&& wanted) const {
  Positions positions;
  for (std::uint32_t position = 0; position < entries_.size(); ++position) {
    if (wanted(entries_[position])) positions.push_back(position);
  }
  return positions;
}

Result<std::vector<oci::Descriptor>> IndexSnapshot::images_at(const Positions& positions) const {
  std::vector<oci::Descriptor> images;
  std::unordered_set<oci::Digest> seen;
  for (const std::uint32_t position : positions) {
    const IndexEntry& entry = entries_[position];
    if (entry.error) return fail(*entry.error);
    if (!seen.insert(*entry.digest).second) continue;
    images.push_back({.media_type = *entry.media_type, .digest = *entry.digest, .size = entry.size});
  }
  return images;
}

Result<std::vector<oci::Descriptor>> IndexSnapshot::tagged(const std::string& tag) const {
  return images_at(positions_of(tag));
}

Result<std::vector<oci::Descriptor>> IndexSnapshot::nameless() const {
  return images_at(positions_where([](const IndexEntry& entry) { return entry.tag.empty(); }));
}

Result<std::vector<oci::Descriptor>> IndexSnapshot::all() const {
  return images_at(positions_where([](const IndexEntry&) { return true; }));
}

Result<std::optional<oci::Descriptor>> IndexSnapshot::find(const oci::Digest& digest) const {
  FL_TRY(auto found, images_at(positions_where([&](const IndexEntry& entry) { return entry.digest == digest; })));
  if (found.empty()) return std::optional<oci::Descriptor>();
  return std::optional<oci::Descriptor>(std::move(found.front()));
}

std::vector<ListedTag> IndexSnapshot::tags() const {
  std::vector<ListedTag> result;
  for (const std::uint32_t position : by_tag_) {
    const IndexEntry& entry = entries_[position];
    const std::optional<oci::Digest> digest = entry.error ? std::nullopt : entry.digest;
    if (result.empty() || result.back().name != entry.tag) {
      result.push_back({entry.tag, digest});
    } else if (result.back().digest != digest) {
      result.back().digest.reset();
    }
  }
  return result;
}

}  // namespace freightliner::transport
