#pragma once

#include "registry/exchange.h"

namespace freightliner::registry {

struct UploadSession;

/// Cancels an upload session that nobody will finish: GET its status, DELETE at the Location which that answer returns
/// (a stale Location is refused). Bounded in time, also while the run is being stopped; the outcome does not matter.
void cancel_upload(Exchange& exchange, http::Caller& caller, const UploadSession& session) noexcept;

}  // namespace freightliner::registry
