#include <fmt/format.h>

#include "freightliner/base/text.h"
#include "freightliner/transport/layout.h"
#include "transport/layout_image.h"

namespace freightliner::transport {
namespace {

/// An image in a layout, directory or archive.
class LayoutDestination final : public ImageDestination {
 public:
  LayoutDestination(ImageName image, std::shared_ptr<LayoutStore> store)
      : image_(std::move(image)), store_(std::move(store)) {}

  std::string name() const override { return image_.to_string(); }
  std::string place() const override;
  const std::string& tag() const override { return image_.tag; }
  const std::optional<oci::Digest>& pinned_digest() const override { return image_.digest; }

  Result<std::optional<oci::Descriptor>> resolve(http::Caller& caller, const std::string& tag) override;
  Result<std::optional<oci::RawManifest>> tagged(http::Caller& caller, const std::string& tag) override;
  Result<bool> has_closure(http::Caller&, const oci::Digest&) override { return false; }
  Result<bool> has_blob(http::Caller& caller, const oci::Descriptor& blob) override;
  Result<registry::BlobStart> begin_blob(http::Caller& caller, const oci::Descriptor& blob,
                                         const std::optional<registry::MountOrigin>& from) override;
  Result<std::unique_ptr<io::BlobStream>> begin_stream(http::Caller& caller, const oci::Descriptor&) override {
    return store_->begin_stream(caller.stop);
  }
  Result<registry::PutManifestResult> put_manifest(http::Caller& caller, const oci::RawManifest& manifest) override;
  Result<registry::PutManifestResult> put_tagged(http::Caller& caller, const oci::RawManifest& manifest,
                                                 const std::string& tag) override;
  Status finish(http::Caller& caller) override { return store_->finish(caller.stop); }

 private:
  /// What the index says, whether or not the manifest is there.
  Result<std::optional<oci::Descriptor>> look_up(const std::string& tag) const;

  ImageName image_;
  std::shared_ptr<LayoutStore> store_;
};

std::string LayoutDestination::place() const {
  ImageName nameless = image_;
  nameless.tag.clear();
  nameless.digest.reset();
  return nameless.to_string();
}

Result<std::optional<oci::Descriptor>> LayoutDestination::look_up(const std::string& tag) const {
  FL_TRY(const std::shared_ptr<const IndexSnapshot> known, store_->images());
  const std::string& wanted = tag.empty() ? image_.tag : tag;
  if (wanted.empty() && image_.digest) return known->find(*image_.digest);
  FL_TRY(auto images, wanted.empty() ? known->nameless() : known->tagged(wanted));
  // Of several nameless images none is the one that this destination names; of several under one tag, writing it will
  // make one, and until then the first counts, as in other tools.
  if (images.empty() || (wanted.empty() && images.size() > 1)) return std::optional<oci::Descriptor>();
  return std::optional<oci::Descriptor>(std::move(images.front()));
}

// An entry whose manifest is missing or damaged counts as absent, so that a copy mends it.
Result<std::optional<oci::Descriptor>> LayoutDestination::resolve(http::Caller&, const std::string& tag) {
  FL_TRY(std::optional<oci::Descriptor> image, look_up(tag));
  if (!image) return image;
  FL_TRY(const bool intact, has_intact_manifest(*store_, image->digest));
  return intact ? std::move(image) : std::optional<oci::Descriptor>();
}

Result<std::optional<oci::RawManifest>> LayoutDestination::tagged(http::Caller&, const std::string& tag) {
  FL_TRY(const std::optional<oci::Descriptor> image, look_up(tag));
  if (!image) return std::optional<oci::RawManifest>();
  return read_manifest(*store_, image->digest, image->media_type);
}

Result<bool> LayoutDestination::has_blob(http::Caller&, const oci::Descriptor& blob) {
  FL_TRY(const std::optional<FileRange> range, store_->find(blob_name(blob.digest)));
  return range && range->size == blob.size;
}

Result<registry::BlobStart> LayoutDestination::begin_blob(http::Caller& caller, const oci::Descriptor& blob,
                                                          const std::optional<registry::MountOrigin>&) {
  registry::BlobStart start;
  FL_TRY(const bool present, has_blob(caller, blob));
  if (present) return start;
  FL_TRY(start.writer, store_->begin_blob(blob));
  if (start.writer) start.state = registry::BlobStart::State::kUploading;
  return start;
}

Result<registry::PutManifestResult> LayoutDestination::put_manifest(http::Caller& /*caller*/,
                                                                    const oci::RawManifest& manifest) {
  FL_TRY(const bool present, has_intact_manifest(*store_, manifest.digest()));
  if (!present) FL_CHECK(store_->put(manifest.digest(), as_bytes(manifest.bytes())));
  return registry::PutManifestResult();
}

Result<registry::PutManifestResult> LayoutDestination::put_tagged(http::Caller& caller,
                                                                  const oci::RawManifest& manifest,
                                                                  const std::string& tag) {
  const std::string& wanted = tag.empty() ? image_.tag : tag;
  if (!wanted.empty() && !is_valid_ref_name(wanted)) {
    return fail(ErrorCode::kUsage, fmt::format("\"{}\" is no tag that a layout can have", printable(wanted, 128)));
  }
  FL_TRY(const registry::PutManifestResult result, put_manifest(caller, manifest));
  const oci::Descriptor image = manifest.descriptor();
  FL_CHECK(store_->change_index(
      [&](LayoutIndex& index) {
        if (!wanted.empty()) return index.set_tag(image, wanted);
        // Images that are addressed by digest stand side by side; the nameless one is one.
        return image_.digest ? index.add(image) : index.set_nameless(image);
      },
      caller.stop));
  return result;
}

}  // namespace

std::unique_ptr<ImageDestination> make_layout_destination(ImageName image, std::shared_ptr<LayoutStore> store) {
  return std::make_unique<LayoutDestination>(std::move(image), std::move(store));
}

Result<std::unique_ptr<ImageDestination>> open_layout_destination(const ImageName& name, bool create,
                                                                  runtime::CleanupRegistry& cleanups, Logger log) {
  auto root = std::make_shared<LayoutRoot>(name.path, "blobs", create);
  FL_TRY(std::unique_ptr<LayoutStore> store, open_directory_store(std::move(root), "", cleanups, log));
  return make_layout_destination(name, std::move(store));
}

Result<std::unique_ptr<ImageDestination>> open_archive_destination(const ImageName& name, bool create,
                                                                   runtime::CleanupRegistry& cleanups, Logger log) {
  FL_TRY(std::unique_ptr<LayoutStore> store, open_archive_store(name.path, create, cleanups, log));
  return make_layout_destination(name, std::move(store));
}

}  // namespace freightliner::transport
