#pragma once

#include <string>

#include "freightliner/io/buffer_pool.h"
#include "freightliner/transport/image_source.h"

namespace freightliner::copy {

/// Reads a small blob (an image's config) whole, verified. Errors: kProtocol above 4 MiB, kIntegrity, those of the
/// source.
Result<std::string> read_small_blob(transport::ImageSource& source, http::Caller& caller, io::BufferPool& buffers,
                                    const oci::Descriptor& blob);

}  // namespace freightliner::copy
