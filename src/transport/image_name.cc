#include "freightliner/transport/image_name.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "freightliner/base/text.h"

namespace freightliner::transport {
namespace {

constexpr std::string_view kDockerPrefix = "docker://";
constexpr std::string_view kOurTransports = "docker://, oci: and oci-archive:";

struct PathTransport {
  std::string_view prefix;
  TransportKind kind;
  std::string_view form;
};
constexpr std::array<PathTransport, 2> kPathTransports = {{
    {"oci:", TransportKind::kOci, "oci:DIRECTORY[:TAG]"},
    {"oci-archive:", TransportKind::kOciArchive, "oci-archive:FILE[:TAG]"},
}};

// Those of skopeo and podman (containers-transports(5)), regctl and buildx.
constexpr std::array<std::string_view, 11> kForeignTransports = {
    "atomic:",        "containers-storage:",
    "dir:",           "docker-archive:",
    "docker-daemon:", "oci-layout:",
    "ocidir:",        "ocifile:",
    "ostree:",        "sif:",
    "tarball:",
};

constexpr bool is_alphanumeric(char c) noexcept {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

// component ::= alphanum (separator alphanum)*; separator ::= [-._:@+] | "--"
bool is_ref_component(std::string_view text) noexcept {
  constexpr std::string_view kSeparators = "-._:@+";
  if (text.empty() || !is_alphanumeric(text.front()) || !is_alphanumeric(text.back())) return false;
  for (std::size_t i = 1; i < text.size(); ++i) {
    if (is_alphanumeric(text[i])) continue;
    if (kSeparators.find(text[i]) == std::string_view::npos) return false;
    if (is_alphanumeric(text[i - 1])) continue;
    const bool is_second_dash = text[i] == '-' && text[i - 1] == '-' && is_alphanumeric(text[i - 2]);
    if (!is_second_dash) return false;
  }
  return true;
}

Result<ImageName> parse_docker(std::string_view reference) {
  FL_TRY(oci::Reference parsed, oci::Reference::parse(reference));
  ImageName name;
  name.reference = std::move(parsed);
  return name;
}

Status read_tag(std::string_view text, std::string_view tag, ImageName& name) {
  const auto at = tag.rfind('@');
  if (at != std::string_view::npos && oci::Digest::parse(tag.substr(at + 1))) {
    return fail(
        ErrorCode::kUsage,
        fmt::format("\"{}\" has a tag and a digest: an image in a layout is named by one of them", printable(text)));
  }
  if (!is_valid_ref_name(tag)) {
    return fail(ErrorCode::kUsage,
                fmt::format("\"{}\" has a bad tag \"{}\": after the path and ':' come letters, digits and single "
                            "separators out of \"-._:@+/\"",
                            printable(text), printable(tag, 128)));
  }
  name.tag = tag;
  return {};
}

Status read_digest(std::string_view text, std::string_view digest, ImageName& name) {
  const auto parsed = oci::Digest::parse(digest);
  if (!parsed) {
    return fail(ErrorCode::kUsage,
                fmt::format("\"{}\": the path ends at the first ':' or '@', and what follows '@' is no "
                            "digest: {}",
                            printable(text), parsed.error().message()));
  }
  name.digest = *parsed;
  return {};
}

Result<ImageName> parse_path(std::string_view text, const PathTransport& transport) {
  const std::string_view rest = text.substr(transport.prefix.size());
  // Helm and others write oci://REGISTRY: taken as a path it would become a directory in the root.
  if (rest.starts_with("//") && !rest.starts_with("///")) {
    return fail(ErrorCode::kUsage,
                fmt::format("\"{}\": {} takes a path, as in {}; a registry is named by {}HOST/REPOSITORY",
                            printable(text), transport.prefix, transport.form, kDockerPrefix));
  }
  const auto end = std::min(rest.find_first_of(":@"), rest.size());
  if (end == 0) {
    return fail(ErrorCode::kUsage, fmt::format("\"{}\" names no path: write {}", printable(text), transport.form));
  }
  if (rest.find('\0') != std::string_view::npos) {
    return fail(ErrorCode::kUsage, fmt::format("\"{}\" has a NUL byte: no path has one", printable(text)));
  }
  ImageName name;
  name.kind = transport.kind;
  name.path = std::filesystem::path(rest.substr(0, end));
  if (end == rest.size()) return name;
  const std::string_view suffix = rest.substr(end + 1);
  FL_CHECK(rest[end] == ':' ? read_tag(text, suffix, name) : read_digest(text, suffix, name));
  return name;
}

// What is no reference and looks like something else, told in terms of what was meant.
Status refuse_lookalikes(std::string_view text) {
  for (const std::string_view prefix : kForeignTransports) {
    if (!text.starts_with(prefix)) continue;
    return fail(ErrorCode::kUsage,
                fmt::format("the transport \"{}\" is not supported: those we have are {}", prefix, kOurTransports));
  }
  if (const auto scheme_end = text.find("://"); scheme_end != std::string_view::npos) {
    const std::string_view scheme = text.substr(0, scheme_end);
    if (equals_ignoring_case(scheme, "http") || equals_ignoring_case(scheme, "https")) {
      return fail(
          ErrorCode::kUsage,
          fmt::format("\"{}\": leave the scheme out, as in {}HOST/REPOSITORY:TAG (--plain-http HOST selects http)",
                      printable(redact_url(text)), kDockerPrefix));
    }
    return fail(ErrorCode::kUsage, fmt::format("the transport \"{}://\" is unknown: those we have are {}",
                                               printable(scheme, 64), kOurTransports));
  }
  if (text.starts_with('/') || text.starts_with("./") || text.starts_with("../")) {
    return fail(ErrorCode::kUsage,
                fmt::format("\"{0}\" looks like a path: write oci:{0} for a layout, oci-archive:{0} for "
                            "an archive",
                            printable(text)));
  }
  return {};
}

}  // namespace

bool is_valid_ref_name(std::string_view name) noexcept {
  if (oci::is_valid_tag(name)) return true;
  for (;;) {
    const auto slash = name.find('/');
    if (!is_ref_component(name.substr(0, slash))) return false;
    if (slash == std::string_view::npos) return true;
    name.remove_prefix(slash + 1);
  }
}

Result<ImageName> ImageName::parse(std::string_view text) {
  if (text.starts_with(kDockerPrefix)) return parse_docker(text.substr(kDockerPrefix.size()));
  for (const PathTransport& transport : kPathTransports) {
    if (text.starts_with(transport.prefix)) return parse_path(text, transport);
  }
  FL_CHECK(refuse_lookalikes(text));
  return parse_docker(text);
}

std::string ImageName::to_string() const {
  if (reference) return fmt::format("{}{}", kDockerPrefix, reference->to_string());
  std::string text;
  for (const PathTransport& transport : kPathTransports) {
    if (transport.kind == kind) text = transport.prefix;
  }
  text += path.native();
  if (digest) return fmt::format("{}@{}", text, digest->to_string());
  return tag.empty() ? text : fmt::format("{}:{}", text, tag);
}

}  // namespace freightliner::transport
