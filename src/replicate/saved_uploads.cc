#include "replicate/saved_uploads.h"

namespace freightliner::replicate {

int SavedUploads::apply(UploadEntry entry, bool counts) {
  Key key(entry.repository, entry.digest);
  if (!entry.session || !counts) return -static_cast<int>(uploads_.erase(key));
  return uploads_.insert_or_assign(std::move(key), std::move(entry)).second ? 1 : 0;
}

bool SavedUploads::holds(const UploadEntry& entry) const {
  const auto found = uploads_.find(Key(entry.repository, entry.digest));
  return found != uploads_.end() && found->second == entry;
}

std::optional<registry::SavedUpload> SavedUploads::take(const std::string& repository, const oci::Descriptor& blob) {
  if (uploads_.empty()) return std::nullopt;
  const auto node = uploads_.extract(Key(repository, blob.digest));
  if (node.empty() || node.mapped().session->size != blob.size) return std::nullopt;
  return node.mapped().session->upload;
}

std::vector<CheckpointUpload> SavedUploads::list() const {
  std::vector<CheckpointUpload> result;
  for (const auto& [key, entry] : uploads_) {
    result.push_back({entry.repository, entry.digest, entry.session->size, entry.session->upload.offset, entry.time});
  }
  return result;
}

}  // namespace freightliner::replicate
