#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>

#include <array>
#include <cstdio>
#include <span>
#include <string>
#include <string_view>

#include "freightliner/io/tar.h"

// What the tests of the tar reader and of the writer share.
namespace freightliner::io {

inline bool everything(std::string_view) {
  return true;
}

inline UniqueFd opened(const std::filesystem::path& path) {
  UniqueFd file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  EXPECT_TRUE(file) << path;
  return file;
}

inline UniqueFd in_memory(const std::string& bytes) {
  UniqueFd file(memfd_create("test.tar", MFD_CLOEXEC));
  EXPECT_TRUE(write_all(file, as_bytes(bytes)));
  return file;
}

/// Runs a command and returns what it prints; its failure fails the test.
inline std::string output_of(const std::string& command) {
  std::FILE* pipe = popen(command.c_str(), "re");  // NOLINT(cert-env33-c): a fixed command on our own files
  if (pipe == nullptr) return "popen failed";
  std::string output;
  std::array<char, 4096> buffer{};
  while (const std::size_t count = std::fread(buffer.data(), 1, buffer.size(), pipe))
    output.append(buffer.data(), count);
  EXPECT_EQ(pclose(pipe), 0) << command << "\n" << output;
  return output;
}

/// What the index says a member's bytes are.
inline std::string content(const UniqueFd& file, const TarMember* member) {
  if (member == nullptr) return "(missing)";
  std::string bytes(member->size, '\0');
  const auto count = read_at(file, member->offset, std::as_writable_bytes(std::span(bytes)));
  EXPECT_TRUE(count && *count == bytes.size());
  return bytes;
}

inline std::string name_of_length(std::size_t length) {
  std::string name = "d";
  while (name.size() < length) name += name.size() % 60 == 0 ? '/' : 'x';
  if (name.back() == '/') name.back() = 'y';
  return name;
}

}  // namespace freightliner::io
