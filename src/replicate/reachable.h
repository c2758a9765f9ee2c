#pragma once

#include <set>
#include <string>

#include "freightliner/base/result.h"
#include "freightliner/http/session.h"
#include "freightliner/oci/manifest.h"
#include "freightliner/transport/image_tree.h"

namespace freightliner::replicate {

/// The digests of one repository that its tags need: what they name, the children of indexes at any depth, and the
/// subjects of all these with their children. Confined to one thread.
class Reachable {
 public:
  Reachable(transport::ImageTree& tree, std::string repository) : tree_(tree), repository_(std::move(repository)) {}

  /// Adds what a tag needs. Errors: those of reading a manifest; kProtocol where indexes are nested deeper than a copy
  /// follows them. A child or subject that is not there (a sparse index) is no error, and is needed all the same.
  Status add_tag(http::Caller& caller, const std::string& tag);
  bool contains(const oci::Digest& digest) const { return needed_.contains(digest); }

 private:
  Status walk(http::Caller& caller, transport::ImageSource& source, const oci::RawManifest& manifest, int depth);

  transport::ImageTree& tree_;
  std::string repository_;
  std::set<oci::Digest> needed_;
  std::set<oci::Digest> walked_;  // of those, the ones whose own needs are known
};

}  // namespace freightliner::replicate
