#include "freightliner/registry/registry_client.h"

#include "registry/blob_download.h"
#include "registry/blob_upload.h"
#include "registry/listing.h"
#include "registry/manifests.h"

namespace freightliner::registry {

class RegistryClient::Impl {
 public:
  Impl(RegistryOptions registry_options, auth::Authenticator& registry_authenticator, RegistryServices services)
      : options(std::move(registry_options)),
        authenticator(registry_authenticator),
        exchange(options, registry_authenticator, services),
        manifests(exchange),
        listing(exchange),
        uploads(exchange, options.chunk_size) {}

  RegistryOptions options;
  auth::Authenticator& authenticator;
  Exchange exchange;
  Manifests manifests;
  Listing listing;
  BlobUploads uploads;
};

RegistryClient::RegistryClient(RegistryOptions options, auth::Authenticator& authenticator, RegistryServices services)
    : impl_(std::make_unique<Impl>(std::move(options), authenticator, services)) {}
RegistryClient::~RegistryClient() = default;

const std::string& RegistryClient::registry() const noexcept {
  return impl_->options.registry;
}

void RegistryClient::greet(http::Caller& caller) {
  impl_->exchange.greet(caller);
}

Result<MountOrigin> RegistryClient::mount_origin(const std::string& repository) {
  FL_TRY(std::string identity, impl_->authenticator.identity_key(repository));
  return MountOrigin{impl_->options.registry, std::move(identity), repository};
}

Result<std::optional<oci::Descriptor>> RegistryClient::head_manifest(http::Caller& caller,
                                                                     const std::string& repository,
                                                                     const std::string& reference, bool write,
                                                                     std::unique_ptr<AskedAhead> ahead) {
  return impl_->manifests.head(caller, repository, reference, write, std::move(ahead));
}

std::unique_ptr<AskedAhead> RegistryClient::head_manifest_ahead(http::Caller& caller, const std::string& repository,
                                                                const std::string& reference, bool write) {
  return impl_->manifests.head_ahead(caller, repository, reference, write);
}

Result<std::optional<oci::RawManifest>> RegistryClient::get_manifest(http::Caller& caller,
                                                                     const std::string& repository,
                                                                     const std::string& reference, bool write) {
  return impl_->manifests.get(caller, repository, reference, write);
}

Result<PutManifestResult> RegistryClient::put_manifest(http::Caller& caller, const std::string& repository,
                                                       const std::string& reference, const oci::RawManifest& manifest) {
  return impl_->manifests.put(caller, repository, reference, manifest);
}

Result<bool> RegistryClient::has_blob(http::Caller& caller, const std::string& repository, const oci::Descriptor& blob,
                                      bool write) {
  return impl_->uploads.has(caller, repository, blob, write);
}

Result<std::unique_ptr<io::BlobReader>> RegistryClient::open_blob(http::Caller& caller, const std::string& repository,
                                                                  const oci::Descriptor& blob, io::ChunkQueue& queue) {
  return open_blob_download(impl_->exchange, caller, repository, blob, queue);
}

Result<BlobStart> RegistryClient::begin_blob(http::Caller& caller, const std::string& repository,
                                             const oci::Descriptor& blob, const std::optional<MountOrigin>& from) {
  std::optional<std::string> mount_from;
  if (from && from->registry == impl_->options.registry) {
    // Only with the same identity: the destination's token must be good for the other repository as well.
    FL_TRY(const MountOrigin own, mount_origin(repository));
    if (own.identity == from->identity) mount_from = from->repository;
  }
  return impl_->uploads.begin(caller, repository, blob, mount_from);
}

Result<BlobStart> RegistryClient::begin_blob_again(http::Caller& caller, const std::string& repository,
                                                   const oci::Descriptor& blob) {
  return impl_->uploads.begin_again(caller, repository, blob);
}

Result<std::unique_ptr<io::BlobStream>> RegistryClient::begin_stream(http::Caller& caller,
                                                                     const std::string& repository,
                                                                     const oci::Descriptor& origin) {
  return impl_->uploads.begin_stream(caller, repository, origin);
}

Result<std::optional<std::vector<std::string>>> RegistryClient::catalog(http::Caller& caller,
                                                                        const std::string& prefix) {
  return impl_->listing.catalog(caller, prefix);
}

Result<std::optional<std::vector<std::string>>> RegistryClient::tags(http::Caller& caller,
                                                                     const std::string& repository, bool write) {
  return impl_->listing.tags(caller, repository, write);
}

Result<DeleteOutcome> RegistryClient::delete_manifest(http::Caller& caller, const std::string& repository,
                                                      const std::string& reference) {
  return impl_->manifests.remove(caller, repository, reference);
}

Result<std::optional<std::vector<oci::Descriptor>>> RegistryClient::referrers(http::Caller& caller,
                                                                              const std::string& repository,
                                                                              const oci::Digest& digest) {
  return impl_->manifests.referrers(caller, repository, digest);
}

}  // namespace freightliner::registry
