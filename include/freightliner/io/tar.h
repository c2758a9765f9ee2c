#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "freightliner/io/file.h"

namespace freightliner::io {

/// Where a regular file's bytes are inside an uncompressed tar.
struct TarMember {
  std::uint64_t offset = 0;
  std::uint64_t size = 0;
};

/// The table of contents of an uncompressed tar file (POSIX.1-2017 pax and ustar; GNU long names and base-256 numbers),
/// read once by seeking from header to header. Only names for which `wanted(name)` is true are kept (leading "./"
/// removed); other members are passed over, and so are directories ("name/"), without asking. Memory grows with the
/// wanted names only: no record is read whole but pax and GNU name records, up to Limits::record_bytes. Errors:
/// kIntegrity where a wanted name is a link, a device, sparse or otherwise not a plain regular file, or comes twice;
/// where a member lies outside the file; for a bad header checksum or field, and for more headers or a longer record
/// than the limits allow. kProtocol where the file is compressed (it says with what) or no tar at all. kLocalIo.
class TarIndex {
 public:
  struct Limits {
    std::uint64_t headers = 1'000'000;
    std::uint64_t record_bytes = 1 * kMiB;
  };
  static Result<TarIndex> read(const UniqueFd& file, const std::function<bool(std::string_view)>& wanted);
  static Result<TarIndex> read(const UniqueFd& file, const std::function<bool(std::string_view)>& wanted,
                               const Limits& limits);
  /// Null where there is none. Valid as long as the index.
  const TarMember* find(const std::string& name) const;
  const std::unordered_map<std::string, TarMember>& members() const noexcept { return members_; }

 private:
  std::unordered_map<std::string, TarMember> members_;
};

/// Writes a tar to a sink, in order: ustar, with pax headers only where a size (8 GiB and more) or a name (one that the
/// name and prefix fields can't hold) needs them; mode 0644 (directories 0755), owner 0, time 0, so that equal input
/// gives equal bytes. Confined to one thread. Errors: the sink's; kInternal for calls out of order or bytes that are
/// not `size`, and names that are empty or have a NUL.
class TarWriter {
 public:
  using Sink = std::function<Status(ByteSpan)>;
  explicit TarWriter(Sink sink) : sink_(std::move(sink)) {}

  Status add_directory(const std::string& name);
  Status add_file(const std::string& name, ByteSpan bytes);
  /// Starts a member; exactly `size` bytes of append() follow, then end_file().
  Status begin_file(const std::string& name, std::uint64_t size);
  Status append(ByteSpan bytes);
  Status end_file();
  /// The two closing zero blocks.
  Status finish();

 private:
  Status header(const std::string& name, std::uint64_t size, char type);
  Status pax_header(const std::string& name, const std::string& records);
  Status pad(std::uint64_t size);
  Sink sink_;
  bool in_file_ = false;
  std::uint64_t remaining_ = 0;
  std::uint64_t member_size_ = 0;
};

}  // namespace freightliner::io
