#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "cli/run_request.h"
#include "freightliner/copy/copier.h"
#include "freightliner/transport/image_name.h"

namespace freightliner::cli {

/// What is to be copied where and how, checked. A value type.
struct CopyOrder {
  transport::ImageName source = {};
  transport::ImageName destination = {};
  copy::CopyOptions options = {};
  std::filesystem::path checkpoint = {};  ///< empty: none
};

/// All that a copy needs to know, checked. A value type; holds passwords.
struct CopyRequest : RunRequest, CopyOrder {};

/// Checks names, platforms, tags and digests. Errors: kUsage.
Result<CopyOrder> make_copy_order(const Settings& settings, const std::vector<std::string>& operands);

/// Checks everything that can be checked without a network: names, platforms, tags, hosts, files, credentials. Reads
/// password files, and `standard_input` where a password comes from there. Errors: kUsage.
Result<CopyRequest> make_copy_request(const Settings& settings, const std::vector<std::string>& operands,
                                      const EnvironmentLookup& environment, int standard_input);

/// The options that say how an image is copied, whatever brings it: platforms, overwrite, dry run, referrers. Errors:
/// kUsage.
Status read_copy_options(const Settings& settings, copy::CopyOptions& options);

/// What one transfer takes for recompressing, in bytes; 0 where nothing is recompressed.
std::uint64_t codec_memory_of(const copy::CopyOptions& options) noexcept;

/// Where a source and a destination as parsed leave something open: a destination without tag and digest gets the
/// digest that the source is named by. Errors: kUsage where the two can't go together.
Status settle_destination(const transport::ImageName& source, transport::ImageName& destination, bool digest_changes);

}  // namespace freightliner::cli
