#pragma once

#include <span>
#include <string_view>

#include "freightliner/base/error.h"

namespace freightliner::cli {

/// What the program's exit status says. Stable: docs/EXIT_CODES.md tells what each one guarantees.
enum ExitCode : int {
  kExitDone = 0,
  kExitInternal = 1,
  kExitUsage = 2,
  kExitPartial = 3,
  kExitAuthentication = 4,
  kExitNotFound = 5,
  kExitTemporary = 6,
  kExitIntegrity = 7,
  kExitDenied = 8,
  kExitProtocol = 9,
  kExitTls = 10,
  kExitLocalIo = 11,
  kExitLocked = 12,
  kExitDiffers = 13,
  kExitSafetyLimit = 14,
  kExitAlert = 15,
  kExitSignalBase = 128,  ///< + the signal's number: 129 for SIGHUP, 130 for SIGINT, 143 for SIGTERM
};

/// The exit code of an error class. kCancelled without a signal is a deadline that has passed: kExitTemporary.
int exit_code(ErrorCode code) noexcept;

/// How a run was ended from outside, if it was.
struct Interruption {
  int signal = 0;  ///< the first signal that came; 0: none
  bool deadline_passed = false;
};

/// The exit code of a run that failed: after a signal 128 + its number, whatever error that led to; after a deadline
/// that of the error, which may have a cause of its own.
int exit_code(ErrorCode code, const Interruption& interruption) noexcept;

/// One line per code, for the reference documentation.
struct ExitCodeText {
  std::string_view code;
  std::string_view meaning;
};
std::span<const ExitCodeText> exit_code_texts() noexcept;

}  // namespace freightliner::cli
