#include "freightliner/cli/exit_codes.h"

#include <array>

namespace freightliner::cli {

int exit_code(ErrorCode code) noexcept {
  switch (code) {
    case ErrorCode::kInternal:
      return kExitInternal;
    case ErrorCode::kUsage:
      return kExitUsage;
    case ErrorCode::kPartial:
      return kExitPartial;
    case ErrorCode::kAuthentication:
      return kExitAuthentication;
    case ErrorCode::kNotFound:
      return kExitNotFound;
    case ErrorCode::kTemporary:
      return kExitTemporary;
    case ErrorCode::kIntegrity:
      return kExitIntegrity;
    case ErrorCode::kDenied:
      return kExitDenied;
    case ErrorCode::kProtocol:
      return kExitProtocol;
    case ErrorCode::kTls:
      return kExitTls;
    case ErrorCode::kLocalIo:
      return kExitLocalIo;
    case ErrorCode::kLocked:
      return kExitLocked;
    case ErrorCode::kDiffers:
      return kExitDiffers;
    case ErrorCode::kSafetyLimit:
      return kExitSafetyLimit;
    case ErrorCode::kAlert:
      return kExitAlert;
    case ErrorCode::kCancelled:
      return kExitTemporary;
  }
  return kExitInternal;
}

int exit_code(ErrorCode code, const Interruption& interruption) noexcept {
  if (interruption.signal != 0) return kExitSignalBase + interruption.signal;
  return exit_code(code);
}

std::span<const ExitCodeText> exit_code_texts() noexcept {
  static constexpr std::array<ExitCodeText, 19> kTexts = {{
      {"0", "done"},
      {"1", "internal error: a bug, or memory ran out"},
      {"2", "usage: the command line, the environment or the configuration file can't be used as it is"},
      {"3", "partly done, or left alone because of --overwrite never"},
      {"4", "authentication: credentials missing or refused"},
      {"5", "not found: repository, tag, manifest, blob or file"},
      {"6", "temporary fault, and the retries or the time of --timeout are used up"},
      {"7", "integrity: bytes do not match their digest or size"},
      {"8", "denied: the other side understood and refuses"},
      {"9", "protocol: an answer that no registry may give, or input outside the documented limits"},
      {"10", "TLS: certificate or TLS version not acceptable"},
      {"11", "local input or output failed; a closed standard output as well"},
      {"12", "locked by another run"},
      {"13", "the two sides differ"},
      {"14", "refused by a safety limit"},
      {"15", "an alert threshold was crossed"},
      {"129", "ended by SIGHUP"},
      {"130", "ended by SIGINT"},
      {"143", "ended by SIGTERM"},
  }};
  return kTexts;
}

}  // namespace freightliner::cli
