#include "cli/copy_request.h"

#include <fmt/format.h>

#include <algorithm>
#include <thread>
#include <utility>

#include "cli/run_credentials.h"
#include "cli/run_files.h"
#include "freightliner/base/text.h"
#include "freightliner/oci/reference.h"

namespace freightliner::cli {
namespace {

Status parse_names(const std::vector<std::string>& operands, CopyOrder& request) {
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

// zstd's own for one layer: besides them one thread unpacks, and other layers are under way.
unsigned codec_threads() {
  constexpr unsigned kMost = 4;
  return std::clamp(std::thread::hardware_concurrency() / 2, 1U, kMost);
}

Status parse_recompress(const Settings& settings, copy::CopyOptions& options) {
  options.allow_digest_change = settings.on("allow-digest-change");
  if (!settings.has("recompress")) {
    if (!options.allow_digest_change) return {};
    return usage_at(settings, "allow-digest-change", "digests change with --recompress only, and there is none");
  }
  auto parsed = io::CompressionSettings::parse(settings.text("recompress"));
  if (!parsed) return fail(std::move(parsed).error().with_context(settings.where("recompress")));
  options.recompress = copy::RecompressOptions{*parsed, codec_threads()};
  if (!options.referrers || options.allow_digest_change) return {};
  return usage_at(settings, "recompress",
                  "--referrers brings signatures of the digests that the source has, and the destination gets others: "
                  "sign again there, or add --allow-digest-change to bring them all the same");
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
  return parse_recompress(settings, options);
}

std::uint64_t codec_memory_of(const copy::CopyOptions& options) noexcept {
  return options.recompress ? io::codec_memory(options.recompress->settings, options.recompress->threads) : 0;
}

Status settle_destination(const transport::ImageName& source, transport::ImageName& destination, bool digest_changes) {
  const auto& wanted = digest_of(source);
  const auto& pinned = digest_of(destination);
  if (wanted && pinned && *wanted != *pinned && !digest_changes) {
    return fail(ErrorCode::kUsage,
                fmt::format("DST is named by digest {}, but SRC by {}", pinned->to_string(), wanted->to_string()));
  }
  const bool open = destination.reference && destination.reference->tag_defaulted && !pinned;
  if (!open || !wanted) return {};
  if (digest_changes) {
    return fail(ErrorCode::kUsage,
                "with --platform and --recompress the image gets another digest than SRC: name a tag in DST");
  }
  destination.reference->tag.clear();
  destination.reference->tag_defaulted = false;
  destination.reference->digest = wanted;
  return {};
}

namespace {

// A digest stands for bytes, and these are to become others.
Status check_digests(const Settings& settings, const CopyOrder& request) {
  if (!request.options.recompress) return {};
  if (const auto& pinned = digest_of(request.destination)) {
    return usage_at(settings, "recompress",
                    fmt::format("DST is named by digest {}, and what is written gets a digest of its own: name a tag",
                                pinned->to_string()));
  }
  if (const auto& wanted = digest_of(request.source); wanted && !request.options.allow_digest_change) {
    return usage_at(settings, "recompress",
                    fmt::format("SRC is named by digest {}, which the destination would not have: leave --recompress "
                                "out, or add --allow-digest-change",
                                wanted->to_string()));
  }
  return {};
}

// What is kept of a copy are its uploads.
Status parse_checkpoint(const Settings& settings, CopyRequest& request) {
  FL_CHECK(require_place(settings, "checkpoint"));
  request.checkpoint = settings.text("checkpoint");
  if (request.checkpoint.empty() || request.destination.kind == transport::TransportKind::kDocker) return {};
  return usage_at(settings, "checkpoint", "a copy keeps uploads to a registry in it, and DST is none: leave it out");
}

}  // namespace

Result<CopyOrder> make_copy_order(const Settings& settings, const std::vector<std::string>& operands) {
  CopyOrder order;
  FL_CHECK(parse_names(operands, order));
  for (const auto* const name : {&order.source, &order.destination}) FL_CHECK(require_apart(settings, *name));
  FL_CHECK(read_copy_options(settings, order.options));
  FL_CHECK(parse_tags(settings, order.destination.kind == transport::TransportKind::kDocker, order.options));
  FL_CHECK(check_digests(settings, order));
  const bool digest_changes = !order.options.platforms.empty() || order.options.recompress;
  FL_CHECK(settle_destination(order.source, order.destination, digest_changes));
  return order;
}

Result<CopyRequest> make_copy_request(const Settings& settings, const std::vector<std::string>& operands,
                                      const EnvironmentLookup& environment, int standard_input) {
  CopyRequest request;
  FL_TRY(static_cast<CopyOrder&>(request), make_copy_order(settings, operands));
  FL_CHECK(parse_checkpoint(settings, request));
  request.codec_memory = codec_memory_of(request.options);
  FL_CHECK(read_run_request(settings, environment, request));
  // Last: it may wait for standard input.
  const auto side = [](const transport::ImageName& name) {
    return CredentialSide{name.to_string(), name.kind == transport::TransportKind::kDocker};
  };
  FL_CHECK(read_credentials(settings, standard_input, {side(request.source), side(request.destination)}, request));
  return request;
}

}  // namespace freightliner::cli
