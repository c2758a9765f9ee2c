// The input is a tar file. Its check sums are put right first (where the input's first byte of a block's check sum
// field is no digit and no blank, they are left alone), since nothing behind a wrong one is ever read.

#include <algorithm>
#include <cstring>
#include <vector>

#include "freightliner/io/tar.h"
#include "fuzz_target.h"
#include "io/tar_format.h"
#include "transport/layout_files.h"

using namespace freightliner;

namespace {

constexpr io::TarIndex::Limits kLimits{.headers = 200, .record_bytes = 4 * kKiB};

/// The file with right check sums wherever a block has the shape of a header.
std::string with_checksums(std::string_view text) {
  std::string tar(text);
  for (std::size_t at = 0; at + io::kTarBlock <= tar.size(); at += io::kTarBlock) {
    io::TarHeader header;
    std::memcpy(&header, tar.data() + at, sizeof header);
    if (!std::string_view(header.magic.data(), header.magic.size()).starts_with("ustar")) continue;
    if (std::string_view("0123456789 ").find(header.checksum.front()) == std::string_view::npos) continue;
    char sum[8] = {};
    const auto value = static_cast<unsigned>(io::tar_checksum(header).as_unsigned);
    static_cast<void>(std::snprintf(sum, sizeof sum, "%06o", value));
    std::memcpy(tar.data() + at + offsetof(io::TarHeader, checksum), sum, sizeof sum);
  }
  return tar;
}

void check_index(const io::UniqueFd& file, std::uint64_t size) {
  std::size_t asked = 0;
  const auto wanted = [&](std::string_view name) {
    fuzz::require(!name.empty() && !name.starts_with("./") && !name.ends_with('/'), "names come without decoration");
    ++asked;
    return true;
  };
  const auto index = io::TarIndex::read(file, wanted, kLimits);
  fuzz::require(asked <= kLimits.headers, "there are at most so many headers");
  if (!index) {
    fuzz::require(fuzz::is_harmless(index.error().describe()), "an error shows no control characters");
    return;
  }
  std::vector<std::pair<std::uint64_t, std::uint64_t>> ranges;
  for (const auto& [name, member] : index->members()) {
    fuzz::require(member.offset >= io::kTarBlock && member.offset % io::kTarBlock == 0, "a member follows its header");
    fuzz::require(member.offset <= size && member.size <= size - member.offset, "a member is inside the file");
    ranges.emplace_back(member.offset, member.size);
  }
  std::ranges::sort(ranges);
  for (std::size_t i = 1; i < ranges.size(); ++i) {
    fuzz::require(ranges[i - 1].first + ranges[i - 1].second + io::kTarBlock <= ranges[i].first,
                  "members don't overlap");
  }
}

void check_archive(io::UniqueFd file) {
  const auto files = transport::ArchiveFiles::read(std::move(file), "fuzz.tar");
  if (!files) return;
  static_cast<void>(transport::has_version(**files));
  static_cast<void>(transport::read_images(**files));
  for (const oci::Digest& digest : (*files)->blobs()) {
    const bool intact = transport::has_intact_manifest(**files, digest).value_or(false);
    const auto manifest = transport::read_manifest(**files, digest, "");
    fuzz::require(!manifest || !*manifest || intact, "a manifest that is read has the bytes of its digest");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string tar = with_checksums(fuzz::text_of(data, size));
  check_index(fuzz::in_memory(tar), tar.size());
  check_archive(fuzz::in_memory(tar));
  return 0;
}
