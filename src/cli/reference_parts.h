#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "cli/command.h"

namespace freightliner::cli {

/// What help, Markdown and manual page have in common.
inline constexpr std::string_view kTagline =
    "Copies container images between registries and OCI layouts: whole, verified, in a fixed memory.";

struct NameForm {
  std::string_view form;
  std::string_view meaning;
};
inline constexpr std::array<NameForm, 3> kNameForms = {{
    {"[docker://]HOST[:PORT]/REPOSITORY[:TAG][@DIGEST]",
     "An image in a registry. Docker Hub's short forms are understood: alpine is docker.io/library/alpine:latest. "
     "Where SRC "
     "is named by digest and DST has neither tag nor digest, DST is addressed by that digest."},
    {"oci:DIR[:TAG], oci:DIR@DIGEST", "An image in an OCI image layout: a directory."},
    {"oci-archive:FILE[:TAG], oci-archive:FILE@DIGEST", "An image in a tar file of an OCI image layout."},
}};

inline constexpr std::array<NameForm, 4> kExamples = {{
    {"freightliner copy docker://docker.io/library/alpine:3.20 docker://registry.example.com/alpine:3.20",
     "from registry to registry, all platforms"},
    {"freightliner copy --platform linux/arm64 alpine:3.20 oci:./alpine:3.20", "one platform, into an OCI layout"},
    {"freightliner copy --dry-run --output json oci:./alpine:3.20 registry.example.com/alpine:3.20",
     "what would move, as JSON"},
    {"freightliner copy --dest-username ci --dest-password-file - alpine registry.example.com/alpine < password",
     "with a password from standard input"},
}};

inline constexpr std::string_view kSourcesText =
    "An option is taken from the command line, else from its environment variable, else from the configuration file, "
    "else "
    "its default holds. A variable that is empty counts as not set; one for an option that may be repeated holds "
    "values "
    "separated by commas. Switches are set by true or false (--dry-run=false).";

inline constexpr std::string_view kConfigText =
    "The configuration file (--config) is YAML: one mapping whose keys are the options' names without dashes. Options "
    "that "
    "may be repeated take a list. Unknown keys, keys that are there twice and values of the wrong kind are errors. "
    "Relative "
    "paths count from the working directory. Passwords do not belong into it.";

inline constexpr std::string_view kConfigExample =
    "platform: [linux/amd64, linux/arm64]\n"
    "jobs: 4\n"
    "timeout: 30m\n"
    "plain-http:\n"
    "  - registry.internal:5000\n"
    "dest-username: ci\n"
    "dest-password-file: /run/secrets/registry\n";

inline constexpr std::string_view kNotSupportedText =
    "Not supported: registries.conf (mirrors, short-name aliases), policy.json, registries.d, and the transports "
    "docker-daemon:, "
    "containers-storage:, docker-archive:, dir:, ostree: and sif:. Flags of skopeo, crane, regctl and oras that have "
    "another "
    "name here are refused with the name of ours.";

/// The options of a command, in table order, with those of one group together.
std::vector<const OptionSpec*> options_of(const Command& command);
/// "copy SRC DST"
std::string command_title(const Command& command);
/// "-j, --jobs N"; empty where there is no flag.
std::string flag_text(const OptionSpec& option);
/// The help text with what the table says besides: choices, "May be repeated."
std::string full_help(const OptionSpec& option);
/// The commands that have options of their own.
std::vector<const Command*> commands_with_options();

}  // namespace freightliner::cli
