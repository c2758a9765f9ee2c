#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "freightliner/base/text.h"
#include "freightliner/io/file.h"
#include "freightliner/oci/reference.h"
#include "freightliner/transport/image_tree.h"
#include "transport/tree_listing.h"

namespace freightliner::transport {
namespace {

constexpr std::string_view kDockerPrefix = "docker://";
constexpr std::string_view kTreePrefix = "oci-tree:";
constexpr std::string_view kForms = "HOST[:PORT][/PREFIX] or oci-tree:DIRECTORY";

// Those that name one image, in our tongue and in that of skopeo, podman and others.
constexpr std::array<std::string_view, 12> kImageTransports = {
    "atomic:",      "containers-storage:", "dir:",    "docker-archive:", "docker-daemon:", "oci:",
    "oci-archive:", "oci-layout:",         "ocidir:", "ostree:",         "sif:",           "tarball:",
};

Unexpected usage(std::string_view text, std::string_view reason) {
  return fail(ErrorCode::kUsage, fmt::format("\"{}\": {}", printable(text), reason));
}

Result<TreeName> parse_directory(std::string_view text) {
  const std::string_view path = text.substr(kTreePrefix.size());
  if (path.empty()) return usage(text, fmt::format("it names no directory: write {}DIRECTORY", kTreePrefix));
  if (path.find('\0') != std::string_view::npos) return usage(text, "it has a NUL byte: no path has one");
  if (path.find_first_of(":@") != std::string_view::npos) {
    return usage(text, "a tree has neither tag nor digest, and its path has no ':' or '@'");
  }
  if (path.starts_with("//")) {
    return usage(text, fmt::format("{} takes a path; a registry is named without it", kTreePrefix));
  }
  return TreeName{.directory = std::filesystem::path(path)};
}

// A host's name is the same in any case, and is kept in small letters: so are these words, or a name would mean
// something else once it is written down.
bool begins_with(std::string_view text, std::string_view prefix) noexcept {
  return equals_ignoring_case(text.substr(0, prefix.size()), prefix);
}

// What is no tree and looks like something else, told in terms of what was meant.
Status refuse_lookalikes(std::string_view text) {
  if (text.empty()) return fail(ErrorCode::kUsage, fmt::format("the name of a tree is empty: write {}", kForms));
  for (const std::string_view prefix : kImageTransports) {
    if (begins_with(text, prefix)) {
      return usage(text, fmt::format("\"{}\" names one image; a tree is {}", prefix, kForms));
    }
  }
  if (begins_with(text, kTreePrefix)) return usage(text, fmt::format("a directory is {}DIRECTORY", kTreePrefix));
  if (text.find("://") != std::string_view::npos) {
    return fail(ErrorCode::kUsage,
                fmt::format("\"{}\": leave the scheme out, as in {} (--plain-http HOST selects http)",
                            printable(redact_url(text)), kForms));
  }
  if (text.starts_with('/') || text.starts_with('.') || text.starts_with('~')) {
    return usage(text, fmt::format("this looks like a path: write {}{}", kTreePrefix, printable(text)));
  }
  return {};
}

bool is_host(std::string_view text) {
  return text.find_first_of(".:[") != std::string_view::npos || equals_ignoring_case(text, "localhost");
}

Status check_prefix(std::string_view text, std::string_view prefix) {
  if (prefix.empty() || oci::is_valid_repository(prefix)) return {};
  const auto name_end = prefix.find_first_of(":@");
  if (name_end != std::string_view::npos && oci::is_valid_repository(prefix.substr(0, name_end))) {
    return usage(text,
                 fmt::format("a tree has no {}: leave \"{}\" out, or copy the one image with \"copy\"",
                             prefix[name_end] == ':' ? "tag" : "digest", printable(prefix.substr(name_end), 128)));
  }
  if (prefix.find_first_of("*?[{") != std::string_view::npos) {
    return usage(text, "a prefix has no wildcards: choose repositories with --include-repo");
  }
  return usage(text, fmt::format("\"{}\" is no repository name: those are lower-case letters, digits and single "
                                 "separators, with '/' between components",
                                 printable(prefix, 256)));
}

// Trees are reached by https, but where a host was named as an exception.
std::string_view without_default_port(std::string_view registry) {
  constexpr std::string_view kDefault = ":443";
  if (registry.ends_with(kDefault)) registry.remove_suffix(kDefault.size());
  return registry;
}

}  // namespace

Result<TreeName> TreeName::parse(std::string_view text) {
  if (text.starts_with(kTreePrefix)) return parse_directory(text);
  const std::string_view name = text.starts_with(kDockerPrefix) ? text.substr(kDockerPrefix.size()) : text;
  FL_CHECK(refuse_lookalikes(name));
  const auto slash = std::min(name.find('/'), name.size());
  const std::string_view host = name.substr(0, slash);
  if (host.find('@') != std::string_view::npos) {
    return fail(ErrorCode::kUsage, fmt::format("a tree is {}, without user name, password or digest", kForms));
  }
  if (!is_host(host)) {
    return usage(text,
                 fmt::format("\"{0}\" is no host: the name of a tree begins with one, as in docker.io/{0} or {0}:443",
                             printable(host, 256)));
  }
  const auto parsed = oci::parse_host_port(host);
  if (!parsed) return usage(text, parsed.error().message());
  std::string_view prefix = name.substr(std::min(slash + 1, name.size()));
  if (prefix.size() > 1 && prefix.ends_with('/')) prefix.remove_suffix(1);
  FL_CHECK(check_prefix(text, prefix));
  TreeName tree{.registry = to_lower(host), .prefix = std::string(prefix)};
  if (tree.registry == "index.docker.io") tree.registry = "docker.io";
  return tree;
}

std::string TreeName::to_string() const {
  if (!is_registry()) return fmt::format("{}{}", kTreePrefix, directory.native());
  return prefix.empty() ? registry : fmt::format("{}/{}", registry, prefix);
}

std::optional<std::string> TreeName::place_in(const TreeName& outer) const {
  if (is_registry() != outer.is_registry()) return std::nullopt;
  if (!is_registry()) {
    const auto below = io::path_below(directory, outer.directory);
    if (!below) return std::nullopt;
    return below == "." ? std::string() : below->generic_string();
  }
  const bool inside =
      without_default_port(registry) == without_default_port(outer.registry) && is_below(outer.prefix, prefix);
  return inside ? std::optional(prefix) : std::nullopt;
}

}  // namespace freightliner::transport
