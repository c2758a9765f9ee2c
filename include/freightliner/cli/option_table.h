#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>

#include "freightliner/base/result.h"

namespace freightliner::cli {

/// Commands as bits, so that an option can say which of them it belongs to.
enum CommandId : unsigned {
  kCopyCommand = 1U,
  kDocsCommand = 2U,
  kHelpCommand = 4U,
  kVersionCommand = 8U,
  kReplicateTreeCommand = 16U,
  kSyncCommand = 32U,
  kCheckCommand = 64U,
  kFilterTestCommand = 128U,
  kCheckpointCommand = 256U,
  kConfigCommand = 512U,
  kReportCommand = 1024U,
};
/// What several commands share.
inline constexpr unsigned kTreeCommands = kReplicateTreeCommand | kSyncCommand;
inline constexpr unsigned kCopyingCommands = kCopyCommand | kTreeCommands;
inline constexpr unsigned kRegistryCommands = kCopyingCommands | kCheckCommand;
inline constexpr unsigned kFilteringCommands = kTreeCommands | kCheckCommand | kFilterTestCommand;

/// Where a value may come from, as bits.
enum OptionSource : unsigned { kFromFlag = 1U, kFromEnvironment = 2U, kFromConfig = 4U, kFromAnywhere = 7U };

enum class OptionKind {
  kSwitch,    ///< on or off; a bare flag is on
  kText,      ///< anything that is not empty
  kNumber,    ///< a whole number, minimum … maximum
  kSize,      ///< bytes with a unit (base/bytes.h)
  kDuration,  ///< with a unit (base/clock.h); minimum and maximum in milliseconds
  kChoice,    ///< one of `choices`
};

enum class OptionGroup {
  kContent,
  kSelection,
  kDeletion,
  kState,
  kAuthentication,
  kConnection,
  kPace,
  kMonitor,
  kOutput,
  kDocs
};

/// All there is to say about one option: flags, environment variable, configuration key, help and reference
/// documentation come from here. A literal type: the table costs nothing at start-up.
struct OptionSpec {
  /// Long flag without dashes, and the configuration key.
  std::string_view name = {};
  /// One-letter flag; '\0' for none.
  char letter = '\0';
  /// What the help calls the value; empty for switches.
  std::string_view value_name = {};
  OptionKind kind = OptionKind::kText;
  OptionGroup group = OptionGroup::kContent;
  bool repeatable = false;
  /// The value is a password: never shown.
  bool secret = false;
  unsigned sources = kFromAnywhere;
  unsigned commands = kRegistryCommands;
  /// kChoice: "always|changed|never".
  std::string_view choices = {};
  std::uint64_t minimum = 0;
  std::uint64_t maximum = std::numeric_limits<std::uint64_t>::max();
  /// Parsed like any other value; empty where there is none.
  std::string_view default_value = {};
  /// What the documentation says where `default_value` is empty.
  std::string_view default_text = {};
  /// A second, foreign environment variable with the same meaning, asked after our own.
  std::string_view second_environment = {};
  std::string_view help = {};
};

/// The table. Grouped: options of one group stand together.
std::span<const OptionSpec> option_table() noexcept;
/// nullptr where there is none of that name.
const OptionSpec* find_option(std::string_view name) noexcept;
std::string_view heading(OptionGroup group) noexcept;

/// `src-username` → `FREIGHTLINER_SRC_USERNAME`
std::string environment_name(const OptionSpec& option);
/// What the option does where nobody sets it, for people; empty where there is nothing to say.
std::string_view default_description(const OptionSpec& option) noexcept;

/// Checks one value against kind and limits. Errors: kUsage, naming the value (but not a secret) and what is expected.
Status check_value(const OptionSpec& option, std::string_view value);
/// Reads on/off, true/false, yes/no, 1/0. Errors: kUsage.
Result<bool> parse_switch(std::string_view value);
/// A whole decimal number. Errors: kUsage.
Result<std::uint64_t> parse_number(std::string_view value);

}  // namespace freightliner::cli
