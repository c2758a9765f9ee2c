#include <fmt/format.h>

#include <bit>
#include <charconv>
#include <limits>
#include <optional>
#include <span>

#include "freightliner/base/text.h"
#include "freightliner/io/tar.h"
#include "io/tar_format.h"

namespace freightliner::io {
namespace {

struct Compression {
  std::string_view magic;
  std::string_view name;
  std::string_view command;
};
constexpr std::array<Compression, 4> kCompressions = {{{"\x1f\x8b", "gzip", "gunzip"},
                                                       {"\x28\xb5\x2f\xfd", "zstd", "unzstd"},
                                                       {"BZh", "bzip2", "bunzip2"},
                                                       {"\xfd"
                                                        "7zXZ",
                                                        "xz", "unxz"}}};

/// What extension headers say about the member that follows them.
struct Extensions {
  std::optional<std::string> pax_path;
  std::optional<std::string> gnu_name;
  std::optional<std::uint64_t> size;
  bool sparse = false;
  bool any = false;  // a member has to follow
};

/// Links, devices, directories and FIFOs have no bytes, whatever their size field says.
bool has_data(char type) noexcept {
  return type < '1' || type > '6';
}

bool is_zero(const TarHeader& header) noexcept {
  for (const char c : std::bit_cast<std::array<char, kTarBlock>>(header)) {
    if (c != '\0') return false;
  }
  return true;
}

std::string header_name(const TarHeader& header) {
  const std::string_view name = tar_text(header.name);
  const std::string_view prefix = tar_text(header.prefix);
  // GNU's old format and the one before ustar keep other things where the prefix is.
  const bool has_prefix = std::string_view(header.magic.data(), 6) == kUstarMagic.substr(0, 6) && !prefix.empty();
  return has_prefix ? fmt::format("{}/{}", prefix, name) : std::string(name);
}

Status take_pax_record(std::string_view key, std::string_view value, Extensions& extensions) {
  if (key == "path") {
    if (value.find('\0') != std::string_view::npos) return fail(ErrorCode::kIntegrity, "has a name with a NUL in it");
    // An empty value takes back what an earlier record said.
    extensions.pax_path = value.empty() ? std::nullopt : std::make_optional<std::string>(value);
  } else if (key == "size") {
    std::uint64_t size = 0;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), size);
    if (error != std::errc() || end != value.data() + value.size())
      return fail(ErrorCode::kIntegrity, "has a bad size");
    extensions.size = size;
  } else if (key.starts_with("GNU.sparse.")) {
    extensions.sparse = true;
  }
  return {};
}

/// "<length> <key>=<value>\n" again and again; the length counts the whole record.
Status parse_pax(std::string_view text, Extensions& extensions) {
  const auto bad = [] { return fail(ErrorCode::kIntegrity, "has a broken pax record"); };
  while (!text.empty()) {
    const auto space = text.find(' ');
    if (space == std::string_view::npos) return bad();
    std::size_t length = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + space, length);
    if (error != std::errc() || end != text.data() + space) return bad();
    if (length < space + 2 || length > text.size() || text[length - 1] != '\n') return bad();
    const std::string_view record = text.substr(space + 1, length - space - 2);
    const auto equals = record.find('=');
    if (equals == std::string_view::npos || equals == 0) return bad();
    FL_CHECK(take_pax_record(record.substr(0, equals), record.substr(equals + 1), extensions));
    text.remove_prefix(length);
  }
  return {};
}

/// Goes from header to header. offset_ never passes size_ by more than a block's padding.
class Walker {
 public:
  Walker(const UniqueFd& file, std::uint64_t size, const std::function<bool(std::string_view)>& wanted,
         const TarIndex::Limits& limits)
      : file_(file), size_(size), wanted_(wanted), limits_(limits) {}

  Result<std::unordered_map<std::string, TarMember>> run();

