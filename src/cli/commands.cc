#include <fmt/format.h>

#include <algorithm>

#include "cli/command.h"
#include "cli/log_sink.h"
#include "freightliner/cli/exit_codes.h"

namespace freightliner::cli {
namespace {

constexpr Command kCommands[] = {
    {kCopyCommand, "copy", "SRC DST | --batch FILE", "Copy one image, or a stream of them",
     "Copies the image that SRC names to DST, byte for byte: same digest, all platforms, whatever its layers are. "
     "Blobs go first, then the manifests, the tags last: a failed run leaves the destination's tags as they were. What "
     "the destination has is not sent again. With --batch the names come from a file or from standard input, and "
     "results "
     "go to standard output while it runs; one copy that fails never stops the others, and the exit code is then 3.",
     run_copy},
    {kReplicateTreeCommand, "replicate-tree", "SRC DST", "Copy many repositories and tags",
     "Replicates the repositories of SRC to DST: HOST[:PORT][/PREFIX], or oci-tree:DIR for a directory of OCI layouts. "
     "What is equal on both sides costs two small requests per tag, what is new moves once. One tag that fails never "
     "stops the others: then the exit code is 3, and every failure is listed.",
     run_replicate_tree},
    {kSyncCommand, "sync", "", "Run the replications of a file",
     "Runs the jobs of a YAML file (--config FILE), each a replication as replicate-tree does it, one after the other. "
     "A "
     "flag beats the file. See docs/CONFIG.md.",
     run_sync},
    {kCheckCommand, "check", "SRC DST", "Compare two trees",
     "Compares the tags of two trees without writing anything: equal, missing, different, extra. Exits with 0 where "
     "they "
     "are equal, with 13 where they are not.",
     run_check},
    {kFilterTestCommand, "filter-test", "[TAG | REPOSITORY:TAG]...", "Try tag filters",
     "Prints for each tag whether the filters let it through, and which pattern decided. Reads tags from standard "
     "input, "
     "one a line, where none is given.",
     run_filter_test},
    {kCheckpointCommand, "checkpoint", "show|clear FILE", "Look at a checkpoint, or remove it",
     "show prints the journal of finished tags and open uploads that --checkpoint keeps; clear removes it. Uploads "
     "that "
     "are open then stay at the registry until it drops them.",
     run_checkpoint},
    {kConfigCommand, "config", "check FILE", "Check the file of a sync",
     "Reads a file as sync would and checks all that can be checked without a network.", run_config},
    {kReportCommand, "report", "FILE", "Look at the report of a run",
     "Shows a report that --report wrote: tables of what came of the run and what it took, throughput and latency over "
     "time as plots. Reports of earlier versions have fewer figures.",
     run_report},
    {kDocsCommand, "docs", "", "Print the reference documentation", "Prints the reference of all commands and options.",
     run_docs},
    {kHelpCommand, "help", "[COMMAND]", "Print help", "Prints the help of the program or of one command.", run_help},
    {kVersionCommand, "version", "", "Print the version", "Prints the version.", run_version},
};

}  // namespace

std::span<const Command> commands() noexcept {
  return kCommands;
}

const Command* find_command(std::string_view name) noexcept {
  const auto* const found = std::ranges::find(kCommands, name, &Command::name);
  return found == std::ranges::end(kCommands) ? nullptr : found;
}

int print_result(Terminal& terminal, const Result<std::string>& text) {
  const auto failure = [&](const Error& error) {
    write_failure(terminal, LogFormat::kText, error.describe());
    return exit_code(error.code());
  };
  if (!text) return failure(text.error());
  const Status printed = terminal.print(*text);
  return printed ? kExitDone : failure(printed.error());
}

std::string_view version() noexcept {
  return FREIGHTLINER_VERSION;
}

}  // namespace freightliner::cli
