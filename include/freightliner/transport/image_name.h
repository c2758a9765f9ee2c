#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "freightliner/oci/reference.h"

namespace freightliner::transport {

enum class TransportKind { kDocker, kOci, kOciArchive };

/// What the user named on the command line: `docker://REF` or a bare reference with a registry, `oci:DIR[:TAG]`,
/// `oci:DIR@DIGEST`, `oci-archive:FILE[:TAG]`, `oci-archive:FILE@DIGEST`. In the last four the path ends at the first
/// ':' or '@', as in containers-transports(5), and TAG is one that is_valid_ref_name() accepts. A value type.
struct ImageName {
  TransportKind kind = TransportKind::kDocker;
  std::optional<oci::Reference> reference;  // kDocker
  std::filesystem::path path;               // kOci, kOciArchive
  std::string tag;                          // kOci, kOciArchive; may be empty
  std::optional<oci::Digest> digest;        // kOci, kOciArchive; then `tag` is empty

  /// Errors: kUsage. A transport that other tools have and we do not (`docker-daemon:`, `containers-storage:`, …) is
  /// named as such, with those we have.
  static Result<ImageName> parse(std::string_view text);
  /// In the form that parse() reads.
  std::string to_string() const;
};

/// True where `name` may name an image in a layout: the grammar of org.opencontainers.image.ref.name (image-spec v1.1,
/// annotations.md), or any tag that a registry may have, so that no tag is lost between the two.
bool is_valid_ref_name(std::string_view name) noexcept;

}  // namespace freightliner::transport
