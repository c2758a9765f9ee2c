#include <fmt/format.h>

#include "freightliner/base/text.h"
#include "freightliner/transport/layout.h"
#include "transport/file_blob_reader.h"
#include "transport/layout_image.h"

namespace freightliner::transport {
namespace {

/// An image in a layout, directory or archive. What index.json said when it was opened holds for its whole life.
/// Immutable, so safe from any thread.
class LayoutSource final : public ImageSource {
 public:
  LayoutSource(ImageName image, std::shared_ptr<const LayoutFiles> files, std::shared_ptr<const IndexSnapshot> images)
      : image_(std::move(image)), files_(std::move(files)), images_(std::move(images)) {}

  std::string name() const override { return image_.to_string(); }
  Result<oci::Descriptor> resolve(http::Caller& caller) override;
  Result<oci::RawManifest> manifest(http::Caller& caller, const oci::Descriptor& descriptor) override;
  Result<oci::RawManifest> root(http::Caller& caller) override;
  Result<std::optional<oci::RawManifest>> tagged(http::Caller& caller, const std::string& tag) override;
  Result<std::optional<std::vector<oci::Descriptor>>> referrers(http::Caller&, const oci::Digest&) override {
    return std::optional<std::vector<oci::Descriptor>>();
  }
  Result<std::unique_ptr<io::BlobReader>> open_blob(http::Caller& caller, const oci::Descriptor& blob,
                                                    io::ChunkQueue& queue) override;
  Result<std::optional<registry::MountOrigin>> mount_origin() override {
    return std::optional<registry::MountOrigin>();
  }

 private:
  Result<std::optional<oci::Descriptor>> by_tag(const std::string& tag) const;
  Result<oci::Descriptor> by_digest(const oci::Digest& digest) const;
  Result<oci::Descriptor> only_image() const;
  Result<oci::RawManifest> read(const oci::Descriptor& image) const;
  Error missing(const oci::Digest& digest) const;
  std::string known_tags() const;

