#pragma once

#include <yaml-cpp/yaml.h>

#include <string>
#include <utility>
#include <vector>

#include "cli/config_file.h"
#include "freightliner/base/text.h"

namespace freightliner::cli {

/// Reads a mapping of option names to values, with every key checked: unknown, misplaced and duplicate ones (yaml-cpp
/// passes the latter in silence) are errors with file and line. Errors: kUsage. Throws what yaml-cpp throws.
Result<std::vector<ConfigEntry>> read_option_mapping(const YAML::Node& mapping, const std::string& file,
                                                     const ConfigRules& rules);

/// The one document of a text; an empty text is a null document. Errors: kUsage for more than one. Throws what yaml-cpp
/// throws.
Result<YAML::Node> load_document(const std::string& text);

/// Refuses a document that its aliases (`*name`) make much larger than the text, or endless. Errors: kUsage.
Status check_expanded_size(const YAML::Node& document);

/// Parses the one document of a text and hands it to `read`; yaml-cpp's exceptions end here. Errors: kUsage.
template <class Read>
auto with_yaml_document(const std::string& text, const std::string& file, Read&& read)
    -> decltype(read(std::declval<const YAML::Node&>())) {
  try {
    auto document = load_document(text);
    if (!document) return fail(std::move(document).error().with_context(printable(file)));
    if (Status checked = check_expanded_size(*document); !checked) {
      return fail(std::move(checked).error().with_context(printable(file)));
    }
    return read(std::as_const(*document));
  } catch (const YAML::Exception& error) {
    return fail(Error(ErrorCode::kUsage, printable(error.msg, 256)).with_context(at_line(file, error.mark.line + 1)));
  }
}

}  // namespace freightliner::cli
