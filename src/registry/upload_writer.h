#pragma once

#include <functional>
#include <memory>

#include "registry/blob_upload.h"

namespace freightliner::registry {

/// A writer for an open upload session: one PUT with the whole body, or, where `chunk_size` is not 0, PATCH requests of
/// that many bytes (raised to the registry's OCI-Chunk-Min-Length) and a closing PUT. `committed` is called when the
/// registry has confirmed the blob.
std::unique_ptr<io::BlobWriter> make_upload_writer(Exchange& exchange, http::Caller& caller, OpenUpload upload,
                                                   std::uint64_t chunk_size, std::function<void()> committed);

}  // namespace freightliner::registry
