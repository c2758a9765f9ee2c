#pragma once

#include <atomic>

#include "registry/exchange.h"

namespace freightliner::registry {

/// The manifest endpoints. See RegistryClient for the contracts.
class Manifests {
 public:
  explicit Manifests(Exchange& exchange) : exchange_(exchange) {}

  std::unique_ptr<AskedAhead> head_ahead(http::Caller& caller, const std::string& repository,
                                         const std::string& reference, bool write);
  Result<std::optional<oci::Descriptor>> head(http::Caller& caller, const std::string& repository,
                                              const std::string& reference, bool write,
                                              std::unique_ptr<AskedAhead> ahead = nullptr);
  Result<std::optional<oci::RawManifest>> get(http::Caller& caller, const std::string& repository,
                                              const std::string& reference, bool write);
  Result<PutManifestResult> put(http::Caller& caller, const std::string& repository, const std::string& reference,
                                const oci::RawManifest& manifest);
  Result<DeleteOutcome> remove(http::Caller& caller, const std::string& repository, const std::string& reference);
  Result<std::optional<std::vector<oci::Descriptor>>> referrers(http::Caller& caller, const std::string& repository,
                                                                const oci::Digest& digest);

 private:
  bool is_absent(int status, bool write) const noexcept;
  /// What the answer to a HEAD says.
  Result<std::optional<oci::Descriptor>> read_head(http::Caller& caller, const std::string& repository,
                                                   const std::string& reference, bool write,
                                                   const http::Response& response);
  /// Whether the tag names the digest by now; false where that can't be told. Asked once.
  bool names(http::Caller& caller, const std::string& repository, const std::string& tag, const oci::Digest& digest);
  Result<std::optional<oci::Digest>> stored_digest(http::Caller& caller, const std::string& repository,
                                                   const std::string& reference, const http::Response& response);
  Result<PutManifestResult> refused(http::Caller& caller, const std::string& repository, const std::string& reference,
                                    const oci::RawManifest& manifest, const http::Response& response);
  Result<http::Response> send_delete(http::Caller& caller, Call call, const std::string& repository);

  Exchange& exchange_;
  /// The token server knows no action "delete".
  std::atomic<bool> delete_needs_push_{false};
};

}  // namespace freightliner::registry
