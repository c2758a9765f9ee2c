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
  // Where both sides will be asked, both are at the same time.
  auto ahead = options_.known.has_tag == true && may_compare() ? source_.ask_ahead(caller) : nullptr;
  FL_TRY(const std::vector<Target> targets, read_targets(caller));
  // Comparing digests is cheap where the whole of a name is copied; a selection has to be made before it can be
  // compared.
  FL_TRY(const auto resolved, resolve_source(caller, targets, std::move(ahead)));
  bool nothing_to_write = false;
  if (resolved) {
    if (!options_.recompress) FL_CHECK(check_pinned(resolved->digest));
    FL_TRY(const auto due, to_write(caller, targets, resolved->digest));
    nothing_to_write = due.empty();
    if (tag_kept_) return report_of(CopyReport::Status::kSkipped, *resolved);
    if (nothing_to_write && !options_.referrers) return unchanged(*resolved, targets);
  }
  if (options_.refusal != nullptr && !nothing_to_write) FL_CHECK(options_.refusal->check());
  FL_TRY(const oci::RawManifest root, read_root(caller));
  if (!options_.recompress) FL_CHECK(check_pinned(root.digest()));
  FL_TRY(const std::vector<const Target*> due, to_write(caller, targets, root.digest()));
  if (tag_kept_) return report_of(CopyReport::Status::kSkipped, root.descriptor());
  if (due.empty() && !options_.referrers) return unchanged(root.descriptor(), targets);
  if (!options_.recompress) return copy_closure(caller, root, due);
  if (!due.empty()) return copy_recompressed(caller, root, due);
  FL_TRY(CopyReport report, copy_closure(caller, root, due));
  report.digest = unchanged(root.descriptor(), targets).digest;
  return report;
}

Result<std::vector<CopyRun::Target>> CopyRun::read_targets(http::Caller& caller) {
  std::vector<std::string> tags = {destination_.tag()};
  for (const std::string& tag : options_.also_tags) {
    if (std::ranges::find(tags, tag) == tags.end()) tags.push_back(tag);
  }
  std::vector<Target> targets;
  for (std::string& tag : tags) {
    if (options_.known.has_tag == false && tag == destination_.tag()) {
      targets.push_back({std::move(tag), std::nullopt});
      continue;
    }
    const TimePoint asked = services_.clock.now();
    FL_TRY(Target target, read_target(caller, std::move(tag)));
    FL_CHECK(note_answer(TransferTuner::End::kDestination, asked));
    targets.push_back(std::move(target));
  }
  return targets;
}

Result<CopyRun::Target> CopyRun::read_target(http::Caller& caller, std::string tag) {
  // What was recompressed says so in the manifest itself. By a pinned digest there is nothing to be found out.
  if (!options_.recompress || (tag.empty() && destination_.pinned_digest())) {
    FL_TRY(auto current, destination_.resolve(caller, tag));
    return Target{std::move(tag), std::move(current)};
  }
  auto manifest = destination_.tagged(caller, tag);
  // One that may not be read may not be there.
  if (!manifest && manifest.error().code() == ErrorCode::kDenied) {
    FL_TRY(auto current, destination_.resolve(caller, tag));
    return Target{std::move(tag), std::move(current)};
  }
  // One that is damaged is as good as none, so that a copy mends it.
  if (!manifest && manifest.error().code() == ErrorCode::kIntegrity) manifest = std::optional<oci::RawManifest>();
  if (!manifest) return fail(std::move(manifest).error());
  if (!*manifest) return Target{std::move(tag), std::nullopt};
  return Target{std::move(tag), (*manifest)->descriptor(), mark_of(**manifest)};
}

bool CopyRun::is_current(const Target& target, const oci::Digest& digest) const {
  if (!target.current) return false;
  if (!options_.recompress) return target.current->digest == digest;
  return target.mark && target.mark->source == digest &&
         target.mark->settings == options_.recompress->settings.to_string();
}

bool CopyRun::may_compare() const noexcept {
  return options_.platforms.empty() && options_.overwrite != Overwrite::kAlways;
}

