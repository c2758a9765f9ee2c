#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "freightliner/base/result.h"
#include "freightliner/oci/descriptor.h"

namespace freightliner::registry {

/// Where an upload session stood when it was noted. A value type.
struct SavedUpload {
  /// Absolute. A secret: whoever has it may write to the session.
  std::string location;
  /// Bytes that the registry has confirmed.
  std::uint64_t offset = 0;
  /// Bytes that may have been sent by then, confirmed or not: a registry that claims more holds something else.
  std::uint64_t reach = 0;

  bool operator==(const SavedUpload&) const = default;
};

/// Where a run notes its upload sessions, so that the run after a kill can go on with them. Only blobs of known digest
/// are noted: a session belongs to a repository of the destination and a digest. Safe from any thread; outlives the
/// clients that use it, and what they have registered for clean-up.
class UploadJournal {
 public:
  virtual ~UploadJournal() = default;

  /// The session that an earlier run left for this blob. Given out once, so that no two uploads go on with one session;
  /// what this run notes is for later runs alone.
  virtual std::optional<SavedUpload> take(const std::string& repository, const oci::Descriptor& blob) = 0;
  /// The blob's session stands there now; replaces what was noted before. Errors: kLocalIo.
  virtual Status note(const std::string& repository, const oci::Descriptor& blob, const SavedUpload& upload) = 0;
  /// The blob's session is no more, or nobody is to go on with it. Errors: kLocalIo.
  virtual Status ended(const std::string& repository, const oci::Digest& digest) = 0;
};

}  // namespace freightliner::registry
