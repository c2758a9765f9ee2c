#include "freightliner/oci/reference.h"
#include "freightliner/replicate/tree_report.h"
#include "fuzz_target.h"

using namespace freightliner;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const io::UniqueFd file = fuzz::in_memory(fuzz::text_of(data, size));
  const auto failed = replicate::read_failed_references("/proc/self/fd/" + std::to_string(file.get()));
  if (!failed) {
    fuzz::require(failed.error().code() == ErrorCode::kUsage, "no input is our fault");
    fuzz::require(fuzz::is_harmless(failed.error().describe()), "an error shows no control characters");
    return 0;
  }
  for (const auto& reference : failed->references) {
    fuzz::require(oci::is_valid_repository(reference.repository.source) &&
                      oci::is_valid_repository(reference.repository.destination),
                  "a repository's name is one");
    fuzz::require(reference.tag.empty() || oci::is_valid_tag(reference.tag), "a tag is one");
  }
  return 0;
}
