#include "copy/recompression.h"

#include <fmt/format.h>

#include <algorithm>

#include "copy/blob_batch.h"
#include "freightliner/copy/recompress_buffers.h"
#include "freightliner/copy/recompress_mark.h"
#include "freightliner/copy/small_blob.h"
#include "freightliner/io/hasher.h"
#include "freightliner/oci/manifest_rewrite.h"

namespace freightliner::copy {
namespace {

RelayFailure failed_at(Error error, RelaySide side) {
  return {std::move(error), side};
}

/// Passes all that the reader gives to the stream, and names it in the end.
std::optional<RelayFailure> pass(io::BlobReader& reader, io::BlobStream& stream, std::string_view media_type,
                                 std::optional<oci::Descriptor>& outcome) {
  io::Hasher hasher;
  std::uint64_t size = 0;
  for (;;) {
    Result<io::Chunk> chunk = reader.read();
    if (!chunk) return failed_at(std::move(chunk).error(), RelaySide::kSource);
    if (!*chunk) break;
    hasher.update(chunk->bytes());
    size += chunk->size();
    if (Status written = stream.write(*std::move(chunk)); !written) {
      return failed_at(std::move(written).error(), RelaySide::kDestination);
    }
  }
  outcome = oci::Descriptor{.media_type = std::string(media_type), .digest = hasher.finish(), .size = size};
  Status committed = stream.commit(*outcome);
  if (!committed) return failed_at(std::move(committed).error(), RelaySide::kDestination);
  return std::nullopt;
}

}  // namespace

/// The source as it would be with its image recompressed. Whatever was not changed comes from the real one.
class Recompression::Source final : public transport::ImageSource {
 public:
  explicit Source(const RecompressWork& work) : work_(work) {}

  void add(const oci::RawManifest& manifest) { manifests_.insert_or_assign(manifest.digest(), manifest); }
  void add(const oci::Digest& layer, const LayerRecipe& recipe) { layers_.insert_or_assign(layer, recipe); }
  void set_root(const oci::RawManifest& root) { root_ = root; }

  std::string name() const override { return work_.source.name(); }
  Result<oci::Descriptor> resolve(http::Caller&) override { return root_->descriptor(); }
  Result<oci::RawManifest> root(http::Caller&) override { return *root_; }
  Result<oci::RawManifest> manifest(http::Caller& caller, const oci::Descriptor& descriptor) override {
    const auto found = manifests_.find(descriptor.digest);
    if (found != manifests_.end()) return found->second;
    return work_.source.manifest(caller, descriptor);
  }
  Result<std::optional<oci::RawManifest>> tagged(http::Caller& caller, const std::string& tag) override {
    return work_.source.tagged(caller, tag);
  }
  Result<std::optional<std::vector<oci::Descriptor>>> referrers(http::Caller& caller,
                                                                const oci::Digest& digest) override {
    return work_.source.referrers(caller, digest);
  }
  Result<std::unique_ptr<io::BlobReader>> open_blob(http::Caller& caller, const oci::Descriptor& blob,
                                                    io::ChunkQueue& queue) override {
    const auto found = layers_.find(blob.digest);
    if (found == layers_.end()) return work_.source.open_blob(caller, blob, queue);
    FL_TRY(auto reader, RecompressingReader::open(caller, work_, found->second, queue));
    return std::unique_ptr<io::BlobReader>(std::move(reader));
  }
  Result<std::optional<registry::MountOrigin>> mount_origin() override { return work_.source.mount_origin(); }

