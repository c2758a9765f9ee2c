#pragma once

#include <functional>
#include <memory>

#include "freightliner/io/blob_stream.h"
#include "registry/blob_upload.h"

namespace freightliner::registry {

/// A writer for an open upload session: one PUT with the whole body, or, where `chunk_size` is not 0, PATCH requests of
/// that many bytes (raised to the registry's OCI-Chunk-Min-Length) and a closing PUT. It gets the whole blob; what the
/// session holds already is not sent again, and the rest goes in PATCH requests in any case, so that a registry which
/// holds something else refuses its first byte. `committed` is called when the registry has confirmed the blob.
std::unique_ptr<io::BlobWriter> make_upload_writer(Exchange& exchange, http::Caller& caller, OpenUpload upload,
                                                   std::uint64_t chunk_size, std::function<void()> committed);

/// A stream for an open upload session, whose `blob` names what it is made from until it is committed: one PATCH in the
/// chunked transfer coding, as docker's and other clients send, or several of at most `chunk_size` bytes, and a closing
/// PUT.
std::unique_ptr<io::BlobStream> make_upload_stream(Exchange& exchange, http::Caller& caller, OpenUpload upload,
                                                   std::uint64_t chunk_size);

}  // namespace freightliner::registry