Result<std::optional<oci::Descriptor>> CopyRun::resolve_source(http::Caller& caller, const std::vector<Target>& targets,
                                                               std::unique_ptr<registry::AskedAhead> ahead) {
  const bool comparable =
      may_compare() && std::ranges::any_of(targets, [](const Target& target) { return target.current.has_value(); });
  if (!comparable) return std::nullopt;
  FL_TRY(oci::Descriptor resolved, source_.resolve_asked(caller, std::move(ahead)));
  return resolved;
}

Result<oci::RawManifest> CopyRun::read_root(http::Caller& caller) {
  const TimePoint asked = services_.clock.now();
  FL_TRY(oci::RawManifest root, source_.root(caller));
  FL_CHECK(note_answer(TransferTuner::End::kSource, asked));
  if (options_.platforms.empty()) return root;
  return select_platforms(source_, caller, services_.buffers, root, options_.platforms);
}

// Before blobs fill the line and the processors, answers come soonest.
Status CopyRun::note_answer(TransferTuner::End end, TimePoint asked) {
  if (services_.tuner == nullptr) return {};
  const TimePoint answered = services_.clock.now();
  FL_TRY(auto source, source_.mount_origin());
  FL_TRY(auto destination, destination_.mount_origin());
  const BlobMover::Origins origins{std::move(source), std::move(destination)};
  services_.tuner->note_answer(origins.route(), end, answered - asked);
  return {};
}

Status CopyRun::check_pinned(const oci::Digest& digest) const {
  const auto& pinned = destination_.pinned_digest();
  if (!pinned || *pinned == digest) return {};
  return fail(ErrorCode::kUsage,
              fmt::format("the destination is pinned to {}, but the image has {}: leave the digest out of {}",
                          pinned->to_string(), digest.to_string(), destination_.name()));
}

Result<std::vector<const CopyRun::Target*>> CopyRun::to_write(http::Caller& caller, const std::vector<Target>& targets,
                                                              const oci::Digest& digest) {
  std::vector<const Target*> due;
  for (const Target& target : targets) {
    const bool same = is_current(target, digest);
    if (same && options_.overwrite != Overwrite::kAlways) {
      FL_TRY(const bool stays, stays_current(caller, target));
      if (!stays) due.push_back(&target);
      continue;
    }
    // The source's own digest may be what a recompression comes to, where it finds nothing to do.
    const bool undecided = options_.recompress && target.current && target.current->digest == digest;
    if (target.current && !same && !undecided && options_.overwrite == Overwrite::kNever) {
      keep(target.tag, *target.current);
      continue;
    }
    due.push_back(&target);
  }
  return due;
}

// A list of referrers may have been added to since it was looked at. From here on it is not: it was copied as a tag.
Result<bool> CopyRun::stays_current(http::Caller& caller, const Target& target) {
  if (options_.dry_run || !is_fallback_tag(target.tag)) return true;
  FL_TRY(ReferrerLists::Claim claim, services_.lists.get().claim(destination_.place(), target.tag, caller.stop));
  if (!claim.added().empty()) return false;
  claim.note_copied();
  return true;
}

void CopyRun::keep(const std::string& tag, const oci::Descriptor& current) {
  services_.log.warn("{}: tag \"{}\" names {} and is kept (--overwrite never)", destination_.name(), tag,
                     current.digest.to_string());
  tag_kept_ = true;
}

CopyReport CopyRun::report_of(CopyReport::Status status, const oci::Descriptor& root) const {
  return CopyReport{.status = status, .digest = root.digest, .media_type = root.media_type};
}

// The digest that the destination has.
CopyReport CopyRun::unchanged(const oci::Descriptor& root, const std::vector<Target>& targets) const {
  const bool other = options_.recompress && targets.front().current;
  return report_of(CopyReport::Status::kUnchanged, other ? *targets.front().current : root);
}

