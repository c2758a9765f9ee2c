#pragma once

#include "freightliner/io/codec.h"

namespace freightliner::io {

// libzstd's wrappers; see Decompressor and Compressor for the contracts.

Result<std::unique_ptr<Decompressor>> make_zstd_decompressor();
Result<std::unique_ptr<Compressor>> make_zstd_compressor(int level, unsigned threads);

}  // namespace freightliner::io
