#include "transport/layout_walk.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <memory>

#include "freightliner/base/text.h"
#include "freightliner/oci/reference.h"
#include "transport/layout_files.h"

namespace freightliner::transport {
namespace {

struct CloseStream {
  void operator()(DIR* stream) const noexcept { closedir(stream); }
};
using Stream = std::unique_ptr<DIR, CloseStream>;

bool is_layout_component(std::string_view component) noexcept {
  return component == kIndexFile || component == kVersionFile;
}

Error failed(const io::Directory& directory) {
  const Error error = io::errno_error(errno, "list the directory " + printable(directory.path().native(), 4096));
  return Error(ErrorCode::kLocalIo, error.message());
}

class Walk {
 public:
  Walk(const io::Directory& root, PassedOver& passed) : root_(root), passed_(passed) {}

  Result<std::vector<std::string>> run() {
    FL_CHECK(visit(root_, ""));
    while (!pending_.empty()) {
      const std::string name = std::move(pending_.back());
      pending_.pop_back();
      auto directory = root_.open_directory(name);
      if (!directory && directory.error().code() == ErrorCode::kNotFound) continue;  // gone since
      if (!directory) return fail(std::move(directory).error());
      FL_CHECK(visit(*directory, name));
    }
    return std::move(found_);
  }

 private:
  Status visit(const io::Directory& directory, const std::string& name) {
    io::UniqueFd fd(openat(directory.fd(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!fd) return fail(failed(directory));
    const Stream stream(fdopendir(fd.get()));
    if (!stream) return fail(failed(directory));
    static_cast<void>(fd.release());
    for (;;) {
      errno = 0;
      const dirent* const entry = readdir(stream.get());
      if (entry == nullptr) return errno == 0 ? Status() : Status(fail(failed(directory)));
      FL_CHECK(visit_entry(directory, name, *entry));
    }
  }

  Status visit_entry(const io::Directory& directory, const std::string& parent, const dirent& entry) {
    const std::string name(static_cast<const char*>(entry.d_name));
    if (name.starts_with('.') || (parent.empty() && name == kSharedBlobs)) return {};
    struct stat status = {};
    if (fstatat(directory.fd(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
      if (errno != ENOENT) return fail(failed(directory));
      return {};  // gone since
    }
    if (is_layout_component(name)) {
      // Whatever it is, and if the other one is missing: where it can't be read, that is an error of this repository.
      if (!parent.empty() && !S_ISDIR(status.st_mode)) found_.push_back(parent);
      return {};
    }
    const std::string child = parent.empty() ? name : parent + '/' + name;
    if (S_ISLNK(status.st_mode)) {
      if (fstatat(directory.fd(), name.c_str(), &status, 0) == 0 && S_ISDIR(status.st_mode)) {
        passed_.add(child, "links are not followed");
      }
      return {};
    }
    if (!S_ISDIR(status.st_mode)) return {};
    if (oci::is_valid_repository(child)) {
      pending_.push_back(child);
    } else if (fstatat(directory.fd(), (name + '/' + kIndexFile).c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0) {
      passed_.add(child, "this is no repository name");
    }
    return {};
  }

  const io::Directory& root_;
  PassedOver& passed_;
  std::vector<std::string> pending_;
  std::vector<std::string> found_;
};

}  // namespace

bool has_layout_component(std::string_view repository) noexcept {
  const auto components = split(repository, '/');
  return std::ranges::any_of(components, is_layout_component);
}

Result<std::vector<std::string>> find_layouts(const io::Directory& root, PassedOver& passed) {
  return Walk(root, passed).run();
}

}  // namespace freightliner::transport
