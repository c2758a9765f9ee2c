#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace freightliner::auth {

/// RFC 4648, section 4, with padding.
std::string base64_encode(std::string_view bytes);
/// Reads what base64_encode() writes; missing padding is accepted, anything
/// else that differs gives nullopt.
std::optional<std::string> base64_decode(std::string_view text);

}  // namespace freightliner::auth
