#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <cerrno>
#include <mutex>

#include "freightliner/base/guarded.h"
#include "freightliner/base/text.h"
#include "freightliner/io/file_lock.h"
#include "transport/archive_file.h"
#include "transport/file_identity.h"
#include "transport/layout_store.h"

namespace freightliner::transport {
namespace {

Result<FileIdentity> identify(const ArchivePlace& place) {
  struct stat status = {};
  if (fstatat(place.directory.fd(), place.name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0) {
    return FileIdentity::of(status);
  }
  if (errno == ENOENT) return FileIdentity();
  return fail(io::errno_error(errno, "look at " + printable((place.directory.path() / place.name).native(), 4096)));
}

/// Takes a blob into a file beside the archive, since a member's size stands before its bytes, and from there into its
/// member.
class ArchiveBlobStream final : public io::BlobStream {
 public:
  ArchiveBlobStream(ArchiveFile& archive, std::mutex& put_mutex, runtime::TemporaryFile spool, std::stop_token stop)
      : archive_(archive), put_mutex_(put_mutex), spool_(std::move(spool)), stop_(std::move(stop)) {}
  Status write(io::Chunk chunk) override { return spool_.write(chunk.bytes()); }
  Status commit(const oci::Descriptor& blob) override {
    auto file = std::make_shared<const io::UniqueFd>(fcntl(spool_.file().get(), F_DUPFD_CLOEXEC, 0));
    if (!*file) return fail(io::errno_error(errno, "open a temporary file again"));
    const std::string name = blob_name(blob.digest);
    {
      // Two layers may turn out to be one blob.
      const std::lock_guard lock(put_mutex_);
      FL_CHECK(archive_.copy_member(name, FileRange{std::move(file), 0, blob.size}, name, stop_));
    }
    spool_.abort();
    return {};
  }
  void abort() noexcept override { spool_.abort(); }

 private:
  ArchiveFile& archive_;
  std::mutex& put_mutex_;
  runtime::TemporaryFile spool_;
  std::stop_token stop_;
};

/// A layout in an archive: a new file beside the old one, begun at the first write, which takes the old one's place at
/// finish() together with all blobs and names that the old one had. Nothing is dropped: blobs that no image needs any
/// more are taken along, as they stay in a directory.
class ArchiveStore final : public LayoutStore {
 public:
  ArchiveStore(std::filesystem::path path, ArchivePlace place, bool create, runtime::CleanupRegistry& cleanups,
               Logger log)
      : path_(std::move(path)), place_(std::move(place)), create_(create), cleanups_(cleanups), log_(log) {}
  /// Opens what is there. Errors: kProtocol where that is no archive of a layout.
  Status open_existing();

  Result<std::optional<FileRange>> find(const std::string& name) const override;
  std::string describe(const std::string& name) const override { return fmt::format("{} in {}", name, shown()); }
  Result<std::unique_ptr<io::BlobWriter>> begin_blob(const oci::Descriptor& blob) override;
  Result<std::unique_ptr<io::BlobStream>> begin_stream(const std::stop_token& stop) override;
  Status put(const oci::Digest& digest, ByteSpan bytes) override;
  Result<std::shared_ptr<const IndexSnapshot>> images() const override;
  Status change_index(const IndexChange& change, const std::stop_token& stop) override;
  Status finish(const std::stop_token& stop) override;

 private:
  struct Pending {
    /// Once set, it stays until the store is destroyed.
    std::unique_ptr<ArchiveFile> file;
    LayoutIndex index;
    std::shared_ptr<const IndexSnapshot> images = std::make_shared<const IndexSnapshot>();
  };

  std::string shown() const { return printable(path_.native(), 4096); }
  Status prepare(Pending& pending) const;
  Result<ArchiveFile*> file();
  Status carry_over(ArchiveFile& file, const std::stop_token& stop) const;
  Status replace_old(ArchiveFile& archive, const std::stop_token& stop);

  std::filesystem::path path_;
  ArchivePlace place_;
  bool create_;
  runtime::CleanupRegistry& cleanups_;
  Logger log_;
  FileIdentity old_identity_;
  std::unique_ptr<const ArchiveFiles> old_;
  Guarded<Pending> pending_;
  std::mutex put_mutex_;
};

Status ArchiveStore::open_existing() {
  FL_TRY(old_identity_, identify(place_));
  FL_TRY(std::optional<io::UniqueFd> file, place_.directory.open_file(place_.name));
  if (!file) return {};
  FL_TRY(const std::uint64_t size, io::file_size(*file));
  if (size == 0) return {};  // as mktemp(1) makes it
  FL_TRY(old_, ArchiveFiles::read(*std::move(file), path_));
  FL_TRY(const bool is_layout, has_version(*old_));
  FL_TRY(std::optional<LayoutIndex> index, read_index(*old_));
  if (!is_layout || !index) {
    return fail(ErrorCode::kProtocol, fmt::format("{} is a tar of something else: it has no {}, and is not overwritten",
                                                  shown(), is_layout ? kIndexFile : kVersionFile));
  }
  pending_.with([&](Pending& pending) {
    pending.index = *std::move(index);
    pending.images = std::make_shared<const IndexSnapshot>(pending.index);
  });
  return {};
}

Status ArchiveStore::prepare(Pending& pending) const {
  if (!create_) return fail(ErrorCode::kInternal, fmt::format("{} was not opened for writing", shown()));
  if (pending.file) return {};
  FL_TRY(pending.file, ArchiveFile::create(cleanups_, place_.directory, place_.name, shown()));
  return {};
}

Result<ArchiveFile*> ArchiveStore::file() {
  return pending_.with([&](Pending& pending) -> Result<ArchiveFile*> {
    FL_CHECK(prepare(pending));
    return pending.file.get();
  });
}

Result<std::optional<FileRange>> ArchiveStore::find(const std::string& name) const {
  const ArchiveFile* const written = pending_.with([](const Pending& pending) { return pending.file.get(); });
  if (written != nullptr) {
    if (auto range = written->find(name)) return range;
  }
  return old_ ? old_->find(name) : std::optional<FileRange>();
}

Result<std::unique_ptr<io::BlobWriter>> ArchiveStore::begin_blob(const oci::Descriptor& blob) {
  FL_TRY(ArchiveFile* const archive, file());
  return archive->begin_member(blob_name(blob.digest), blob.size);
}

Result<std::unique_ptr<io::BlobStream>> ArchiveStore::begin_stream(const std::stop_token& stop) {
  FL_TRY(ArchiveFile* const archive, file());
  FL_TRY(runtime::TemporaryFile spool, runtime::TemporaryFile::create(cleanups_, place_.directory, place_.name));
  return std::unique_ptr<io::BlobStream>(
      std::make_unique<ArchiveBlobStream>(*archive, put_mutex_, std::move(spool), stop));
}

Status ArchiveStore::put(const oci::Digest& digest, ByteSpan bytes) {
  FL_TRY(ArchiveFile* const archive, file());
  // One after the other: two threads may bring the same manifest, and the second finds it there.
  const std::lock_guard lock(put_mutex_);
  return archive->put_member(blob_name(digest), bytes);
}

Result<std::shared_ptr<const IndexSnapshot>> ArchiveStore::images() const {
  return pending_.with([](const Pending& pending) { return pending.images; });
}

Status ArchiveStore::change_index(const IndexChange& change, const std::stop_token&) {
  return pending_.with([&](Pending& pending) -> Status {
    LayoutIndex changed = pending.index;
    if (!change(changed)) return {};
    FL_CHECK(prepare(pending));
    pending.index = std::move(changed);
    pending.images = std::make_shared<const IndexSnapshot>(pending.index);
    return {};
  });
}

Status ArchiveStore::carry_over(ArchiveFile& file, const std::stop_token& stop) const {
  if (!old_) return {};
  for (const oci::Digest& digest : old_->blobs()) {
    const std::string name = blob_name(digest);
    if (file.find(name)) continue;  // written anew
    FL_TRY(const std::optional<FileRange> range, old_->find(name));
    if (range) FL_CHECK(file.copy_member(name, *range, describe(name), stop));
  }
  return {};
}

Status ArchiveStore::finish(const std::stop_token& stop) {
  ArchiveFile* archive = nullptr;
  std::string index;
  pending_.with([&](const Pending& pending) {
    archive = pending.file.get();
    index = pending.index.serialize();
  });
  if (archive == nullptr) return {};
  FL_CHECK(carry_over(*archive, stop));
  FL_CHECK(archive->put_member(kIndexFile, as_bytes(index)));
  FL_CHECK(archive->put_member(kVersionFile, as_bytes(kVersionText)));
  FL_CHECK(archive->close());
  FL_CHECK(replace_old(*archive, stop));
  log_.debug("wrote {}", shown());
  return {};
}

// What another run wrote since is not in the new file, and must not be lost. All who write archives in this directory
// lock it between their look and their rename, which is short: the bytes are on the disk already. Where there are no
// such locks, that is all there is.
Status ArchiveStore::replace_old(ArchiveFile& archive, const std::stop_token& stop) {
  FL_TRY(const std::optional<io::FileLock> lock, io::FileLock::acquire(place_.directory, stop, {.log = log_}));
  runtime::CleanupRegistry::Registration held;
  if (lock)
    held = cleanups_.add(runtime::CleanupKind::kLock, "on the directory of " + shown(),
                         [&lock] { return lock->release(); });
  FL_TRY(const FileIdentity now, identify(place_));
  if (now == old_identity_) return archive.publish();
  return fail(ErrorCode::kLocked, fmt::format("{} was changed by another program meanwhile: run this again", shown()));
}

}  // namespace

Result<std::unique_ptr<LayoutStore>> open_archive_store(const std::filesystem::path& path, bool create,
                                                        runtime::CleanupRegistry& cleanups, Logger log) {
  FL_TRY(ArchivePlace place, locate_archive(path));
  auto store = std::make_unique<ArchiveStore>(path, std::move(place), create, cleanups, log);
  FL_CHECK(store->open_existing());
  return std::unique_ptr<LayoutStore>(std::move(store));
}

}  // namespace freightliner::transport
