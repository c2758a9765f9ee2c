#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "freightliner/http/message.h"

namespace freightliner::http {

/// Takes one line of a response's head, as libcurl hands it out, into `response`. A status line starts anew: what came
/// before was an interim response (1xx). Lines that are no field by RFC 9112, section 5 are passed over. True at the
/// empty line that ends the final response's head.
bool take_head_line(std::string_view line, Response& response);

/// The length of a body that may be received without libcurl: Content-Length says it, `declared` (the length that
/// libcurl goes by) agrees, no transfer coding hides it (RFC 9112, section 6.3), and not all of it was `received`
/// already. nullopt where libcurl must do it.
std::optional<std::uint64_t> plain_body_length(const Headers& headers, std::int64_t declared, std::uint64_t received);

}  // namespace freightliner::http
