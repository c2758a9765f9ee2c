#include "copy/copy_plan.h"

#include <fmt/format.h>

#include "freightliner/base/text.h"
#include "freightliner/oci/media_type.h"

namespace freightliner::copy {
namespace {

// All manifests of an image are held while it is copied: this bounds the memory that a hostile index can ask for.
constexpr std::uint64_t kMaxManifestBytesInPlan = 64 * kMiB;

bool is_known_type(const std::string& media_type) {
  return oci::is_index_type(media_type) || oci::is_manifest_type(media_type);
}

}  // namespace

Result<oci::RawManifest> read_child(transport::ImageSource& source, http::Caller& caller,
                                    const oci::Descriptor& child) {
  FL_TRY(oci::RawManifest manifest, source.manifest(caller, child));
  if (manifest.size() != child.size) {
    return fail(ErrorCode::kIntegrity, fmt::format("manifest {} has {} bytes, its parent says {}",
                                                   child.digest.to_string(), manifest.size(), child.size));
  }
  const std::string wanted = oci::bare_media_type(child.media_type);
  if (is_known_type(wanted) && is_known_type(manifest.media_type()) && wanted != manifest.media_type()) {
    return fail(ErrorCode::kProtocol,
                fmt::format("manifest {} is served as {}, its parent says {}", child.digest.to_string(),
                            printable(manifest.media_type()), printable(wanted)));
  }
  return manifest;
}

Status PlanBuilder::add(const oci::RawManifest& manifest) {
  return add_at(manifest, 1);
}

CopyPlan PlanBuilder::take() {
  // What one manifest has by reference, another may have for real.
  std::erase_if(plan_.foreign, [&](const oci::Descriptor& layer) { return blobs_.contains(layer.digest); });
  return std::move(plan_);
}

Status PlanBuilder::check_size(const oci::Digest& digest, std::uint64_t size) {
  const auto [it, inserted] = sizes_.emplace(digest, size);
  if (it->second == size) return {};
  return fail(ErrorCode::kIntegrity,
              fmt::format("{} is named with two sizes, {} and {}", digest.to_string(), it->second, size));
}

Status PlanBuilder::add_blob(const oci::Descriptor& blob) {
  FL_CHECK(check_size(blob.digest, blob.size));
  const bool foreign = blob.is_foreign();
  if ((foreign ? foreign_ : blobs_).insert(blob.digest).second) (foreign ? plan_.foreign : plan_.blobs).push_back(blob);
  return {};
}

Status PlanBuilder::add_child(const oci::Descriptor& child, int depth) {
  FL_CHECK(check_size(child.digest, child.size));
  if (manifests_.contains(child.digest)) return {};
  FL_TRY(const oci::RawManifest manifest, read_child(source_, caller_, child));
  return add_at(manifest, depth);
}

Status PlanBuilder::add_at(const oci::RawManifest& manifest, int depth) {
  if (depth > oci::kMaxIndexDepth) {
    return fail(ErrorCode::kProtocol, fmt::format("indexes are nested deeper than {}", oci::kMaxIndexDepth - 1));
  }
  FL_CHECK(check_size(manifest.digest(), manifest.size()));
  if (!manifests_.insert(manifest.digest()).second) return {};
  manifest_bytes_ += manifest.size();
  if (manifest_bytes_ > kMaxManifestBytesInPlan) {
    return fail(ErrorCode::kProtocol,
                fmt::format("the manifests of this image take more than {}", format_bytes(kMaxManifestBytesInPlan)));
  }
  auto content = oci::parse_manifest(manifest);
  if (!content) return fail(std::move(content).error().with_context("manifest " + manifest.digest().to_string()));
  for (const oci::Descriptor& blob : oci::blobs_of(*content)) FL_CHECK(add_blob(blob));
  for (const oci::Descriptor& child : oci::children_of(*content)) FL_CHECK(add_child(child, depth + 1));
  plan_.manifests.push_back(manifest);
  return {};
}

}  // namespace freightliner::copy