 private:
  const RecompressWork& work_;
  std::optional<oci::RawManifest> root_;
  std::map<oci::Digest, oci::RawManifest> manifests_;
  std::map<oci::Digest, LayerRecipe> layers_;
};

Recompression::Recompression(const CopyServices& services, transport::ImageSource& source,
                             transport::ImageDestination& destination, BlobMover::Origins origins,
                             const RecompressOptions& options)
    : services_(services),
      destination_(destination),
      origins_(std::move(origins)),
      work_{services, source, options, origins_.route()},
      stand_in_(std::make_unique<Source>(work_)) {}
Recompression::~Recompression() = default;

transport::ImageSource& Recompression::source() noexcept {
  return *stand_in_;
}

Status Recompression::examine(http::Caller& caller, CopyPlan plan) {
  plan_ = std::move(plan);
  for (const oci::RawManifest& manifest : plan_.manifests) {
    FL_TRY(const oci::ManifestContent content, oci::parse_manifest(manifest));
    const auto* const image = std::get_if<oci::ImageManifest>(&content);
    // What has another config is an artifact, whatever its layers are called.
    if (image == nullptr || !oci::is_image_config_type(image->config.media_type)) continue;
    Status examined = examine_image(caller, manifest, *image);
    if (!examined) {
      return fail(std::move(examined).error().with_context("manifest " + manifest.digest().to_string()));
    }
  }
  return {};
}

Status Recompression::examine_image(http::Caller& caller, const oci::RawManifest& manifest,
                                    const oci::ImageManifest& image) {
  const auto differs = [&](const oci::Descriptor& layer) {
    const auto compression = oci::layer_compression(layer.media_type);
    return compression && !layer.is_foreign() && *compression != work_.options.settings.compression;
  };
  if (std::ranges::none_of(image.layers, differs)) return {};
  affected_.insert(manifest.digest());
  FL_TRY(const std::string config, read_small_blob(work_.source, caller, services_.buffers, image.config));
  FL_TRY(const std::vector<oci::Digest> diff_ids, oci::diff_ids_of(config));
  if (diff_ids.size() != image.layers.size()) {
    return fail(ErrorCode::kIntegrity,
                fmt::format("{} layers, but its config has the diff_ids of {}", image.layers.size(), diff_ids.size()));
  }
  for (std::size_t i = 0; i < image.layers.size(); ++i) {
    const oci::Descriptor& layer = image.layers[i];
    if (!differs(layer)) continue;
    LayerRecipe recipe{layer, diff_ids[i], *oci::layer_compression(layer.media_type)};
    const bool known =
        std::ranges::any_of(layers_, [&](const LayerRecipe& other) { return other.key() == recipe.key(); });
    if (!known) layers_.push_back(std::move(recipe));
    changing_.insert(layer.digest);
  }
  return {};
}

Status Recompression::convert(http::Caller& caller) {
  std::vector<const oci::Descriptor*> blobs(layers_.size());
  std::ranges::transform(layers_, blobs.begin(), [](const LayerRecipe& recipe) { return &recipe.source; });
  return for_each_blob(caller, services_, blobs, [&](http::Caller& mine, std::size_t index) -> Status {
    const LayerRecipe& recipe = layers_[index];
    FL_TRY(RecompressionLedger::Claim claim, services_.recompressions.get().claim(recipe.key(), mine.stop));
    std::optional<oci::Descriptor> outcome = claim.outcome();
    if (!outcome) {
      FL_TRY(outcome, convert_layer(mine, recipe));
      claim.settle(*outcome);
    }
    outcomes_.with([&](auto& outcomes) { outcomes.insert_or_assign(recipe.source.digest, *outcome); });
    return {};
  });
}

Result<oci::Descriptor> Recompression::convert_layer(http::Caller& caller, const LayerRecipe& recipe) {
  std::optional<oci::Descriptor> outcome;
  FL_CHECK(with_retries(services_, caller.stop, recipe.source, [&] { return attempt(caller, recipe, outcome); }));
  services_.ledger.get().note_blob(ledger_place(origins_.destination), outcome->digest);
  converted_.with([&](Converted& all) {
    all.blobs.insert(outcome->digest);
    all.bytes_before += recipe.source.size;
    all.bytes_after += outcome->size;
  });
  services_.log.info("layer {} recompressed: {} ({} → {})", recipe.source.digest.to_string(),
                     outcome->digest.to_string(), format_bytes(recipe.source.size), format_bytes(outcome->size));
  return *outcome;
}

Result<std::optional<RelayFailure>> Recompression::attempt(http::Caller& caller, const LayerRecipe& recipe,
                                                           std::optional<oci::Descriptor>& outcome) {
  // Every layer, however small: a codec takes more memory than the layer's buffers.
  FL_TRY(const TransferSlots::Slot slot, services_.slots.take(caller.stop));
  const std::uint64_t memory_needed = recompress_buffer_bytes(services_.chunk_size, services_.chunks_per_queue) +
                                      io::codec_memory(work_.options.settings, work_.options.threads);
  FL_TRY(const runtime::MemoryGovernor::Reservation memory,
         services_.memory.reserve({.wanted = memory_needed, .least = memory_needed}, caller.stop));
  io::ChunkQueue queue(services_.buffers, services_.chunk_size, services_.chunks_per_queue);
  FL_TRY(const std::unique_ptr<io::BlobStream> stream, destination_.begin_stream(caller, recipe.source));
  runtime::OperationTimer timer(services_.monitor, runtime::Operation::kRecompress);
  auto reader = RecompressingReader::open(caller, work_, recipe, queue);
  if (!reader) {
    timer.fail(reader.error());
    if (reader.error().code() != ErrorCode::kIntegrity) return fail(std::move(reader).error());
    return std::optional(failed_at(std::move(reader).error(), RelaySide::kSource));
  }
  auto failure = pass(**reader, *stream, oci::oci_layer_type(work_.options.settings.compression), outcome);
  failure ? timer.fail(failure->error) : timer.finish({.bytes = outcome->size, .items = 1});
  reader->reset();
  if (failure) stream->abort();
  return failure;
}

Result<oci::RawManifest> Recompression::rewrite(const oci::RawManifest& root) {
  oci::ManifestChanges changes;
  outcomes_.with([&](const auto& outcomes) { changes.replaced = outcomes; });
  for (const LayerRecipe& recipe : layers_) stand_in_->add(changes.replaced.at(recipe.source.digest).digest, recipe);
  oci::RawManifest last = root;
  // Children stand before what names them.
  for (const oci::RawManifest& manifest : plan_.manifests) {
    FL_TRY(const oci::ManifestContent content, oci::parse_manifest(manifest));
    const bool affected = affected_.contains(manifest.digest()) ||
                          std::ranges::any_of(oci::children_of(content),
                                              [&](const auto& child) { return affected_.contains(child.digest); });
    last = manifest;
    if (affected && std::holds_alternative<oci::UnknownManifest>(content)) {
      return fail(ErrorCode::kProtocol, fmt::format("manifest {} is of a type that can't be written anew: leave "
                                                    "--recompress out",
                                                    manifest.digest().to_string()));
    }
    if (affected) {
      changes.annotations = {{std::string(kSourceDigestAnnotation), manifest.digest().to_string()},
                             {std::string(kRecompressAnnotation), work_.options.settings.to_string()}};
      FL_TRY(oci::RewrittenManifest rewritten, oci::rewrite_manifest(manifest, changes));
      const oci::Digest digest = io::digest_of(rewritten.bytes);
      last = oci::RawManifest(std::move(rewritten.bytes), std::move(rewritten.media_type), digest);
      affected_.insert(manifest.digest());
      changes.replaced.insert_or_assign(manifest.digest(), last.descriptor());
    }
    stand_in_->add(last);
  }
  stand_in_->set_root(last);
  return last;
}

}  // namespace freightliner::copy
