#pragma once

#include <string_view>

#include "freightliner/base/clock.h"
#include "freightliner/http/message.h"

namespace freightliner::registry {

/// Turns an answer that is not the expected one into an Error: class by status, refined by the registry's own codes
/// (distribution-spec v1.1, "Error Codes"); a broken body is no error of its own, the status governs. The
/// text holds `what`, the status and the registry's message, made printable.
Error response_error(const http::Response& response, std::string_view what, std::chrono::system_clock::time_point now);

}  // namespace freightliner::registry
