#pragma once

#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "freightliner/oci/manifest.h"
#include "freightliner/transport/image_source.h"

namespace freightliner::copy {

/// Everything below one or more manifests, each thing once, in the order in which it may be written.
struct CopyPlan {
  std::vector<oci::RawManifest> manifests;  // whatever a manifest names stands before it
  std::vector<oci::Descriptor> blobs;       // to be at the destination before any manifest
  std::vector<oci::Descriptor> foreign;     // nothing but references to elsewhere: not fetched
};

/// Reads manifests at the source and adds their closure to a plan. Confined to one thread.
class PlanBuilder {
 public:
  PlanBuilder(transport::ImageSource& source, http::Caller& caller) : source_(source), caller_(caller) {}

  /// Adds a manifest and all below it. Errors: kProtocol (more than 16 indexes in one another, too much in all),
  /// kIntegrity (one digest with two sizes), kNotFound (a child that is missing).
  Status add(const oci::RawManifest& manifest);
  const CopyPlan& plan() const noexcept { return plan_; }
  CopyPlan take();

 private:
  Status add_at(const oci::RawManifest& manifest, int depth);
  Status add_child(const oci::Descriptor& child, int depth);
  Status add_blob(const oci::Descriptor& blob);
  /// One digest has one size, whatever it is named as.
  Status check_size(const oci::Digest& digest, std::uint64_t size);

  transport::ImageSource& source_;
  http::Caller& caller_;
  CopyPlan plan_;
  std::unordered_map<oci::Digest, std::uint64_t> sizes_;
  // By role: the same bytes may be a layer here and a manifest there, and have to arrive as both.
  std::unordered_set<oci::Digest> manifests_;
  std::unordered_set<oci::Digest> blobs_;
  std::unordered_set<oci::Digest> foreign_;
  std::uint64_t manifest_bytes_ = 0;
};

/// Reads the manifest that a descriptor names, and checks that it is what the descriptor says (size, media type).
Result<oci::RawManifest> read_child(transport::ImageSource& source, http::Caller& caller, const oci::Descriptor& child);

}  // namespace freightliner::copy
