#include "freightliner/oci/platform.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "freightliner/base/text.h"

namespace freightliner::oci {
namespace {

bool is_component(std::string_view text) noexcept {
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
           c == '.';
  });
}

// containerd/platforms, database.go: normalizeArch.
void normalize_architecture(std::string& architecture, std::string& variant) {
  if (architecture == "i386") {
    architecture = "386";
    variant.clear();
  } else if (architecture == "x86_64" || architecture == "x86-64" || architecture == "amd64") {
    architecture = "amd64";
    if (variant == "v1") variant.clear();
  } else if (architecture == "aarch64" || architecture == "arm64") {
    architecture = "arm64";
    if (variant == "8" || variant == "v8" || variant == "v8.0") variant.clear();
    if (variant == "9" || variant == "9.0" || variant == "v9.0") variant = "v9";
  } else if (architecture == "armhf") {
    architecture = "arm";
    variant = "v7";
  } else if (architecture == "armel") {
    architecture = "arm";
    variant = "v6";
  } else if (architecture == "arm") {
    if (variant.empty() || variant == "7") variant = "v7";
    if (variant == "5" || variant == "6" || variant == "8") variant.insert(0, "v");
  }
}

}  // namespace

Result<Platform> Platform::parse(std::string_view text) {
  const auto bad = [&](std::string_view reason) {
    return fail(ErrorCode::kUsage,
                fmt::format("\"{}\" is not a platform: {}; write os/architecture[/variant], as in linux/arm64",
                            printable(text, 64), reason));
  };
  static constexpr std::array<std::string_view, 3> kNames = {"operating system", "architecture", "variant"};
  const auto parts = split(text, '/');
  if (parts.size() < 2) return bad(text.empty() ? "it is empty" : "the architecture is missing");
  if (parts.size() > kNames.size()) return bad("it has more than three parts");
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (parts[i].empty()) return bad(fmt::format("its {} is empty", kNames[i]));
    if (!is_component(parts[i])) {
      return bad(fmt::format("its {} \"{}\" has characters other than letters, digits, \"_\", \"-\" and \".\"",
                             kNames[i], printable(parts[i], 32)));
    }
  }
  Platform platform;
  platform.os = parts[0];
  platform.architecture = parts[1];
  if (parts.size() == 3) platform.variant = parts[2];
  return platform.normalized();
}

Platform Platform::normalized() const {
  Platform result = *this;
  result.os = to_lower(os);
  if (result.os == "macos") result.os = "darwin";
  result.architecture = to_lower(architecture);
  result.variant = to_lower(variant);
  normalize_architecture(result.architecture, result.variant);
  return result;
}

bool Platform::satisfies(const Platform& wanted) const {
  // Normalisation gives an architecture's default variant one spelling, so equality covers the empty variant too.
  const Platform have = normalized();
  const Platform want = wanted.normalized();
  return have.os == want.os && have.architecture == want.architecture && have.variant == want.variant &&
         (want.os_version.empty() || have.os_version == want.os_version);
}

std::string Platform::to_string() const {
  std::string text = fmt::format("{}/{}", os, architecture);
  if (!variant.empty()) text += '/' + variant;
  return text;
}

}  // namespace freightliner::oci
