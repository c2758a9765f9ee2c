#include <fmt/format.h>

#include <array>

#include "freightliner/base/guarded.h"
#include "freightliner/base/text.h"
#include "freightliner/io/atomic_file.h"
#include "transport/layout_store.h"

namespace freightliner::transport {
namespace {

// Other tools pass over names in a layout that they do not know.
constexpr char kLockFile[] = ".freightliner.lock";

/// Takes a blob into a temporary file beside its place. The directory outlives it.
class DirectoryBlobWriter final : public io::BlobWriter {
 public:
  DirectoryBlobWriter(io::AtomicFile file, Logger log, std::string name)
      : file_(std::move(file)), log_(log), name_(std::move(name)) {}
  Status write(io::Chunk chunk) override { return file_.write(chunk.bytes()); }
  Status commit() override {
    FL_CHECK(file_.commit());
    log_.debug("wrote {}", name_);
    return {};
  }
  void abort() noexcept override { file_.abort(); }

 private:
  io::AtomicFile file_;
  Logger log_;
  std::string name_;
};

/// A layout in a directory. Nothing is made before the first write, so that a copy that fails early leaves nothing
/// behind. What was written stays when a copy fails: the next one finds it.
class DirectoryStore final : public LayoutStore {
 public:
  DirectoryStore(std::filesystem::path path, bool create, Logger log)
      : path_(std::move(path)), create_(create), log_(log) {}
  /// Opens what is there. Errors: kProtocol where that is no layout.
  Status open_existing();

  Result<std::optional<FileRange>> find(const std::string& name) const override;
  std::string describe(const std::string& name) const override { return printable((path_ / name).native(), 4096); }
  Result<std::unique_ptr<io::BlobWriter>> begin_blob(const oci::Descriptor& blob) override;
  Status put(const oci::Digest& digest, ByteSpan bytes) override;
  Result<LayoutIndex> index() const override;
  Status change_index(const IndexChange& change, const std::stop_token& stop) override;
  Status finish(const std::stop_token&) override { return {}; }  // every write was durable by itself

 private:
  /// Once set, a pointer stays as it is, so what it points at may be used without the lock.
  struct Opened {
    std::unique_ptr<const DirectoryFiles> files;
    std::array<std::unique_ptr<const io::Directory>, 2> blobs;  // by DigestAlgorithm
    bool has_version = false;
  };

  Status prepare(Opened& opened) const;
  const DirectoryFiles* files() const;
  Result<const io::Directory*> root();
  Result<const io::Directory*> blob_directory(oci::DigestAlgorithm algorithm);
  Status sync_blobs();

