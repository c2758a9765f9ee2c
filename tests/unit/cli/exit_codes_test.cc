#include "freightliner/cli/exit_codes.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace freightliner::cli {
namespace {

TEST(ExitCodes, EveryErrorClassHasItsDocumentedCode) {
  const std::pair<ErrorCode, int> cases[] = {
      {ErrorCode::kInternal, 1},       {ErrorCode::kUsage, 2},        {ErrorCode::kPartial, 3},
      {ErrorCode::kAuthentication, 4}, {ErrorCode::kNotFound, 5},     {ErrorCode::kTemporary, 6},
      {ErrorCode::kIntegrity, 7},      {ErrorCode::kDenied, 8},       {ErrorCode::kProtocol, 9},
      {ErrorCode::kTls, 10},           {ErrorCode::kLocalIo, 11},     {ErrorCode::kLocked, 12},
      {ErrorCode::kDiffers, 13},       {ErrorCode::kSafetyLimit, 14}, {ErrorCode::kAlert, 15},
      {ErrorCode::kCancelled, 6},
  };
  for (const auto& [code, expected] : cases) EXPECT_EQ(exit_code(code), expected) << to_string(code);
}

TEST(ExitCodes, ASignalOutranksTheErrorItLedTo) {
  EXPECT_EQ(exit_code(ErrorCode::kTemporary, {.signal = 2}), 130);
  EXPECT_EQ(exit_code(ErrorCode::kCancelled, {.signal = 15, .deadline_passed = true}), 143);
  EXPECT_EQ(exit_code(ErrorCode::kCancelled, {.deadline_passed = true}), 6);
  EXPECT_EQ(exit_code(ErrorCode::kLocalIo, {.deadline_passed = true}), 11);
  EXPECT_EQ(exit_code(ErrorCode::kIntegrity, {}), 7);
}

TEST(ExitCodes, EveryCodeIsExplainedOnce) {
  std::set<std::string> codes;
  for (const ExitCodeText& text : exit_code_texts()) {
    EXPECT_TRUE(codes.insert(std::string(text.code)).second) << text.code;
    EXPECT_FALSE(text.meaning.empty()) << text.code;
  }
  for (int code = 0; code <= 15; ++code) EXPECT_TRUE(codes.contains(std::to_string(code))) << code;
  EXPECT_TRUE(codes.contains("130"));
  EXPECT_TRUE(codes.contains("143"));
}

}  // namespace
}  // namespace freightliner::cli
