#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>

#include "freightliner/base/bytes.h"
#include "freightliner/base/text.h"
#include "freightliner/io/file.h"

// What the targets share. A target is one function over any bytes; libFuzzer finds it by its name.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace freightliner::fuzz {

/// Ends the process where a promise is broken, so that libFuzzer keeps the input.
inline void require(bool holds, const char* promise) {
  if (holds) return;
  static_cast<void>(std::fprintf(stderr, "broken promise: %s\n", promise));
  std::abort();
}

inline std::string_view text_of(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

/// The text before and behind the first separator; without one the second is empty.
inline std::pair<std::string_view, std::string_view> split_once(std::string_view text, char separator) {
  const auto place = text.find(separator);
  if (place == std::string_view::npos) return {text, {}};
  return {text.substr(0, place), text.substr(place + 1)};
}

/// A file that holds the bytes and has no name.
inline io::UniqueFd in_memory(std::string_view bytes) {
  io::UniqueFd file(memfd_create("fuzz", MFD_CLOEXEC));
  require(io::write_all(file, as_bytes(bytes)).has_value(), "a file in memory takes its bytes");
  return file;
}

/// True for what may reach a terminal or a log line.
inline bool is_harmless(std::string_view text) {
  return printable(text, text.size() * 8) == text;
}

}  // namespace freightliner::fuzz
