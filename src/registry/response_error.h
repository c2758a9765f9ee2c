#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "freightliner/base/clock.h"
#include "freightliner/http/message.h"

namespace freightliner::registry {

/// The error codes of a registry's error body (distribution-spec v1.1, "Error Codes"); empty where the body is none. The
/// status governs, so a broken body is no error of its own.
std::vector<std::string> error_codes(const http::Response& response);
bool has_error_code(const http::Response& response, std::string_view code);

/// Turns an answer that is not the expected one into an Error: class by status, refined by the registry's own codes; the
/// text holds `what`, the status and the registry's message, made printable.
Error response_error(const http::Response& response, std::string_view what, std::chrono::system_clock::time_point now);

}  // namespace freightliner::registry
