#pragma once

#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "freightliner/copy/copier.h"
#include "freightliner/transport/image_destination.h"
#include "freightliner/transport/image_source.h"

namespace freightliner::copy {

/// One manifest that refers to another: by its `subject`, or by cosign's tag scheme.
struct Referrer {
  oci::RawManifest manifest;
  /// What it refers to.
  oci::Digest subject;
  /// The entry in a referrers list; its digest is the manifest's.
  oci::Descriptor descriptor;
  /// The tag that makes the reference (cosign: "sha256-<hex>.sig"); empty where `subject` does.
  std::string tag;
};

/// The tag that lists referrers where there is no referrers API: "sha256-<hex>" (distribution-spec v1.1, "Referrers Tag
/// Schema"; both parts truncated as it says).
std::string fallback_tag(const oci::Digest& digest);

/// Finds what refers to the subjects, and what refers to that in turn: referrers API, else the fallback tag, and
/// cosign's
/// `.sig`, `.att` and `.sbom` tags. Each once. Errors: as the source's; kProtocol for more than 10,000.
Result<std::vector<Referrer>> find_referrers(transport::ImageSource& source, http::Caller& caller,
                                             const std::vector<oci::RawManifest>& subjects);

/// True for what is a fallback_tag() of some digest.
bool is_fallback_tag(std::string_view tag) noexcept;

/// Makes the fallback tag of `subject` at the destination list `entry`, keeping what it lists already. Nothing is
/// written where it does so, or where this run copies the tag as a tag, which settles what it lists (a warning then).
/// For destinations that did not take note of the subject themselves. Errors: any class; kDenied for a tag that is no
/// list, or that may not be read.
Status list_in_fallback_tag(const CopyServices& services, transport::ImageDestination& destination,
                            http::Caller& caller, const oci::Digest& subject, const oci::Descriptor& entry);

/// The claimed tag has been copied as a tag, as `list`. Warns of what this run has listed there, and `list` lacks.
void note_copied_list(const CopyServices& services, const transport::ImageDestination& destination,
                      ReferrerLists::Claim& claim, const oci::RawManifest& list, const std::string& tag);

/// True where the destination lists `referrer` among what refers to `subject`, by its API or its fallback tag.
Result<bool> lists_referrer(transport::ImageDestination& destination, http::Caller& caller, const oci::Digest& subject,
                            const oci::Digest& referrer);

/// The entry that a referrers list has for a manifest: with its artifact type (else its config's type) and annotations.
Result<oci::Descriptor> referrer_descriptor(const oci::RawManifest& manifest);

}  // namespace freightliner::copy
