#include "transport/layout_files.h"

#include <fmt/format.h>

#include <map>
#include <system_error>

#include "freightliner/base/text.h"
#include "freightliner/http/message.h"
#include "freightliner/io/hasher.h"
#include "freightliner/oci/json.h"

namespace freightliner::transport {
namespace {

constexpr std::uint64_t kMaxVersionBytes = 4 * kKiB;
constexpr std::string_view kBlobPrefix = "blobs/";

std::string shown(const std::filesystem::path& path) {
  return printable(path.native(), 4096);
}

std::optional<oci::Digest> digest_of_blob_name(std::string_view name) {
  if (!name.starts_with(kBlobPrefix)) return std::nullopt;
  std::string text(name.substr(kBlobPrefix.size()));
  const auto slash = text.find('/');
  if (slash == std::string::npos) return std::nullopt;
  text[slash] = ':';
  const auto digest = oci::Digest::parse(text);
  return digest ? std::optional<oci::Digest>(*digest) : std::nullopt;
}

bool is_layout_file(std::string_view name) {
  return name == kVersionFile || name == kIndexFile || digest_of_blob_name(name).has_value();
}

}  // namespace

std::string LayoutPlace::path_of(const std::string& name) const {
  if (name.starts_with(kBlobPrefix)) return fmt::format("{}/{}", blobs, name.substr(kBlobPrefix.size()));
  return layout.empty() ? name : fmt::format("{}/{}", layout, name);
}

Result<std::optional<FileRange>> DirectoryFiles::find(const std::string& name) const {
  FL_TRY(std::optional<io::UniqueFd> file, directory_->open_file(place_.path_of(name)));
  if (!file) return std::optional<FileRange>();
  FL_TRY(const std::uint64_t size, io::file_size(*file));
  return std::optional<FileRange>({std::make_shared<const io::UniqueFd>(*std::move(file)), 0, size});
}

std::string DirectoryFiles::describe(const std::string& name) const {
  return shown(directory_->path() / place_.path_of(name));
}

Result<std::unique_ptr<ArchiveFiles>> ArchiveFiles::read(io::UniqueFd file, std::filesystem::path path) {
  auto index = io::TarIndex::read(file, is_layout_file);
  if (!index) return fail(std::move(index).error().with_context(shown(path)));
  return std::unique_ptr<ArchiveFiles>(new ArchiveFiles(std::move(file), std::move(path), *std::move(index)));
}

Result<std::optional<FileRange>> ArchiveFiles::find(const std::string& name) const {
  const io::TarMember* const member = index_.find(name);
  if (member == nullptr) return std::optional<FileRange>();
  return std::optional<FileRange>({file_, member->offset, member->size});
}

std::string ArchiveFiles::describe(const std::string& name) const {
  return fmt::format("{} in {}", name, shown(path_));
}

std::vector<oci::Digest> ArchiveFiles::blobs() const {
  std::map<std::uint64_t, oci::Digest> by_offset;
  for (const auto& [name, member] : index_.members()) {
    if (const auto digest = digest_of_blob_name(name)) by_offset.emplace(member.offset, *digest);
  }
  std::vector<oci::Digest> result;
  for (const auto& [offset, digest] : by_offset) result.push_back(digest);
  return result;
}

Result<ArchivePlace> locate_archive(const std::filesystem::path& path) {
  std::error_code error;
  std::filesystem::path full = std::filesystem::absolute(path, error);
  if (!error) full = std::filesystem::weakly_canonical(full, error);
  if (error) return fail(io::errno_error(error.value(), "find " + shown(path)));
  if (!full.has_filename() || std::filesystem::is_directory(full, error)) {
    return fail(ErrorCode::kUsage, fmt::format("{} is a directory and no archive: a layout in a directory is oci:{}",
                                               shown(path), shown(path)));
  }
  FL_TRY(io::Directory directory, io::Directory::open(full.parent_path()));
  return ArchivePlace{std::move(directory), full.filename().native()};
}

std::string blob_name(const oci::Digest& digest) {
  return fmt::format("{}{}/{}", kBlobPrefix, oci::to_string(digest.algorithm()), digest.hex());
}

Result<std::string> read_range(const LayoutFiles& files, const std::string& name, const FileRange& range,
                               std::uint64_t limit) {
  if (range.size > limit) {
    return fail(ErrorCode::kProtocol, fmt::format("{} is too large: it has {}, and at most {} are read",
                                                  files.describe(name), format_bytes(range.size), format_bytes(limit)));
  }
  std::string text(range.size, '\0');
  auto count = io::read_at(*range.file, range.offset, std::as_writable_bytes(std::span(text)));
  if (!count) return fail(std::move(count).error().with_context(files.describe(name)));
  text.resize(*count);  // it may have been cut since; whoever asked checks what came
  return text;
}

Result<std::optional<std::string>> read_file(const LayoutFiles& files, const std::string& name, std::uint64_t limit) {
  FL_TRY(const std::optional<FileRange> range, files.find(name));
  if (!range) return std::optional<std::string>();
  FL_TRY(std::string text, read_range(files, name, *range, limit));
  return std::optional<std::string>(std::move(text));
}

Result<bool> has_version(const LayoutFiles& files) {
  FL_TRY(const std::optional<std::string> text, read_file(files, kVersionFile, kMaxVersionBytes));
  if (!text) return false;
  const std::string where = files.describe(kVersionFile);
  FL_TRY(const oci::Json json, oci::parse_json(*text, where));
  const auto version = json.find("imageLayoutVersion");
  if (version != json.end() && *version == "1.0.0") return true;
  const std::string found = version == json.end() ? "no imageLayoutVersion" : "imageLayoutVersion " + version->dump();
  return fail(ErrorCode::kProtocol,
              fmt::format("{} has {}: only layouts of version \"1.0.0\" are known", where, printable(found, 64)));
}

Result<std::optional<LayoutIndex>> read_index(const LayoutFiles& files) {
  FL_TRY(std::optional<std::string> text, read_file(files, kIndexFile, kMaxIndexBytes));
  if (!text) return std::optional<LayoutIndex>();
  FL_TRY(LayoutIndex index, LayoutIndex::parse(*std::move(text), files.describe(kIndexFile)));
  return std::optional<LayoutIndex>(std::move(index));
}

Result<std::shared_ptr<const IndexSnapshot>> read_images(const LayoutFiles& files) {
  FL_TRY(std::optional<LayoutIndex> index, read_index(files));
  if (!index) return std::shared_ptr<const IndexSnapshot>();
  return std::make_shared<const IndexSnapshot>(*std::move(index));
}

Result<std::optional<oci::RawManifest>> read_manifest(const LayoutFiles& files, const oci::Digest& digest,
                                                      const std::string& media_type) {
  const std::string name = blob_name(digest);
  FL_TRY(std::optional<std::string> bytes, read_file(files, name, http::kMaxManifestBytes));
  if (!bytes) return std::optional<oci::RawManifest>();
  const oci::Digest actual = io::digest_of(*bytes, digest.algorithm());
  if (actual != digest) {
    return fail(ErrorCode::kIntegrity,
                fmt::format("{} is damaged: its digest is {} and must be {}; copy the image there again",
                            files.describe(name), actual.to_string(), digest.to_string()));
  }
  auto type = oci::detect_media_type(media_type, *bytes);
  if (!type) return fail(std::move(type).error().with_context(files.describe(name)));
  return std::optional<oci::RawManifest>(oci::RawManifest(*std::move(bytes), *std::move(type), digest));
}

Result<bool> has_intact_manifest(const LayoutFiles& files, const oci::Digest& digest) {
  const std::string name = blob_name(digest);
  FL_TRY(const std::optional<FileRange> range, files.find(name));
  if (!range || range->size > http::kMaxManifestBytes) return false;
  FL_TRY(const std::optional<std::string> bytes, read_file(files, name, http::kMaxManifestBytes));
  return bytes && io::digest_of(*bytes, digest.algorithm()) == digest;
}

}  // namespace freightliner::transport
