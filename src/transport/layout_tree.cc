#include <fmt/format.h>

#include "freightliner/base/text.h"
#include "freightliner/transport/image_tree.h"
#include "transport/layout_image.h"
#include "transport/layout_walk.h"
#include "transport/per_repository.h"

namespace freightliner::transport {
namespace {

// A store holds its index.json open.
constexpr std::size_t kMaxIdleStores = 64;
constexpr std::size_t kMaxIdleSnapshots = 256;

class LayoutTree final : public ImageTree {
 public:
  LayoutTree(TreeName name, bool create, runtime::CleanupRegistry& cleanups, Logger log)
      : name_(std::move(name)),
        create_(create),
        cleanups_(cleanups),
        log_(log),
        root_(std::make_shared<LayoutRoot>(name_.directory, kSharedBlobs, create)) {}

  const TreeName& name() const noexcept override { return name_; }
  Result<std::optional<std::vector<std::string>>> repositories(http::Caller& caller) override;
  Result<std::optional<std::vector<ListedTag>>> tags(http::Caller& caller, const std::string& repository) override;
  Result<std::unique_ptr<ImageSource>> source(const std::string& repository, const std::string& tag) override;
  Result<std::unique_ptr<ImageDestination>> destination(const std::string& repository, const std::string& tag) override;
  Result<bool> remove_tag(http::Caller& caller, const std::string& repository, const std::string& tag) override;
  Status remove_manifest(http::Caller& caller, const std::string& repository, const oci::Digest& digest) override;

 private:
  using SharedImages = std::shared_ptr<const IndexSnapshot>;

  std::string shown() const { return printable(name_.to_string(), 4096); }
  Status check(const std::string& repository) const;
  Result<std::shared_ptr<const io::Directory>> find_root() const;
  Result<std::shared_ptr<const DirectoryFiles>> files_of(const std::string& repository) const;
  Result<SharedImages> read(const std::string& repository) const;
  Result<SharedImages> images_now(const std::string& repository);
  Result<std::shared_ptr<LayoutStore>> store_of(const std::string& repository);
  Result<ImageName> image_name(const std::string& repository, const std::string& tag) const;

