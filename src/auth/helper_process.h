#pragma once

#include <filesystem>
#include <stop_token>
#include <string>
#include <string_view>

#include "freightliner/base/bytes.h"
#include "freightliner/base/clock.h"
#include "freightliner/base/result.h"

namespace freightliner::auth {

/// What a credential helper may write to its standard output.
inline constexpr std::size_t kMaxHelperOutput = 64 * kKiB;
/// How much of its standard error is kept.
inline constexpr std::size_t kMaxHelperDiagnostics = 4 * kKiB;

struct HelperOutput {
  /// The exit status; 128 + n where signal n ended it.
  int status = 0;
  std::string out;
  std::string err;
};

/// Runs `program argument` with `input` (at most 4 KiB: it is in the pipe
/// before the program starts) on its standard input: no shell, no descriptors
/// of ours but the three standard ones, default signals, a process group of its
/// own. A program that takes longer than `timeout` or writes more than
/// kMaxHelperOutput, or is there still when `stop` is asked for (kCancelled), is killed with its group. Passwords in
/// our environment (FREIGHTLINER_*_PASSWORD) are not passed on. Errors: kAuthentication. Safe from any thread.
Result<HelperOutput> run_helper(const std::filesystem::path& program, const std::string& argument,
                                std::string_view input, Duration timeout, const std::stop_token& stop = {});

}  // namespace freightliner::auth
