#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

#include "freightliner/io/atomic_file.h"
#include "freightliner/runtime/cleanup_registry.h"

namespace freightliner::runtime {

/// An io::AtomicFile that the run knows of: registered for clean-up from its creation until it is committed or gone.
/// Confined to one thread, but that the registry may remove the temporary from another when the run has to leave.
class TemporaryFile {
 public:
  struct Options {
    mode_t mode = 0644;  ///< & ~umask
    CleanupKind kind = CleanupKind::kTemporaryFile;
  };
  /// The registry and the directory outlive the file. Errors: as AtomicFile::create().
  static Result<TemporaryFile> create(CleanupRegistry& cleanups, const io::Directory& directory,
                                      const std::string& name, Options options);
  static Result<TemporaryFile> create(CleanupRegistry& cleanups, const io::Directory& directory,
                                      const std::string& name) {
    return create(cleanups, directory, name, Options());
  }

  // As those of AtomicFile.
  Status write(ByteSpan bytes) { return file_.write(bytes); }
  const io::UniqueFd& file() const noexcept { return file_.file(); }
  Status sync();
  Status commit();
  Status commit_as(const std::string& name);
  void abort() noexcept;

 private:
  Status settle(Status committed);
  TemporaryFile(io::AtomicFile file, CleanupRegistry::Registration cleanup)
      : file_(std::move(file)), cleanup_(std::move(cleanup)) {}
  io::AtomicFile file_;
  CleanupRegistry::Registration cleanup_;
};

/// Takes the next piece of a text.
using TextSink = std::function<Status(std::string_view)>;
/// Writes a file that appears whole or not at all, in the place of one that is there; `write` gives its text piece by
/// piece. What it replaces keeps its owner, group and mode (io::take_permissions()). Errors: kLocalIo, also for a path
/// that names a device, a pipe or a directory; those of `write`.
Status save_file(CleanupRegistry& cleanups, const std::filesystem::path& path,
                 const std::function<Status(const TextSink&)>& write);

}  // namespace freightliner::runtime
