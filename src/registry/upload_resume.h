#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "registry/upload_cancel.h"

namespace freightliner::registry {

/// How many bytes a session holds by the Range of an answer (distribution-spec v1.1, "Pushing a blob in chunks":
/// "0-<last byte>"; a unit in front is passed over). nullopt for anything else, also for a range that does not begin at
/// 0. "0-0" counts as 0 bytes: distribution sends it for an empty session and for one with a single byte.
std::optional<std::uint64_t> parse_upload_range(std::string_view range);

/// The session that an earlier run left for a blob which the repository is known to lack, if the registry still knows
/// it and it holds what that run may have sent; its `offset` is then where to go on. nullopt: begin a new one (the old
/// one is cancelled where it answers). Errors: kCancelled alone.
Result<std::optional<OpenUpload>> resume_upload(Exchange& exchange, http::Caller& caller, const std::string& repository,
                                                const oci::Descriptor& blob);
/// Cancels the session that an earlier run left for a blob which the repository has.
void drop_saved_upload(Exchange& exchange, http::Caller& caller, const std::string& repository,
                       const oci::Descriptor& blob);

}  // namespace freightliner::registry
