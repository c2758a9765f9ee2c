#include <fcntl.h>
#include <fmt/format.h>

#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <mutex>

#include "freightliner/base/defer.h"
#include "freightliner/base/guarded.h"
#include "freightliner/base/text.h"
#include "freightliner/io/atomic_file.h"
#include "freightliner/io/file_lock.h"
#include "freightliner/runtime/temporary_file.h"
#include "transport/file_identity.h"
#include "transport/layout_store.h"

namespace freightliner::transport {
namespace {

using SharedDirectory = std::shared_ptr<const io::Directory>;
using SharedImages = std::shared_ptr<const IndexSnapshot>;

/// A blob in a temporary file beside its place.
template <class Interface>
class DirectoryBlob : public Interface {
 public:
  DirectoryBlob(SharedDirectory directory, runtime::TemporaryFile file, Logger log)
      : directory_(std::move(directory)), file_(std::move(file)), log_(log) {}
  Status write(io::Chunk chunk) final { return file_.write(chunk.bytes()); }
  void abort() noexcept final { file_.abort(); }

 protected:
  Status commit_as(const oci::Digest& digest) {
    FL_CHECK(file_.commit_as(digest.hex()));
    log_.debug("wrote {}", digest.to_string());
    return {};
  }

 private:
  SharedDirectory directory_;  // which the file points at
  runtime::TemporaryFile file_;
  const Logger log_;
};

class DirectoryBlobWriter final : public DirectoryBlob<io::BlobWriter> {
 public:
  DirectoryBlobWriter(SharedDirectory directory, runtime::TemporaryFile file, Logger log, oci::Digest digest)
      : DirectoryBlob(std::move(directory), std::move(file), log), digest_(std::move(digest)) {}
  Status commit() override { return commit_as(digest_); }

 private:
  const oci::Digest digest_;
};

// Streamed blobs are named when they are complete, by this algorithm.
constexpr auto kStreamAlgorithm = oci::DigestAlgorithm::kSha256;
constexpr char kStreamFile[] = "stream";

class DirectoryBlobStream final : public DirectoryBlob<io::BlobStream> {
 public:
  using DirectoryBlob::DirectoryBlob;
  Status commit(const oci::Descriptor& blob) override {
    if (blob.digest.algorithm() != kStreamAlgorithm) return fail(ErrorCode::kInternal, "a stream has another digest");
    return commit_as(blob.digest);
  }
};

Result<FileIdentity> identify(const io::UniqueFd& file, const std::string& name) {
  struct stat status = {};
  if (fstat(file.get(), &status) != 0) return fail(io::errno_error(errno, "look at " + name));
  return FileIdentity::of(status);
}

/// A layout in a directory. Nothing is made before the first write, so that a copy that fails early leaves nothing
/// behind. What was written stays when a copy fails: the next one finds it.
class DirectoryStore final : public LayoutStore {
 public:
  DirectoryStore(std::shared_ptr<LayoutRoot> root, std::string layout, runtime::CleanupRegistry& cleanups, Logger log)
      : root_(std::move(root)), layout_(std::move(layout)), cleanups_(cleanups), log_(log) {}
  /// Checks what is there. Errors: kProtocol where that is no layout.
  Status check_existing() const;

  Result<std::optional<FileRange>> find(const std::string& name) const override;
  std::string describe(const std::string& name) const override {
    return printable((root_->path() / root_->place(layout_).path_of(name)).native(), 4096);
  }
  Result<std::unique_ptr<io::BlobWriter>> begin_blob(const oci::Descriptor& blob) override;
  Result<std::unique_ptr<io::BlobStream>> begin_stream(const std::stop_token& stop) override;
  Status put(const oci::Digest& digest, ByteSpan bytes) override;
  Result<SharedImages> images() const override;
  Status change_index(const IndexChange& change, const std::stop_token& stop) override;
  Status finish(const std::stop_token&) override { return {}; }  // every write was durable by itself

 private:
  /// What index.json holds. It is replaced by renaming, so the file that is held open is the one under that name as
  /// long as they are alike, and need not be read again.
  struct Known {
    std::shared_ptr<const io::UniqueFd> file = nullptr;
    FileIdentity identity = {};
    std::shared_ptr<const LayoutIndex> index = nullptr;
    SharedImages images = nullptr;  // made when they are asked for
  };
  struct Waiting {
    const IndexChange* change;
    std::optional<Status> outcome;
  };
  struct Changes {
    std::vector<Waiting*> waiting;
    bool busy = false;
  };

  Result<SharedDirectory> prepare();
  Status refresh(Known& known) const;
  void settle(const std::vector<Waiting*>& batch, const Waiting& own, const Status& outcome);
  Status change_together(const std::vector<Waiting*>& batch, const std::stop_token& stop);
  Result<bool> changes_nothing(const std::vector<Waiting*>& batch) const;
  Result<io::FileLock> lock_index(const io::Directory& directory, const std::stop_token& stop);
  Status write_index(const io::Directory& directory, LayoutIndex index);

