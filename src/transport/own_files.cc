#include "freightliner/transport/own_files.h"

#include "freightliner/io/file.h"
#include "transport/layout_files.h"
#include "transport/layout_walk.h"

namespace freightliner::transport {
namespace {

namespace fs = std::filesystem;

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
  const auto below = io::path_below(file, name.path);
  return below && (is_layout_file(*below) || *below->begin() == LayoutPlace().blobs);
}

bool is_part_of(const fs::path& file, const TreeName& name) {
  if (name.is_registry()) return false;
  const auto below = io::path_below(file, name.directory);
  return below && (is_layout_file(below->filename()) || *below->begin() == kSharedBlobs);
}

}  // namespace freightliner::transport
