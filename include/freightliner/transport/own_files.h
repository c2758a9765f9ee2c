#pragma once

#include <filesystem>

#include "freightliner/transport/image_name.h"
#include "freightliner/transport/image_tree.h"

namespace freightliner::transport {

/// Whether `file` is one that makes up what the name means, so that nothing else may be written there: the archive, or
/// index.json, oci-layout, lock or a blob of the layout or of a tree's layouts. Another file in their directories is
/// none, nor is anything at a registry. Nothing has to exist.
bool is_part_of(const std::filesystem::path& file, const ImageName& name);
bool is_part_of(const std::filesystem::path& file, const TreeName& name);

}  // namespace freightliner::transport
