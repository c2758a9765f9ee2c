#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "freightliner/base/result.h"

namespace freightliner::oci {

/// Why a text does not follow its grammar, and where.
struct Fault {
  std::size_t offset;  ///< bytes before the place, counted from 0
  std::string reason;
};

/// The fault as an error: `"<text>": position <offset + 1>: <reason>`.
Unexpected fault_error(ErrorCode code, std::string_view text, const Fault& fault);

/// What is wrong with a digest; nothing where it is well-formed (OCI image-spec v1.1, descriptor.md, "Digests").
std::optional<Fault> digest_fault(std::string_view text);

}  // namespace freightliner::oci
