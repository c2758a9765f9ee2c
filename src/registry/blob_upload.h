#pragma once

#include <set>

#include "freightliner/base/guarded.h"
#include "registry/exchange.h"
#include "registry/self_mount.h"
#include "registry/upload_cancel.h"

namespace freightliner::registry {

/// The blob endpoints that write. See RegistryClient for the contracts.
class BlobUploads {
 public:
  BlobUploads(Exchange& exchange, std::uint64_t chunk_size) : exchange_(exchange), chunk_size_(chunk_size) {}

  Result<bool> has(http::Caller& caller, const std::string& repository, const oci::Descriptor& blob, bool write);
  Result<BlobStart> begin(http::Caller& caller, const std::string& repository, const oci::Descriptor& blob,
                          const std::optional<std::string>& mount_from);
  Result<BlobStart> begin_again(http::Caller& caller, const std::string& repository, const oci::Descriptor& blob) {
    return begin_after_head(caller, repository, blob, std::nullopt);
  }

  /// An upload of what is made from `origin`, which names it until its own digest is known.
  Result<std::unique_ptr<io::BlobStream>> begin_stream(http::Caller& caller, const std::string& repository,
                                                       const oci::Descriptor& origin);

 private:
  /// The answer to a POST that asks for a mount: 201 → true, 202 → the session.
  struct MountAnswer {
    bool mounted = false;
    std::optional<OpenUpload> session;
  };
  Result<MountAnswer> mount(http::Caller& caller, const std::string& repository, const oci::Descriptor& blob,
                            const oci::Digest& digest, const std::string& from);
  Result<OpenUpload> start(http::Caller& caller, const std::string& repository, const oci::Descriptor& blob);
  Result<BlobStart> begin_where_mounts_tell(http::Caller& caller, const std::string& repository,
                                            const oci::Descriptor& blob);
  Result<BlobStart> begin_after_head(http::Caller& caller, const std::string& repository, const oci::Descriptor& blob,
                                     std::optional<OpenUpload> session);
  Result<OpenUpload> session_of(http::Caller& caller, const http::Response& response, const Call& call,
                                const std::string& repository, const oci::Descriptor& blob) const;
  /// Uploads a blob that the repository is known to lack: goes on where an earlier run has left off, else in `session`,
  /// else in a new one.
  Result<BlobStart> upload(http::Caller& caller, const std::string& repository, const oci::Descriptor& blob,
                           std::optional<OpenUpload> session);
  Result<BlobStart> find_or_begin(http::Caller& caller, const std::string& repository, const oci::Descriptor& blob,
                                  const std::optional<std::string>& mount_from);

  Exchange& exchange_;
  std::uint64_t chunk_size_;
  SelfMountKnowledge self_mount_;
  Guarded<std::set<std::string>> refused_mounts_;  // repositories that nothing could be mounted from
};

}  // namespace freightliner::registry
