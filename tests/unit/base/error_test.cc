#include "freightliner/base/error.h"

#include <gtest/gtest.h>

#include <set>

namespace freightliner {
namespace {

constexpr ErrorCode kAllCodes[] = {
    ErrorCode::kInternal, ErrorCode::kUsage,  ErrorCode::kPartial,     ErrorCode::kAuthentication,
    ErrorCode::kNotFound, ErrorCode::kDenied, ErrorCode::kTemporary,   ErrorCode::kIntegrity,
    ErrorCode::kProtocol, ErrorCode::kTls,    ErrorCode::kLocalIo,     ErrorCode::kLocked,
    ErrorCode::kDiffers,  ErrorCode::kAlert,  ErrorCode::kSafetyLimit, ErrorCode::kCancelled,
};

TEST(ErrorCodeTest, EveryCodeHasItsOwnName) {
  std::set<std::string_view> names;
  for (const ErrorCode code : kAllCodes) {
    const std::string_view name = to_string(code);
    EXPECT_FALSE(name.empty());
    EXPECT_EQ(name.find_first_not_of("abcdefghijklmnopqrstuvwxyz_"), std::string_view::npos) << name;
    names.insert(name);
  }
  EXPECT_EQ(names.size(), std::size(kAllCodes));
}

TEST(ErrorTest, OnlyTemporaryErrorsAreRetryable) {
  for (const ErrorCode code : kAllCodes) {
    EXPECT_EQ(Error(code, "x").retryable(), code == ErrorCode::kTemporary) << to_string(code);
  }
  for (const ErrorReason reason : {ErrorReason::kHostDown, ErrorReason::kTriedEnough}) {
    EXPECT_FALSE(Error(ErrorCode::kTemporary, "x").with_reason(reason).retryable());
  }
}

TEST(ErrorTest, DescribesOutermostContextFirst) {
  const Error error = Error(ErrorCode::kNotFound, "no such tag").with_context("manifest").with_context("copy");
  EXPECT_EQ(error.message(), "no such tag");
  EXPECT_EQ(error.describe(), "copy: manifest: no such tag");
}

TEST(ErrorTest, CarriesStatusAndDelay) {
  const Error plain(ErrorCode::kTemporary, "busy");
  EXPECT_EQ(plain.http_status(), 0);
  EXPECT_FALSE(plain.retry_after().has_value());
  const Error full =
      Error(ErrorCode::kTemporary, "busy").with_http_status(429).with_retry_after(std::chrono::milliseconds(1500));
  EXPECT_EQ(full.http_status(), 429);
  EXPECT_EQ(full.retry_after(), std::chrono::milliseconds(1500));
}

TEST(ErrorTest, TheEndOfARunHidesNoCause) {
  const auto told = [](const Error& failure, ErrorCode end) {
    const Error error = ended_from_outside(failure, end, "time is up");
    return std::string(to_string(error.code())) + " " + error.describe();
  };
  const Error stopped(ErrorCode::kCancelled, "stopped");
  const Error busy = Error(ErrorCode::kTemporary, "503").with_context("GET");
  const Error refused(ErrorCode::kDenied, "no");
  EXPECT_EQ(told(stopped, ErrorCode::kTemporary), "temporary time is up");
  EXPECT_EQ(told(busy, ErrorCode::kTemporary), "temporary time is up: GET: 503");
  EXPECT_EQ(told(stopped_before_retry(busy), ErrorCode::kTemporary), "temporary time is up: GET: 503");
  EXPECT_EQ(told(refused, ErrorCode::kTemporary), "denied no");
  EXPECT_EQ(told(stopped, ErrorCode::kCancelled), "cancelled time is up");
  EXPECT_EQ(told(stopped_before_retry(busy), ErrorCode::kCancelled), "cancelled time is up: GET: 503");
  EXPECT_EQ(told(refused, ErrorCode::kCancelled), "cancelled time is up: no");
}

}  // namespace
}  // namespace freightliner
