#include "freightliner/oci/manifest_rewrite.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "freightliner/base/text.h"
#include "freightliner/oci/json.h"
#include "freightliner/oci/media_type.h"
#include "oci/ordered_json.h"

namespace freightliner::oci {
namespace {

// BuildKit's attestations stand beside an image in its index and name it (BuildKit, docs/attestations).
constexpr const char* kBuildKitReference = "vnd.docker.reference.digest";

// Tables of contents of the compressed bytes: offsets and check sums that other bytes do not have.
constexpr std::array<std::string_view, 3> kAnnotationsOfBytes = {
    "containerd.io/snapshot/stargz/", "io.containers.estargz.", "io.github.containers.zstd-chunked."};

class Rewriter {
 public:
  explicit Rewriter(const ManifestChanges& changes) : changes_(changes) {}

  void rewrite(OrderedJson& manifest, const std::string& media_type) const {
    // A docker manifest always says what it is; an OCI one need not, and keeps its form.
    if (manifest.contains("mediaType") || oci_type_of(media_type) != media_type) {
      manifest["mediaType"] = oci_type_of(media_type);
    }
    if (manifest.contains("config")) convert_type(manifest["config"]);
    for (const char* const member : {"layers", "manifests"}) {
      if (!manifest.contains(member) || !manifest[member].is_array()) continue;
      for (OrderedJson& descriptor : manifest[member]) replace(descriptor);
    }
    if (changes_.annotations.empty()) return;
    OrderedJson& annotations = manifest["annotations"];
    if (!annotations.is_object()) annotations = OrderedJson::object();
    for (const auto& [key, value] : changes_.annotations) annotations[key] = value;
  }

 private:
  static void convert_type(OrderedJson& descriptor) {
    if (!descriptor.is_object() || !descriptor.contains("mediaType")) return;
    OrderedJson& type = descriptor["mediaType"];
    if (type.is_string()) type = oci_type_of(type.get_ref<const std::string&>());
  }

  const Descriptor* replacement_of(const OrderedJson& digest) const {
    if (!digest.is_string()) return nullptr;
    const auto parsed = Digest::parse(digest.get_ref<const std::string&>());
    if (!parsed) return nullptr;
    const auto found = changes_.replaced.find(*parsed);
    return found == changes_.replaced.end() ? nullptr : &found->second;
  }

  void replace(OrderedJson& descriptor) const {
    const std::string type = descriptor["mediaType"].get<std::string>();
    const bool is_manifest = is_manifest_type(type) || is_index_type(type);
    const bool is_elsewhere = descriptor.contains("urls") && !descriptor["urls"].empty();
    const bool may_change = is_manifest || (layer_compression(type) && !is_elsewhere);
    const Descriptor* const replacement = may_change ? replacement_of(descriptor["digest"]) : nullptr;
    // A manifest of Docker's that is kept has its type; layers get OCI's, whether they are replaced or not.
    if (replacement == nullptr && !is_manifest) convert_type(descriptor);
    if (descriptor.contains("annotations") && descriptor["annotations"].is_object()) {
      rewrite_annotations(descriptor["annotations"], replacement != nullptr);
    }
    if (replacement == nullptr) return;
    descriptor["mediaType"] = replacement->media_type;
    descriptor["digest"] = replacement->digest.to_string();
    descriptor["size"] = replacement->size;
    descriptor.erase("data");
  }

  void rewrite_annotations(OrderedJson& annotations, bool other_bytes) const {
    if (annotations.contains(kBuildKitReference)) {
      OrderedJson& reference = annotations[kBuildKitReference];
      if (const Descriptor* const child = replacement_of(reference)) reference = child->digest.to_string();
    }
    if (!other_bytes) return;
    OrderedJson kept = OrderedJson::object();
    for (const auto& annotation : annotations.items()) {
      const bool of_bytes = std::ranges::any_of(
          kAnnotationsOfBytes, [&](std::string_view prefix) { return annotation.key().starts_with(prefix); });
      if (!of_bytes) kept[annotation.key()] = annotation.value();
    }
    annotations = std::move(kept);
  }

  const ManifestChanges& changes_;
};

}  // namespace

Result<RewrittenManifest> rewrite_manifest(const RawManifest& manifest, const ManifestChanges& changes) {
  FL_TRY([[maybe_unused]] const ManifestContent checked, parse_manifest(manifest));
  try {
    OrderedJson json = OrderedJson::parse(manifest.bytes());
    Rewriter(changes).rewrite(json, manifest.media_type());
    return RewrittenManifest{dump_compact(json), oci_type_of(manifest.media_type())};
  } catch (const nlohmann::json::exception& error) {
    return fail(ErrorCode::kProtocol, fmt::format("manifest {} can't be written anew: {}",
                                                  manifest.digest().to_string(), printable(error.what(), 160)));
  }
}

std::optional<std::string> annotation_of(const RawManifest& manifest, std::string_view key) {
  const auto json = parse_json(manifest.bytes(), "manifest");
  if (!json || !json->is_object()) return std::nullopt;
  const auto annotations = json->find("annotations");
  if (annotations == json->end() || !annotations->is_object()) return std::nullopt;
  const auto value = annotations->find(key);
  if (value == annotations->end() || !value->is_string()) return std::nullopt;
  return value->get<std::string>();
}

Result<std::vector<Digest>> diff_ids_of(std::string_view config) {
  FL_TRY(const Json json, parse_json(config, "image config"));
  const auto refuse = [](std::string_view reason) {
    return fail(ErrorCode::kProtocol, fmt::format("image config: {}", reason));
  };
  const auto rootfs = json.is_object() ? json.find("rootfs") : json.end();
  if (rootfs == json.end() || !rootfs->is_object()) return refuse("it has no rootfs, and so no diff_ids");
  const auto list = rootfs->find("diff_ids");
  if (list == rootfs->end() || !list->is_array()) return refuse("rootfs.diff_ids: must be an array");
  std::vector<Digest> diff_ids;
  for (const Json& element : *list) {
    if (!element.is_string()) return refuse("rootfs.diff_ids: must be an array of digests");
    FL_TRY(const Digest digest, Digest::parse(element.get_ref<const std::string&>()));
    diff_ids.push_back(digest);
  }
  return diff_ids;
}

}  // namespace freightliner::oci
