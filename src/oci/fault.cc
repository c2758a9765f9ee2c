#include "oci/fault.h"

#include <fmt/format.h>

#include "freightliner/base/text.h"

namespace freightliner::oci {

Unexpected fault_error(ErrorCode code, std::string_view text, const Fault& fault) {
  return fail(code, fmt::format("\"{}\": position {}: {}", printable(text), fault.offset + 1, fault.reason));
}

}  // namespace freightliner::oci
