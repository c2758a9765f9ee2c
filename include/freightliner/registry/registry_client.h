#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "freightliner/auth/authenticator.h"
#include "freightliner/http/caller.h"
#include "freightliner/http/host_governor.h"
#include "freightliner/http/retry_policy.h"
#include "freightliner/io/blob_reader.h"
#include "freightliner/io/blob_stream.h"
#include "freightliner/io/blob_writer.h"
#include "freightliner/oci/manifest.h"
#include "freightliner/registry/upload_journal.h"
#include "freightliner/runtime/cleanup_registry.h"
#include "freightliner/runtime/performance_monitor.h"
#include "freightliner/runtime/progress.h"

namespace freightliner::registry {

struct RegistryOptions {
  /// `host[:port]` as in oci::Reference::registry.
  std::string registry;
  /// Speak http, never https, to this host.
  bool plain_http = false;
  http::RetryPolicy retry;
  /// 0: a blob goes in the closing PUT. Else in PATCH requests of this many bytes (the registry's
  /// OCI-Chunk-Min-Length is honoured).
  std::uint64_t chunk_size = 0;
  /// What a run that writes is refused to see (403) counts as absent: Artifactory's "not there". Not where a tag that
  /// is there must be kept: who may push but not pull would overwrite it.
  bool refused_is_absent = true;
};

/// What all clients of a run share. Everything outlives the clients.
struct RegistryServices {
  http::HostGovernor& governor;
  Clock& clock;
  runtime::Progress& progress;
  runtime::CleanupRegistry& cleanups;  ///< of upload sessions
  runtime::PerformanceMonitor& monitor;
  Logger log;
  UploadJournal* uploads = nullptr;  ///< where sessions are noted for a later run; nullptr: nowhere
};

/// Where a blob could be mounted from: another repository of the same registry, reached with the same identity.
struct MountOrigin {
  std::string registry;
  std::string identity;
  std::string repository;

  bool operator==(const MountOrigin&) const = default;
};

/// How a blob upload began.
struct BlobStart {
  enum class State {
    kPresent,    ///< the repository has the blob
    kMounted,    ///< the registry has linked it from another repository
    kUploading,  ///< `writer` takes the bytes
  };
  State state = State::kPresent;
  std::unique_ptr<io::BlobWriter> writer = nullptr;
};

struct PutManifestResult {
  /// True where the registry took note of the manifest's subject (OCI-Subject), so that no fallback tag is needed.
  bool subject_indexed = false;
};

/// What became of a DELETE.
enum class DeleteOutcome {
  kDeleted,
  kAbsent,       ///< it was not there any more
  kUnsupported,  ///< the registry does not delete what is named so: not by tag (400, 405), or nothing at all (405)
};

/// The first attempt at a request, sent before its answer is wanted. Of the thread that has sent it; destroyed unused
/// it costs its connection.
struct AskedAhead {
  std::unique_ptr<http::PendingResponse> pending;
  TimePoint begun;
};

/// The endpoints of one registry (OCI distribution-spec v1.1, chapter "Endpoints") for one identity: authentication,
/// retries of what may be repeated, shared pauses, redirects, limits, verified answers. Safe from any thread; the
/// Caller given to a call is the calling thread's. `reference` is a tag or a digest. Absence is nullopt; a repository
/// that does not exist is absence as well.
class RegistryClient {
 public:
  RegistryClient(RegistryOptions options, auth::Authenticator& authenticator, RegistryServices services);
  ~RegistryClient();

  const std::string& registry() const noexcept;
  /// The origin for mounts from `repository`. Errors: as the look-up of credentials.
  Result<MountOrigin> mount_origin(const std::string& repository);

  /// Connects ahead of the first request where that saves it a round trip (a registry on loopback, which may speak
  /// http); sends nothing.
  void greet(http::Caller& caller);

  /// Digest, type and size without the content; a GET where the registry's HEAD does not tell them. `write` asks for
  /// push access along with pull, so that a run needs one token for the repository.
  Result<std::optional<oci::Descriptor>> head_manifest(http::Caller& caller, const std::string& repository,
                                                       const std::string& reference, bool write,
                                                       std::unique_ptr<AskedAhead> ahead = nullptr);
  /// Sends the request of head_manifest() before its answer is wanted, so that it is under way together with what the
  /// caller's session does until then. nullptr where the registry is not to be asked ahead just now.
  std::unique_ptr<AskedAhead> head_manifest_ahead(http::Caller& caller, const std::string& repository,
                                                  const std::string& reference, bool write);
  /// The bytes, verified against the digest where `reference` is one; a wrong Docker-Content-Digest on a tag is a
  /// warning. A refusal (403) is an error whatever RegistryOptions say: kDenied.
  Result<std::optional<oci::RawManifest>> get_manifest(http::Caller& caller, const std::string& repository,
                                                       const std::string& reference, bool write);
  Result<PutManifestResult> put_manifest(http::Caller& caller, const std::string& repository,
                                         const std::string& reference, const oci::RawManifest& manifest);

  Result<bool> has_blob(http::Caller& caller, const std::string& repository, const oci::Descriptor& blob, bool write);
  /// Opens a blob and runs the GET to its headers. The reader resumes by Range where a download breaks and gives up
  /// after the retry policy's attempts without progress.
  Result<std::unique_ptr<io::BlobReader>> open_blob(http::Caller& caller, const std::string& repository,
                                                    const oci::Descriptor& blob, io::ChunkQueue& queue);
  /// Finds out whether the blob is there, mounts it from `from` where that is possible, else begins an upload.
  Result<BlobStart> begin_blob(http::Caller& caller, const std::string& repository, const oci::Descriptor& blob,
                               const std::optional<MountOrigin>& from);
  /// The same after the registry has refused a manifest for want of this blob: HEAD, then an upload, no mount.
  Result<BlobStart> begin_blob_again(http::Caller& caller, const std::string& repository, const oci::Descriptor& blob);

  /// Begins an upload of bytes whose size and digest are not known yet; `origin` names them in messages (the blob that
  /// they are made from).
  Result<std::unique_ptr<io::BlobStream>> begin_stream(http::Caller& caller, const std::string& repository,
                                                       const oci::Descriptor& origin);

  /// All repositories of the registry, as it names them (GET /_catalog, paginated): in its order, unchecked. Asked with
  /// the credentials for `prefix`, which may be empty. nullopt where there is no catalog that we may read: 403, 404,
  /// 405, 501, or a refused token (a failed login is an error). Errors: a list that breaks off is an error, never a
  /// shorter list; kProtocol for page loops, pages on other hosts and lists beyond 2,000,000 names or 256 MiB (16 MiB a
  /// page).
  Result<std::optional<std::vector<std::string>>> catalog(http::Caller& caller, const std::string& prefix);
  /// All tags of a repository (GET /tags/list, paginated): in the registry's order, unchecked. nullopt where there is
  /// no such repository (404). `write` as in head_manifest(). Errors as catalog(); a refusal (403) is one.
  Result<std::optional<std::vector<std::string>>> tags(http::Caller& caller, const std::string& repository, bool write);
  /// Deletes the manifest of that digest with all its tags, or that tag alone. Errors: kDenied for a refusal (403).
  Result<DeleteOutcome> delete_manifest(http::Caller& caller, const std::string& repository,
                                        const std::string& reference);

  /// All referrers of a digest (GET /referrers, paginated); nullopt where the registry does not have that endpoint.
  Result<std::optional<std::vector<oci::Descriptor>>> referrers(http::Caller& caller, const std::string& repository,
                                                                const oci::Digest& digest);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace freightliner::registry