 private:
  Unexpected broken(std::string_view what) const {
    return fail(ErrorCode::kIntegrity, fmt::format("the tar file's header at byte {} {}", header_offset_, what));
  }
  Result<std::optional<TarHeader>> read_block();
  Status check_header(const TarHeader& header) const;
  Status take(const TarHeader& header);
  Status take_extension(const TarHeader& header, std::uint64_t size);
  Status take_member(const TarHeader& header, std::uint64_t size);
  Status skip_sparse_map(const TarHeader& header);
  Status keep(std::string name, char type, std::uint64_t size);
  Status skip(std::uint64_t size);
  bool fits(std::uint64_t size) const noexcept { return offset_ <= size_ && size <= size_ - offset_; }

  const UniqueFd& file_;
  const std::uint64_t size_;
  const std::function<bool(std::string_view)>& wanted_;
  const TarIndex::Limits limits_;
  std::uint64_t offset_ = 0;         // behind the last block read
  std::uint64_t header_offset_ = 0;  // of the header being looked at, for errors
  Extensions extensions_;
  std::unordered_map<std::string, TarMember> members_;
};

Result<std::unordered_map<std::string, TarMember>> Walker::run() {
  for (std::uint64_t count = 0;; ++count) {
    header_offset_ = offset_;
    FL_TRY(const std::optional<TarHeader> header, read_block());
    if (header && is_zero(*header)) {
      FL_TRY(const std::optional<TarHeader> second, read_block());
      if (second && !is_zero(*second)) return broken("is empty, and members follow: the file is damaged");
    }
    if (!header || is_zero(*header)) {
      if (extensions_.any) return broken("is missing: the file was cut off");
      return std::move(members_);
    }
    if (count == limits_.headers) return broken(fmt::format("is beyond the limit of {} headers", limits_.headers));
    FL_CHECK(check_header(*header));
    FL_CHECK(take(*header));
  }
}

// Nothing at the end of the file. A tar may end there without its closing blocks.
Result<std::optional<TarHeader>> Walker::read_block() {
  if (offset_ >= size_) return std::optional<TarHeader>();
  TarHeader header;
  FL_TRY(const std::size_t count, read_at(file_, offset_, std::as_writable_bytes(std::span(&header, 1))));
  if (count != kTarBlock) return broken("is incomplete: the file was cut off");
  offset_ += kTarBlock;
  return std::optional<TarHeader>(header);
}

Status Walker::check_header(const TarHeader& header) const {
  const std::optional<std::uint64_t> stored =
      tar_number(std::string_view(header.checksum.data(), header.checksum.size()));
  const TarChecksum sum = tar_checksum(header);
  if (stored && (*stored == sum.as_unsigned || static_cast<std::int64_t>(*stored) == sum.as_signed)) return {};
  const bool has_magic = tar_text(header.magic).starts_with("ustar");
  if (header_offset_ == 0 && !has_magic) return fail(ErrorCode::kProtocol, "the file is not a tar archive");
  return broken("has a wrong checksum: the file is damaged");
}

Status Walker::take(const TarHeader& header) {
  const std::optional<std::uint64_t> size = tar_number(std::string_view(header.size.data(), header.size.size()));
  if (!size) return broken("has a bad size");
  switch (header.type) {
    case 'x':
    case 'X':  // Solaris' name for it
    case 'g':
    case 'L':
    case 'K':
      return take_extension(header, *size);
    default: {
      Status taken = take_member(header, *size);
      extensions_ = {};
      return taken;
    }
  }
}

Status Walker::take_extension(const TarHeader& header, std::uint64_t size) {
  if (size > limits_.record_bytes)
    return broken(fmt::format("announces a record above {}", format_bytes(limits_.record_bytes)));
  if (!fits(size)) return broken("announces a record that goes beyond the end: the file was cut off");
  extensions_.any = extensions_.any || header.type != 'g';
  // Global headers set defaults for attributes that nobody here asks for; K is the target of a link.
  if (header.type == 'g' || header.type == 'K') return skip(size);
  std::string record(static_cast<std::size_t>(size), '\0');
  FL_TRY(const std::size_t count, read_at(file_, offset_, std::as_writable_bytes(std::span(record))));
  if (count != size) return broken("announces a record that goes beyond the end: the file was cut off");
  if (header.type == 'L') {
    extensions_.gnu_name = record.substr(0, record.find('\0'));
  } else if (Status parsed = parse_pax(record, extensions_); !parsed) {
    return broken(parsed.error().message());
  }
  return skip(size);
}

