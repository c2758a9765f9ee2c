#include "cli/copy_request.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "cli/run_credentials.h"
#include "freightliner/base/text.h"
#include "freightliner/oci/reference.h"

namespace freightliner::cli {
namespace {

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

const std::optional<oci::Digest>& digest_of(const transport::ImageName& name) {
  return name.reference ? name.reference->digest : name.digest;
}

}  // namespace

Status read_copy_options(const Settings& settings, copy::CopyOptions& options) {
  FL_CHECK(parse_platforms(settings, options));
  const std::string overwrite = settings.text("overwrite");
  options.overwrite = overwrite == "always"  ? copy::Overwrite::kAlways
                      : overwrite == "never" ? copy::Overwrite::kNever
                                             : copy::Overwrite::kChanged;
  options.dry_run = settings.on("dry-run");
  options.referrers = settings.on("referrers");
  return {};
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
  FL_CHECK(read_copy_options(settings, request.options));
  FL_CHECK(parse_tags(settings, request.destination.kind == transport::TransportKind::kDocker, request.options));
  FL_CHECK(settle_destination(request.source, request.destination, !request.options.platforms.empty()));
  FL_CHECK(read_run_request(settings, environment, request));
  // Last: it may wait for standard input.
  const auto side = [](const transport::ImageName& name) {
    return CredentialSide{name.to_string(), name.kind == transport::TransportKind::kDocker};
  };
  FL_CHECK(read_credentials(settings, standard_input, {side(request.source), side(request.destination)}, request));
  return request;
}

}  // namespace freightliner::cli
