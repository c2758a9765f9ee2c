#pragma once

#include <set>
#include <unordered_map>
#include <vector>

#include "freightliner/oci/manifest.h"
#include "freightliner/transport/image_source.h"

namespace freightliner::copy {

/// Everything below one or more manifests, each thing once, in the order in which it may be written.
struct CopyPlan {
  std::vector<oci::RawManifest> manifests;  // whatever a manifest names stands before it
  std::vector<oci::Descriptor> blobs;       // to be at the destination before any manifest
  std::vector<oci::Descriptor> foreign;     // kept as references, not fetched
};

/// Reads manifests at the source and adds their closure to a plan. Confined to one thread.
class PlanBuilder {
 public:
  PlanBuilder(transport::ImageSource& source, http::Caller& caller) : source_(source), caller_(caller) {}

  /// Adds a manifest and all below it. Errors: kProtocol (nested deeper than 16, too much in all), kIntegrity (one digest
  /// with two sizes), kNotFound (a child that is missing).
  Status add(const oci::RawManifest& manifest);
  const CopyPlan& plan() const noexcept { return plan_; }
  CopyPlan take() noexcept { return std::move(plan_); }

 private:
  Status add_at(const oci::RawManifest& manifest, int depth);
  Status add_child(const oci::Descriptor& child, int depth);
  Status add_blob(const oci::Descriptor& blob);
  /// False where the digest is known; an error where its size was another one.
  Result<bool> is_new(const oci::Digest& digest, std::uint64_t size);

  transport::ImageSource& source_;
  http::Caller& caller_;
  CopyPlan plan_;
  std::unordered_map<oci::Digest, std::uint64_t> sizes_;
  std::uint64_t manifest_bytes_ = 0;
};

/// Reads the manifest that a descriptor names, and checks that it is what the descriptor says (size, media type).
Result<oci::RawManifest> read_child(transport::ImageSource& source, http::Caller& caller, const oci::Descriptor& child);

}  // namespace freightliner::copy
