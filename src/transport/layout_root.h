#pragma once

#include <array>
#include <filesystem>
#include <memory>
#include <string>

#include "freightliner/base/guarded.h"
#include "freightliner/io/file.h"
#include "transport/layout_files.h"

namespace freightliner::transport {

/// The directory that a layout is in, or several layouts with common blobs. It is made at the first write; what is
/// below it is reached without following a link. Safe from any thread.
class LayoutRoot {
 public:
  /// `blobs` is where the blobs are below the directory. With `create` false nothing is made.
  LayoutRoot(std::filesystem::path path, std::string blobs, bool create)
      : path_(std::move(path)), blobs_(std::move(blobs)), create_(create) {}

  const std::filesystem::path& path() const noexcept { return path_; }
  /// The layout in a directory below, or, with an empty name, in the directory itself.
  LayoutPlace place(std::string layout) const { return {std::move(layout), blobs_}; }
  /// Null where the directory is missing. Errors: kLocalIo.
  Result<std::shared_ptr<const io::Directory>> find() const;
  /// The directory of a layout, made where it is missing.
  Result<std::shared_ptr<const io::Directory>> make_layout(const std::string& layout);
  /// The directory of the blobs of an algorithm, made where it is missing.
  Result<std::shared_ptr<const io::Directory>> make_blobs(oci::DigestAlgorithm algorithm);
  /// Removes what killed runs have left half written beside the blobs; once. After find() or make_layout().
  void sweep_blobs();
  /// Makes the blobs that are there durable: a run that was killed may have renamed them and not synced the directory.
  Status sync_blobs() const;

 private:
  Result<std::shared_ptr<const io::Directory>> make();
  std::string blobs_name(oci::DigestAlgorithm algorithm) const;

  const std::filesystem::path path_;
  const std::string blobs_;
  const bool create_;
  mutable Guarded<std::shared_ptr<const io::Directory>> directory_;
  Guarded<bool> swept_{false};
  Guarded<std::array<std::shared_ptr<const io::Directory>, 2>> blob_directories_;  // by DigestAlgorithm
};

}  // namespace freightliner::transport
