#include "freightliner/transport/own_files.h"

#include "freightliner/io/file.h"
#include "transport/layout_files.h"
#include "transport/layout_walk.h"

namespace freightliner::transport {
namespace {

namespace fs = std::filesystem;

/// The path below the directory; empty where it is not below.
fs::path below(const fs::path& file, const fs::path& directory) {
  fs::path relative = io::resolve(file).lexically_relative(io::resolve(directory));
  return relative.empty() || *relative.begin() == ".." ? fs::path() : relative;
}

bool is_layout_file(const fs::path& name) {
  return name == kVersionFile || name == kIndexFile || name == kLockFile;
}

}  // namespace

bool is_part_of(const fs::path& file, const ImageName& name) {
  switch (name.kind) {
    case TransportKind::kDocker:
      return false;
    case TransportKind::kOciArchive:
      return io::is_same_file(file, name.path);
    case TransportKind::kOci:
      break;
  }
  const fs::path relative = below(file, name.path);
  return !relative.empty() && (is_layout_file(relative) || *relative.begin() == LayoutPlace().blobs);
}

bool is_part_of(const fs::path& file, const TreeName& name) {
  if (name.is_registry()) return false;
  const fs::path relative = below(file, name.directory);
  return !relative.empty() && (is_layout_file(relative.filename()) || *relative.begin() == kSharedBlobs);
}

}  // namespace freightliner::transport
