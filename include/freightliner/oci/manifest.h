#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "freightliner/oci/descriptor.h"
#include "freightliner/oci/digest.h"

namespace freightliner::oci {

/// A manifest or index exactly as received. A digest is a property of bytes, so they are kept and never written anew.
/// Immutable and shared: copies are cheap, safe from any thread.
class RawManifest {
 public:
  RawManifest(std::string bytes, std::string media_type, Digest digest)
      : bytes_(std::make_shared<const std::string>(std::move(bytes))),
        media_type_(std::move(media_type)),
        digest_(digest) {}

  const std::string& bytes() const noexcept { return *bytes_; }
  const std::string& media_type() const noexcept { return media_type_; }
  /// The digest of bytes(), computed by whoever made this object.
  const Digest& digest() const noexcept { return digest_; }
  std::uint64_t size() const noexcept { return bytes_->size(); }
  Descriptor descriptor() const;

 private:
  std::shared_ptr<const std::string> bytes_;
  std::string media_type_;
  Digest digest_;
};

/// An image manifest (OCI, or Docker schema 2) or an artifact in that form.
struct ImageManifest {
  Descriptor config;
  std::vector<Descriptor> layers = {};
  std::optional<Descriptor> subject = {};
  std::string artifact_type = {};
};

/// An image index (OCI) or manifest list (Docker).
struct ImageIndex {
  std::vector<Descriptor> manifests = {};
  std::optional<Descriptor> subject = {};
  std::string artifact_type = {};
  std::map<std::string, std::string> annotations = {};
};

/// A manifest of a type that we do not know: copied verbatim. `blobs` and `manifests` are what its members `config`,
/// `layers`, `blobs` and `manifests` point at, where they have the usual form; everything else is opaque.
struct UnknownManifest {
  std::vector<Descriptor> blobs = {};
  std::vector<Descriptor> manifests = {};
  std::optional<Descriptor> subject = {};
};

/// How many descriptors one manifest may hold, all members together.
inline constexpr std::size_t kMaxDescriptors = 100'000;

using ManifestContent = std::variant<ImageManifest, ImageIndex, UnknownManifest>;

/// Decides what kind of manifest `bytes` are: the Content-Type where it names a manifest type (a vendor type, or one
/// that ends in "+json"; application/json, text/plain and the like name none), else the body's `mediaType`, else the
/// body's shape (`manifests` → index, `config` + `layers` → image manifest; both → refused). The result is a valid
/// media type without parameters (RFC 6838), so it is safe to put into a header. Errors: kProtocol for HTML or other
/// non-JSON, for schema 1 (with the reason and what to do), for a body whose mediaType contradicts the Content-Type
/// (CVE-2021-41190), and where nothing names a type.
Result<std::string> detect_media_type(std::string_view content_type, std::string_view bytes);

/// Parses strictly: one known shape per media type, duplicate keys and mixed shapes refused (CVE-2021-41190), limits of
/// parse_json, at most kMaxDescriptors. `layers: null` and `manifests: null` are read as empty: some tools write them.
/// Errors: kProtocol, naming the member; kIntegrity where one digest stands with two sizes.
Result<ManifestContent> parse_manifest(const RawManifest& manifest);

/// All blobs of a manifest in order, config first; foreign layers included (Descriptor::is_foreign tells).
std::vector<Descriptor> blobs_of(const ManifestContent& content);
/// All child manifests in order.
/// As deep as indexes are followed, the image at the bottom included: deeper ones are malice or a mistake.
inline constexpr int kMaxIndexDepth = 16 + 1;

std::vector<Descriptor> children_of(const ManifestContent& content);
std::optional<Descriptor> subject_of(const ManifestContent& content);

/// Serialises an index with the given children, keys in a fixed order: equal input gives equal bytes. `media_type` is
/// kOciIndex or kDockerManifestList.
std::string serialize_index(std::string_view media_type, const std::vector<Descriptor>& manifests,
                            const std::map<std::string, std::string>& annotations = {});

}  // namespace freightliner::oci
