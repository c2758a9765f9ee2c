// Runs a target over the files of its corpus where there is no libFuzzer: the corpora are tests like any other.

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <vector>

#include "fuzz_target.h"

int main(int argc, char** argv) {
  std::vector<std::filesystem::path> files;
  for (int i = 1; i < argc; ++i) {
    std::error_code error;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(argv[i], error)) {
      if (entry.is_regular_file()) files.push_back(entry.path());
    }
  }
  if (files.empty()) {
    static_cast<void>(std::fprintf(stderr, "no corpus: name a directory with inputs\n"));
    return 1;
  }
  std::ranges::sort(files);
  for (const auto& file : files) {
    std::ifstream stream(file, std::ios::binary);
    const std::vector<char> bytes{std::istreambuf_iterator<char>(stream), {}};
    // The last file named is the one that a crash belongs to.
    static_cast<void>(std::fprintf(stderr, "%s\n", file.c_str()));
    // Of exactly that size, so that AddressSanitizer sees a read behind the end.
    const auto exact = std::make_unique<std::uint8_t[]>(bytes.size());
    if (!bytes.empty()) std::memcpy(exact.get(), bytes.data(), bytes.size());
    static_cast<void>(LLVMFuzzerTestOneInput(exact.get(), bytes.size()));
  }
  static_cast<void>(std::fprintf(stderr, "%zu inputs\n", files.size()));
  return 0;
}
