#pragma once

#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>

#include "support/temporary_directory.h"

namespace freightliner::test {

/// A tree that stands for "/": what the kernel tells there is what a test has written.
class FakeSystem {
 public:
  const std::filesystem::path& root() const { return directory_.path(); }

  void write(const std::string& path, const std::string& text) const {
    const std::filesystem::path file = root() / path;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file, std::ios::trunc) << text;
  }
  void set_resident(std::uint64_t bytes) const {
    const auto page = static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
    write("proc/self/statm", "99999 " + std::to_string((bytes + page - 1) / page) + " 12 1 0 100 0\n");
  }
  void set_stalled(const std::string& percent) const { write("proc/pressure/memory", pressure(percent)); }
  void set_waited_for_processors(std::chrono::microseconds total) const {
    write("proc/pressure/cpu", "some avg10=0.00 avg60=0.00 avg300=0.00 total=" + std::to_string(total.count()) +
                                   "\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=0\n");
  }
  static std::string pressure(const std::string& percent) {
    return "some avg10=" + percent +
           " avg60=0.00 avg300=0.00 total=1\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=0\n";
  }

 private:
  TemporaryDirectory directory_;
};

}  // namespace freightliner::test
