#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "freightliner/http/caller.h"
#include "freightliner/io/blob_reader.h"
#include "freightliner/oci/manifest.h"
#include "freightliner/registry/registry_client.h"

namespace freightliner::transport {

/// Where an image comes from: one name in a registry repository, a layout or an archive. Safe from any thread; the
/// Caller is the calling thread's. All content it returns is verified against the digest that asked for it.
class ImageSource {
 public:
  virtual ~ImageSource() = default;
  /// As the user would write it.
  virtual std::string name() const = 0;

  /// What the name points at, without reading the content where that can be had. Errors: kNotFound.
  virtual Result<oci::Descriptor> resolve(http::Caller& caller) = 0;
  /// Sends the request of resolve() before its answer is wanted: whoever asks both sides need not ask one after the
  /// other. nullptr where there is none to be sent, or not just now.
  virtual std::unique_ptr<registry::AskedAhead> ask_ahead(http::Caller& /*caller*/) { return nullptr; }
  /// resolve() with what ask_ahead() has returned.
  virtual Result<oci::Descriptor> resolve_asked(http::Caller& caller, std::unique_ptr<registry::AskedAhead> /*ahead*/) {
    return resolve(caller);
  }
  /// A manifest in the same repository, by its descriptor's digest; the descriptor's media type counts where the source
  /// does not tell one. Errors: kNotFound, kIntegrity.
  virtual Result<oci::RawManifest> manifest(http::Caller& caller, const oci::Descriptor& descriptor) = 0;
  /// The manifest that the name itself points at. Errors: kNotFound, kIntegrity.
  virtual Result<oci::RawManifest> root(http::Caller& caller) = 0;
  /// The manifest under another tag of the same repository; nullopt where there is none.
  virtual Result<std::optional<oci::RawManifest>> tagged(http::Caller& caller, const std::string& tag) = 0;
  /// What refers to a digest by the referrers API; nullopt where the source has none (then the fallback tag tells).
  virtual Result<std::optional<std::vector<oci::Descriptor>>> referrers(http::Caller& caller,
                                                                        const oci::Digest& digest) = 0;
  /// Errors: kNotFound. The bytes are not verified here: whoever relays them hashes them.
  virtual Result<std::unique_ptr<io::BlobReader>> open_blob(http::Caller& caller, const oci::Descriptor& blob,
                                                            io::ChunkQueue& queue) = 0;
  /// Where blobs can be mounted from; nullopt for anything but a registry.
  virtual Result<std::optional<registry::MountOrigin>> mount_origin() = 0;
};

}  // namespace freightliner::transport
