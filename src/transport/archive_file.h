#pragma once

#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <unordered_map>

#include "freightliner/base/guarded.h"
#include "freightliner/io/blob_writer.h"
#include "freightliner/runtime/temporary_file.h"
#include "transport/layout_files.h"

namespace freightliner::transport {

/// A new archive while it is written. Members have sizes that are known beforehand, so each reserves its place (header,
/// bytes, padding) at the end of the file and is then written there, several at a time. Safe from any thread, but for
/// close() and publish(). Destroyed before that: the file is gone.
class ArchiveFile {
 public:
  /// A temporary file that publish() renames to `name`, with the mode (and, where that can be, owner and group) of the
  /// file that has the name now. The directory and the registry outlive it. `shown` is the archive's name in errors.
  static Result<std::unique_ptr<ArchiveFile>> create(runtime::CleanupRegistry& cleanups, const io::Directory& directory,
                                                     const std::string& name, std::string shown);
  ArchiveFile(const ArchiveFile&) = delete;
  ArchiveFile& operator=(const ArchiveFile&) = delete;

  /// A writer for a member, which the archive outlives; null where the member is there already. After an aborted writer
  /// the next one of that name gets the same place. Errors: kIntegrity for the same name with another size, kInternal
  /// where another writer is at it, kLocalIo.
  Result<std::unique_ptr<io::BlobWriter>> begin_member(const std::string& name, std::uint64_t size);
  /// Writes a member whole, where it is not there yet.
  Status put_member(const std::string& name, ByteSpan bytes);
  /// Takes a member over from another file, where it is not there yet. `from` names it in errors.
  Status copy_member(const std::string& name, const FileRange& range, const std::string& from,
                     const std::stop_token& stop);
  /// A member that was committed.
  std::optional<FileRange> find(const std::string& name) const;
  /// Closes the tar and makes it durable, which takes its time. Errors: kInternal where a member was begun and not
  /// committed, kLocalIo.
  Status close();
  /// Makes it visible, and that durable. Follows close(). Errors: kLocalIo.
  Status publish() { return file_.commit(); }

 private:
  class Writer;
  enum class Phase { kReserved, kWriting, kCommitted };
  struct Member {
    std::uint64_t offset = 0;
    std::uint64_t size = 0;
    Phase phase = Phase::kReserved;
  };
  struct Contents {
    std::unordered_map<std::string, Member> members;
    std::uint64_t end = 0;
  };

  ArchiveFile(runtime::TemporaryFile file, io::UniqueFd reader, std::string shown)
      : file_(std::move(file)),
        reader_(std::make_shared<const io::UniqueFd>(std::move(reader))),
        shown_(std::move(shown)) {}
  /// Where the member's bytes go; nullopt where it is committed.
  Result<std::optional<std::uint64_t>> reserve(const std::string& name, std::uint64_t size);
  Status check_complete() const;
  void set_phase(const std::string& name, Phase phase);
  Status write_at(std::uint64_t offset, ByteSpan bytes) const;
  Status copy_range(const FileRange& range, std::uint64_t offset, const std::string& from,
                    const std::stop_token& stop) const;

  runtime::TemporaryFile file_;
  std::shared_ptr<const io::UniqueFd> reader_;
  std::string shown_;
  Guarded<Contents> contents_;
};

}  // namespace freightliner::transport
