#include "copy/referrers.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "copy/copy_plan.h"
#include "freightliner/io/hasher.h"
#include "freightliner/oci/json.h"
#include "freightliner/oci/media_type.h"

namespace freightliner::copy {
namespace {

constexpr std::size_t kMaxReferrers = 10'000;
// They are all held while the image is copied.
constexpr std::uint64_t kMaxReferrerBytes = 64 * kMiB;

// Cosign's tag scheme (cosign, specs/SIGNATURE_SPEC.md and its siblings).
constexpr std::array<std::string_view, 3> kCosignSuffixes = {".sig", ".att", ".sbom"};

std::string digest_tag(const oci::Digest& digest) {
  return std::string(oci::to_string(digest.algorithm())) + "-" + digest.hex();
}

Result<std::vector<oci::Descriptor>> entries_of(const std::optional<oci::RawManifest>& index) {
  if (!index || !oci::is_index_type(index->media_type())) return std::vector<oci::Descriptor>();
  FL_TRY(const oci::ManifestContent content, oci::parse_manifest(*index));
  return oci::children_of(content);
}

/// Goes from subject to subject, each digest once.
class Finder {
 public:
  Finder(transport::ImageSource& source, http::Caller& caller) : source_(source), caller_(caller) {}

  Result<std::vector<Referrer>> find(const std::vector<oci::RawManifest>& subjects) {
    for (const oci::RawManifest& subject : subjects) enqueue(subject.digest());
    while (!queue_.empty()) {
      const oci::Digest subject = queue_.back();
      queue_.pop_back();
      FL_CHECK(find_listed(subject));
      FL_CHECK(find_cosign(subject));
    }
    return std::move(found_);
  }

 private:
  void enqueue(const oci::Digest& digest) {
    if (seen_.insert(digest).second) queue_.push_back(digest);
  }

  Status add(Referrer referrer) {
    bytes_ += referrer.manifest.size();
    if (found_.size() >= kMaxReferrers || bytes_ > kMaxReferrerBytes) {
      return fail(ErrorCode::kProtocol, fmt::format("more than {} referrers, or more than {} of them", kMaxReferrers,
                                                    format_bytes(kMaxReferrerBytes)));
    }
    enqueue(referrer.manifest.digest());
    found_.push_back(std::move(referrer));
    return {};
  }

  Status find_listed(const oci::Digest& subject) {
    FL_TRY(std::optional<std::vector<oci::Descriptor>> listed, source_.referrers(caller_, subject));
    if (!listed) {
      FL_TRY(const auto index, source_.tagged(caller_, fallback_tag(subject)));
      FL_TRY(listed, entries_of(index));
    }
    for (const oci::Descriptor& entry : *listed) {
      if (seen_.contains(entry.digest)) continue;
      FL_TRY(oci::RawManifest manifest, read_child(source_, caller_, entry));
      FL_CHECK(add({std::move(manifest), subject, entry, {}}));
    }
    return {};
  }

  Status find_cosign(const oci::Digest& subject) {
    for (const std::string_view suffix : kCosignSuffixes) {
      std::string tag = digest_tag(subject) + std::string(suffix);
      FL_TRY(const auto manifest, source_.tagged(caller_, tag));
      if (!manifest) continue;
      FL_CHECK(add({*manifest, subject, manifest->descriptor(), std::move(tag)}));
    }
    return {};
  }

  transport::ImageSource& source_;
  http::Caller& caller_;
  std::vector<oci::Digest> queue_;
  std::set<oci::Digest> seen_;
  std::vector<Referrer> found_;
  std::uint64_t bytes_ = 0;
};

bool names(const std::vector<oci::Descriptor>& entries, const oci::Digest& digest) {
  return std::ranges::any_of(entries, [&](const oci::Descriptor& entry) { return entry.digest == digest; });
}

}  // namespace

std::string fallback_tag(const oci::Digest& digest) {
  return std::string(oci::to_string(digest.algorithm())).substr(0, 32) + "-" + digest.hex().substr(0, 64);
}

Result<std::vector<Referrer>> find_referrers(transport::ImageSource& source, http::Caller& caller,
                                             const std::vector<oci::RawManifest>& subjects) {
  return Finder(source, caller).find(subjects);
}

Status list_in_fallback_tag(transport::ImageDestination& destination, http::Caller& caller, const oci::Digest& subject,
                            const oci::Descriptor& entry) {
  const std::string tag = fallback_tag(subject);
  FL_TRY(const auto existing, destination.tagged(caller, tag));
  oci::ImageIndex list;
  if (existing) {
    FL_TRY(const oci::ManifestContent content, oci::parse_manifest(*existing));
    const auto* index = std::get_if<oci::ImageIndex>(&content);
    if (index == nullptr) {
      return fail(
          ErrorCode::kDenied,
          fmt::format("{}: tag \"{}\" is no list of referrers: move it out of the way, or leave --referrers out",
                      destination.name(), tag));
    }
    list = *index;
  }
  if (names(list.manifests, entry.digest)) return {};
  list.manifests.push_back(entry);
  std::string bytes = oci::serialize_index(oci::kOciIndex, list.manifests, list.annotations);
  const oci::Digest digest = io::digest_of(bytes);
  const oci::RawManifest index(std::move(bytes), std::string(oci::kOciIndex), digest);
  FL_TRY([[maybe_unused]] const auto put, destination.put_tagged(caller, index, tag));
  return {};
}

Result<bool> lists_referrer(transport::ImageDestination& destination, http::Caller& caller, const oci::Digest& subject,
                            const oci::Digest& referrer) {
  FL_TRY(const auto listed, destination.referrers(caller, subject));
  if (listed) return names(*listed, referrer);
  FL_TRY(const auto index, destination.tagged(caller, fallback_tag(subject)));
  FL_TRY(const auto entries, entries_of(index));
  return names(entries, referrer);
}

Result<oci::Descriptor> referrer_descriptor(const oci::RawManifest& manifest) {
  FL_TRY(const oci::ManifestContent content, oci::parse_manifest(manifest));
  oci::Descriptor entry = manifest.descriptor();
  if (const auto* image = std::get_if<oci::ImageManifest>(&content)) {
    entry.artifact_type = image->artifact_type.empty() ? image->config.media_type : image->artifact_type;
  } else if (const auto* index = std::get_if<oci::ImageIndex>(&content)) {
    entry.artifact_type = index->artifact_type;
  }
  FL_TRY(const oci::Json json, oci::parse_json(manifest.bytes(), "manifest"));
  const auto annotations = json.find("annotations");
  if (annotations == json.end() || !annotations->is_object()) return entry;
  for (const auto& [key, value] : annotations->items()) {
    if (value.is_string()) entry.annotations[key] = value.get<std::string>();
  }
  return entry;
}

}  // namespace freightliner::copy
