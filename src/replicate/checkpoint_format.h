#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "freightliner/io/file.h"
#include "freightliner/io/hasher.h"
#include "freightliner/oci/json.h"
#include "freightliner/replicate/checkpoint.h"

namespace freightliner::replicate {

/// How every journal begins, whatever its format version.
inline constexpr std::string_view kJournalMark = R"({"freightliner_checkpoint":)";

/// The first line of a journal.
struct JournalHeader {
  std::string source;  ///< printable(), as the destination
  std::string destination;
  std::string selection_digest;
  std::chrono::system_clock::time_point created;
};

/// A line with its check sum and its end.
std::string journal_line(const JournalHeader& header);
std::string journal_line(const CheckpointEntry& entry);

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
  Result<std::optional<CheckpointEntry>> next();
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
