#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "freightliner/base/bytes.h"
#include "freightliner/io/file.h"
#include "freightliner/io/hasher.h"
#include "freightliner/oci/json.h"
#include "freightliner/replicate/checkpoint.h"

namespace freightliner::replicate {

/// The format that is written. Format 1, which had no uploads, is read as well.
inline constexpr int kJournalFormat = 2;
/// How every journal begins, whatever its format version.
inline constexpr std::string_view kJournalMark = R"({"freightliner_checkpoint":)";

/// The first line of a journal.
struct JournalHeader {
  int format = kJournalFormat;
  std::string source;  ///< printable(), as the destination
  std::string destination;
  std::string selection_digest;
  std::chrono::system_clock::time_point created;
};

/// Where a blob's upload session stands, or that it has ended.
struct UploadEntry {
  struct Session {
    std::uint64_t size = 0;
    registry::SavedUpload upload;

    bool operator==(const Session&) const = default;
  };
  std::string repository;  ///< at the destination
  oci::Digest digest;
  std::optional<Session> session;  ///< nullopt: it has ended
  std::chrono::system_clock::time_point time;

  bool operator==(const UploadEntry&) const = default;
};

/// What a line that is no header says.
using JournalEntry = std::variant<CheckpointEntry, UploadEntry>;

/// The longest Location that a line holds.
inline constexpr std::size_t kMaxNotedLocation = 16 * kKiB;
/// True for a Location that a line can hold: not too long, and of visible ASCII, as a URL is (RFC 3986).
bool is_notable(std::string_view location) noexcept;

/// A line with its check sum and its end.
std::string journal_line(const JournalHeader& header);
std::string journal_line(const CheckpointEntry& entry);
std::string journal_line(const UploadEntry& entry);

/// Reads a journal line by line, in memory that does not grow with it. The file outlives the reader. Confined to one
/// thread.
class JournalReader {
 public:
  /// `shown` names the file in errors.
  JournalReader(const io::UniqueFd& file, std::string shown) : file_(file), shown_(std::move(shown)) {}

  /// To be read first. Errors: kIntegrity for what is no journal, or a damaged one; kUsage for one of a later format;
  /// kLocalIo.
  Result<JournalHeader> header();
  /// The next entry; nullopt at the end. Errors: kIntegrity, naming the line; kLocalIo.
  Result<std::optional<JournalEntry>> next();
  /// The line that was read last, with its end; valid until the next call.
  std::string_view line() const noexcept { return line_; }
  /// Where the line that was read last ends: at the end of the file, all that is whole.
  std::uint64_t end() const noexcept { return end_; }
  /// Something without an end of line stands behind the last whole line.
  bool torn() const noexcept { return torn_; }

 private:
  Result<bool> read_line();
  /// The line's members once its check sum was found to be right.
  Result<oci::Json> members();
  Result<CheckpointEntry> tag_entry(const oci::Json& object) const;
  Result<UploadEntry> upload_entry(const oci::Json& object) const;
  Error damage(std::string_view reason) const;

  const io::UniqueFd& file_;
  std::string shown_;
  io::Hasher hasher_;
  std::string buffer_;  // what was read and not yet handed out starts at position_
  std::size_t position_ = 0;
  std::uint64_t offset_ = 0;  // in the file, behind buffer_
  std::string_view line_;     // into buffer_
  std::uint64_t end_ = 0;
  std::uint64_t number_ = 0;  // of the line, from 1
  bool torn_ = false;
};

}  // namespace freightliner::replicate
