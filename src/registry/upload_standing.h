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

/// Where a session stands.
struct UploadStanding {
  /// Where to go on; the Location that was asked may be out of date.
  http::Url location;
  std::uint64_t minimum_chunk = 0;
  std::optional<std::uint64_t> held;  ///< bytes; nullopt: the registry does not tell
};

/// GET at the session's Location. Asked once: what the registry does not answer now is not worth a wait, for a new
/// session always helps.
Result<UploadStanding> ask_standing(Exchange& exchange, http::Caller& caller, const UploadSession& session);

/// How many bytes the session holds after a PATCH that was answered with `answer` and behind which it should hold
/// `sent`; its Location becomes the one to go on at. A registry whose Range says otherwise is asked. Where that gives
/// nothing, our own count stands, for ECR's Range lags behind, but not against one that claims more. Errors: no
/// Location to go on at; kCancelled.
Result<std::uint64_t> held_after_patch(Exchange& exchange, http::Caller& caller, UploadSession& session,
                                       const http::Response& answer, std::uint64_t sent);

}  // namespace freightliner::registry
