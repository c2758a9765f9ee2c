#include "copy/platform_selection.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "copy/copy_plan.h"
#include "freightliner/copy/small_blob.h"
#include "freightliner/io/hasher.h"
#include "freightliner/oci/json.h"

namespace freightliner::copy {
namespace {

std::string list_of(const std::vector<oci::Descriptor>& manifests) {
  std::set<std::string> names;
  for (const oci::Descriptor& manifest : manifests) {
    if (manifest.platform && manifest.platform->os != "unknown") names.insert(manifest.platform->to_string());
  }
  return names.empty() ? "none" : fmt::format("{}", fmt::join(names, ", "));
}

Unexpected missing(const transport::ImageSource& source, const oci::Platform& wanted, const std::string& there) {
  return fail(ErrorCode::kNotFound,
              fmt::format("{} has no image for platform {} (there: {})", source.name(), wanted.to_string(), there));
}

Result<oci::Platform> platform_of(transport::ImageSource& source, http::Caller& caller, io::BufferPool& buffers,
                                  const oci::ImageManifest& image) {
  FL_TRY(const std::string config, read_small_blob(source, caller, buffers, image.config));
  FL_TRY(const oci::Json json, oci::parse_json(config, "image config"));
  const auto text = [&](const char* name) {
    const auto it = json.is_object() ? json.find(name) : json.end();
    return it != json.end() && it->is_string() ? it->get<std::string>() : std::string();
  };
  return oci::Platform{.os = text("os"),
                       .architecture = text("architecture"),
                       .variant = text("variant"),
                       .os_version = text("os.version"),
                       .os_features = {}};
}

const oci::Descriptor* find_platform(const std::vector<oci::Descriptor>& manifests, const oci::Platform& wanted) {
  const auto it = std::ranges::find_if(manifests, [&](const oci::Descriptor& manifest) {
    return manifest.platform && manifest.platform->satisfies(wanted);
  });
  return it == manifests.end() ? nullptr : &*it;
}

Result<oci::RawManifest> check_plain_image(transport::ImageSource& source, http::Caller& caller,
                                           io::BufferPool& buffers, const oci::RawManifest& root,
                                           const oci::ImageManifest& image,
                                           const std::vector<oci::Platform>& platforms) {
  FL_TRY(const oci::Platform have, platform_of(source, caller, buffers, image));
  for (const oci::Platform& wanted : platforms) {
    if (!have.satisfies(wanted)) return missing(source, wanted, have.to_string());
  }
  return root;
}

}  // namespace

Result<oci::RawManifest> select_platforms(transport::ImageSource& source, http::Caller& caller, io::BufferPool& buffers,
                                          const oci::RawManifest& root, const std::vector<oci::Platform>& platforms) {
  FL_TRY(const oci::ManifestContent content, oci::parse_manifest(root));
  if (const auto* image = std::get_if<oci::ImageManifest>(&content)) {
    return check_plain_image(source, caller, buffers, root, *image, platforms);
  }
  const auto* index = std::get_if<oci::ImageIndex>(&content);
  if (index == nullptr) {
    return fail(ErrorCode::kUsage,
                fmt::format("{} is neither an image nor an index: --platform can't select from it", source.name()));
  }
  std::set<const oci::Descriptor*> chosen;
  for (const oci::Platform& wanted : platforms) {
    const oci::Descriptor* found = find_platform(index->manifests, wanted);
    if (found == nullptr) return missing(source, wanted, list_of(index->manifests));
    chosen.insert(found);
  }
  if (platforms.size() == 1) return read_child(source, caller, **chosen.begin());

  std::vector<oci::Descriptor> kept;
  for (const oci::Descriptor& manifest : index->manifests) {
    if (chosen.contains(&manifest)) kept.push_back(manifest);
  }
  std::string bytes = oci::serialize_index(root.media_type(), kept, index->annotations);
  const oci::Digest digest = io::digest_of(bytes);
  return oci::RawManifest(std::move(bytes), root.media_type(), digest);
}

}  // namespace freightliner::copy
