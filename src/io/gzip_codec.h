#pragma once

#include "freightliner/io/codec.h"

namespace freightliner::io {

// zlib's wrappers; see Decompressor and Compressor for the contracts.

Result<std::unique_ptr<Decompressor>> make_gzip_decompressor();
Result<std::unique_ptr<Compressor>> make_gzip_compressor(int level);

}  // namespace freightliner::io
