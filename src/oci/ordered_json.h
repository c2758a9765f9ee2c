#pragma once

#include "freightliner/oci/descriptor.h"

namespace freightliner::oci {

/// JSON whose members keep the order in which they were put in.
using OrderedJson = nlohmann::ordered_json;

/// A descriptor in the order mediaType, digest, size, platform, artifactType, urls, annotations; empty members left
/// out.
OrderedJson ordered_json(const Descriptor& descriptor);

/// Compact text. Text that is not UTF-8 is replaced by U+FFFD rather than thrown at the caller.
std::string dump_compact(const OrderedJson& json);

}  // namespace freightliner::oci
