#include "registry/content_range.h"

#include <gtest/gtest.h>

namespace freightliner::registry {
namespace {

TEST(ContentRange, SaysWhereAPartBegins) {
  struct Row {
    std::string_view text;
    std::optional<std::uint64_t> start;
  };
  for (const Row& row :
       {Row{"bytes 10-99/100", 10}, Row{"bytes 0-0/*", 0}, Row{" BYTES 7-8/9 ", 7},
        Row{"bytes 18446744073709551615-1/*", 18446744073709551615U}, Row{"", std::nullopt},
        Row{"bytes */100", std::nullopt}, Row{"bytes 10", std::nullopt}, Row{"items 1-2/3", std::nullopt},
        Row{"bytes -1-2/3", std::nullopt}, Row{"bytes +1-2/3", std::nullopt}, Row{"bytes  1-2/3", std::nullopt},
        Row{"bytes 18446744073709551616-1/*", std::nullopt}}) {
    EXPECT_EQ(content_range_start(row.text), row.start) << row.text;
  }
}

}  // namespace
}  // namespace freightliner::registry
