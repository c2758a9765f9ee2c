#include "freightliner/base/bytes.h"

#include <gtest/gtest.h>

#include <limits>

namespace freightliner {
namespace {

TEST(BytesTest, Formats) {
  struct Row {
    std::uint64_t bytes;
    std::string_view text;
  };
  constexpr Row kRows[] = {
      {0, "0 B"},
      {1, "1 B"},
      {1023, "1023 B"},
      {1024, "1.0 KiB"},
      {1536, "1.5 KiB"},
      {1048523, "1023.9 KiB"},
      {1048575, "1.0 MiB"},
      {kMiB, "1.0 MiB"},
      {3 * kGiB, "3.0 GiB"},
      {kGiB - 1, "1.0 GiB"},
      {5 * 1024 * kGiB, "5.0 TiB"},
      {std::numeric_limits<std::uint64_t>::max(), "16384.0 PiB"},
  };
  for (const Row& row : kRows) EXPECT_EQ(format_bytes(row.bytes), row.text) << row.bytes;
}

TEST(BytesTest, Parses) {
  struct Row {
    std::string_view text;
    std::uint64_t bytes;
  };
  constexpr Row kRows[] = {
      {"0", 0},
      {"65536", 65536},
      {"1b", 1},
      {"64K", 65536},
      {"64k", 65536},
      {"64KiB", 65536},
      {"64 KiB", 65536},
      {" 64kib ", 65536},
      {"64KB", 64000},
      {"10MB", 10'000'000},
      {"10M", 10 * kMiB},
      {"1.5GiB", 3 * kGiB / 2},
      {".5K", 512},
      {"2g", 2 * kGiB},
      {"1GB", 1'000'000'000},
      {"1T", 1024 * kGiB},
      {"1TB", 1'000'000'000'000},
      {"8000000T", 8'000'000ULL * 1024 * kGiB},
  };
  for (const Row& row : kRows) {
    const auto bytes = parse_bytes(row.text);
    ASSERT_TRUE(bytes) << row.text << ": " << bytes.error().describe();
    EXPECT_EQ(*bytes, row.bytes) << row.text;
  }
}

TEST(BytesTest, RefusesWhatIsNoSize) {
  constexpr std::string_view kRows[] = {
      "",     " ",     "K",      "-1",  "-0",   "+1",  "1e3",        "0x10", "1.2.3", "1..2",
      "inf",  "nan",   "NaNKiB", "64X", "64KK", "1 2", "9999999TiB", ".",    "1,5G",  "99999999999999999999",
      "1\n2", "KiB64", "∞",
  };
  for (const std::string_view text : kRows) {
    const auto bytes = parse_bytes(text);
    ASSERT_FALSE(bytes) << text << " = " << *bytes;
    EXPECT_EQ(bytes.error().code(), ErrorCode::kUsage) << text;
    EXPECT_EQ(bytes.error().message().find('\n'), std::string::npos);
    EXPECT_NE(bytes.error().message().find("is not a size"), std::string::npos);
  }
}

TEST(BytesTest, TextAndBytesAreTheSameMemory) {
  const std::string_view text = "abc";
  const ByteSpan bytes = as_bytes(text);
  ASSERT_EQ(bytes.size(), 3U);
  EXPECT_EQ(bytes[1], std::byte{'b'});
  EXPECT_EQ(as_text(bytes), text);
  EXPECT_EQ(as_text(bytes).data(), text.data());
  EXPECT_TRUE(as_text(ByteSpan()).empty());
}

}  // namespace
}  // namespace freightliner
