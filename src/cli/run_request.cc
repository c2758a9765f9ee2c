#include "cli/run_request.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <functional>
#include <thread>

#include "cli/command.h"
#include "cli/defaults.h"
#include "cli/run_files.h"
#include "freightliner/base/bytes.h"
#include "freightliner/base/text.h"
#include "freightliner/oci/reference.h"
#include "freightliner/runtime/memory_budget.h"

namespace freightliner::cli {

namespace fs = std::filesystem;

Unexpected usage_at(const Settings& settings, std::string_view option, std::string message) {
  return fail(Error(ErrorCode::kUsage, std::move(message)).with_context(settings.where(option)));
}

std::size_t default_jobs(unsigned processors) noexcept {
  return std::clamp(2 * processors, kMinimumDefaultJobs, kMaximumDefaultJobs);
}

namespace {

// `host` or `host:port`, in the form that http::names_origin() compares: lower case, IPv6 without brackets where no
// port follows.
Result<std::set<std::string>> parse_hosts(const Settings& settings, std::string_view option) {
  std::set<std::string> hosts;
  for (const std::string& text : settings.values(option)) {
    auto parsed = oci::parse_host_port(text);
    if (!parsed) return fail(std::move(parsed).error().with_context(settings.where(option)));
    const std::string host = to_lower(parsed->host);
    if (parsed->port == 0) {
      hosts.insert(host);
    } else {
      hosts.insert(fmt::format(fmt::runtime(parsed->ipv6 ? "[{}]:{}" : "{}:{}"), host, parsed->port));
    }
  }
  return hosts;
}

Status parse_token_hosts(const Settings& settings, RunRequest& request) {
  for (const std::string& text : settings.values("token-host")) {
    const auto equals = text.find('=');
    if (equals == std::string::npos) {
      return usage_at(settings, "token-host", fmt::format("\"{}\" is not REGISTRY=HOST", printable(text, 160)));
    }
    const std::string registry = to_lower(std::string_view(text).substr(0, equals));
    const std::string host = to_lower(std::string_view(text).substr(equals + 1));
    for (const std::string& part : {registry, host}) {
      auto parsed = oci::parse_host_port(part);
      if (!parsed) return fail(std::move(parsed).error().with_context(settings.where("token-host")));
    }
    request.token_hosts[registry == "index.docker.io" ? "docker.io" : registry].insert(host);
  }
  return {};
}

std::vector<fs::path> default_certificate_directories(const EnvironmentLookup& environment) {
  std::vector<fs::path> directories = {"/etc/containers/certs.d", "/etc/docker/certs.d"};
  if (const auto home = environment("HOME"); home && !home->empty()) {
    directories.push_back(fs::path(*home) / ".config/containers/certs.d");
  }
  return directories;
}

Status parse_connection(const Settings& settings, const EnvironmentLookup& environment, RunRequest& request) {
  http::SessionOptions& session = request.session;
  session.user_agent = fmt::format("freightliner/{}", version());
  session.connect_timeout = settings.duration("connect-timeout");
  session.stall_timeout = settings.duration("stall-timeout");
  session.request_timeout = session.stall_timeout;
  FL_TRY(session.tls.insecure_hosts, parse_hosts(settings, "insecure-tls"));
  FL_TRY(request.plain_http_hosts, parse_hosts(settings, "plain-http"));
  FL_CHECK(parse_token_hosts(settings, request));
  if (settings.has("ca-file")) {
    session.tls.ca_file = settings.text("ca-file");
    FL_CHECK(require_file(settings, "ca-file", session.tls.ca_file));
  }
  for (const std::string& directory : settings.values("cert-dir")) {
    std::error_code error;
    if (!fs::is_directory(directory, error)) {
      return usage_at(settings, "cert-dir", fmt::format("there is no directory {}", printable(directory)));
    }
    session.tls.certificate_directories.emplace_back(directory);
  }
  if (session.tls.certificate_directories.empty()) {
    session.tls.certificate_directories = default_certificate_directories(environment);
  }
  return {};
}

// --requests-per-second and --bandwidth-limit: HOST[:PORT]=VALUE; `alone` gets a value without a host.
Status parse_by_registry(const Settings& settings, std::string_view option,
                         const std::function<Status(const std::string& registry, std::string_view value)>& take) {
  for (const std::string& text : settings.values(option)) {
    const auto equals = text.find('=');
    const std::string registry = equals == std::string::npos ? std::string() : to_lower(text.substr(0, equals));
    if (equals != std::string::npos) {
      auto parsed = oci::parse_host_port(registry);
      if (!parsed) return fail(std::move(parsed).error().with_context(settings.where(option)));
    }
    const std::string_view value =
        equals == std::string::npos ? std::string_view(text) : std::string_view(text).substr(equals + 1);
    Status taken = take(registry == "index.docker.io" ? "docker.io" : registry, value);
    if (!taken) return fail(std::move(taken).error().with_context(settings.where(option)));
  }
  return {};
}

Status take_request_rate(RunRequest& request, const std::string& registry, std::string_view value) {
  double rate = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), rate);
  if (registry.empty() || error != std::errc() || end != value.data() + value.size() ||
      !(rate >= 0.01 && rate <= 1e6)) {
    return fail(ErrorCode::kUsage, fmt::format("\"{}\" is not HOST[:PORT]=N with N from 0.01 to 1000000",
                                               printable(std::string(value), 64)));
  }
  request.requests_per_second[registry] = rate;
  return {};
}

