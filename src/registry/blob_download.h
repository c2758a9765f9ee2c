#pragma once

#include "registry/exchange.h"

namespace freightliner::registry {

/// Opens a blob for reading; the reader resumes where a download breaks. See RegistryClient::open_blob().
Result<std::unique_ptr<io::BlobReader>> open_blob_download(Exchange& exchange, http::Caller& caller,
                                                           const std::string& repository, const oci::Descriptor& blob,
                                                           io::ChunkQueue& queue);

}  // namespace freightliner::registry
