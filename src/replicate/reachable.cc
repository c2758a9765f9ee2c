#include "replicate/reachable.h"

#include <vector>

namespace freightliner::replicate {
namespace {}  // namespace

Status Reachable::add_tag(http::Caller& caller, const std::string& tag) {
  FL_TRY(const auto source, tree_.source(repository_, tag));
  FL_TRY(const oci::RawManifest root, source->root(caller));
  return walk(caller, *source, root, 1);
}

Status Reachable::walk(http::Caller& caller, transport::ImageSource& source, const oci::RawManifest& manifest,
                       int depth) {
  if (depth > oci::kMaxIndexDepth) return fail(ErrorCode::kProtocol, "indexes are nested too deep");
  needed_.insert(manifest.digest());
  if (!walked_.insert(manifest.digest()).second) return {};
  FL_TRY(const oci::ManifestContent content, oci::parse_manifest(manifest));
  std::vector<oci::Descriptor> needs = oci::children_of(content);
  if (const auto subject = oci::subject_of(content)) needs.push_back(*subject);
  for (const oci::Descriptor& need : needs) {
    needed_.insert(need.digest);
    if (walked_.contains(need.digest)) continue;
    auto below = source.manifest(caller, need);
    if (!below && below.error().code() == ErrorCode::kNotFound) continue;
    if (!below) return fail(std::move(below).error());
    FL_CHECK(walk(caller, source, *below, depth + 1));
  }
  return {};
}

}  // namespace freightliner::replicate
