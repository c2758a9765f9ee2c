#include <fmt/format.h>

#include "freightliner/transport/docker.h"

namespace freightliner::transport {
namespace {

Unexpected not_found(const std::string& what) {
  return fail(ErrorCode::kNotFound, what + " does not exist");
}

class DockerSource final : public ImageSource {
 public:
  DockerSource(registry::RegistryClient& client, oci::Reference reference)
      : client_(client), reference_(std::move(reference)) {}

  std::string name() const override { return "docker://" + reference_.to_string(); }

  Result<oci::Descriptor> resolve(http::Caller& caller) override { return resolve_asked(caller, nullptr); }

  std::unique_ptr<registry::AskedAhead> ask_ahead(http::Caller& caller) override {
    return client_.head_manifest_ahead(caller, reference_.repository, reference_.tag_or_digest(), false);
  }

  Result<oci::Descriptor> resolve_asked(http::Caller& caller, std::unique_ptr<registry::AskedAhead> ahead) override {
    FL_TRY(auto descriptor,
           client_.head_manifest(caller, reference_.repository, reference_.tag_or_digest(), false, std::move(ahead)));
    if (!descriptor) return not_found(name());
    return *std::move(descriptor);
  }

  Result<oci::RawManifest> root(http::Caller& caller) override {
    return get(caller, reference_.tag_or_digest(), name());
  }

  Result<oci::RawManifest> manifest(http::Caller& caller, const oci::Descriptor& descriptor) override {
    const std::string digest = descriptor.digest.to_string();
    return get(caller, digest, fmt::format("{}/{}@{}", reference_.registry, reference_.repository, digest));
  }

  Result<std::optional<oci::RawManifest>> tagged(http::Caller& caller, const std::string& tag) override {
    return client_.get_manifest(caller, reference_.repository, tag, false);
  }

  Result<std::optional<std::vector<oci::Descriptor>>> referrers(http::Caller& caller,
                                                                const oci::Digest& digest) override {
    return client_.referrers(caller, reference_.repository, digest);
  }

  Result<std::unique_ptr<io::BlobReader>> open_blob(http::Caller& caller, const oci::Descriptor& blob,
                                                    io::ChunkQueue& queue) override {
    return client_.open_blob(caller, reference_.repository, blob, queue);
  }

  Result<std::optional<registry::MountOrigin>> mount_origin() override {
    FL_TRY(registry::MountOrigin origin, client_.mount_origin(reference_.repository));
    return origin;
  }

 private:
  Result<oci::RawManifest> get(http::Caller& caller, const std::string& reference, const std::string& what) {
    FL_TRY(auto manifest, client_.get_manifest(caller, reference_.repository, reference, false));
    if (!manifest) return not_found(what);
    return *std::move(manifest);
  }

  registry::RegistryClient& client_;
  oci::Reference reference_;
};

class DockerDestination final : public ImageDestination {
 public:
  DockerDestination(registry::RegistryClient& client, oci::Reference reference)
      : client_(client), reference_(std::move(reference)) {}

  std::string name() const override { return "docker://" + reference_.to_string(); }
  std::string place() const override { return reference_.registry + "/" + reference_.repository; }
  const std::string& tag() const override { return reference_.tag; }
  const std::optional<oci::Digest>& pinned_digest() const override { return reference_.digest; }

  Result<std::optional<oci::Descriptor>> resolve(http::Caller& caller, const std::string& tag) override {
    if (!tag.empty()) return client_.head_manifest(caller, reference_.repository, tag, true);
    if (!reference_.digest) return std::nullopt;
    return client_.head_manifest(caller, reference_.repository, reference_.digest->to_string(), true);
  }

  Result<std::optional<oci::RawManifest>> tagged(http::Caller& caller, const std::string& tag) override {
    return client_.get_manifest(caller, reference_.repository, tag, true);
  }

  Result<bool> has_closure(http::Caller& caller, const oci::Digest& digest) override {
    FL_TRY(const auto found, client_.head_manifest(caller, reference_.repository, digest.to_string(), true));
    return found.has_value();
  }

  Result<bool> has_blob(http::Caller& caller, const oci::Descriptor& blob) override {
    return client_.has_blob(caller, reference_.repository, blob, true);
  }

  Result<registry::BlobStart> begin_blob(http::Caller& caller, const oci::Descriptor& blob,
                                         const std::optional<registry::MountOrigin>& from) override {
    return client_.begin_blob(caller, reference_.repository, blob, from);
  }

  Result<registry::BlobStart> begin_blob_again(http::Caller& caller, const oci::Descriptor& blob) override {
    return client_.begin_blob_again(caller, reference_.repository, blob);
  }

  Result<std::unique_ptr<io::BlobStream>> begin_stream(http::Caller& caller, const oci::Descriptor& origin) override {
    return client_.begin_stream(caller, reference_.repository, origin);
  }

  Result<registry::PutManifestResult> put_manifest(http::Caller& caller, const oci::RawManifest& manifest) override {
    return client_.put_manifest(caller, reference_.repository, manifest.digest().to_string(), manifest);
  }

  Result<registry::PutManifestResult> put_tagged(http::Caller& caller, const oci::RawManifest& manifest,
                                                 const std::string& tag) override {
    return tag.empty() ? put_manifest(caller, manifest)
                       : client_.put_manifest(caller, reference_.repository, tag, manifest);
  }

  Result<std::optional<std::vector<oci::Descriptor>>> referrers(http::Caller& caller,
                                                                const oci::Digest& digest) override {
    return client_.referrers(caller, reference_.repository, digest);
  }

  Result<std::optional<registry::MountOrigin>> mount_origin() override {
    FL_TRY(registry::MountOrigin origin, client_.mount_origin(reference_.repository));
    return origin;
  }

  Status finish(http::Caller& /*caller*/) override { return {}; }

 private:
  registry::RegistryClient& client_;
  oci::Reference reference_;
};

}  // namespace

std::unique_ptr<ImageSource> make_docker_source(registry::RegistryClient& client, oci::Reference reference) {
  return std::make_unique<DockerSource>(client, std::move(reference));
}

std::unique_ptr<ImageDestination> make_docker_destination(registry::RegistryClient& client, oci::Reference reference) {
  return std::make_unique<DockerDestination>(client, std::move(reference));
}

}  // namespace freightliner::transport
