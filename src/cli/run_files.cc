#include "cli/run_files.h"

#include <fmt/format.h>

#include <array>

#include "cli/run_request.h"
#include "freightliner/base/text.h"
#include "freightliner/io/file.h"
#include "freightliner/transport/own_files.h"

namespace freightliner::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::array<std::string_view, 4> kWritten = {"metrics-file", "report", "checkpoint", "lock"};
constexpr std::array<std::string_view, 8> kRead = {
    "batch",   "repos-file", "retry-failed-from", "authfile", "src-password-file", "dest-password-file",
    "ca-file", "config"};
constexpr std::string_view kStandardStream = "-";

std::string shown(const fs::path& path) {
  return printable(path.native(), 4096);
}

Status require_apart(const Settings& settings, const WrittenFile& file, std::string_view other) {
  if (!settings.knows(other) || !settings.has(other)) return {};
  const std::string path = settings.text(other);
  if (path == kStandardStream || !io::is_same_file(file.path, path)) return {};
  // What failed is read before anything else, and then the new report may take its place.
  if (file.option == "report" && other == "retry-failed-from") return {};
  return usage_at(settings, file.option,
                  fmt::format("{} is the file of --{}, too: name another", shown(file.path), other));
}

template <class Name>
Status require_apart_from(const Settings& settings, const Name& name) {
  for (const WrittenFile& file : written_files(settings)) {
    if (!transport::is_part_of(file.path, name)) continue;
    return usage_at(settings, file.option,
                    fmt::format("{} belongs to {}: name another", shown(file.path), printable(name.to_string(), 4096)));
  }
  return {};
}

}  // namespace

Status require_file(const Settings& settings, std::string_view option, const fs::path& path) {
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (!fs::exists(status))
    return usage_at(settings, option, fmt::format("there is no file {}", printable(path.string())));
  if (fs::is_directory(status))
    return usage_at(settings, option, fmt::format("{} is a directory", printable(path.string())));
  return {};
}

Status require_place(const Settings& settings, std::string_view option) {
  if (!settings.has(option)) return {};
  std::error_code error;
  const fs::path path = settings.text(option);
  const fs::file_status status = fs::symlink_status(path, error);
  // The file that is written takes the place of what has its name.
  if (fs::is_symlink(status)) {
    return usage_at(settings, option, fmt::format("{} is a symbolic link: name the file itself", shown(path)));
  }
  if (fs::exists(status) && !fs::is_regular_file(status)) {
    return usage_at(settings, option, fmt::format("{} is not a regular file: name another", shown(path)));
  }
  const fs::path directory = path.has_parent_path() ? path.parent_path() : fs::path(".");
  if (fs::is_directory(directory, error)) return {};
  return usage_at(settings, option, fmt::format("there is no directory {}", shown(directory)));
}

std::vector<WrittenFile> written_files(const Settings& settings) {
  std::vector<WrittenFile> files;
  for (const std::string_view option : kWritten) {
    if (settings.knows(option) && settings.has(option)) files.push_back({option, settings.text(option)});
  }
  return files;
}

Status require_apart(const Settings& settings) {
  const std::vector<WrittenFile> files = written_files(settings);
  for (auto file = files.begin(); file != files.end(); ++file) {
    for (auto other = file + 1; other != files.end(); ++other) {
      FL_CHECK(require_apart(settings, *file, other->option));
    }
    for (const std::string_view other : kRead) FL_CHECK(require_apart(settings, *file, other));
  }
  return {};
}

Status require_apart(const Settings& settings, const transport::ImageName& name) {
  return require_apart_from(settings, name);
}

Status require_apart(const Settings& settings, const transport::TreeName& name) {
  return require_apart_from(settings, name);
}

}  // namespace freightliner::cli