  const std::shared_ptr<LayoutRoot> root_;
  const std::string layout_;
  runtime::CleanupRegistry& cleanups_;
  const Logger log_;
  Guarded<bool> has_version_{false};
  mutable Guarded<Known> known_;
  std::mutex changes_mutex_;
  std::condition_variable changes_settled_;
  Changes changes_;
  std::atomic<bool> locked_out_ = false;  // the last wait for the lock was for nothing
};

Status DirectoryStore::check_existing() const {
  FL_TRY(const SharedImages present, images());
  FL_TRY(const std::optional<FileRange> index, find(kIndexFile));
  if (!index) return {};
  // Looked for last, as it is written first: another run may be making the layout at this moment.
  FL_TRY(const bool is_layout, has_version(*this));
  if (is_layout) return {};
  return fail(ErrorCode::kProtocol,
              fmt::format("{} is no OCI layout: it has an {} and no {}",
                          printable((root_->path() / layout_).native(), 4096), kIndexFile, kVersionFile));
}

Result<std::optional<FileRange>> DirectoryStore::find(const std::string& name) const {
  FL_TRY(SharedDirectory directory, root_->find());
  if (!directory) return std::optional<FileRange>();
  return DirectoryFiles(std::move(directory), root_->place(layout_)).find(name);
}

Status DirectoryStore::refresh(Known& known) const {
  FL_TRY(const std::optional<FileRange> range, find(kIndexFile));
  if (!range) {
    known = Known{.index = std::make_shared<const LayoutIndex>()};
    return {};
  }
  const std::string name = describe(kIndexFile);
  FL_TRY(const FileIdentity identity, identify(*range->file, name));
  if (known.file && known.identity == identity) return {};
  known = Known();
  FL_TRY(std::string text, read_range(*this, kIndexFile, *range, kMaxIndexBytes));
  FL_TRY(LayoutIndex index, LayoutIndex::parse(std::move(text), name));
  known = Known{range->file, identity, std::make_shared<const LayoutIndex>(std::move(index)), nullptr};
  return {};
}

Result<SharedImages> DirectoryStore::images() const {
  return known_.with([&](Known& known) -> Result<SharedImages> {
    FL_CHECK(refresh(known));
    if (!known.images) known.images = std::make_shared<const IndexSnapshot>(*known.index);
    return known.images;
  });
}

// oci-layout comes first: whoever finds blobs finds a layout. Two processes may both write it, and write the same.
Result<SharedDirectory> DirectoryStore::prepare() {
  FL_TRY(SharedDirectory directory, root_->make_layout(layout_));
  const Status versioned = has_version_.with([&](bool& present) -> Status {
    if (present) return {};
    // Only of the files that are ours here: the user may keep others beside them.
    for (const char* const name : {kVersionFile, kIndexFile}) io::remove_stale_temporaries_of(*directory, name);
    root_->sweep_blobs();
    FL_TRY(present, has_version(*this));
    if (present) return {};
    // A new layout, whose directory may be there: from the user, or from a run that was killed when it had just made
    // it.
    FL_CHECK(directory->sync_entry());
    FL_TRY(runtime::TemporaryFile file, runtime::TemporaryFile::create(cleanups_, *directory, kVersionFile));
    FL_CHECK(file.write(as_bytes(kVersionText)));
    FL_CHECK(file.commit());
    present = true;
    return {};
  });
  if (!versioned) return fail(versioned.error());
  return directory;
}

Result<std::unique_ptr<io::BlobWriter>> DirectoryStore::begin_blob(const oci::Descriptor& blob) {
  FL_TRY(const SharedDirectory layout, prepare());
  FL_TRY(SharedDirectory directory, root_->make_blobs(blob.digest.algorithm()));
  FL_TRY(runtime::TemporaryFile file, runtime::TemporaryFile::create(cleanups_, *directory, blob.digest.hex()));
  return std::unique_ptr<io::BlobWriter>(
      std::make_unique<DirectoryBlobWriter>(std::move(directory), std::move(file), log_, blob.digest));
}

Result<std::unique_ptr<io::BlobStream>> DirectoryStore::begin_stream(const std::stop_token&) {
  FL_TRY(const SharedDirectory layout, prepare());
  FL_TRY(SharedDirectory directory, root_->make_blobs(kStreamAlgorithm));
  FL_TRY(runtime::TemporaryFile file, runtime::TemporaryFile::create(cleanups_, *directory, kStreamFile));
  return std::unique_ptr<io::BlobStream>(
      std::make_unique<DirectoryBlobStream>(std::move(directory), std::move(file), log_));
}

Status DirectoryStore::put(const oci::Digest& digest, ByteSpan bytes) {
  FL_TRY(const SharedDirectory layout, prepare());
  FL_TRY(const SharedDirectory directory, root_->make_blobs(digest.algorithm()));
  FL_TRY(runtime::TemporaryFile file, runtime::TemporaryFile::create(cleanups_, *directory, digest.hex()));
  FL_CHECK(file.write(bytes));
  return file.commit();
}

// The index is written whole for each change, so those that come while it is written go together in the next one: the
// cost of many tags from many threads stays near that of one.
Status DirectoryStore::change_index(const IndexChange& change, const std::stop_token& stop) {
  Waiting own{&change, std::nullopt};
  std::unique_lock lock(changes_mutex_);
  changes_.waiting.push_back(&own);
  changes_settled_.wait(lock, [&] { return own.outcome || !changes_.busy; });
  if (own.outcome) return *own.outcome;
  changes_.busy = true;
  const std::vector<Waiting*> batch = std::exchange(changes_.waiting, {});
  lock.unlock();
  Status outcome = fail(ErrorCode::kInternal, fmt::format("{} was not written", describe(kIndexFile)));
  {
    const Defer settled([&] { settle(batch, own, outcome); });
    outcome = change_together(batch, stop);
  }
  return outcome;
}

void DirectoryStore::settle(const std::vector<Waiting*>& batch, const Waiting& own, const Status& outcome) {
  // Who was stopped speaks for itself alone: the others go on.
  const bool stopped = !outcome && outcome.error().code() == ErrorCode::kCancelled;
  {
    const std::lock_guard lock(changes_mutex_);
    changes_.busy = false;
    for (Waiting* const waiting : batch) {
      if (stopped && waiting != &own) {
        changes_.waiting.push_back(waiting);
      } else {
        waiting->outcome = outcome;
      }
    }
  }
  changes_settled_.notify_all();
}

Result<bool> DirectoryStore::changes_nothing(const std::vector<Waiting*>& batch) const {
  FL_TRY(const std::optional<FileRange> present, find(kIndexFile));
  if (present) return false;
  LayoutIndex none;
  bool changed = false;
  for (const Waiting* const waiting : batch) changed = (*waiting->change)(none) || changed;
  return !changed;
}

// Many tags may wait one after the other for a holder that hangs: the patience is for the first.
Result<io::FileLock> DirectoryStore::lock_index(const io::Directory& directory, const std::stop_token& stop) {
  io::LockPatience patience{.log = log_};
  if (locked_out_.load()) patience.limit = Duration(0);
  auto lock = io::FileLock::acquire(directory, kLockFile, stop, patience);
  locked_out_ = !lock && lock.error().code() == ErrorCode::kLocked;
  return lock;
}

// Under the lock it is the index of that moment which is changed, so that what other processes wrote since stays.
Status DirectoryStore::change_together(const std::vector<Waiting*>& batch, const std::stop_token& stop) {
  FL_TRY(const bool needless, changes_nothing(batch));
  if (needless) return {};
  FL_TRY(const SharedDirectory directory, prepare());
  FL_TRY(const io::FileLock lock, lock_index(*directory, stop));
  const auto held = cleanups_.add(runtime::CleanupKind::kLock, describe(kLockFile), [&lock] { return lock.release(); });
  std::optional<LayoutIndex> index;
  FL_CHECK(known_.with([&](Known& known) -> Status {
    const Status fresh = refresh(known);
    if (fresh) index = *known.index;
    return fresh;
  }));
  bool changed = false;
  for (const Waiting* const waiting : batch) changed = (*waiting->change)(*index) || changed;
  if (!changed) return {};
  FL_CHECK(root_->sync_blobs());
  return write_index(*directory, *std::move(index));
}

Status DirectoryStore::write_index(const io::Directory& directory, LayoutIndex index) {
  const std::string name = describe(kIndexFile);
  FL_TRY(runtime::TemporaryFile file, runtime::TemporaryFile::create(cleanups_, directory, kIndexFile));
  std::size_t size = 0;
  FL_CHECK(index.write_to([&](std::string_view piece) -> Status {
    size += piece.size();
    if (size <= kMaxIndexBytes) return file.write(as_bytes(piece));
    return fail(ErrorCode::kProtocol, fmt::format("{} would be larger than {}: no layout can have so many images", name,
                                                  format_bytes(kMaxIndexBytes)));
  }));
  auto held = std::make_shared<const io::UniqueFd>(fcntl(file.file().get(), F_DUPFD_CLOEXEC, 0));
  if (!*held) return fail(io::errno_error(errno, "open " + name));
  FL_TRY(const FileIdentity identity, identify(*held, name));
  FL_CHECK(file.commit());
  known_.with([&](Known& known) {
    known = Known{std::move(held), identity, std::make_shared<const LayoutIndex>(std::move(index)), nullptr};
  });
  log_.debug("wrote {}", name);
  return {};
}

}  // namespace

Result<std::unique_ptr<LayoutStore>> open_directory_store(std::shared_ptr<LayoutRoot> root, std::string layout,
                                                          runtime::CleanupRegistry& cleanups, Logger log) {
  auto store = std::make_unique<DirectoryStore>(std::move(root), std::move(layout), cleanups, log);
  FL_CHECK(store->check_existing());
  return std::unique_ptr<LayoutStore>(std::move(store));
}

}  // namespace freightliner::transport
