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

/// The list as it is, to be added to; an empty one where there is none.
Result<oci::ImageIndex> read_list(transport::ImageDestination& destination, http::Caller& caller,
                                  const std::string& tag) {
  auto existing = destination.tagged(caller, tag);
  if (!existing)
    return fail(std::move(existing).error().with_context("the list of referrers, which is to be added to"));
  if (!*existing) return oci::ImageIndex();
  FL_TRY(oci::ManifestContent content, oci::parse_manifest(**existing));
  auto* index = std::get_if<oci::ImageIndex>(&content);
  if (index == nullptr) {
    return fail(ErrorCode::kDenied,
                fmt::format("{}: tag \"{}\" is no list of referrers: move it out of the way", destination.name(), tag));
  }
  return std::move(*index);
}

void warn_of_unlisted(const CopyServices& services, const transport::ImageDestination& destination,
                      const std::string& tag, const oci::Digest& entry) {
  services.log.warn(
      "{}: tag \"{}\" is copied as it is at the source, where it does not list {}; it would be added where such a tag "
      "is not copied (--skip-digest-tags)",
      destination.name(), tag, entry.to_string());
}

}  // namespace

std::string fallback_tag(const oci::Digest& digest) {
  return std::string(oci::to_string(digest.algorithm())).substr(0, 32) + "-" + digest.hex().substr(0, 64);
}

Result<std::vector<Referrer>> find_referrers(transport::ImageSource& source, http::Caller& caller,
                                             const std::vector<oci::RawManifest>& subjects) {
  return Finder(source, caller).find(subjects);
}

bool is_fallback_tag(std::string_view tag) noexcept {
  constexpr std::string_view kDigits = "0123456789abcdef";
  return (tag.starts_with("sha256-") || tag.starts_with("sha512-")) && tag.size() == 7 + 64 &&
         tag.find_first_not_of(kDigits, 7) == std::string_view::npos;
}

Status list_in_fallback_tag(const CopyServices& services, transport::ImageDestination& destination,
                            http::Caller& caller, const oci::Digest& subject, const oci::Descriptor& entry) {
  const std::string tag = fallback_tag(subject);
  FL_TRY(ReferrerLists::Claim claim, services.lists.get().claim(destination.place(), tag, caller.stop));
  FL_TRY(oci::ImageIndex list, read_list(destination, caller, tag));
  if (names(list.manifests, entry.digest)) return {};
  if (claim.is_copied()) {
    warn_of_unlisted(services, destination, tag, entry.digest);
    return {};
  }
  list.manifests.push_back(entry);
  std::string bytes = oci::serialize_index(oci::kOciIndex, list.manifests, list.annotations);
  const oci::Digest digest = io::digest_of(bytes);
  const oci::RawManifest index(std::move(bytes), std::string(oci::kOciIndex), digest);
  // Whether or not it comes to that: what may have been changed is looked at again.
  claim.note_added(entry.digest);
  FL_TRY([[maybe_unused]] const auto put, destination.put_tagged(caller, index, tag));
  return {};
}

void note_copied_list(const CopyServices& services, const transport::ImageDestination& destination,
                      ReferrerLists::Claim& claim, const oci::RawManifest& list, const std::string& tag) {
  claim.note_copied();
  const auto entries = entries_of(list);
  for (const oci::Digest& added : claim.added()) {
    if (!entries || !names(*entries, added)) warn_of_unlisted(services, destination, tag, added);
  }
}

Result<bool> lists_referrer(transport::ImageDestination& destination, http::Caller& caller, const oci::Digest& subject,
                            const oci::Digest& referrer) {
  FL_TRY(const auto listed, destination.referrers(caller, subject));
  if (listed) return names(*listed, referrer);
  const auto index = destination.tagged(caller, fallback_tag(subject));
  // Where a registry with the API says so of what is not there, nothing is wrong; else, adding to the list will tell.
  if (!index && index.error().code() == ErrorCode::kDenied) return false;
  if (!index) return fail(index.error());
  FL_TRY(const auto entries, entries_of(*index));
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
