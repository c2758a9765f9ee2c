#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "replicate/checkpoint_format.h"

namespace freightliner::replicate {

/// The uploads that a journal says are open, by repository and digest, each as its last line has it. Not safe from
/// several threads at a time.
class SavedUploads {
 public:
  /// Takes the journal's next line about an upload; `counts` is false for one that is too old. Returns by how many the
  /// open ones grew: 1, 0 or -1.
  int apply(UploadEntry entry, bool counts);
  /// True for the line that an open upload was taken from.
  bool holds(const UploadEntry& entry) const;
  /// The blob's upload, which is not held any more then. nullopt where there is none, or one of another size.
  std::optional<registry::SavedUpload> take(const std::string& repository, const oci::Descriptor& blob);
  std::vector<CheckpointUpload> list() const;

 private:
  using Key = std::pair<std::string, oci::Digest>;
  std::map<Key, UploadEntry> uploads_;
};

}  // namespace freightliner::replicate
