#pragma once

#include <filesystem>
#include <string_view>
#include <vector>

#include "cli/settings.h"
#include "freightliner/transport/image_name.h"
#include "freightliner/transport/image_tree.h"

namespace freightliner::cli {

/// Errors: kUsage where there is no such file, or a directory.
Status require_file(const Settings& settings, std::string_view option, const std::filesystem::path& path);

/// Errors: kUsage where the option names a place where no file can be written: that would be noticed late.
Status require_place(const Settings& settings, std::string_view option);

/// A file that a run writes, by its option.
struct WrittenFile {
  std::string_view option;
  std::filesystem::path path;
};
/// Those that were named: report, metrics file, checkpoint and lock, as far as the command has them.
std::vector<WrittenFile> written_files(const Settings& settings);

/// Errors: kUsage where a file that the run writes is another one of its files, which one of them would write over.
Status require_apart(const Settings& settings);
/// Errors: kUsage where it is an archive, or a file of a layout, that the run copies from or to.
Status require_apart(const Settings& settings, const transport::ImageName& name);
Status require_apart(const Settings& settings, const transport::TreeName& name);

}  // namespace freightliner::cli
