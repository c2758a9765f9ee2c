#include "freightliner/base/error.h"

namespace freightliner {

std::string_view to_string(ErrorCode code) noexcept {
  switch (code) {
    case ErrorCode::kInternal:
      return "internal";
    case ErrorCode::kUsage:
      return "usage";
    case ErrorCode::kPartial:
      return "partial";
    case ErrorCode::kAuthentication:
      return "authentication";
    case ErrorCode::kNotFound:
      return "not_found";
    case ErrorCode::kTemporary:
      return "temporary";
    case ErrorCode::kIntegrity:
      return "integrity";
    case ErrorCode::kDenied:
      return "denied";
    case ErrorCode::kProtocol:
      return "protocol";
    case ErrorCode::kTls:
      return "tls";
    case ErrorCode::kLocalIo:
      return "local_io";
    case ErrorCode::kLocked:
      return "locked";
    case ErrorCode::kDiffers:
      return "differs";
    case ErrorCode::kSafetyLimit:
      return "safety_limit";
    case ErrorCode::kAlert:
      return "alert";
    case ErrorCode::kCancelled:
      return "cancelled";
  }
  return "internal";
}

std::string Error::describe() const {
  std::string text;
  for (auto it = context_.rbegin(); it != context_.rend(); ++it) {
    text += *it;
    text += ": ";
  }
  return text + message_;
}

Error stopped_before_retry(const Error& failure) {
  return Error(ErrorCode::kCancelled, failure.describe()).with_reason(ErrorReason::kRetryStopped);
}

Error ended_from_outside(Error failure, ErrorCode code, std::string reason) {
  if (!failure.names_cause()) return Error(code, std::move(reason));
  const bool may_go_away = failure.code() == ErrorCode::kCancelled || failure.code() == ErrorCode::kTemporary;
  if (code == ErrorCode::kTemporary && !may_go_away) return failure;
  return Error(code, failure.describe()).with_context(std::move(reason));
}

}  // namespace freightliner
