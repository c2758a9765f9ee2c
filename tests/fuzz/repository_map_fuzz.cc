// The input: the source's prefix, the destination's prefix, then rules, one a line; a line without "=" is a repository.

#include <vector>

#include "freightliner/oci/reference.h"
#include "freightliner/replicate/repository_map.h"
#include "fuzz_target.h"

using namespace freightliner;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::vector<std::string> lines;
  for (const std::string_view line : split(fuzz::text_of(data, size), '\n')) lines.emplace_back(line);
  if (lines.size() < 3 || lines.size() > 64) return 0;
  for (const std::string& prefix : {lines[0], lines[1]}) {
    if (!prefix.empty() && !oci::is_valid_repository(prefix)) return 0;
  }
  std::vector<std::string> rules;
  std::vector<std::string> names;
  for (std::size_t i = 2; i < lines.size(); ++i) {
    if (lines[i].find('=') != std::string::npos) {
      rules.push_back(lines[i]);
    } else if (oci::is_valid_repository(lines[i])) {
      names.push_back(lines[i]);
    }
  }
  const auto map = replicate::RepositoryMap::create(lines[0], lines[1], rules);
  if (!map) {
    fuzz::require(fuzz::is_harmless(map.error().describe()), "an error shows no control characters");
    return 0;
  }
  for (const std::string& name : names) {
    const auto destination = map->destination_of(name);
    if (!destination) continue;
    fuzz::require(oci::is_valid_repository(*destination), "a destination is a repository name");
    const auto back = map->source_of(*destination);
    fuzz::require(!back || *back == name, "the way back leads to where it began");
  }
  if (const auto pairs = map->map(names))
    fuzz::require(pairs->size() <= names.size(), "each source has one destination");
  return 0;
}