  ImageName image_;
  std::shared_ptr<const LayoutFiles> files_;
  std::shared_ptr<const IndexSnapshot> images_;
};

Error LayoutSource::missing(const oci::Digest& digest) const {
  return Error(ErrorCode::kNotFound,
               fmt::format("{} has no {}", printable(image_.path.native(), 4096), digest.to_string()));
}

std::string LayoutSource::known_tags() const {
  constexpr std::size_t kShown = 5;
  const std::vector<ListedTag> tags = images_->tags();
  if (tags.empty()) return "it has no tags, name the image by @DIGEST";
  std::string text = "it has";
  for (std::size_t i = 0; i < std::min(kShown, tags.size()); ++i) {
    text += fmt::format("{} \"{}\"", i == 0 ? "" : ",", printable(tags[i].name, 128));
  }
  return tags.size() > kShown ? fmt::format("{} and {} more", text, tags.size() - kShown) : text;
}

Result<std::optional<oci::Descriptor>> LayoutSource::by_tag(const std::string& tag) const {
  FL_TRY(auto images, images_->tagged(tag));
  if (images.empty()) return std::optional<oci::Descriptor>();
  if (images.size() > 1) {
    return fail(ErrorCode::kUsage,
                fmt::format("\"{}\" names {} images in {}: name one by its digest, as in @{}", printable(tag),
                            images.size(), files_->describe(kIndexFile), images[0].digest.to_string()));
  }
  return std::optional<oci::Descriptor>(std::move(images.front()));
}

// What index.json does not list may be there all the same: a child of an index, say.
Result<oci::Descriptor> LayoutSource::by_digest(const oci::Digest& digest) const {
  FL_TRY(std::optional<oci::Descriptor> listed, images_->find(digest));
  if (listed) return *std::move(listed);
  FL_TRY(const std::optional<oci::RawManifest> unlisted, read_manifest(*files_, digest, ""));
  if (!unlisted) return fail(missing(digest));
  return unlisted->descriptor();
}

Result<oci::Descriptor> LayoutSource::only_image() const {
  FL_TRY(auto images, images_->all());
  if (images.size() == 1) return std::move(images.front());
  const std::string path = printable(image_.path.native(), 4096);
  if (images.empty()) return fail(ErrorCode::kNotFound, fmt::format("{} has no image", path));
  return fail(ErrorCode::kUsage,
              fmt::format("{} has {} images, so a tag is needed: {}", path, images.size(), known_tags()));
}

Result<oci::Descriptor> LayoutSource::resolve(http::Caller&) {
  if (image_.digest) return by_digest(*image_.digest);
  if (image_.tag.empty()) return only_image();
  FL_TRY(std::optional<oci::Descriptor> found, by_tag(image_.tag));
  if (found) return *std::move(found);
  return fail(ErrorCode::kNotFound, fmt::format("{} has no image \"{}\": {}", printable(image_.path.native(), 4096),
                                                printable(image_.tag), known_tags()));
}

Result<oci::RawManifest> LayoutSource::read(const oci::Descriptor& image) const {
  FL_TRY(std::optional<oci::RawManifest> manifest, read_manifest(*files_, image.digest, image.media_type));
  if (!manifest) return fail(missing(image.digest));
  if (manifest->size() != image.size) {
    return fail(ErrorCode::kIntegrity,
                fmt::format("{} says that {} has {} bytes, and it has {}", files_->describe(kIndexFile),
                            image.digest.to_string(), image.size, manifest->size()));
  }
  return *std::move(manifest);
}

Result<oci::RawManifest> LayoutSource::manifest(http::Caller&, const oci::Descriptor& descriptor) {
  FL_TRY(std::optional<oci::RawManifest> manifest, read_manifest(*files_, descriptor.digest, descriptor.media_type));
  if (!manifest) return fail(missing(descriptor.digest));
  return *std::move(manifest);
}

Result<oci::RawManifest> LayoutSource::root(http::Caller& caller) {
  FL_TRY(const oci::Descriptor image, resolve(caller));
  return read(image);
}

Result<std::optional<oci::RawManifest>> LayoutSource::tagged(http::Caller&, const std::string& tag) {
  FL_TRY(const std::optional<oci::Descriptor> found, by_tag(tag));
  if (!found) return std::optional<oci::RawManifest>();
  FL_TRY(oci::RawManifest manifest, read(*found));
  return std::optional<oci::RawManifest>(std::move(manifest));
}

Result<std::unique_ptr<io::BlobReader>> LayoutSource::open_blob(http::Caller&, const oci::Descriptor& blob,
                                                                io::ChunkQueue& queue) {
  const std::string file = blob_name(blob.digest);
  FL_TRY(std::optional<FileRange> range, files_->find(file));
  if (!range) return fail(missing(blob.digest));
  if (range->size != blob.size) {
    return fail(ErrorCode::kIntegrity,
                fmt::format("{} is damaged: it has {} bytes and must have {}; copy the image there again",
                            files_->describe(file), range->size, blob.size));
  }
  return std::unique_ptr<io::BlobReader>(
      std::make_unique<FileBlobReader>(*std::move(range), queue, files_->describe(file)));
}

Result<std::unique_ptr<ImageSource>> open_source(const ImageName& image, std::shared_ptr<const LayoutFiles> files) {
  const std::string path = printable(image.path.native(), 4096);
  FL_TRY(const bool is_layout, has_version(*files));
  if (!is_layout)
    return fail(ErrorCode::kProtocol, fmt::format("{} is no OCI layout: it has no {}", path, kVersionFile));
  FL_TRY(std::shared_ptr<const IndexSnapshot> images, read_images(*files));
  if (!images) return fail(ErrorCode::kProtocol, fmt::format("{} is no OCI layout: it has no {}", path, kIndexFile));
  return make_layout_source(image, std::move(files), std::move(images));
}

}  // namespace

std::unique_ptr<ImageSource> make_layout_source(ImageName image, std::shared_ptr<const LayoutFiles> files,
                                                std::shared_ptr<const IndexSnapshot> images) {
  return std::make_unique<LayoutSource>(std::move(image), std::move(files), std::move(images));
}

Result<std::unique_ptr<ImageSource>> open_layout_source(const ImageName& name) {
  FL_TRY(io::Directory directory, io::Directory::open(name.path));
  return open_source(name, std::make_shared<const DirectoryFiles>(
                               std::make_shared<const io::Directory>(std::move(directory)), LayoutPlace()));
}

Result<std::unique_ptr<ImageSource>> open_archive_source(const ImageName& name) {
  FL_TRY(const ArchivePlace place, locate_archive(name.path));
  FL_TRY(std::optional<io::UniqueFd> file, place.directory.open_file(place.name));
  if (!file) {
    return fail(ErrorCode::kNotFound, fmt::format("there is no file {}", printable(name.path.native(), 4096)));
  }
  FL_TRY(std::unique_ptr<ArchiveFiles> files, ArchiveFiles::read(*std::move(file), name.path));
  return open_source(name, std::move(files));
}

}  // namespace freightliner::transport
