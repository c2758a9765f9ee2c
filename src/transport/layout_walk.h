#pragma once

#include "freightliner/io/file.h"
#include "transport/tree_listing.h"

namespace freightliner::transport {

/// Where the layouts of a tree keep their blobs.
inline constexpr char kSharedBlobs[] = "_blobs";

/// True where a component of the name would stand in the place of a layout's own file.
bool has_layout_component(std::string_view repository) noexcept;

/// The names of all directories below `root` that have an index.json or an oci-layout, in no order, some twice. No link
/// is followed: one to a directory is passed over. The depth is bounded by the length of a repository's name. Errors:
/// kLocalIo for a directory that can't be read: a list is whole or none.
Result<std::vector<std::string>> find_layouts(const io::Directory& root, PassedOver& passed);

}  // namespace freightliner::transport
