#pragma once

#include <vector>

#include "freightliner/io/buffer_pool.h"
#include "freightliner/oci/manifest.h"
#include "freightliner/transport/image_source.h"

namespace freightliner::copy {

/// Narrows an image down to platforms: one → that platform's manifest; several → a new index of just those, in the
/// order of the original. A plain image is what it is: its config must name the one platform that is wanted. Errors:
/// kNotFound for a platform that is not there, naming those that are.
Result<oci::RawManifest> select_platforms(transport::ImageSource& source, http::Caller& caller, io::BufferPool& buffers,
                                          const oci::RawManifest& root, const std::vector<oci::Platform>& platforms);

}  // namespace freightliner::copy