Status take_bandwidth(RunRequest& request, const std::string& registry, std::string_view value) {
  FL_TRY(const std::uint64_t rate, parse_bytes(value));
  if (rate < kKiB) return fail(ErrorCode::kUsage, "a rate is at least 1KiB (per second)");
  if (registry.empty()) {
    request.bandwidth = rate;
  } else {
    request.bandwidth_by_host[registry] = rate;
  }
  return {};
}

Status parse_memory(const Settings& settings, RunRequest& request) {
  if (!settings.has("max-memory")) return {};
  request.max_memory = settings.size("max-memory");
  const std::uint64_t smallest = runtime::kSmallestBudget + request.codec_memory;
  if (*request.max_memory >= smallest) return {};
  return usage_at(settings, "max-memory",
                  fmt::format("{} is too little: the program with one transfer needs {}",
                              format_bytes(*request.max_memory), format_bytes(smallest)));
}

Status parse_buffer_size(const Settings& settings, RunRequest& request) {
  const std::string text = settings.text("buffer-size");
  if (text == kAdaptiveBuffersText) return {};
  const auto size = parse_bytes(text);
  if (!size || *size < kSmallestBuffer || *size > kLargestBuffer) {
    return usage_at(settings, "buffer-size",
                    fmt::format("\"{}\" is neither auto nor a size from {} to {}", printable(text, 64),
                                format_bytes(kSmallestBuffer), format_bytes(kLargestBuffer)));
  }
  request.buffer_size = *size;
  return {};
}

Status parse_pace(const Settings& settings, RunRequest& request) {
  constexpr std::uint64_t kSmallestChunk = 64 * kKiB;
  request.jobs = settings.has("jobs") ? settings.number("jobs") : default_jobs(std::thread::hardware_concurrency());
  request.retry.max_attempts = static_cast<int>(settings.number("retries")) + 1;
  request.jobs_per_host = settings.number("jobs-per-host");
  FL_CHECK(parse_by_registry(settings, "requests-per-second", [&](const std::string& registry, std::string_view value) {
    return take_request_rate(request, registry, value);
  }));
  FL_CHECK(parse_by_registry(settings, "bandwidth-limit", [&](const std::string& registry, std::string_view value) {
    return take_bandwidth(request, registry, value);
  }));
  request.timeout = settings.duration("timeout");
  request.buffer_pool = settings.text("buffer-pool") == "on";
  FL_CHECK(parse_buffer_size(settings, request));
  request.upload_chunk_size = settings.size("chunk-size");
  if (request.upload_chunk_size > 0 && request.upload_chunk_size < kSmallestChunk) {
    return usage_at(settings, "chunk-size", "an upload chunk has at least 64KiB");
  }
  return parse_memory(settings, request);
}

}  // namespace

Status read_run_request(const Settings& settings, const EnvironmentLookup& environment, RunRequest& request) {
  FL_CHECK(require_apart(settings));
  FL_CHECK(parse_connection(settings, environment, request));
  FL_CHECK(parse_pace(settings, request));
  FL_TRY(request.monitor, read_monitor_request(settings));
  if (settings.has("authfile")) {
    request.authfile = settings.text("authfile");
    FL_CHECK(require_file(settings, "authfile", request.authfile));
  }
  return {};
}

}  // namespace freightliner::cli