  std::filesystem::path path_;
  bool create_;
  Logger log_;
  Guarded<Opened> opened_;
};

Status DirectoryStore::open_existing() {
  auto directory = io::Directory::open(path_);
  if (!directory && directory.error().code() == ErrorCode::kNotFound) return {};
  if (!directory) return fail(std::move(directory).error());
  auto files = std::make_unique<const DirectoryFiles>(*std::move(directory));
  FL_TRY(const bool is_layout, has_version(*files));
  FL_TRY(const std::optional<LayoutIndex> index, read_index(*files));
  if (index && !is_layout) {
    return fail(ErrorCode::kProtocol, fmt::format("{} is no OCI layout: it has an {} and no {}",
                                                  printable(path_.native(), 4096), kIndexFile, kVersionFile));
  }
  opened_.with([&](Opened& opened) {
    opened.files = std::move(files);
    opened.has_version = is_layout;
  });
  return {};
}

const DirectoryFiles* DirectoryStore::files() const {
  return opened_.with([](const Opened& opened) { return opened.files.get(); });
}

Result<std::optional<FileRange>> DirectoryStore::find(const std::string& name) const {
  const DirectoryFiles* const present = files();
  return present != nullptr ? present->find(name) : std::optional<FileRange>();
}

Result<LayoutIndex> DirectoryStore::index() const {
  FL_TRY(std::optional<LayoutIndex> present, read_index(*this));
  return present ? *std::move(present) : LayoutIndex();
}

// oci-layout comes first: whoever finds blobs finds a layout. Two processes may both write it, and write the same.
Status DirectoryStore::prepare(Opened& opened) const {
  if (!create_) return fail(ErrorCode::kInternal, fmt::format("{} was not opened for writing", describe("")));
  if (!opened.files) {
    FL_TRY(io::Directory root, io::Directory::create(path_));
    opened.files = std::make_unique<const DirectoryFiles>(std::move(root));
    FL_TRY(opened.has_version, has_version(*opened.files));
  }
  if (opened.has_version) return {};
  FL_TRY(io::AtomicFile file, io::AtomicFile::create(opened.files->directory(), kVersionFile));
  FL_CHECK(file.write(as_bytes(kVersionText)));
  FL_CHECK(file.commit());
  opened.has_version = true;
  return {};
}

Result<const io::Directory*> DirectoryStore::root() {
  return opened_.with([&](Opened& opened) -> Result<const io::Directory*> {
    FL_CHECK(prepare(opened));
    return &opened.files->directory();
  });
}

Result<const io::Directory*> DirectoryStore::blob_directory(oci::DigestAlgorithm algorithm) {
  return opened_.with([&](Opened& opened) -> Result<const io::Directory*> {
    auto& slot = opened.blobs.at(static_cast<std::size_t>(algorithm));
    if (slot) return slot.get();
    FL_CHECK(prepare(opened));
    const io::Directory& root = opened.files->directory();
    const std::string name = fmt::format("blobs/{}", oci::to_string(algorithm));
    FL_CHECK(root.create_directory("blobs"));
    FL_CHECK(root.create_directory(name));
    FL_TRY(io::Directory directory, root.open_directory(name));
    slot = std::make_unique<const io::Directory>(std::move(directory));
    return slot.get();
  });
}

Result<std::unique_ptr<io::BlobWriter>> DirectoryStore::begin_blob(const oci::Descriptor& blob) {
  FL_TRY(const io::Directory* const directory, blob_directory(blob.digest.algorithm()));
  FL_TRY(io::AtomicFile file, io::AtomicFile::create(*directory, blob.digest.hex()));
  return std::unique_ptr<io::BlobWriter>(
      std::make_unique<DirectoryBlobWriter>(std::move(file), log_, describe(blob_name(blob.digest))));
}

Status DirectoryStore::put(const oci::Digest& digest, ByteSpan bytes) {
  FL_TRY(const io::Directory* const directory, blob_directory(digest.algorithm()));
  FL_TRY(io::AtomicFile file, io::AtomicFile::create(*directory, digest.hex()));
  FL_CHECK(file.write(bytes));
  return file.commit();
}

// Blobs that were there already may have been renamed by a run that was killed before it synced their directory.
Status DirectoryStore::sync_blobs() {
  for (const auto algorithm : {oci::DigestAlgorithm::kSha256, oci::DigestAlgorithm::kSha512}) {
    const DirectoryFiles* const present = files();
    auto directory = present->directory().open_directory(fmt::format("blobs/{}", oci::to_string(algorithm)));
    if (!directory && directory.error().code() == ErrorCode::kNotFound) continue;
    if (!directory) return fail(std::move(directory).error());
    FL_CHECK(directory->sync());
  }
  return {};
}

// Under the lock the index is read anew, so that what other processes wrote since stays.
Status DirectoryStore::change_index(const IndexChange& change, const std::stop_token& stop) {
  FL_TRY(const io::Directory* const directory, root());
  FL_TRY(const io::FileLock lock, io::FileLock::acquire(*directory, kLockFile, stop));
  FL_TRY(LayoutIndex current, index());
  if (!change(current)) return {};
  FL_CHECK(sync_blobs());
  FL_TRY(io::AtomicFile file, io::AtomicFile::create(*directory, kIndexFile));
  FL_CHECK(file.write(as_bytes(current.serialize())));
  FL_CHECK(file.commit());
  log_.debug("wrote {}", describe(kIndexFile));
  return {};
}

}  // namespace

Result<std::unique_ptr<LayoutStore>> open_directory_store(const std::filesystem::path& path, bool create, Logger log) {
  auto store = std::make_unique<DirectoryStore>(path, create, log);
  FL_CHECK(store->open_existing());
  return std::unique_ptr<LayoutStore>(std::move(store));
}

}  // namespace freightliner::transport