Result<CopyReport> CopyRun::copy_recompressed(http::Caller& caller, const oci::RawManifest& root,
                                              std::vector<const Target*> targets) {
  FL_TRY(auto source_origin, source_.mount_origin());
  FL_TRY(auto destination_origin, destination_.mount_origin());
  recompression_.emplace(services_, source_, destination_,
                         BlobMover::Origins{std::move(source_origin), std::move(destination_origin)},
                         *options_.recompress);
  PlanBuilder builder(source_, caller);
  FL_CHECK(builder.add(root));
  FL_CHECK(recompression_->examine(caller, builder.take()));
  if (options_.overwrite == Overwrite::kNever && !recompression_->layers().empty()) {
    std::erase_if(targets, [&](const Target* target) {
      if (target->current) keep(target->tag, *target->current);
      return target->current.has_value();
    });
    if (targets.empty()) return report_of(CopyReport::Status::kSkipped, root.descriptor());
  }
  // What the digests will be is known when the layers are recompressed, so a dry run shows the source's.
  if (options_.dry_run && !recompression_->layers().empty()) return bring_closure(caller, root, targets, false);
  FL_CHECK(recompression_->convert(caller));
  FL_TRY(const oci::RawManifest rewritten, recompression_->rewrite(root));
  FL_CHECK(check_pinned(rewritten.digest()));
  stand_in_ = &recompression_->source();
  std::vector<const Target*> due;
  for (const Target* target : targets) {
    const bool same = target->current && target->current->digest == rewritten.digest();
    bool stays = same && options_.overwrite != Overwrite::kAlways;
    if (stays) {
      FL_TRY(stays, stays_current(caller, *target));
    }
    if (!stays) due.push_back(target);
  }
  if (due.empty() && !options_.referrers) {
    return report_of(CopyReport::Status::kUnchanged, rewritten.descriptor());
  }
  return copy_closure(caller, rewritten, due);
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
  FL_TRY(BlobLedger::Claim claim,
         services_.ledger.get().claim_closure(ledger_place(origin), root.digest(), caller.stop));
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
  if (recompression_) count_recompressed(report);
  report.blobs_foreign = plan_.foreign.size();
  report.referrers = referrers_.size();
  if (options_.dry_run) return describe_plan(caller, std::move(report), targets);
  for (const Target* target : targets) due_tags_.insert(target->tag);

  FL_CHECK(move(caller, plan_.blobs, BlobMover::Trust::kAsk));
  FL_CHECK(write_manifests(caller, root));
  FL_CHECK(write_referrers(caller));
  FL_CHECK(write_targets(caller, root, targets));
  FL_CHECK(destination_.finish(caller));
  if (tag_kept_) report.status = CopyReport::Status::kSkipped;
  return report;
}

