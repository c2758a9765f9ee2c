#include "transport/layout_root.h"

#include <fmt/format.h>

#include <utility>

#include "freightliner/base/text.h"
#include "freightliner/io/atomic_file.h"

namespace freightliner::transport {
namespace {

using Shared = std::shared_ptr<const io::Directory>;

Result<Shared> open_below(const io::Directory& root, const std::string& relative) {
  FL_TRY(io::Directory directory, root.open_directory(relative));
  return std::make_shared<const io::Directory>(std::move(directory));
}

/// Makes each level of a path that is missing.
Status create_levels(const io::Directory& root, const std::string& relative) {
  for (auto end = relative.find('/'); end != std::string::npos; end = relative.find('/', end + 1)) {
    FL_CHECK(root.create_directory(relative.substr(0, end)));
  }
  return root.create_directory(relative);
}

}  // namespace

std::string LayoutRoot::blobs_name(oci::DigestAlgorithm algorithm) const {
  return fmt::format("{}/{}", blobs_, oci::to_string(algorithm));
}

Result<Shared> LayoutRoot::find() const {
  return directory_.with([&](Shared& known) -> Result<Shared> {
    if (known) return known;
    auto directory = io::Directory::open(path_);
    if (!directory && directory.error().code() == ErrorCode::kNotFound) return Shared();
    if (!directory) return fail(std::move(directory).error());
    known = std::make_shared<const io::Directory>(*std::move(directory));
    return known;
  });
}

Result<Shared> LayoutRoot::make() {
  if (!create_) {
    return fail(ErrorCode::kInternal, fmt::format("{} was not opened for writing", printable(path_.native(), 4096)));
  }
  return directory_.with([&](Shared& known) -> Result<Shared> {
    if (known) return known;
    FL_TRY(io::Directory directory, io::Directory::create(path_));
    known = std::make_shared<const io::Directory>(std::move(directory));
    return known;
  });
}

Result<Shared> LayoutRoot::make_layout(const std::string& name) {
  FL_TRY(Shared root, make());
  if (name.empty()) return root;
  auto layout = open_below(*root, name);
  if (layout || layout.error().code() != ErrorCode::kNotFound) return layout;
  FL_CHECK(create_levels(*root, name));
  return open_below(*root, name);
}

Result<Shared> LayoutRoot::make_blobs(oci::DigestAlgorithm algorithm) {
  FL_TRY(const Shared root, make());
  return blob_directories_.with([&](auto& slots) -> Result<Shared> {
    Shared& slot = slots.at(static_cast<std::size_t>(algorithm));
    if (slot) return slot;
    const std::string name = blobs_name(algorithm);
    // Found or made by this run: one that was killed may have made it, and not come to this.
    FL_CHECK(root->sync_entry());
    FL_CHECK(create_levels(*root, name));
    FL_TRY(slot, open_below(*root, name));
    return slot;
  });
}

void LayoutRoot::sweep_blobs() {
  if (swept_.with([](bool& swept) { return std::exchange(swept, true); })) return;
  const auto root = find();
  if (!root || !*root) return;
  for (const auto algorithm : {oci::DigestAlgorithm::kSha256, oci::DigestAlgorithm::kSha512}) {
    if (const auto directory = (*root)->open_directory(blobs_name(algorithm))) io::remove_stale_temporaries(*directory);
  }
}

Status LayoutRoot::sync_blobs() const {
  FL_TRY(const Shared root, find());
  if (!root) return {};
  for (const auto algorithm : {oci::DigestAlgorithm::kSha256, oci::DigestAlgorithm::kSha512}) {
    const auto directory = root->open_directory(blobs_name(algorithm));
    if (!directory && directory.error().code() == ErrorCode::kNotFound) continue;
    if (!directory) return fail(directory.error());
    FL_CHECK(directory->sync());
  }
  return {};
}

}  // namespace freightliner::transport
