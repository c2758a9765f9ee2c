#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "freightliner/io/file.h"
#include "freightliner/io/tar.h"
#include "freightliner/oci/manifest.h"
#include "transport/index_snapshot.h"

namespace freightliner::transport {

/// Where a file's bytes are: in a file of its own, or inside an archive.
struct FileRange {
  std::shared_ptr<const io::UniqueFd> file;
  std::uint64_t offset = 0;
  std::uint64_t size = 0;
};

/// The files of a layout by their relative names, wherever they are. Safe from any thread.
class LayoutFiles {
 public:
  virtual ~LayoutFiles() = default;
  /// nullopt where there is none. Errors: kIntegrity for a link or anything else that is no regular file, kLocalIo.
  virtual Result<std::optional<FileRange>> find(const std::string& name) const = 0;
  /// A file of the layout as errors call it.
  virtual std::string describe(const std::string& name) const = 0;
};

/// Where the files of a layout are below the directory that holds it: a layout of its own ("", "blobs"), or one of
/// several that share their blobs ("team/app", "_blobs").
struct LayoutPlace {
  std::string layout = {};
  std::string blobs = "blobs";

  /// The path of a file of the layout below that directory.
  std::string path_of(const std::string& name) const;
};

/// A layout in a directory. It holds that directory open and nothing below it.
class DirectoryFiles final : public LayoutFiles {
 public:
  DirectoryFiles(std::shared_ptr<const io::Directory> directory, LayoutPlace place)
      : directory_(std::move(directory)), place_(std::move(place)) {}
  Result<std::optional<FileRange>> find(const std::string& name) const override;
  std::string describe(const std::string& name) const override;

 private:
  std::shared_ptr<const io::Directory> directory_;
  LayoutPlace place_;
};

/// A layout in an uncompressed tar. All ranges share one descriptor, so that they stay valid when the file is replaced.
class ArchiveFiles final : public LayoutFiles {
 public:
  /// `path` is what errors call the archive. Errors: kProtocol for what is no tar, kIntegrity for a hostile one.
  static Result<std::unique_ptr<ArchiveFiles>> read(io::UniqueFd file, std::filesystem::path path);
  Result<std::optional<FileRange>> find(const std::string& name) const override;
  std::string describe(const std::string& name) const override;
  /// Every blob that is in the archive, in its order.
  std::vector<oci::Digest> blobs() const;

 private:
  ArchiveFiles(io::UniqueFd file, std::filesystem::path path, io::TarIndex index)
      : file_(std::make_shared<const io::UniqueFd>(std::move(file))),
        path_(std::move(path)),
        index_(std::move(index)) {}
  std::shared_ptr<const io::UniqueFd> file_;
  std::filesystem::path path_;
  io::TarIndex index_;
};

/// An archive's place: its directory, held open, and the name in it. A path that ends in a symbolic link is followed.
struct ArchivePlace {
  io::Directory directory;
  std::string name;
};
/// Errors: kNotFound where the directory is missing, kUsage for a path that is a directory.
Result<ArchivePlace> locate_archive(const std::filesystem::path& path);

inline constexpr char kVersionFile[] = "oci-layout";
inline constexpr char kIndexFile[] = "index.json";
/// Held while the index is changed. Other tools pass over names in a layout that they do not know.
inline constexpr char kLockFile[] = ".freightliner.lock";
/// What an oci-layout file holds (image-layout.md, "oci-layout file").
inline constexpr std::string_view kVersionText = R"({"imageLayoutVersion":"1.0.0"})";

/// `blobs/<algorithm>/<hex>`
std::string blob_name(const oci::Digest& digest);

/// The bytes of a whole small file, which `files` calls `name`. Errors: kProtocol above `limit` bytes, kLocalIo.
Result<std::string> read_range(const LayoutFiles& files, const std::string& name, const FileRange& range,
                               std::uint64_t limit);
/// A whole small file; nullopt where there is none. Errors: those of find() and read_range().
Result<std::optional<std::string>> read_file(const LayoutFiles& files, const std::string& name, std::uint64_t limit);
/// Checks the oci-layout file; false where there is none. Errors: kProtocol for another version.
Result<bool> has_version(const LayoutFiles& files);
/// The index; nullopt where there is none. Errors: kProtocol.
Result<std::optional<LayoutIndex>> read_index(const LayoutFiles& files);
/// The images that it names; null where there is no index.
Result<std::shared_ptr<const IndexSnapshot>> read_images(const LayoutFiles& files);
/// A manifest, verified. `media_type` is what names it says of its type, or empty. nullopt where there is none. Errors:
/// kIntegrity where the bytes do not match the digest, kProtocol.
Result<std::optional<oci::RawManifest>> read_manifest(const LayoutFiles& files, const oci::Digest& digest,
                                                      const std::string& media_type);
/// True where the manifest is there and its bytes match the digest.
Result<bool> has_intact_manifest(const LayoutFiles& files, const oci::Digest& digest);

}  // namespace freightliner::transport
