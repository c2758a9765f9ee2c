#include "freightliner/base/result.h"

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>

namespace freightliner {
namespace {

Result<int> half(int number) {
  if (number % 2 != 0) return fail(ErrorCode::kUsage, "odd");
  return number / 2;
}

Result<std::string> quarter_as_text(int number) {
  FL_TRY(const int once, half(number));
  FL_TRY(const int twice, half(once));
  return std::to_string(twice);
}

Status check_even(int number) {
  FL_CHECK(half(number));
  return {};
}

Status check_both(int a, int b) {
  FL_CHECK(check_even(a));
  FL_CHECK(check_even(b));
  return {};
}

TEST(ResultTest, HoldsAValueOrAnError) {
  const Result<int> good = half(8);
  ASSERT_TRUE(good);
  EXPECT_EQ(*good, 4);
  EXPECT_EQ(good.value(), 4);
  const Result<int> bad = half(7);
  ASSERT_FALSE(bad);
  EXPECT_EQ(bad.error().code(), ErrorCode::kUsage);
  EXPECT_EQ(bad.error().message(), "odd");
}

TEST(ResultTest, TryHandsOnTheFirstError) {
  EXPECT_EQ(*quarter_as_text(8), "2");
  EXPECT_EQ(quarter_as_text(6).error().message(), "odd");
  EXPECT_EQ(quarter_as_text(5).error().message(), "odd");
}

TEST(ResultTest, CheckHandsOnTheFirstError) {
  EXPECT_TRUE(check_both(2, 4));
  EXPECT_EQ(check_both(1, 4).error().message(), "odd");
  EXPECT_EQ(check_both(2, 3).error().message(), "odd");
}

TEST(ResultTest, MovesWhatCannotBeCopied) {
  Result<std::unique_ptr<int>> result(std::make_unique<int>(7));
  ASSERT_TRUE(result);
  EXPECT_EQ(**result, 7);
  const std::unique_ptr<int> taken = *std::move(result);
  EXPECT_EQ(*taken, 7);
}

TEST(ResultTest, AbsenceIsAValue) {
  const auto find = [](bool there) -> Result<std::optional<int>> {
    if (there) return 3;
    return std::nullopt;
  };
  ASSERT_TRUE(find(false));
  EXPECT_FALSE(find(false)->has_value());
  EXPECT_EQ(**find(true), 3);
}

TEST(ResultTest, ValueOrTakesTheFallbackOnlyOnError) {
  EXPECT_EQ(half(8).value_or(-1), 4);
  EXPECT_EQ(half(7).value_or(-1), -1);
}

TEST(ResultTest, ArrowReachesMembers) {
  Result<std::string> text("abc");
  EXPECT_EQ(text->size(), 3U);
  text->push_back('d');
  EXPECT_EQ(*text, "abcd");
}

TEST(StatusTest, ErrorCanBeMovedOutWithContext) {
  Status status = fail(Error(ErrorCode::kLocalIo, "disk full"));
  ASSERT_FALSE(status);
  EXPECT_FALSE(status.has_value());
  const Status outer = fail(std::move(status).error().with_context("writing"));
  EXPECT_EQ(outer.error().describe(), "writing: disk full");
}

}  // namespace
}  // namespace freightliner
