#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace freightliner::cli {

class Terminal;

/// Looks an environment variable up, as getenv(3) does; tests bring their own. An empty variable counts as not set.
using EnvironmentLookup = std::function<std::optional<std::string>(const char*)>;

/// The process's own environment. Not safe while another thread changes it.
std::optional<std::string> process_environment(const char* name);

/// The whole program behind main(): prepares the process (descriptors, SIGPIPE, allocator), runs the command named by
/// the arguments and returns the exit code (docs/EXIT_CODES.md). Call once, from the main thread, before any other
/// starts.
int run_program(int argc, char** argv);

/// The same without the preparation: `arguments` come without the program's name. Everything that is said goes through
/// `terminal`. Exceptions do not leave it.
int run(const std::vector<std::string>& arguments, const EnvironmentLookup& environment, Terminal& terminal);

}  // namespace freightliner::cli
