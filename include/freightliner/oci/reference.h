#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "freightliner/base/result.h"
#include "freightliner/oci/digest.h"

namespace freightliner::oci {

/// True where `tag` matches `[\w][\w.-]{0,127}` (distribution-spec v1.1, "Pulling manifests").
bool is_valid_tag(std::string_view tag) noexcept;
/// True where `name` is a repository name: `[a-z0-9]+(([._]|__|-+)[a-z0-9]+)*`, components joined by `/`, ≤ 255 bytes.
bool is_valid_repository(std::string_view name) noexcept;

/// An image in a registry: `host[:port]/repository[:tag][@digest]`, in the grammar of distribution/reference v3, with
/// Docker Hub's normalisation (`alpine` → `docker.io/library/alpine:latest`). A value type.
struct Reference {
  /// `host`, `host:port` or `[v6]:port`, as the user wrote it in lower case; `docker.io` for Docker Hub.
  std::string registry;
  std::string repository;
  /// Empty where only a digest was given.
  std::string tag;
  std::optional<Digest> digest;
  /// True where the user wrote neither tag nor digest and `latest` was put in.
  bool tag_defaulted = false;

  /// Strict. Errors: kUsage, with the position (counted from 1) and the reason.
  static Result<Reference> parse(std::string_view text);

  /// `registry/repository[:tag][@digest]`
  std::string to_string() const;
  /// What a registry is asked for: the digest where there is one, else the tag.
  std::string tag_or_digest() const;
};

/// Splits `host[:port]` or `[v6][:port]`; checks both. `port` is 0 where none is given. Errors: kUsage.
struct HostPort {
  std::string host;  // without brackets
  int port = 0;
  bool ipv6 = false;
};
Result<HostPort> parse_host_port(std::string_view text);

/// localhost, *.localhost, 127.0.0.0/8 or ::1, as a name: no look-up.
bool is_loopback_host(std::string_view host) noexcept;

}  // namespace freightliner::oci
