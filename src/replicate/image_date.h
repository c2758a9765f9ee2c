#pragma once

#include <chrono>
#include <string_view>

#include "freightliner/io/buffer_pool.h"
#include "freightliner/transport/image_source.h"

namespace freightliner::replicate {

/// When an image was made: `created` of its config (image-spec v1.1, config.md); of an index, that of its first image
/// that is no attestation. Where there is none (artifacts), the annotation org.opencontainers.image.created; where
/// there is none either, the beginning of 1970: what says nothing is old. Errors: those of the source.
Result<std::chrono::system_clock::time_point> creation_date(transport::ImageSource& source, http::Caller& caller,
                                                            io::BufferPool& buffers);

}  // namespace freightliner::replicate
