#pragma once

#include "freightliner/oci/descriptor.h"
#include "registry/exchange.h"

namespace freightliner::registry {

/// The question whether a repository has a blob. `write`: at a place that is pushed to.
Call blob_head_call(const std::string& repository, const oci::Descriptor& blob, bool write);

/// Whether an answer of 2xx to it is about that blob: one of another length under its digest is none to count on.
bool is_of_size(const http::Response& answer, const oci::Descriptor& blob);

}  // namespace freightliner::registry
