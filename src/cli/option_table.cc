#include "freightliner/cli/option_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "cli/defaults.h"
#include "freightliner/base/bytes.h"
#include "freightliner/base/clock.h"
#include "freightliner/base/text.h"

namespace freightliner::cli {
namespace {

constexpr std::uint64_t kSecond = 1000;
constexpr std::uint64_t kDay = 24 * 60 * 60 * kSecond;

constexpr OptionSpec kOptions[] = {
    // What to copy
    {.name = "platform",
     .value_name = "OS/ARCH[/VARIANT]",
     .repeatable = true,
     .default_text = "everything that SRC names",
     .help = "Copy only this platform of a multi-platform image. Given once: that platform's manifest. Several times: "
             "a new "
             "index with just those, whose digest is printed."},
    {.name = "overwrite",
     .value_name = "WHEN",
     .kind = OptionKind::kChoice,
     .choices = "always|changed|never",
     .default_value = "changed",
     .help = "When to write a tag that is there already. changed: only where it names another digest. never: leave it "
             "alone "
             "and exit with 3 where it names another digest."},
    {.name = "dry-run",
     .letter = 'n',
     .kind = OptionKind::kSwitch,
     .help = "Print what would move, and write nothing."},
    {.name = "also-tag",
     .value_name = "TAG",
     .repeatable = true,
     .help = "A further tag for the same image at the destination."},
    {.name = "referrers",
     .kind = OptionKind::kSwitch,
     .help = "Take along what refers to the image: signatures, attestations, SBOMs (referrers API, fallback tag, and "
             "cosign's .sig, .att and .sbom tags)."},
    // Authentication
    {.name = "authfile",
     .value_name = "FILE",
     .group = OptionGroup::kAuthentication,
     .default_text = "containers' auth.json, then docker's config.json",
     .second_environment = "REGISTRY_AUTH_FILE",
     .help = "Look credentials up in this file alone (the form of containers-auth.json and docker's config.json)."},
    {.name = "src-username",
     .value_name = "NAME",
     .group = OptionGroup::kAuthentication,
     .help = "User name at the source; the password comes from --src-password-file or FREIGHTLINER_SRC_PASSWORD."},
    {.name = "src-password-file",
     .value_name = "FILE",
     .group = OptionGroup::kAuthentication,
     .help = "Read the password for the source from the first line of a file, or from standard input where FILE is -."},
    {.name = "src-password",
     .value_name = "PASSWORD",
     .group = OptionGroup::kAuthentication,
     .secret = true,
     .sources = kFromEnvironment,
     .help = "The password for the source. Environment only: other users can read a command line."},
    {.name = "dest-username",
     .value_name = "NAME",
     .group = OptionGroup::kAuthentication,
     .help =
         "User name at the destination; the password comes from --dest-password-file or FREIGHTLINER_DEST_PASSWORD."},
    {.name = "dest-password-file",
     .value_name = "FILE",
     .group = OptionGroup::kAuthentication,
     .help = "Read the password for the destination from the first line of a file, or from standard input where FILE "
             "is -."},
    {.name = "dest-password",
     .value_name = "PASSWORD",
     .group = OptionGroup::kAuthentication,
     .secret = true,
     .sources = kFromEnvironment,
     .help = "The password for the destination. Environment only: other users can read a command line."},
    {.name = "token-host",
     .value_name = "REGISTRY=HOST",
     .group = OptionGroup::kAuthentication,
     .repeatable = true,
     .default_text = "the registry itself, and the pairs that are built in",
     .help = "Allow the credentials of REGISTRY to go to the token server on HOST."},
    // TLS and connections
    {.name = "ca-file",
     .value_name = "FILE",
     .group = OptionGroup::kConnection,
     .help = "Trust the certificate authorities in this PEM file besides the system's."},
    {.name = "cert-dir",
     .value_name = "DIR",
     .group = OptionGroup::kConnection,
     .repeatable = true,
     .default_text = kCertificateDirectoriesText,
     .help = "Directory in the form of containers-certs.d: DIR/HOST[:PORT]/ holds *.crt (authorities) and *.cert with "
             "*.key "
             "(client certificates). Replaces the default directories."},
    {.name = "plain-http",
     .value_name = "HOST[:PORT]",
     .group = OptionGroup::kConnection,
     .repeatable = true,
     .help = "Speak http, not https, to this registry. (On loopback http is found out by itself.)"},
    {.name = "insecure-tls",
     .value_name = "HOST[:PORT]",
     .group = OptionGroup::kConnection,
     .repeatable = true,
     .help = "Do not verify this host's certificate."},
    {.name = "connect-timeout",
     .value_name = "DURATION",
     .kind = OptionKind::kDuration,
     .group = OptionGroup::kConnection,
     .minimum = kSecond / 10,
     .maximum = kDay,
     .default_value = "15s",
     .help = "How long a connection may take to come about."},
    {.name = "stall-timeout",
     .value_name = "DURATION",
     .kind = OptionKind::kDuration,
     .group = OptionGroup::kConnection,
     .minimum = kSecond,
     .maximum = kDay,
     .default_value = "60s",
     .help = "Give a transfer up (and retry it) that moved less than 1 KiB/s over this time. A small request may take "
             "this long in all, a registry five times as long to confirm an upload."},
    // Pace
    {.name = "jobs",
     .letter = 'j',
     .value_name = "N",
     .kind = OptionKind::kNumber,
     .group = OptionGroup::kPace,
     .minimum = 1,
     .maximum = 64,
     .default_text = "2 × processors, at least 4, at most 8",
     .help = "How many blobs move at the same time."},
    {.name = "retries",
     .value_name = "N",
     .kind = OptionKind::kNumber,
     .group = OptionGroup::kPace,
     .maximum = 100,
     .default_value = "4",
     .help = "How often a request is tried again after a temporary fault."},
    {.name = "timeout",
     .value_name = "DURATION",
     .kind = OptionKind::kDuration,
     .group = OptionGroup::kPace,
     .maximum = 365 * kDay,
     .default_text = "no limit",
     .help = "Time for the whole run; when it has passed, the run is cleaned up and exits with 6. 0: no limit."},
    {.name = "chunk-size",
     .value_name = "SIZE",
     .kind = OptionKind::kSize,
     .group = OptionGroup::kPace,
     .maximum = 64 * kGiB,
     .default_text = "the whole blob in one request",
     .help = "Upload blobs in requests of this size, for registries that need it (at least 64KiB). A registry that "
             "asks for "
             "more gets more. 0: one request."},
    {.name = "buffer-size",
     .value_name = "SIZE",
     .kind = OptionKind::kSize,
     .group = OptionGroup::kPace,
     .minimum = 16 * kKiB,
     .maximum = 4 * kMiB,
     .default_value = kBufferSizeText,
     .help = "Size of a transfer buffer; every job has a few of them, and that is the memory of its transfer."},
    // Output
    {.name = "output",
     .value_name = "FORMAT",
     .kind = OptionKind::kChoice,
     .group = OptionGroup::kOutput,
     .choices = "text|json",
     .default_value = "text",
     .help = "What standard output gets: one line for people, or one JSON object."},
    {.name = "progress",
     .value_name = "MODE",
     .kind = OptionKind::kChoice,
     .group = OptionGroup::kOutput,
     .choices = "auto|bar|plain|none",
     .default_value = "auto",
     .help = "Progress on standard error. auto: a bar on a terminal, elsewhere a plain line every 5 seconds."},
    {.name = "log-level",
     .value_name = "LEVEL",
     .kind = OptionKind::kChoice,
     .group = OptionGroup::kOutput,
     .choices = "debug|info|warn|error|none",
     .default_value = "warn",
     .help = "What is logged to standard error. Secrets never are."},
    {.name = "log-format",
     .value_name = "FORMAT",
     .kind = OptionKind::kChoice,
     .group = OptionGroup::kOutput,
     .choices = "text|json",
     .default_value = "text",
     .help = "The form of everything on standard error; json: one object per line."},
    {.name = "config",
     .value_name = "FILE",
     .group = OptionGroup::kOutput,
     .sources = kFromFlag | kFromEnvironment,
     .default_text = "none",
     .help =
         "Read options from a YAML file. There is no default file: what a run does is to be seen where it is started."},
    // The docs command
    {.name = "format",
     .value_name = "FORMAT",
     .kind = OptionKind::kChoice,
     .group = OptionGroup::kDocs,
     .sources = kFromFlag,
     .commands = kDocsCommand,
     .choices = "markdown|man",
     .default_value = "markdown",
     .help = "Markdown, or a manual page for man(1)."},
};

Status check_range(const OptionSpec& option, std::uint64_t number, std::string_view value) {
  if (number >= option.minimum && number <= option.maximum) return {};
  const auto show = [&](std::uint64_t limit) {
    if (option.kind == OptionKind::kSize) return format_bytes(limit);
    if (option.kind == OptionKind::kDuration) return format_duration(Duration(static_cast<Duration::rep>(limit)));
    return fmt::format("{}", limit);
  };
  return fail(ErrorCode::kUsage, fmt::format("{} is out of range: from {} to {}", printable(value, 64),
                                             show(option.minimum), show(option.maximum)));
}

Status check_choice(const OptionSpec& option, std::string_view value) {
  const auto choices = split(option.choices, '|');
  if (std::ranges::find(choices, value) != choices.end()) return {};
  return fail(ErrorCode::kUsage,
              fmt::format("\"{}\" is not one of {}", printable(value, 64), fmt::join(choices, ", ")));
}

}  // namespace

std::span<const OptionSpec> option_table() noexcept {
  return kOptions;
}

const OptionSpec* find_option(std::string_view name) noexcept {
  const auto* const found = std::ranges::find(kOptions, name, &OptionSpec::name);
  return found == std::ranges::end(kOptions) ? nullptr : found;
}

std::string_view heading(OptionGroup group) noexcept {
  switch (group) {
    case OptionGroup::kContent:
      return "What is copied";
    case OptionGroup::kAuthentication:
      return "Authentication";
    case OptionGroup::kConnection:
      return "TLS and connections";
    case OptionGroup::kPace:
      return "Pace, retries and memory";
    case OptionGroup::kOutput:
      return "Output and configuration";
    case OptionGroup::kDocs:
      return "Documentation";
  }
  return "";
}

std::string environment_name(const OptionSpec& option) {
  std::string name = "FREIGHTLINER_";
  for (const char c : option.name) {
    name += c == '-' ? '_' : c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  }
  return name;
}

std::string_view default_description(const OptionSpec& option) noexcept {
  return option.default_value.empty() ? option.default_text : option.default_value;
}

Result<bool> parse_switch(std::string_view value) {
  const std::string word = to_lower(value);
  if (word == "true" || word == "yes" || word == "on" || word == "1") return true;
  if (word == "false" || word == "no" || word == "off" || word == "0") return false;
  return fail(ErrorCode::kUsage, fmt::format("\"{}\" is neither true nor false", printable(value, 64)));
}

Result<std::uint64_t> parse_number(std::string_view value) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
  if (error == std::errc() && end == value.data() + value.size()) return number;
  return fail(ErrorCode::kUsage, fmt::format("\"{}\" is not a whole number", printable(value, 64)));
}

Status check_value(const OptionSpec& option, std::string_view value) {
  if (value.empty()) return fail(ErrorCode::kUsage, "the value is empty");
  if (value.find('\0') != std::string_view::npos) return fail(ErrorCode::kUsage, "the value has a NUL byte in it");
  switch (option.kind) {
    case OptionKind::kSwitch:
      FL_CHECK(parse_switch(value));
      return {};
    case OptionKind::kText:
      return {};
    case OptionKind::kChoice:
      return check_choice(option, value);
    case OptionKind::kNumber: {
      FL_TRY(const auto number, parse_number(value));
      return check_range(option, number, value);
    }
    case OptionKind::kSize: {
      FL_TRY(const auto bytes, parse_bytes(value));
      return check_range(option, bytes, value);
    }
    case OptionKind::kDuration: {
      FL_TRY(const auto duration, parse_duration(value));
      return check_range(option, static_cast<std::uint64_t>(duration.count()), value);
    }
  }
  return {};
}

}  // namespace freightliner::cli
