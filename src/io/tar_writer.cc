#include <fmt/format.h>

#include <algorithm>
#include <span>
#include <utility>

#include "freightliner/base/text.h"
#include "freightliner/io/tar.h"
#include "io/tar_format.h"

namespace freightliner::io {
namespace {

constexpr char kRegular = '0';
constexpr char kDirectory = '5';
constexpr char kPax = 'x';
constexpr std::uint64_t kMaxOctalSize = 8 * kGiB - 1;  // eleven octal digits
constexpr std::array<std::byte, 2 * kTarBlock> kZeros{};

void set_text(std::span<char> field, std::string_view text) {
  std::ranges::copy(text, field.begin());
}

/// Octal digits up to the last byte, which stays NUL.
void set_octal(std::span<char> field, std::uint64_t value) {
  for (std::size_t i = field.size() - 1; i-- > 0; value >>= 3U) field[i] = static_cast<char>('0' + (value & 7U));
}

/// Puts a name into the name field, or divides it at a slash between prefix and name. False where neither holds it.
bool set_name(TarHeader& header, std::string_view name) {
  if (name.size() <= header.name.size()) {
    set_text(header.name, name);
    return true;
  }
  // The last slash that leaves a prefix of at most 155 bytes; a directory's closing slash does not divide anything.
  const auto slash = name.substr(0, name.size() - 1).rfind('/', header.prefix.size());
  if (slash == std::string_view::npos || slash == 0 || name.size() - slash - 1 > header.name.size()) return false;
  set_text(header.prefix, name.substr(0, slash));
  set_text(header.name, name.substr(slash + 1));
  return true;
}

/// A pax record's length counts its own digits.
std::string pax_record(std::string_view key, std::string_view value) {
  const std::size_t rest = key.size() + value.size() + 3;  // space, '=', newline
  std::size_t length = rest;
  while (length != rest + fmt::formatted_size("{}", length)) length = rest + fmt::formatted_size("{}", length);
  return fmt::format("{} {}={}\n", length, key, value);
}

ByteSpan seal(TarHeader& header, std::uint64_t size, char type) {
  set_octal(header.mode, type == kDirectory ? 0755 : 0644);
  set_octal(header.uid, 0);
  set_octal(header.gid, 0);
  set_octal(header.size, size);
  set_octal(header.mtime, 0);
  header.type = type;
  set_text(header.magic, kUstarMagic);
  set_octal(header.device_major, 0);
  set_octal(header.device_minor, 0);
  // Six digits, NUL, space.
  set_octal(std::span(header.checksum).first(7), tar_checksum(header).as_unsigned);
  header.checksum.back() = ' ';
  return std::as_bytes(std::span(&header, 1));
}

}  // namespace

Status TarWriter::add_directory(const std::string& name) {
  return header(name.ends_with('/') ? name : name + '/', 0, kDirectory);
}

Status TarWriter::add_file(const std::string& name, ByteSpan bytes) {
  FL_CHECK(begin_file(name, bytes.size()));
  FL_CHECK(append(bytes));
  return end_file();
}

Status TarWriter::begin_file(const std::string& name, std::uint64_t size) {
  FL_CHECK(header(name, size, kRegular));
  in_file_ = true;
  remaining_ = size;
  member_size_ = size;
  return {};
}

Status TarWriter::append(ByteSpan bytes) {
  if (!in_file_ || bytes.size() > remaining_) {
    return fail(ErrorCode::kInternal, fmt::format("more bytes for a tar member than its {}", member_size_));
  }
  if (bytes.empty()) return {};
  remaining_ -= bytes.size();
  return sink_(bytes);
}

Status TarWriter::end_file() {
  if (!in_file_ || remaining_ != 0) {
    return fail(ErrorCode::kInternal, fmt::format("a tar member of {} bytes ended {} early", member_size_, remaining_));
  }
  in_file_ = false;
  return pad(member_size_);
}

Status TarWriter::finish() {
  if (in_file_) return fail(ErrorCode::kInternal, "a tar file was closed inside a member");
  return sink_(kZeros);
}

Status TarWriter::header(const std::string& name, std::uint64_t size, char type) {
  if (in_file_) return fail(ErrorCode::kInternal, "a tar member was begun inside another");
  if (name.empty() || name == "/" || name.find('\0') != std::string::npos) {
    return fail(ErrorCode::kInternal, fmt::format("\"{}\" can't be a tar member's name", printable(name)));
  }
  TarHeader block{};
  std::string records;
  if (!set_name(block, name)) {
    records += pax_record("path", name);
    set_text(block.name, std::string_view(name).substr(0, block.name.size()));  // for readers without pax
  }
  if (size > kMaxOctalSize) records += pax_record("size", std::to_string(size));
  if (!records.empty()) FL_CHECK(pax_header(name, records));
  return sink_(seal(block, size > kMaxOctalSize ? 0 : size, type));
}

Status TarWriter::pax_header(const std::string& name, const std::string& records) {
  TarHeader block{};
  const std::string shown = "PaxHeaders/" + name;
  set_text(block.name, std::string_view(shown).substr(0, block.name.size()));
  FL_CHECK(sink_(seal(block, records.size(), kPax)));
  FL_CHECK(sink_(as_bytes(records)));
  return pad(records.size());
}

Status TarWriter::pad(std::uint64_t size) {
  const std::size_t padding = tar_padding(size);
  if (padding == 0) return {};
  return sink_(ByteSpan(kZeros).first(padding));
}

}  // namespace freightliner::io
