#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <stop_token>
#include <string>

#include "freightliner/base/result.h"
#include "freightliner/io/file.h"

namespace freightliner::cli {

/// Reads lines from a file, a pipe or a terminal as they come, in bounded memory, and can be stopped while it waits for
/// one. Confined to one thread.
class LineReader {
 public:
  /// The longest line that is kept whole, in bytes.
  static constexpr std::size_t kLongest = std::size_t{1} << 20;

  struct Line {
    std::uint64_t number = 0;  ///< from 1
    std::string text = {};     ///< without the line feed
    bool is_too_long = false;  ///< then `text` is empty: the line was passed over
  };

  /// `path` "-": `standard_input`, which stays open. Errors: kNotFound, kLocalIo.
  static Result<LineReader> open(const std::filesystem::path& path, int standard_input);

  /// The next line; the last one needs no line feed. nullopt at the end, and when a stop was asked for. Errors:
  /// kLocalIo.
  Result<std::optional<Line>> next(const std::stop_token& stop);

 private:
  LineReader(std::string name, io::UniqueFd own, int fd, io::UniqueFd wake)
      : name_(std::move(name)), own_(std::move(own)), fd_(fd), wake_(std::move(wake)) {}
  /// Waits for bytes and reads them. False at the end, or where a stop was asked for.
  Result<bool> fill(const std::stop_token& stop);

  std::string name_;  // for errors
  io::UniqueFd own_;  // the file, unless it is standard input
  int fd_;
  io::UniqueFd wake_;  // an eventfd: a stop wakes who waits
  std::string buffer_;
  std::size_t taken_ = 0;  // of the buffer
  std::uint64_t lines_ = 0;
};

}  // namespace freightliner::cli
