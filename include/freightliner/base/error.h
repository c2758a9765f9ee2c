#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace freightliner {

/// What went wrong, as a class that a caller can act on. Each value has one documented exit code (docs/EXIT_CODES.md).
enum class ErrorCode {
  kInternal,        ///< a bug in freightliner, or memory ran out
  kUsage,           ///< the user's input can't be used as it is
  kPartial,         ///< some references were done, others failed
  kAuthentication,  ///< credentials missing or refused
  kNotFound,        ///< a repository, tag, manifest, blob or file does not exist
  kTemporary,       ///< a fault that may go away: the class that is retried
  kIntegrity,       ///< bytes do not match their digest or size
  kDenied,          ///< the other side understood and refuses (403, quota, immutable tag)
  kProtocol,        ///< an answer that no registry may give, or input outside the documented limits
  kTls,             ///< certificate or TLS version not acceptable
  kLocalIo,         ///< the local file system refused
  kLocked,          ///< another run holds the lock
  kDiffers,         ///< two sides that were compared are not equal
  kSafetyLimit,     ///< a limit that protects the user's data was reached
  kAlert,           ///< an alert threshold was crossed and the user asked for that to fail the run
  kCancelled,       ///< a signal or a deadline ended the run
};

/// Lower-case name of a code, stable: it stands in JSON output (`"error_class"`).
std::string_view to_string(ErrorCode code) noexcept;

/// A finer reason, where a caller acts on it.
enum class ErrorReason {
  kNone,
  kNotTls,          ///< the port answered, but not with TLS
  kUnknownBlob,     ///< a registry refused a manifest because it misses a blob of it (MANIFEST_BLOB_UNKNOWN)
  kHostDown,        ///< the host failed too often in a row: asking it again now is of no use
  kTokenRefused,    ///< a body was refused with 401; a fresh token has been fetched since
  kSetBack,         ///< the writer goes on at an earlier byte, once it gets the blob again from its start
  kRetryStopped,    ///< the run was stopped before what had failed was tried again: the message says what had failed
  kShortage,        ///< this machine lacks what others may soon give back (descriptors): worth another try
  kRefusesUploads,  ///< the destination's repository takes no blobs (507; 403 or 405 to the request for an upload)
  kTriedEnough,     ///< was tried again already as often as it may be: whoever asked for it does not try again
};

/// A failure as a value. Cheap to move; immutable but for added context. Never holds a secret.
class Error {
 public:
  Error(ErrorCode code, std::string message) : code_(code), message_(std::move(message)) {}

  ErrorCode code() const noexcept { return code_; }
  const std::string& message() const noexcept { return message_; }
  /// The HTTP status that caused this error; 0 where none did.
  int http_status() const noexcept { return http_status_; }
  /// How long the server asked us to wait (Retry-After), where it did.
  std::optional<std::chrono::milliseconds> retry_after() const noexcept { return retry_after_; }
  ErrorReason reason() const noexcept { return reason_; }
  /// True for what may go away by itself: the class for that, but for a host that is known to be down and for what was
  /// tried often enough, and a shortage of this machine.
  bool retryable() const noexcept {
    if (reason_ == ErrorReason::kShortage) return true;
    return code_ == ErrorCode::kTemporary && reason_ != ErrorReason::kHostDown && reason_ != ErrorReason::kTriedEnough;
  }

  /// False where the message says no more than that the run was stopped.
  bool names_cause() const noexcept { return code_ != ErrorCode::kCancelled || reason_ == ErrorReason::kRetryStopped; }

  /// The whole story on one line: outermost context first, then the message.
  std::string describe() const;

  Error with_context(std::string context) && {
    context_.push_back(std::move(context));
    return std::move(*this);
  }
  Error with_http_status(int status) && {
    http_status_ = status;
    return std::move(*this);
  }
  Error with_reason(ErrorReason reason) && {
    reason_ = reason;
    return std::move(*this);
  }
  Error with_retry_after(std::chrono::milliseconds delay) && {
    retry_after_ = delay;
    return std::move(*this);
  }

 private:
  ErrorCode code_;
  ErrorReason reason_ = ErrorReason::kNone;
  int http_status_ = 0;
  std::optional<std::chrono::milliseconds> retry_after_;
  std::string message_;
  std::vector<std::string> context_;  // innermost first
};

/// What a stop makes of a failure that was to be tried again: kCancelled, with the failure's story.
Error stopped_before_retry(const Error& failure);

/// What is told of a failure in a run that was ended from outside for `reason`, which is of class `code`: kCancelled
/// for a signal, kTemporary for a time limit. That alone is told where the failure follows from the end, and both where
/// it has a cause of its own. A time limit makes nothing temporary that is not.
Error ended_from_outside(Error failure, ErrorCode code, std::string reason);

}  // namespace freightliner