// They are at the destination already.
void CopyRun::count_recompressed(CopyReport& report) {
  const Recompression::Converted converted = recompression_->converted();
  std::erase_if(plan_.blobs, [&](const oci::Descriptor& blob) { return converted.blobs.contains(blob.digest); });
  report.blobs_total = std::max<std::uint64_t>(report.blobs_total, converted.blobs.size());
  report.blobs_recompressed = converted.blobs.size();
  report.blobs_copied = converted.blobs.size();
  report.bytes_copied = converted.bytes_after;
  report.bytes_recompressed = converted.bytes_before;
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
  PlanBuilder of_root(source(), caller);
  FL_CHECK(of_root.add(root));
  if (!options_.referrers) {
    plan_ = of_root.take();
    return {};
  }
  // They refer to the source's digests, whatever became of those.
  const auto& subjects = recompression_ ? recompression_->originals() : of_root.plan().manifests;
  FL_TRY(referrers_, find_referrers(source_, caller, subjects));
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
  // Whether the destination has what they become is not known either.
  std::vector<oci::Descriptor> changing;
  std::erase_if(plan_.blobs, [&](const oci::Descriptor& blob) {
    const bool changes = recompression_ && recompression_->changes(blob.digest);
    if (changes) changing.push_back(blob);
    return changes;
  });
  for (const oci::Descriptor& blob : plan_.blobs) {
    FL_TRY(const bool there, destination_.has_blob(caller, blob));
    report.plan.push_back(blob_item(blob, there ? PlannedItem::Action::kPresent : PlannedItem::Action::kCopy));
    ++(there ? report.blobs_present : report.blobs_copied);
    if (!there) report.bytes_copied += blob.size;
  }
  for (const oci::Descriptor& blob : changing) {
    report.plan.push_back(blob_item(blob, PlannedItem::Action::kRecompress));
    ++report.blobs_recompressed;
    report.bytes_recompressed += blob.size;
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
  FL_TRY(auto source_origin, source_.mount_origin());
  FL_TRY(auto destination_origin, destination_.mount_origin());
  BlobMover mover(services_, source(), destination_, {std::move(source_origin), std::move(destination_origin)});
  FL_TRY(const BlobCounts counts, move_blobs(caller, services_, mover, blobs, trust));
  report_->bytes_copied += counts.bytes_copied;
  report_->blobs_copied += counts.copied;
  if (trust == BlobMover::Trust::kDistrust) return {};
  report_->blobs_mounted = counts.mounted;
  report_->blobs_present = counts.present;
  return {};
}

Status CopyRun::bring_again(http::Caller& caller, const oci::RawManifest& manifest) {
  PlanBuilder builder(source(), caller);
  FL_CHECK(builder.add(manifest));
  const CopyPlan below_it = builder.take();
  FL_CHECK(move(caller, below_it.blobs, BlobMover::Trust::kDistrust));
  for (const oci::RawManifest& below : below_it.manifests) {
    if (below.digest() == manifest.digest()) continue;
    FL_TRY([[maybe_unused]] const auto put, destination_.put_manifest(caller, below));
  }
  return {};
}

// A registry may need time until all of its parts know a blob. Foreign layers were never sent: missing those is for
// good.
bool CopyRun::misses_what_it_confirmed(const Error& error) const {
  return error.reason() == ErrorReason::kUnknownBlob && error.http_status() < 500 && plan_.foreign.empty();
}

Status CopyRun::put(http::Caller& caller, const oci::RawManifest& manifest, const std::optional<std::string>& tag) {
  FL_TRY(const oci::ManifestContent content, oci::parse_manifest(manifest));
  const auto subject = oci::subject_of(content);
  if (subject && listed_.insert(manifest.digest()).second) {
    FL_CHECK(put_and_list(caller, manifest, subject->digest));
  } else if (!tag) {
    FL_TRY([[maybe_unused]] const auto stored, send(caller, manifest, std::nullopt));
  }
  if (tag) FL_CHECK(put_tag(caller, manifest, *tag));
  ++report_->manifests_written;
  return {};
}

// The answer to a PUT by digest tells whether the registry lists what has a subject, and it is listed before a tag
// names it. A run that breaks off between leaves the tag as it was, and the next one does all of it again.
Status CopyRun::put_and_list(http::Caller& caller, const oci::RawManifest& manifest, const oci::Digest& subject) {
  FL_TRY(const registry::PutManifestResult stored, send(caller, manifest, std::nullopt));
  // A list that is a tag of this copy comes as a whole.
  if (stored.subject_indexed || due_tags_.contains(fallback_tag(subject))) return {};
  FL_TRY(const oci::Descriptor entry, referrer_descriptor(manifest));
  return list_in_fallback_tag(services_, destination_, caller, subject, entry);
}

Status CopyRun::put_tag(http::Caller& caller, const oci::RawManifest& manifest, const std::string& tag) {
  std::optional<ReferrerLists::Claim> list;
  if (is_fallback_tag(tag)) {
    FL_TRY(ReferrerLists::Claim claim, services_.lists.get().claim(destination_.place(), tag, caller.stop));
    list.emplace(std::move(claim));
  }
  FL_TRY([[maybe_unused]] const auto put, send(caller, manifest, tag));
  if (list) note_copied_list(services_, destination_, *list, manifest, tag);
  return {};
}

Result<registry::PutManifestResult> CopyRun::send(http::Caller& caller, const oci::RawManifest& manifest,
                                                  const std::optional<std::string>& tag) {
  const auto attempt = [&] {
    return tag ? destination_.put_tagged(caller, manifest, *tag) : destination_.put_manifest(caller, manifest);
  };
  auto result = attempt();
  if (!result && result.error().reason() == ErrorReason::kUnknownBlob &&
      brought_again_.insert(manifest.digest()).second) {
    services_.log.info("{}; looking at everything below it again", result.error().describe());
    FL_CHECK(bring_again(caller, manifest));
    result = attempt();
    if (!result && misses_what_it_confirmed(result.error())) {
      return fail(Error(ErrorCode::kTemporary,
                        result.error().message() + " (it has confirmed all of them, and does not have them yet)")
                      .with_http_status(result.error().http_status()));
    }
  }
  return result;
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
