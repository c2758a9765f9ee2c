#pragma once

#include <optional>
#include <string>
#include <vector>

#include "freightliner/http/caller.h"
#include "freightliner/oci/manifest.h"
#include "freightliner/registry/registry_client.h"

namespace freightliner::transport {

/// Where an image goes: one repository, layout or archive, and the name in it. Safe from any thread, but for finish().
/// Order is the caller's duty: blobs, then children, then what carries a tag.
class ImageDestination {
 public:
  virtual ~ImageDestination() = default;
  /// As the user would write it.
  virtual std::string name() const = 0;
  /// The repository, layout or archive alone: equal for destinations whose tags are the same ones.
  virtual std::string place() const = 0;
  /// The tag that the image shall have; empty where it is addressed by digest only (or, in a layout, nameless).
  virtual const std::string& tag() const = 0;
  /// The digest that the user wrote into the destination, which the image must then have.
  virtual const std::optional<oci::Digest>& pinned_digest() const = 0;

  /// What a tag points at; an empty tag: what the destination as named holds (by its pinned digest or, in a layout, as
  /// the nameless image). nullopt where there is nothing.
  virtual Result<std::optional<oci::Descriptor>> resolve(http::Caller& caller, const std::string& tag) = 0;
  /// The manifest under a tag; nullopt where there is none.
  virtual Result<std::optional<oci::RawManifest>> tagged(http::Caller& caller, const std::string& tag) = 0;
  /// True where the destination vouches that a manifest of that digest is there with all that it names, as registries
  /// do, which take no manifest before its contents. A layout vouches for nothing: there each part is looked at.
  virtual Result<bool> has_closure(http::Caller& caller, const oci::Digest& digest) = 0;
  /// Tells without writing anything.
  virtual Result<bool> has_blob(http::Caller& caller, const oci::Descriptor& blob) = 0;

  virtual Result<registry::BlobStart> begin_blob(http::Caller& caller, const oci::Descriptor& blob,
                                                 const std::optional<registry::MountOrigin>& from) = 0;
  /// The same where the destination's word has proven wrong (it misses a blob that it said it had or had mounted): asks
  /// by the strictest means and uploads. A destination that looks for itself has no weaker means.
  virtual Result<registry::BlobStart> begin_blob_again(http::Caller& caller, const oci::Descriptor& blob) {
    return begin_blob(caller, blob, std::nullopt);
  }
  /// Takes a blob whose digest and size are known only when all of it has come; `origin` names it in messages (the blob
  /// that it is made from). Whoever needs the blob asks for it by its digest from then on.
  virtual Result<std::unique_ptr<io::BlobStream>> begin_stream(http::Caller& caller, const oci::Descriptor& origin) = 0;
  /// Stores a manifest by its digest.
  virtual Result<registry::PutManifestResult> put_manifest(http::Caller& caller, const oci::RawManifest& manifest) = 0;
  /// Stores a manifest and makes `tag` name it; an empty tag: makes it the image as the destination is named.
  virtual Result<registry::PutManifestResult> put_tagged(http::Caller& caller, const oci::RawManifest& manifest,
                                                         const std::string& tag) = 0;
  /// What refers to a digest by the referrers API; nullopt where the destination has none (then the fallback tag
  /// tells).
  virtual Result<std::optional<std::vector<oci::Descriptor>>> referrers(http::Caller& /*caller*/,
                                                                        const oci::Digest& /*digest*/) {
    return std::nullopt;
  }
  /// Where blobs that are here could be mounted from; nullopt for anything but a registry.
  virtual Result<std::optional<registry::MountOrigin>> mount_origin() { return std::nullopt; }
  /// Makes all that was stored durable and visible (an archive appears now). Call once, after everything else
  /// succeeded.
  virtual Status finish(http::Caller& caller) = 0;
};

}  // namespace freightliner::transport
