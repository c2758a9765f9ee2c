#pragma once

#include "cli/copy_request.h"
#include "cli/engine.h"
#include "freightliner/copy/streaming_copier.h"

namespace freightliner::cli {

/// Opens both ends of a copy. Safe from any thread; the engine outlives them. Errors: those of opening layouts and
/// archives.
Result<copy::ImagePair> open_image_pair(const CopyOrder& order, Engine& engine, const RunServices& services);

}  // namespace freightliner::cli
