#pragma once

#include "copy/relay.h"
#include "freightliner/copy/copier.h"

namespace freightliner::copy {

/// Brings single blobs to a destination: finds out whether they are there, mounts them, or relays them, with retries.
/// Safe from any thread: each call has its own memory and its caller's session.
class BlobMover {
 public:
  enum class Outcome { kPresent, kMounted, kCopied };
  /// kAsk: by the cheapest means. kDistrust: the destination has refused a manifest for want of a blob.
  enum class Trust { kAsk, kDistrust };

  BlobMover(const CopyServices& services, transport::ImageSource& source, transport::ImageDestination& destination,
            std::optional<registry::MountOrigin> mount_origin)
      : services_(services), source_(source), destination_(destination), mount_origin_(std::move(mount_origin)) {}

  Result<Outcome> move(http::Caller& caller, const oci::Descriptor& blob, Trust trust);

 private:
  /// One try; nullopt in `failure`: it is done.
  struct Try {
    Outcome outcome = Outcome::kPresent;
    std::optional<RelayFailure> failure;
  };
  Result<Try> attempt(http::Caller& caller, const oci::Descriptor& blob, Trust trust);
  io::ChunkQueue make_queue(const oci::Descriptor& blob) const;

  const CopyServices& services_;
  transport::ImageSource& source_;
  transport::ImageDestination& destination_;
  std::optional<registry::MountOrigin> mount_origin_;
};

}  // namespace freightliner::copy
