#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace freightliner::registry {

/// Where the part of a 206 answer begins, from its Content-Range: "bytes 10-99/100" or "bytes 10-99/*" (RFC 9110,
/// section 14.4). nullopt for anything else.
std::optional<std::uint64_t> content_range_start(std::string_view value);

}  // namespace freightliner::registry
