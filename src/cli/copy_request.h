#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "cli/settings.h"
#include "freightliner/auth/credential_store.h"
#include "freightliner/copy/copier.h"
#include "freightliner/http/retry_policy.h"
#include "freightliner/http/session.h"
#include "freightliner/transport/image_name.h"

namespace freightliner::cli {

/// All that a copy needs to know, checked. A value type; holds passwords.
struct CopyRequest {
  transport::ImageName source;
  transport::ImageName destination;
  copy::CopyOptions options = {};
  std::optional<auth::Credential> source_credential = std::nullopt;
  std::optional<auth::Credential> destination_credential = std::nullopt;
  std::filesystem::path authfile = {};
  /// By registry as in oci::Reference: the hosts that may get its credentials.
  std::map<std::string, std::set<std::string>> token_hosts = {};
  std::set<std::string> plain_http_hosts = {};
  http::SessionOptions session = {};
  http::RetryPolicy retry = {};
  std::size_t jobs = 1;
  std::uint64_t upload_chunk_size = 0;  ///< 0: one request per blob
  std::size_t buffer_size = 0;
  Duration timeout{0};  ///< 0: none
};

/// Checks everything that can be checked without a network: names, platforms, tags, hosts, files, credentials. Reads
/// password files, and `standard_input` where a password comes from there. Errors: kUsage.
Result<CopyRequest> make_copy_request(const Settings& settings, const std::vector<std::string>& operands,
                                      const EnvironmentLookup& environment, int standard_input);

/// Twice the processors, within the limits of defaults.h.
std::size_t default_jobs(unsigned processors) noexcept;

/// Where a source and a destination as parsed leave something open: a destination without tag and digest gets the
/// digest that the source is named by. Errors: kUsage where the two can't go together.
Status settle_destination(const transport::ImageName& source, transport::ImageName& destination, bool picks_platforms);

}  // namespace freightliner::cli
