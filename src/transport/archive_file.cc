#include "transport/archive_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <vector>

#include "freightliner/io/permissions.h"

namespace freightliner::transport {
namespace {

constexpr std::uint64_t kTarBlock = 512;
// Far above any file system's limit, and far enough below 2^63 that no sum of offsets wraps.
constexpr std::uint64_t kMaxArchiveBytes = std::uint64_t{1} << 62U;
// Between two looks at the stop token.
constexpr std::uint64_t kCopyStep = 64 * kMiB;

Result<std::string> header_of(const std::string& name, std::uint64_t size) {
  std::string header;
  io::TarWriter writer([&](ByteSpan bytes) {
    header += as_text(bytes);
    return Status();
  });
  FL_CHECK(writer.begin_file(name, size));
  return header;
}

constexpr std::uint64_t padded(std::uint64_t size) noexcept {
  return (size + kTarBlock - 1) / kTarBlock * kTarBlock;
}

// What says that this kernel or these file systems can't do it, rather than that it failed.
bool is_unsupported(int error_number) noexcept {
  return error_number == EXDEV || error_number == ENOSYS || error_number == EINVAL || error_number == EOPNOTSUPP ||
         error_number == EPERM;
}

}  // namespace

/// Writes one member into its place.
class ArchiveFile::Writer final : public io::BlobWriter {
 public:
  Writer(ArchiveFile& archive, std::string name, std::uint64_t offset, std::uint64_t size)
      : archive_(archive), name_(std::move(name)), offset_(offset), size_(size) {}
  ~Writer() override { Writer::abort(); }

  Status write(io::Chunk chunk) override {
    if (!open_ || chunk.size() > size_ - written_) {
      return fail(ErrorCode::kInternal,
                  fmt::format("more bytes for {} in {} than its {}", name_, archive_.shown_, size_));
    }
    FL_CHECK(archive_.write_at(offset_ + written_, chunk.bytes()));
    written_ += chunk.size();
    return {};
  }

  Status commit() override {
    if (!open_ || written_ != size_) {
      return fail(ErrorCode::kInternal,
                  fmt::format("{} in {} has {} bytes and must have {}", name_, archive_.shown_, written_, size_));
    }
    open_ = false;
    archive_.set_phase(name_, Phase::kCommitted);
    return {};
  }

  void abort() noexcept override {
    if (std::exchange(open_, false)) archive_.set_phase(name_, Phase::kReserved);
  }