  const TreeName name_;
  const bool create_;
  runtime::CleanupRegistry& cleanups_;
  const Logger log_;
  const std::shared_ptr<LayoutRoot> root_;
  PerRepository<const IndexSnapshot> snapshots_{kMaxIdleSnapshots};
  PerRepository<LayoutStore> stores_{kMaxIdleStores};
};

Status LayoutTree::check(const std::string& repository) const {
  FL_CHECK(check_repository(repository));
  if (!has_layout_component(repository)) return {};
  return fail(ErrorCode::kUsage,
              fmt::format("{} can't hold a repository \"{}\": {} and {} are files of a layout there; give it another "
                          "name (--map)",
                          shown(), repository, kIndexFile, kVersionFile));
}

// Null where the tree is missing.
Result<std::shared_ptr<const io::Directory>> LayoutTree::find_root() const {
  FL_TRY(std::shared_ptr<const io::Directory> root, root_->find());
  if (!root) return root;
  FL_TRY(const std::optional<io::UniqueFd> version, root->open_file(kVersionFile));
  if (!version) return root;
  const std::string path = printable(name_.directory.native(), 4096);
  return fail(ErrorCode::kUsage,
              fmt::format("{} is one layout and no tree of them: its images are oci:{}:TAG", path, path));
}

Result<std::shared_ptr<const DirectoryFiles>> LayoutTree::files_of(const std::string& repository) const {
  FL_TRY(std::shared_ptr<const io::Directory> root, find_root());
  if (!root) return std::shared_ptr<const DirectoryFiles>();
  return std::make_shared<const DirectoryFiles>(std::move(root), root_->place(repository));
}

Result<LayoutTree::SharedImages> LayoutTree::read(const std::string& repository) const {
  FL_TRY(const std::shared_ptr<const DirectoryFiles> files, files_of(repository));
  if (!files) return SharedImages();
  FL_TRY(SharedImages images, read_images(*files));
  if (!images) return images;
  FL_TRY(const bool is_layout, has_version(*files));
  if (is_layout) return images;
  return fail(ErrorCode::kProtocol, fmt::format("{} belongs to no OCI layout: there is no {} beside it",
                                                files->describe(kIndexFile), kVersionFile));
}

// Null where there is no such repository. A tree that is written to asks its store, which knows what it wrote.
Result<LayoutTree::SharedImages> LayoutTree::images_now(const std::string& repository) {
  if (!create_) return read(repository);
  FL_TRY(const std::shared_ptr<LayoutStore> store, store_of(repository));
  FL_TRY(const std::optional<FileRange> index, store->find(kIndexFile));
  return index ? store->images() : SharedImages();
}

Result<std::shared_ptr<LayoutStore>> LayoutTree::store_of(const std::string& repository) {
  return stores_.get(repository, [&]() -> Result<std::shared_ptr<LayoutStore>> {
    FL_TRY([[maybe_unused]] const auto root, find_root());
    FL_TRY(std::unique_ptr<LayoutStore> store, open_directory_store(root_, repository, cleanups_, log_));
    return std::shared_ptr<LayoutStore>(std::move(store));
  });
}

Result<ImageName> LayoutTree::image_name(const std::string& repository, const std::string& tag) const {
  FL_CHECK(check(repository));
  FL_TRY(TreeImage image, TreeImage::parse(tag));
  ImageName name;
  name.kind = TransportKind::kOci;
  name.path = name_.directory / repository;
  name.tag = std::move(image.tag);
  name.digest = image.digest;
  return name;
}

Result<std::optional<std::vector<std::string>>> LayoutTree::repositories(http::Caller& /*caller*/) {
  FL_TRY(const std::shared_ptr<const io::Directory> root, find_root());
  if (!root) return std::optional<std::vector<std::string>>();
  PassedOver passed(log_, shown());
  FL_TRY(std::vector<std::string> names, find_layouts(*root, passed));
  return std::optional(repositories_of(std::move(names), name_.prefix, passed));
}

Result<std::optional<std::vector<ListedTag>>> LayoutTree::tags(http::Caller& /*caller*/,
                                                               const std::string& repository) {
  FL_CHECK(check(repository));
  FL_TRY(SharedImages images, images_now(repository));
  if (!images) return std::optional<std::vector<ListedTag>>();
  PassedOver passed(log_, fmt::format("the tags of {}/{}", shown(), repository));
  auto listed = std::optional(tags_of(images->tags(), passed));
  if (!create_) snapshots_.put(repository, std::move(images));
  return listed;
}

Result<std::unique_ptr<ImageSource>> LayoutTree::source(const std::string& repository, const std::string& tag) {
  FL_TRY(ImageName image, image_name(repository, tag));
  FL_TRY(SharedImages images,
         create_ ? images_now(repository) : snapshots_.get(repository, [&] { return read(repository); }));
  FL_TRY(std::shared_ptr<const DirectoryFiles> files, files_of(repository));
  if (!images || !files) {
    return fail(ErrorCode::kNotFound, fmt::format("{} has no repository {}", shown(), repository));
  }
  return make_layout_source(std::move(image), std::move(files), std::move(images));
}

Result<std::unique_ptr<ImageDestination>> LayoutTree::destination(const std::string& repository,
                                                                  const std::string& tag) {
  FL_TRY(ImageName image, image_name(repository, tag));
  FL_TRY(std::shared_ptr<LayoutStore> store, store_of(repository));
  return make_layout_destination(std::move(image), std::move(store));
}

Result<bool> LayoutTree::remove_tag(http::Caller& caller, const std::string& repository, const std::string& tag) {
  FL_CHECK(check(repository));
  FL_TRY(const std::shared_ptr<LayoutStore> store, store_of(repository));
  FL_CHECK(store->change_index([&](LayoutIndex& index) { return index.remove_tag(tag); }, caller.stop));
  return true;
}

Status LayoutTree::remove_manifest(http::Caller& caller, const std::string& repository, const oci::Digest& digest) {
  FL_CHECK(check(repository));
  FL_TRY(const std::shared_ptr<LayoutStore> store, store_of(repository));
  return store->change_index([&](LayoutIndex& index) { return index.remove_image(digest); }, caller.stop);
}

}  // namespace

std::unique_ptr<ImageTree> make_layout_tree(TreeName name, bool create, runtime::CleanupRegistry& cleanups,
                                            Logger log) {
  return std::make_unique<LayoutTree>(std::move(name), create, cleanups, log);
}

}  // namespace freightliner::transport
