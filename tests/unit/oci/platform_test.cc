#include "freightliner/oci/platform.h"

#include <gtest/gtest.h>

namespace freightliner::oci {
namespace {

TEST(PlatformTest, ParsesAndNormalises) {
  struct Row {
    std::string_view text;
    std::string_view normalised;
  };
  constexpr Row kRows[] = {
      {"linux/amd64", "linux/amd64"},
      {"Linux/AMD64", "linux/amd64"},
      {"linux/x86_64", "linux/amd64"},
      {"linux/x86-64", "linux/amd64"},
      {"linux/amd64/v1", "linux/amd64"},
      {"linux/x86_64/v1", "linux/amd64"},
      {"linux/amd64/v3", "linux/amd64/v3"},
      {"linux/aarch64", "linux/arm64"},
      {"linux/arm64", "linux/arm64"},
      {"linux/arm64/v8", "linux/arm64"},
      {"linux/arm64/V8", "linux/arm64"},
      {"linux/arm64/8", "linux/arm64"},
      {"linux/arm64/v8.0", "linux/arm64"},
      {"linux/arm64/v9", "linux/arm64/v9"},
      {"linux/arm64/9", "linux/arm64/v9"},
      {"linux/armhf", "linux/arm/v7"},
      {"linux/armel", "linux/arm/v6"},
      {"linux/arm", "linux/arm/v7"},
      {"linux/arm/7", "linux/arm/v7"},
      {"linux/arm/v7", "linux/arm/v7"},
      {"linux/arm/v6", "linux/arm/v6"},
      {"linux/arm/6", "linux/arm/v6"},
      {"linux/arm/5", "linux/arm/v5"},
      {"linux/arm/8", "linux/arm/v8"},
      {"linux/i386", "linux/386"},
      {"linux/386", "linux/386"},
      {"linux/ppc64le", "linux/ppc64le"},
      {"linux/s390x", "linux/s390x"},
      {"linux/riscv64/rva23u64", "linux/riscv64/rva23u64"},
      {"macos/arm64", "darwin/arm64"},
      {"windows/amd64", "windows/amd64"},
      {"unknown/unknown", "unknown/unknown"},
  };
  for (const Row& row : kRows) {
    const auto platform = Platform::parse(row.text);
    ASSERT_TRUE(platform) << row.text << ": " << platform.error().describe();
    EXPECT_EQ(platform->to_string(), row.normalised) << row.text;
    EXPECT_EQ(platform->normalized(), *platform) << row.text;
  }
}

TEST(PlatformTest, RefusesAndNamesThePart) {
  struct Row {
    std::string_view text;
    std::string_view reason;
  };
  constexpr Row kRows[] = {
      {"", "it is empty"},
      {"linux", "the architecture is missing"},
      {"amd64", "the architecture is missing"},
      {"/", "its operating system is empty"},
      {"/amd64", "its operating system is empty"},
      {"linux/", "its architecture is empty"},
      {"linux//v7", "its architecture is empty"},
      {"linux/arm/", "its variant is empty"},
      {"linux/arm/v7/x", "more than three parts"},
      {"lin ux/amd64", "its operating system \"lin ux\""},
      {"linux/amd64 ", "its architecture \"amd64 \""},
      {" linux/amd64", "its operating system"},
      {"linux/am\x1b", "its architecture \"am\\x1b\""},
      {"linux,amd64/x", "its operating system"},
      {"linux/arm/v7,v8", "its variant \"v7,v8\""},
      {"windows(10.0.17763)/amd64", "its operating system"},
      {"all", "the architecture is missing"},
      {"*/*", "its operating system"},
  };
  for (const Row& row : kRows) {
    const auto platform = Platform::parse(row.text);
    ASSERT_FALSE(platform) << row.text;
    EXPECT_EQ(platform.error().code(), ErrorCode::kUsage);
    EXPECT_NE(platform.error().message().find(row.reason), std::string::npos) << platform.error().message();
  }
}

TEST(PlatformTest, Satisfies) {
  struct Row {
    Platform image;
    Platform wanted;
    bool satisfied;
  };
  const Row rows[] = {
      {{"linux", "amd64"}, {"linux", "amd64"}, true},
      {{"linux", "x86_64"}, {"linux", "amd64"}, true},
      {{"linux", "amd64", "v1"}, {"linux", "amd64"}, true},
      {{"linux", "amd64", "v2"}, {"linux", "amd64"}, false},
      {{"linux", "amd64"}, {"linux", "amd64", "v2"}, false},
      {{"linux", "arm64", "v8"}, {"linux", "arm64"}, true},
      {{"linux", "arm64"}, {"linux", "arm64", "v8"}, true},
      {{"linux", "arm64", "v9"}, {"linux", "arm64"}, false},
      {{"linux", "arm"}, {"linux", "arm", "v7"}, true},
      {{"linux", "arm", "v7"}, {"linux", "arm"}, true},
      {{"linux", "arm", "v6"}, {"linux", "arm"}, false},
      {{"linux", "arm64"}, {"linux", "arm"}, false},
      {{"windows", "amd64"}, {"linux", "amd64"}, false},
      {{"unknown", "unknown"}, {"linux", "amd64"}, false},
      {{}, {"linux", "amd64"}, false},
      {{"windows", "amd64", "", "10.0.17763.1"}, {"windows", "amd64"}, true},
      {{"windows", "amd64", "", "10.0.17763.1"}, {"windows", "amd64", "", "10.0.17763.1"}, true},
      {{"windows", "amd64", "", "10.0.17763.2"}, {"windows", "amd64", "", "10.0.17763.1"}, false},
      {{"windows", "amd64"}, {"windows", "amd64", "", "10.0.17763.1"}, false},
      {{"windows", "amd64", "", "", {"win32k"}}, {"windows", "amd64"}, true},
  };
  for (const Row& row : rows) {
    EXPECT_EQ(row.image.satisfies(row.wanted), row.satisfied)
        << row.image.to_string() << " for " << row.wanted.to_string();
  }
}

}  // namespace
}  // namespace freightliner::oci
