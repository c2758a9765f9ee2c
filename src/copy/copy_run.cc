#include "copy/copy_run.h"

#include <fmt/format.h>

#include <algorithm>

#include "copy/platform_selection.h"

namespace freightliner::copy {
namespace {

PlannedItem manifest_item(const oci::RawManifest& manifest) {
  return {PlannedItem::Kind::kManifest, PlannedItem::Action::kWrite, manifest.digest().to_string(),
          manifest.media_type(), manifest.size()};
}

PlannedItem blob_item(const oci::Descriptor& blob, PlannedItem::Action action) {
  return {PlannedItem::Kind::kBlob, action, blob.digest.to_string(), blob.media_type, blob.size};
}

}  // namespace

Result<CopyReport> CopyRun::execute(http::Caller& caller) {
  FL_TRY(const std::vector<Target> targets, read_targets(caller));
  // Comparing digests is cheap where the whole of a name is copied; a selection has to be made before it can be
  // compared.
  FL_TRY(const auto resolved, resolve_source(caller, targets));
  if (resolved) {
    FL_CHECK(check_pinned(resolved->digest));
    const bool nothing_to_write = to_write(targets, resolved->digest).empty();
    if (tag_kept_) return report_of(CopyReport::Status::kSkipped, *resolved);
    if (nothing_to_write && !options_.referrers) return report_of(CopyReport::Status::kUnchanged, *resolved);
  }
  FL_TRY(const oci::RawManifest root, read_root(caller));
  FL_CHECK(check_pinned(root.digest()));
  const std::vector<const Target*> due = to_write(targets, root.digest());
  if (tag_kept_) return report_of(CopyReport::Status::kSkipped, root.descriptor());
  if (due.empty() && !options_.referrers) return report_of(CopyReport::Status::kUnchanged, root.descriptor());
  return copy_closure(caller, root, due);
}

Result<std::vector<CopyRun::Target>> CopyRun::read_targets(http::Caller& caller) {
  std::vector<std::string> tags = {destination_.tag()};
  for (const std::string& tag : options_.also_tags) {
    if (std::ranges::find(tags, tag) == tags.end()) tags.push_back(tag);
  }
  std::vector<Target> targets;
  for (std::string& tag : tags) {
    std::optional<oci::Descriptor> current;
    if (!options_.known.tag_is_absent || tag != destination_.tag()) {
      FL_TRY(current, destination_.resolve(caller, tag));
    }
    targets.push_back({std::move(tag), std::move(current)});
  }
  return targets;
}

Result<std::optional<oci::Descriptor>> CopyRun::resolve_source(http::Caller& caller,
                                                               const std::vector<Target>& targets) {
  const bool comparable = options_.platforms.empty() && options_.overwrite != Overwrite::kAlways &&
                          std::ranges::any_of(targets, [](const Target& target) { return target.current.has_value(); });
  if (!comparable) return std::nullopt;
  FL_TRY(oci::Descriptor resolved, source_.resolve(caller));
  return resolved;
}

Result<oci::RawManifest> CopyRun::read_root(http::Caller& caller) {
  FL_TRY(oci::RawManifest root, source_.root(caller));
  if (options_.platforms.empty()) return root;
  return select_platforms(source_, caller, services_.buffers, root, options_.platforms);
}

Status CopyRun::check_pinned(const oci::Digest& digest) const {
  const auto& pinned = destination_.pinned_digest();
  if (!pinned || *pinned == digest) return {};
  return fail(ErrorCode::kUsage,
              fmt::format("the destination is pinned to {}, but the image has {}: leave the digest out of {}",
                          pinned->to_string(), digest.to_string(), destination_.name()));
}

std::vector<const CopyRun::Target*> CopyRun::to_write(const std::vector<Target>& targets, const oci::Digest& digest) {
  std::vector<const Target*> due;
  for (const Target& target : targets) {
    const bool same = target.current && target.current->digest == digest;
    if (same && options_.overwrite != Overwrite::kAlways) continue;
    if (target.current && !same && options_.overwrite == Overwrite::kNever) {
      keep(target.tag, *target.current);
      continue;
    }
    due.push_back(&target);
  }
  return due;
}

void CopyRun::keep(const std::string& tag, const oci::Descriptor& current) {
  services_.log.warn("{}: tag \"{}\" names {} and is kept (--overwrite never)", destination_.name(), tag,
                     current.digest.to_string());
  tag_kept_ = true;
}

CopyReport CopyRun::report_of(CopyReport::Status status, const oci::Descriptor& root) const {
  return CopyReport{.status = status, .digest = root.digest, .media_type = root.media_type};
}

Result<CopyReport> CopyRun::copy_closure(http::Caller& caller, const oci::RawManifest& root,
                                         const std::vector<const Target*>& targets) {
  if (options_.dry_run) {
    FL_TRY(const bool there, is_there(caller, root, targets));
    return bring_closure(caller, root, targets, there);
  }
  FL_TRY(const auto origin, destination_.mount_origin());
  // Another tag of the same digest may be on its way to this repository: one brings what is below, the others write
  // their tags when it is there.
  FL_TRY(BlobLedger::Claim claim, services_.ledger.claim_closure(ledger_place(origin), root.digest(), caller.stop));
  bool there = claim.finding().settled;
  if (!there) {
    FL_TRY(there, is_there(caller, root, targets));
  }
  FL_TRY(CopyReport report, bring_closure(caller, root, targets, there));
  claim.settle();
  return report;
}

Result<CopyReport> CopyRun::bring_closure(http::Caller& caller, const oci::RawManifest& root,
                                          const std::vector<const Target*>& targets, bool root_is_there) {
  CopyReport report = report_of(CopyReport::Status::kCopied, root.descriptor());
  report_ = &report;
  if (!targets.empty() && targets.front()->current) report.previous = targets.front()->current->digest;
  FL_CHECK(build_plan(caller, root, root_is_there));
  if (targets.empty() && referrers_.empty()) {
    report.status = tag_kept_ ? CopyReport::Status::kSkipped : CopyReport::Status::kUnchanged;
    return report;
  }
  report.blobs_total = plan_.blobs.size() + plan_.foreign.size();
  report.blobs_foreign = plan_.foreign.size();
  report.referrers = referrers_.size();
  if (options_.dry_run) return describe_plan(caller, std::move(report), targets);

  FL_CHECK(move(caller, plan_.blobs, BlobMover::Trust::kAsk));
  FL_CHECK(write_manifests(caller, root));
  FL_CHECK(write_referrers(caller));
  FL_CHECK(write_targets(caller, root, targets));
  FL_CHECK(destination_.finish(caller));
  if (tag_kept_) report.status = CopyReport::Status::kSkipped;
  return report;
}

// A manifest that is at the destination, under another tag or none, is there with all that it names.
Result<bool> CopyRun::is_there(http::Caller& caller, const oci::RawManifest& root,
                               const std::vector<const Target*>& targets) {
  if (targets.empty()) return true;
  if (options_.overwrite == Overwrite::kAlways || destination_.tag().empty()) return false;
  if (options_.known.repository_has_no_tags) return false;
  return destination_.has_closure(caller, root.digest());
}

Status CopyRun::build_plan(http::Caller& caller, const oci::RawManifest& root, bool root_is_there) {
  if (root_is_there && !options_.referrers) return {};
  PlanBuilder of_root(source_, caller);
  FL_CHECK(of_root.add(root));
  if (!options_.referrers) {
    plan_ = of_root.take();
    return {};
  }
  FL_TRY(referrers_, find_referrers(source_, caller, of_root.plan().manifests));
  FL_CHECK(drop_referrers_that_are_there(caller));
  PlanBuilder of_referrers(source_, caller);
  PlanBuilder& builder = root_is_there ? of_referrers : of_root;
  for (const Referrer& referrer : referrers_) FL_CHECK(builder.add(referrer.manifest));
  plan_ = builder.take();
  return {};
}

Status CopyRun::drop_referrers_that_are_there(http::Caller& caller) {
  std::vector<Referrer> missing;
  for (Referrer& referrer : referrers_) {
    bool there = false;
    if (referrer.tag.empty()) {
      FL_TRY(there, lists_referrer(destination_, caller, referrer.subject, referrer.manifest.digest()));
    } else {
      FL_TRY(const auto current, destination_.resolve(caller, referrer.tag));
      there = current && current->digest == referrer.manifest.digest();
      if (current && !there && options_.overwrite == Overwrite::kNever) {
        keep(referrer.tag, *current);
        continue;
      }
    }
    if (!there) missing.push_back(std::move(referrer));
  }
  referrers_ = std::move(missing);
  return {};
}

Result<CopyReport> CopyRun::describe_plan(http::Caller& caller, CopyReport report,
                                          const std::vector<const Target*>& targets) {
  report.status = CopyReport::Status::kPlanned;
  for (const oci::Descriptor& blob : plan_.blobs) {
    FL_TRY(const bool there, destination_.has_blob(caller, blob));
    report.plan.push_back(blob_item(blob, there ? PlannedItem::Action::kPresent : PlannedItem::Action::kCopy));
    ++(there ? report.blobs_present : report.blobs_copied);
    if (!there) report.bytes_copied += blob.size;
  }
  for (const oci::Descriptor& blob : plan_.foreign) {
    report.plan.push_back(blob_item(blob, PlannedItem::Action::kForeign));
  }
  for (const oci::RawManifest& manifest : plan_.manifests) report.plan.push_back(manifest_item(manifest));
  const auto plan_tag = [&](const std::string& tag, const std::string& media_type) {
    report.plan.push_back({PlannedItem::Kind::kTag, PlannedItem::Action::kWrite, tag, media_type, 0});
  };
  for (const Referrer& referrer : referrers_) {
    if (!referrer.tag.empty()) plan_tag(referrer.tag, referrer.manifest.media_type());
  }
  for (const Target* target : targets) plan_tag(target->tag, report.media_type);
  report.manifests_written = plan_.manifests.size();
  report.tags_written = targets.size();
  return report;
}

Status CopyRun::move(http::Caller& caller, const std::vector<oci::Descriptor>& blobs, BlobMover::Trust trust) {
  services_.progress.blobs_total.fetch_add(blobs.size(), std::memory_order_relaxed);
  for (const oci::Descriptor& blob : blobs) {
    services_.progress.bytes_total.fetch_add(blob.size, std::memory_order_relaxed);
  }
  FL_TRY(auto source_origin, source_.mount_origin());
  FL_TRY(auto destination_origin, destination_.mount_origin());
  BlobMover mover(services_, source_, destination_, {std::move(source_origin), std::move(destination_origin)});
  FL_TRY(const BlobCounts counts, move_blobs(caller, services_, mover, blobs, trust));
  report_->bytes_copied += counts.bytes_copied;
  report_->blobs_copied += counts.copied;
  if (trust == BlobMover::Trust::kDistrust) return {};
  report_->blobs_mounted = counts.mounted;
  report_->blobs_present = counts.present;
  return {};
}

Status CopyRun::bring_again(http::Caller& caller, const oci::RawManifest& manifest) {
  PlanBuilder builder(source_, caller);
  FL_CHECK(builder.add(manifest));
  const CopyPlan below_it = builder.take();
  FL_CHECK(move(caller, below_it.blobs, BlobMover::Trust::kDistrust));
  for (const oci::RawManifest& below : below_it.manifests) {
    if (below.digest() == manifest.digest()) continue;
    FL_TRY([[maybe_unused]] const auto put, destination_.put_manifest(caller, below));
  }
  return {};
}

Status CopyRun::put(http::Caller& caller, const oci::RawManifest& manifest, const std::optional<std::string>& tag) {
  const auto attempt = [&] {
    return tag ? destination_.put_tagged(caller, manifest, *tag) : destination_.put_manifest(caller, manifest);
  };
  auto result = attempt();
  if (!result && result.error().reason() == ErrorReason::kUnknownBlob &&
      brought_again_.insert(manifest.digest()).second) {
    services_.log.info("{}; looking at everything below it again", result.error().describe());
    FL_CHECK(bring_again(caller, manifest));
    result = attempt();
  }
  if (!result) return fail(std::move(result).error());
  ++report_->manifests_written;
  if (result->subject_indexed) return {};
  FL_TRY(const oci::ManifestContent content, oci::parse_manifest(manifest));
  const auto subject = oci::subject_of(content);
  if (!subject) return {};
  FL_TRY(const oci::Descriptor entry, referrer_descriptor(manifest));
  return list_in_fallback_tag(destination_, caller, subject->digest, entry);
}

Status CopyRun::write_manifests(http::Caller& caller, const oci::RawManifest& root) {
  for (const oci::RawManifest& manifest : plan_.manifests) {
    const bool is_referrer = std::ranges::any_of(
        referrers_, [&](const Referrer& referrer) { return referrer.manifest.digest() == manifest.digest(); });
    // Referrers come with their tags, the root comes last with its own.
    if (is_referrer || manifest.digest() == root.digest()) continue;
    FL_CHECK(put(caller, manifest, std::nullopt));
  }
  return {};
}

Status CopyRun::write_referrers(http::Caller& caller) {
  for (const Referrer& referrer : referrers_) {
    FL_CHECK(put(caller, referrer.manifest, referrer.tag.empty() ? std::nullopt : std::optional(referrer.tag)));
  }
  return {};
}

Status CopyRun::write_targets(http::Caller& caller, const oci::RawManifest& root,
                              const std::vector<const Target*>& targets) {
  for (const Target* target : targets) {
    FL_CHECK(put(caller, root, target->tag));
    ++report_->tags_written;
  }
  return {};
}

}  // namespace freightliner::copy
