#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "cli/monitor_request.h"
#include "cli/settings.h"
#include "freightliner/auth/credential_store.h"
#include "freightliner/http/retry_policy.h"
#include "freightliner/http/session.h"

namespace freightliner::cli {

/// What every run that talks to registries needs to know, whatever it does there. A value type; holds passwords.
struct RunRequest {
  std::optional<auth::Credential> source_credential = std::nullopt;
  std::optional<auth::Credential> destination_credential = std::nullopt;
  std::filesystem::path authfile = {};
  /// By registry as in oci::Reference: the hosts that may get its credentials.
  std::map<std::string, std::set<std::string>> token_hosts = {};
  std::set<std::string> plain_http_hosts = {};
  http::SessionOptions session = {};
  http::RetryPolicy retry = {};
  std::size_t jobs = 1;                                    ///< blobs that move at the same time
  std::size_t jobs_per_host = 1;                           ///< small requests to one host at the same time, at most
  std::map<std::string, double> requests_per_second = {};  ///< by registry
  std::optional<std::uint64_t> bandwidth = std::nullopt;   ///< bytes per second, the whole run
  std::map<std::string, std::uint64_t> bandwidth_by_host = {};  ///< by registry
  std::uint64_t upload_chunk_size = 0;                          ///< 0: one request per blob
  std::optional<std::size_t> buffer_size = std::nullopt;        ///< bytes; nullopt: chosen for each transfer
  bool buffer_pool = true;                                      ///< false: every buffer is allocated and freed
  std::optional<std::uint64_t> max_memory = std::nullopt;       ///< bytes; nullopt: what the system tells
  MonitorRequest monitor = {};
  std::uint64_t codec_memory = 0;  ///< what recompressing one layer takes besides
  Duration timeout{0};             ///< 0: none
};

/// Reads connection and pace. Errors: kUsage.
Status read_run_request(const Settings& settings, const EnvironmentLookup& environment, RunRequest& request);

/// A usage error that names where the option was set.
Unexpected usage_at(const Settings& settings, std::string_view option, std::string message);

/// Twice the processors, within the limits of defaults.h.
std::size_t default_jobs(unsigned processors) noexcept;

}  // namespace freightliner::cli
