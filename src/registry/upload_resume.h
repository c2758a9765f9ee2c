#pragma once

#include <optional>

#include "registry/upload_cancel.h"

namespace freightliner::registry {

/// The session that an earlier run left for a blob which the repository is known to lack, if the registry still knows
/// it and it holds what that run may have sent; its `offset` is then where to go on. nullopt: begin a new one (the old
/// one is cancelled where it answers). Errors: kCancelled alone.
Result<std::optional<OpenUpload>> resume_upload(Exchange& exchange, http::Caller& caller, const std::string& repository,
                                                const oci::Descriptor& blob);
/// Cancels the session that an earlier run left for a blob which the repository has.
void drop_saved_upload(Exchange& exchange, http::Caller& caller, const std::string& repository,
                       const oci::Descriptor& blob);

}  // namespace freightliner::registry
