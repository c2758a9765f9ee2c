#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "freightliner/base/result.h"

namespace freightliner::oci {

/// An operating system and architecture, in GOOS/GOARCH terms (OCI image-spec v1.1, image-index.md, "platform").
struct Platform {
  std::string os = {};
  std::string architecture = {};
  std::string variant = {};
  std::string os_version = {};
  std::vector<std::string> os_features = {};

  /// Reads `os/arch[/variant]`, and normalises as containerd does: x86_64 → amd64, aarch64 → arm64, armhf → arm/v7,
  /// arm64/v8 → arm64, arm → arm/v7, amd64/v1 → amd64, i386 → 386, macos → darwin. Errors: kUsage, naming the part that
  /// is wrong.
  static Result<Platform> parse(std::string_view text);

  /// The same with the normalisation of parse() applied.
  Platform normalized() const;
  /// True where an image for `*this` is what a user who asked for `wanted` means: os, architecture and variant equal
  /// after normalisation; a wanted variant that is empty matches the architecture's default variant; a wanted
  /// os_version that is not empty must be equal too.
  bool satisfies(const Platform& wanted) const;
  /// `linux/arm64/v8`
  std::string to_string() const;

  bool operator==(const Platform&) const = default;
};

}  // namespace freightliner::oci
