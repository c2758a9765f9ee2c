#include "cli/copy_request.h"

#include <fmt/format.h>

#include <algorithm>
#include <thread>
#include <utility>

#include "cli/command.h"
#include "cli/copy_credentials.h"
#include "cli/defaults.h"
#include "freightliner/base/text.h"
#include "freightliner/oci/reference.h"

namespace freightliner::cli {
namespace {

namespace fs = std::filesystem;

Unexpected usage_at(const Settings& settings, std::string_view option, std::string message) {
  return fail(Error(ErrorCode::kUsage, std::move(message)).with_context(settings.where(option)));
}

Status parse_names(const std::vector<std::string>& operands, CopyRequest& request) {
  if (operands.size() != 2) {
    return fail(ErrorCode::kUsage,
                fmt::format("copy takes SRC and DST, and {} given; see freightliner copy --help",
                            operands.size() == 1 ? "only one was" : fmt::format("{} were", operands.size())));
  }
  const auto parse = [](const std::string& text, std::string_view role) -> Result<transport::ImageName> {
    auto name = transport::ImageName::parse(text);
    if (!name) return fail(std::move(name).error().with_context(std::string(role)));
    return name;
  };
  FL_TRY(request.source, parse(operands[0], "SRC"));
  FL_TRY(request.destination, parse(operands[1], "DST"));
  return {};
}

Status parse_platforms(const Settings& settings, copy::CopyOptions& options) {
  for (const std::string& text : settings.values("platform")) {
    auto platform = oci::Platform::parse(text);
    if (!platform) return fail(std::move(platform).error().with_context(settings.where("platform")));
    if (std::ranges::find(options.platforms, *platform) == options.platforms.end())
      options.platforms.push_back(*platform);
  }
  return {};
}

// A layout's tags are org.opencontainers.image.ref.name annotations, whose grammar is wider than a registry's.
Status parse_tags(const Settings& settings, bool docker, copy::CopyOptions& options) {
  for (const std::string& tag : settings.values("also-tag")) {
    if (docker ? !oci::is_valid_tag(tag) : tag.find_first_of(" \t\r\n@") != std::string::npos) {
      return usage_at(
          settings, "also-tag",
          fmt::format("\"{}\" is not a tag: up to 128 letters, digits, '_', '.' and '-', the first no '.' or '-'",
                      printable(tag, 160)));
    }
    if (std::ranges::find(options.also_tags, tag) == options.also_tags.end()) options.also_tags.push_back(tag);
  }
  return {};
}

Status parse_content(const Settings& settings, CopyRequest& request) {
  copy::CopyOptions& options = request.options;
  FL_CHECK(parse_platforms(settings, options));
  FL_CHECK(parse_tags(settings, request.destination.kind == transport::TransportKind::kDocker, options));
  const std::string overwrite = settings.text("overwrite");
  options.overwrite = overwrite == "always"  ? copy::Overwrite::kAlways
                      : overwrite == "never" ? copy::Overwrite::kNever
                                             : copy::Overwrite::kChanged;
  options.dry_run = settings.on("dry-run");
  options.referrers = settings.on("referrers");
  return {};
}

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

Status parse_token_hosts(const Settings& settings, CopyRequest& request) {
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

Status require_file(const Settings& settings, std::string_view option, const fs::path& path) {
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (!fs::exists(status))
    return usage_at(settings, option, fmt::format("there is no file {}", printable(path.string())));
  if (fs::is_directory(status))
    return usage_at(settings, option, fmt::format("{} is a directory", printable(path.string())));
  return {};
}

std::vector<fs::path> default_certificate_directories(const EnvironmentLookup& environment) {
  std::vector<fs::path> directories = {"/etc/containers/certs.d", "/etc/docker/certs.d"};
  if (const auto home = environment("HOME"); home && !home->empty()) {
    directories.push_back(fs::path(*home) / ".config/containers/certs.d");
  }
  return directories;
}

Status parse_connection(const Settings& settings, const EnvironmentLookup& environment, CopyRequest& request) {
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

Status parse_pace(const Settings& settings, CopyRequest& request) {
  constexpr std::uint64_t kSmallestChunk = 64 * kKiB;
  request.jobs = settings.has("jobs") ? settings.number("jobs") : default_jobs(std::thread::hardware_concurrency());
  request.retry.max_attempts = static_cast<int>(settings.number("retries")) + 1;
  request.timeout = settings.duration("timeout");
  request.buffer_size = settings.size("buffer-size");
  request.upload_chunk_size = settings.size("chunk-size");
  if (request.upload_chunk_size > 0 && request.upload_chunk_size < kSmallestChunk) {
    return usage_at(settings, "chunk-size", "an upload chunk has at least 64KiB");
  }
  return {};
}

const std::optional<oci::Digest>& digest_of(const transport::ImageName& name) {
  return name.reference ? name.reference->digest : name.digest;
}

}  // namespace

std::size_t default_jobs(unsigned processors) noexcept {
  return std::clamp(2 * processors, kMinimumDefaultJobs, kMaximumDefaultJobs);
}

Status settle_destination(const transport::ImageName& source, transport::ImageName& destination, bool picks_platforms) {
  const auto& wanted = digest_of(source);
  const auto& pinned = digest_of(destination);
  if (wanted && pinned && *wanted != *pinned && !picks_platforms) {
    return fail(ErrorCode::kUsage,
                fmt::format("DST is named by digest {}, but SRC by {}", pinned->to_string(), wanted->to_string()));
  }
  const bool open = destination.reference && destination.reference->tag_defaulted && !pinned;
  if (!open || !wanted) return {};
  if (picks_platforms) {
    return fail(ErrorCode::kUsage, "with --platform the image gets another digest than SRC: name a tag in DST");
  }
  destination.reference->tag.clear();
  destination.reference->tag_defaulted = false;
  destination.reference->digest = wanted;
  return {};
}

Result<CopyRequest> make_copy_request(const Settings& settings, const std::vector<std::string>& operands,
                                      const EnvironmentLookup& environment, int standard_input) {
  CopyRequest request;
  FL_CHECK(parse_names(operands, request));
  FL_CHECK(parse_content(settings, request));
  FL_CHECK(settle_destination(request.source, request.destination, !request.options.platforms.empty()));
  FL_CHECK(parse_connection(settings, environment, request));
  FL_CHECK(parse_pace(settings, request));
  if (settings.has("authfile")) {
    request.authfile = settings.text("authfile");
    FL_CHECK(require_file(settings, "authfile", request.authfile));
  }
  // Last: it may wait for standard input.
  FL_CHECK(read_credentials(settings, standard_input, request));
  return request;
}

}  // namespace freightliner::cli
