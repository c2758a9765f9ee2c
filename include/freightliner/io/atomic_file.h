#pragma once

#include <string>
#include <string_view>

#include "freightliner/io/file.h"

namespace freightliner::io {

/// A file that appears whole or not at all: bytes go to a temporary file in the target's directory, commit() does
/// fsync, rename, and fsync of the directory (Pillai et al., "All File Systems Are Not Created Equal", OSDI 2014). An
/// fsync that failed is never repeated on the same descriptor. Confined to one thread. Destroyed uncommitted: the
/// temporary is gone. The temporary is locked (flock(2)) as long as its owner lives, so that what a killed process left
/// can be told from what another one is writing. Keeps a pointer to the Directory, which must neither end nor move
/// before it.
class AtomicFile {
 public:
  /// `name` has no slash. The temporary is named ".<name>.<random>.tmp", created O_EXCL with `mode` (& ~umask). Errors:
  /// kIntegrity for a bad name, kLocalIo.
  static Result<AtomicFile> create(const Directory& directory, const std::string& name, mode_t mode = 0644);
  AtomicFile(AtomicFile&&) noexcept;
  AtomicFile& operator=(AtomicFile&&) noexcept;
  ~AtomicFile();

  /// Appends. A failure gives the file up: the temporary is removed, and write() and commit() fail from then on.
  /// Errors: kLocalIo; kInternal after commit() or abort().
  Status write(ByteSpan bytes);
  /// The temporary, open for reading and writing; empty after commit(), abort() or a failure.
  const UniqueFd& file() const noexcept { return file_; }
  /// The name that the temporary has in the directory until commit().
  const std::string& temporary_name() const noexcept { return temporary_; }
  /// Makes the bytes durable, and nothing visible: then what is left of commit() takes no time that grows with the
  /// file. Nothing is written through file() after it. Errors as write().
  Status sync();
  /// Makes the file appear under its name, in the place of one that is there. A failure gives the file up, but where
  /// only the last step failed (the directory's fsync): then it has its name, and may lose it in a power cut. Errors as
  /// write().
  Status commit();
  /// The same under another name than create() was given, for a file that is named after its contents. kIntegrity for a
  /// bad name, which leaves the file as it is.
  Status commit_as(const std::string& name);
  /// Removes the temporary. Idempotent; nothing after commit().
  void abort() noexcept;

 private:
  AtomicFile() = default;
  const Directory* directory_ = nullptr;
  UniqueFd file_;
  std::string name_;
  std::string temporary_;
  bool synced_ = false;
};

/// Removes the temporaries of processes that have died (see AtomicFile) from a directory. What can't be looked at or
/// removed stays: it does no harm.
void remove_stale_temporaries(const Directory& directory) noexcept;
/// The same for the temporaries of one file alone, in a directory that others use as well.
void remove_stale_temporaries_of(const Directory& directory, std::string_view name) noexcept;

}  // namespace freightliner::io
