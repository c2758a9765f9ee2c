#include "freightliner/runtime/temporary_file.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "freightliner/base/text.h"
#include "freightliner/io/permissions.h"

namespace freightliner::runtime {

// By name alone: the descriptor is the owner's, who may be writing when another thread has to clean up.
Result<TemporaryFile> TemporaryFile::create(CleanupRegistry& cleanups, const io::Directory& directory,
                                            const std::string& name, Options options) {
  FL_TRY(io::AtomicFile file, io::AtomicFile::create(directory, name, options.mode));
  const std::string& temporary = file.temporary_name();
  std::string shown = printable((directory.path() / temporary).native(), 4096);
  const auto remove = [&directory, temporary]() -> Status {
    if (unlinkat(directory.fd(), temporary.c_str(), 0) == 0 || errno == ENOENT) return {};
    return fail(io::errno_error(errno, "remove a temporary file"));
  };
  auto cleanup = cleanups.add(options.kind, std::move(shown), remove);
  return TemporaryFile(std::move(file), std::move(cleanup));
}

Status TemporaryFile::sync() {
  Status synced = file_.sync();
  if (!synced) cleanup_.run();  // the file was given up
  return synced;
}

Status TemporaryFile::commit() {
  return settle(file_.commit());
}

Status TemporaryFile::commit_as(const std::string& name) {
  return settle(file_.commit_as(name));
}

Status TemporaryFile::settle(Status committed) {
  if (committed) {
    cleanup_.release();
  } else {
    cleanup_.run();  // finds nothing where the file has its name or was removed
  }
  return committed;
}

void TemporaryFile::abort() noexcept {
  file_.abort();
  cleanup_.run();
}

Status save_file(CleanupRegistry& cleanups, const std::filesystem::path& path,
                 const std::function<Status(const TextSink&)>& write) {
  FL_TRY(const io::LocalName place, io::locate(path));
  struct stat old = {};
  const bool replaces = lstat(path.c_str(), &old) == 0;
  if (replaces && !S_ISREG(old.st_mode)) {
    // A rename would put the file in the place of a device, a pipe or a link (/dev/stdout is one).
    if (S_ISLNK(old.st_mode)) {
      return fail(ErrorCode::kLocalIo, fmt::format("{} is a symbolic link: name the file itself", place.shown));
    }
    return fail(ErrorCode::kLocalIo, fmt::format("{} is not a regular file: name another", place.shown));
  }
  io::remove_stale_temporaries_of(place.directory, place.name);
  FL_TRY(TemporaryFile file, TemporaryFile::create(cleanups, place.directory, place.name,
                                                   {.mode = replaces ? mode_t{0600} : mode_t{0644}}));
  if (replaces) FL_CHECK(io::take_permissions(file.file(), old, place.shown));
  FL_CHECK(write([&](std::string_view text) { return file.write(as_bytes(text)); }));
  return file.commit();
}

}  // namespace freightliner::runtime