Status Walker::take_member(const TarHeader& header, std::uint64_t size) {
  if (header.type == 'S') FL_CHECK(skip_sparse_map(header));
  size = has_data(header.type) ? extensions_.size.value_or(size) : 0;
  std::string name = extensions_.pax_path   ? *std::move(extensions_.pax_path)
                     : extensions_.gnu_name ? *std::move(extensions_.gnu_name)
                                            : header_name(header);
  if (!fits(size)) {
    return broken(
        fmt::format("says that \"{}\" has {} bytes, more than follow: the file was cut off", printable(name), size));
  }
  FL_CHECK(keep(std::move(name), header.type, size));
  return skip(size);
}

// GNU's old sparse format: while a flag at byte 482 (in later blocks: 504) is set, another block of the map follows.
Status Walker::skip_sparse_map(const TarHeader& header) {
  constexpr std::size_t kFlagInHeader = 482;
  constexpr std::size_t kFlagInMap = 504;
  bool more = std::bit_cast<std::array<char, kTarBlock>>(header)[kFlagInHeader] != '\0';
  while (more) {
    FL_TRY(const std::optional<TarHeader> map, read_block());
    if (!map) return broken("announces a sparse map that goes beyond the end: the file was cut off");
    more = std::bit_cast<std::array<char, kTarBlock>>(*map)[kFlagInMap] != '\0';
  }
  return {};
}

Status Walker::keep(std::string name, char type, std::uint64_t size) {
  // All at once: a name may have a million bytes, and moved two by two they take seconds for each member.
  std::size_t start = 0;
  while (std::string_view(name).substr(start).starts_with("./")) start += 2;
  name.erase(0, start);
  if (name.ends_with('/') || name.empty() || !wanted_(name)) return {};
  const bool regular = (type == '0' || type == '\0' || type == '7') && !extensions_.sparse;
  if (!regular)
    return broken(fmt::format("makes \"{}\" a link or special file: it must be a regular file", printable(name)));
  const std::string shown = printable(name);
  if (!members_.emplace(std::move(name), TarMember{offset_, size}).second) {
    return broken(fmt::format("gives \"{}\" a second time", shown));
  }
  return {};
}

Status Walker::skip(std::uint64_t size) {
  offset_ += size + tar_padding(size);  // no overflow: fits(size), and files end below 2^63
  return {};
}

}  // namespace

Result<TarIndex> TarIndex::read(const UniqueFd& file, const std::function<bool(std::string_view)>& wanted) {
  return read(file, wanted, Limits());
}

Result<TarIndex> TarIndex::read(const UniqueFd& file, const std::function<bool(std::string_view)>& wanted,
                                const Limits& limits) {
  FL_TRY(const std::uint64_t size, file_size(file));
  std::array<std::byte, 8> start{};
  FL_TRY(const std::size_t count, read_at(file, 0, start));
  const std::string_view magic = as_text(ByteSpan(start).first(count));
  for (const Compression& compression : kCompressions) {
    if (!magic.starts_with(compression.magic)) continue;
    return fail(ErrorCode::kProtocol,
                fmt::format("the file is {}-compressed, not a plain tar: decompress it first ({})", compression.name,
                            compression.command));
  }
  if (size < kTarBlock) return fail(ErrorCode::kProtocol, "the file is not a tar archive: it is too short");
  Walker walker(file, size, wanted, limits);
  TarIndex index;
  FL_TRY(index.members_, walker.run());
  return index;
}

const TarMember* TarIndex::find(const std::string& name) const {
  const auto found = members_.find(name);
  return found == members_.end() ? nullptr : &found->second;
}

}  // namespace freightliner::io