 private:
  ArchiveFile& archive_;
  std::string name_;
  std::uint64_t offset_;
  std::uint64_t size_;
  std::uint64_t written_ = 0;
  bool open_ = true;
};

Result<std::unique_ptr<ArchiveFile>> ArchiveFile::create(runtime::CleanupRegistry& cleanups,
                                                         const io::Directory& directory, const std::string& name,
                                                         std::string shown) {
  // What a killed run has left may be as large as an archive.
  io::remove_stale_temporaries_of(directory, name);
  struct stat old = {};
  const bool replaces = fstatat(directory.fd(), name.c_str(), &old, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(old.st_mode);
  FL_TRY(runtime::TemporaryFile file, runtime::TemporaryFile::create(cleanups, directory, name,
                                                                     {.mode = replaces ? mode_t{0600} : mode_t{0644},
                                                                      .kind = runtime::CleanupKind::kLayout}));
  if (replaces) FL_CHECK(io::take_permissions(file.file(), old, shown));
  io::UniqueFd reader(fcntl(file.file().get(), F_DUPFD_CLOEXEC, 0));
  if (!reader) return fail(io::errno_error(errno, "open " + shown));
  return std::unique_ptr<ArchiveFile>(new ArchiveFile(std::move(file), std::move(reader), std::move(shown)));
}

Result<std::optional<std::uint64_t>> ArchiveFile::reserve(const std::string& name, std::uint64_t size) {
  FL_TRY(const std::string header, header_of(name, size));
  std::uint64_t start = 0;
  FL_TRY(const std::optional<std::uint64_t> offset,
         contents_.with([&](Contents& contents) -> Result<std::optional<std::uint64_t>> {
           const auto found = contents.members.find(name);
           if (found == contents.members.end()) {
             if (size > kMaxArchiveBytes - contents.end) {
               return fail(ErrorCode::kLocalIo,
                           fmt::format("{} would be too large with the {} bytes of {}", shown_, size, name));
             }
             start = contents.end;
             const std::uint64_t data = start + header.size();
             contents.members.emplace(name, Member{data, size, Phase::kWriting});
             contents.end = data + padded(size);
             return std::optional(data);
           }
           Member& member = found->second;
           if (member.size != size) {
             return fail(ErrorCode::kIntegrity, fmt::format("{} is said to have {} bytes and {} bytes: one is wrong",
                                                            name, member.size, size));
           }
           if (member.phase == Phase::kCommitted) return std::optional<std::uint64_t>();
           if (member.phase == Phase::kWriting) {
             return fail(ErrorCode::kInternal, fmt::format("{} is written to {} twice at a time", name, shown_));
           }
           member.phase = Phase::kWriting;
           start = member.offset - header.size();
           return std::optional(member.offset);
         }));
  if (!offset) return offset;
  if (Status written = write_at(start, as_bytes(header)); !written) {
    set_phase(name, Phase::kReserved);
    return fail(std::move(written).error());
  }
  return offset;
}

void ArchiveFile::set_phase(const std::string& name, Phase phase) {
  contents_.with([&](Contents& contents) {
    if (const auto found = contents.members.find(name); found != contents.members.end()) found->second.phase = phase;
  });
}

Status ArchiveFile::write_at(std::uint64_t offset, ByteSpan bytes) const {
  while (!bytes.empty()) {
    const ssize_t count = pwrite(file_.file().get(), bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return fail(io::errno_error(errno, "write " + shown_));
    offset += static_cast<std::uint64_t>(count);
    bytes = bytes.subspan(static_cast<std::size_t>(count));
  }
  return {};
}

// In the kernel where it can (and then, on some file systems, without copying), else by hand.
Status ArchiveFile::copy_range(const FileRange& range, std::uint64_t offset, const std::string& from,
                               const std::stop_token& stop) const {
  std::uint64_t done = 0;
  bool in_kernel = true;
  std::vector<std::byte> buffer;
  while (done < range.size) {
    if (stop.stop_requested()) return fail(ErrorCode::kCancelled, fmt::format("stopped while {} was written", shown_));
    std::uint64_t step = std::min(range.size - done, kCopyStep);
    if (in_kernel) {
      auto source = static_cast<off_t>(range.offset + done);
      auto target = static_cast<off_t>(offset + done);
      const ssize_t count = copy_file_range(range.file->get(), &source, file_.file().get(), &target, step, 0);
      if (count < 0 && errno == EINTR) continue;
      if (count < 0 && !is_unsupported(errno))
        return fail(io::errno_error(errno, fmt::format("copy {} to {}", from, shown_)));
      if (count > 0) done += static_cast<std::uint64_t>(count);
      in_kernel = count > 0;  // 0: the end, or a file system that can't tell
      continue;
    }
    buffer.resize(io::kMaxCopyBufferSize);
    step = std::min<std::uint64_t>(step, buffer.size());
    auto count = io::read_at(*range.file, range.offset + done, std::span(buffer).first(step));
    if (!count) return fail(std::move(count).error().with_context(from));
    if (*count == 0) return fail(ErrorCode::kIntegrity, fmt::format("{} was cut while it was copied", from));
    FL_CHECK(write_at(offset + done, std::span(buffer).first(*count)));
    done += *count;
  }
  return {};
}

Result<std::unique_ptr<io::BlobWriter>> ArchiveFile::begin_member(const std::string& name, std::uint64_t size) {
  FL_TRY(const std::optional<std::uint64_t> offset, reserve(name, size));
  if (!offset) return std::unique_ptr<io::BlobWriter>();
  return std::unique_ptr<io::BlobWriter>(std::make_unique<Writer>(*this, name, *offset, size));
}

Status ArchiveFile::put_member(const std::string& name, ByteSpan bytes) {
  FL_TRY(const std::optional<std::uint64_t> offset, reserve(name, bytes.size()));
  if (!offset) return {};
  const Status written = write_at(*offset, bytes);
  set_phase(name, written ? Phase::kCommitted : Phase::kReserved);
  return written;
}

Status ArchiveFile::copy_member(const std::string& name, const FileRange& range, const std::string& from,
                                const std::stop_token& stop) {
  FL_TRY(const std::optional<std::uint64_t> offset, reserve(name, range.size));
  if (!offset) return {};
  const Status copied = copy_range(range, *offset, from, stop);
  set_phase(name, copied ? Phase::kCommitted : Phase::kReserved);
  return copied;
}

std::optional<FileRange> ArchiveFile::find(const std::string& name) const {
  return contents_.with([&](const Contents& contents) -> std::optional<FileRange> {
    const auto found = contents.members.find(name);
    if (found == contents.members.end() || found->second.phase != Phase::kCommitted) return std::nullopt;
    return FileRange{reader_, found->second.offset, found->second.size};
  });
}

Status ArchiveFile::check_complete() const {
  return contents_.with([&](const Contents& contents) -> Status {
    for (const auto& [name, member] : contents.members) {
      if (member.phase == Phase::kCommitted) continue;
      return fail(ErrorCode::kInternal, fmt::format("{} was begun in {} and never finished", name, shown_));
    }
    return {};
  });
}

Status ArchiveFile::close() {
  FL_CHECK(check_complete());
  std::uint64_t end = contents_.with([](const Contents& contents) { return contents.end; });
  io::TarWriter closing([&](ByteSpan bytes) {
    const std::uint64_t start = end;
    end += bytes.size();
    return write_at(start, bytes);
  });
  FL_CHECK(closing.finish());
  return file_.sync();
}

}  // namespace freightliner::transport
