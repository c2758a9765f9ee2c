#include "freightliner/cli/app.h"

#include <fmt/format.h>
#include <malloc.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <exception>
#include <new>
#include <string_view>
#include <system_error>

#include "cli/command.h"
#include "cli/foreign_flags.h"
#include "cli/log_sink.h"
#include "cli/reference_text.h"
#include "freightliner/base/text.h"
#include "freightliner/cli/exit_codes.h"

namespace freightliner::cli {
namespace {

int refuse(Terminal& terminal, std::string message) {
  return print_result(terminal, fail(ErrorCode::kUsage, std::move(message)));
}

int unknown_command(Terminal& terminal, const std::string& name) {
  if (name.starts_with('-')) {
    return refuse(terminal, fmt::format("the command comes first, then its options: freightliner copy {} …",
                                        printable(name.substr(0, name.find('=')), 64)));
  }
  if (const auto foreign = explain_foreign_command(name)) return refuse(terminal, *foreign);
  std::vector<std::string_view> names;
  for (const Command& command : commands()) names.push_back(command.name);
  const auto similar = nearest(name, names);
  return refuse(terminal,
                fmt::format("unknown command \"{}\"{}", printable(name, 64),
                            similar ? fmt::format("; did you mean {}?", *similar) : "; see freightliner --help"));
}

int dispatch(const std::vector<std::string>& arguments, const EnvironmentLookup& environment, Terminal& terminal) {
  if (arguments.empty()) {
    return refuse(terminal, "what shall be done? See freightliner --help, or: freightliner copy SRC DST");
  }
  const std::string& first = arguments.front();
  const std::vector<std::string> rest(arguments.begin() + 1, arguments.end());
  const CommandContext context = {.arguments = rest, .environment = environment, .terminal = terminal};
  if (first == "--version") return run_version(context);
  if (first == "--help" || first == "-h") return run_help(context);
  const Command* command = find_command(first);
  return command == nullptr ? unknown_command(terminal, first) : command->run(context);
}

// Threads allocate little here: what they move is in the buffer pool. One arena per thread would only cost memory, and
// large blocks that are freed shall go back to the system at once.
void tune_allocator() noexcept {
  constexpr int kArenas = 2;
  constexpr int kMapAbove = 128 * 1024;
  ::mallopt(M_ARENA_MAX, kArenas);
  ::mallopt(M_MMAP_THRESHOLD, kMapAbove);
  ::mallopt(M_TRIM_THRESHOLD, kMapAbove);
}

// Memory that runs out where nothing may be thrown (in a worker, in clean-up) ends the run, but as what it is.
[[noreturn]] void end_without_memory() noexcept {
  try {
    if (const std::exception_ptr thrown = std::current_exception()) std::rethrow_exception(thrown);
  } catch (const std::bad_alloc&) {
    constexpr std::string_view kWords = "freightliner: error: internal error: out of memory\n";
    static_cast<void>(!::write(STDERR_FILENO, kWords.data(), kWords.size()));
    ::_exit(kExitInternal);
  } catch (...) {
  }
  std::abort();
}

}  // namespace

std::optional<std::string> process_environment(const char* name) {
  const char* value = std::getenv(name);
  if (value == nullptr || *value == '\0') return std::nullopt;
  return std::string(value);
}

int run(const std::vector<std::string>& arguments, const EnvironmentLookup& environment, Terminal& terminal) {
  try {
    return dispatch(arguments, environment, terminal);
  } catch (const std::bad_alloc&) {
    terminal.last_words("freightliner: error: internal error: out of memory");
  } catch (const std::system_error& error) {
    // A descriptor or a thread that the system has not got is no bug.
    return print_result(terminal, fail(ErrorCode::kLocalIo,
                                       fmt::format("the system refuses what every run needs: {} (see ulimit -n and -u)",
                                                   printable(error.what()))));
  } catch (const std::exception& error) {
    write_failure(terminal, LogFormat::kText, fmt::format("internal error: {}", error.what()));
  }
  return kExitInternal;
}

int run_program(int argc, char** argv) {
  Terminal::occupy_standard_descriptors();
  // A closed standard output and a file over the user's limit (ulimit -f) are errors to report, not deaths.
  for (const int number : {SIGPIPE, SIGXFSZ}) std::signal(number, SIG_IGN);
  std::set_terminate(end_without_memory);
  tune_allocator();
  Terminal terminal(STDOUT_FILENO, STDERR_FILENO, process_environment);
  return run({argv + (argc > 0 ? 1 : 0), argv + argc}, process_environment, terminal);
}

}  // namespace freightliner::cli
