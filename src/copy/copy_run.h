#pragma once

#include <set>

#include "copy/blob_batch.h"
#include "copy/copy_plan.h"
#include "copy/recompression.h"
#include "copy/referrers.h"
#include "freightliner/copy/copier.h"
#include "freightliner/copy/recompress_mark.h"
#include "freightliner/copy/transfer_tuner.h"

namespace freightliner::copy {

/// One copy() from beginning to end. Confined to the thread that executes it; the blobs move on the workers meanwhile.
class CopyRun {
 public:
  CopyRun(const CopyServices& services, transport::ImageSource& source, transport::ImageDestination& destination,
          const CopyOptions& options)
      : services_(services), source_(source), destination_(destination), options_(options) {}

  Result<CopyReport> execute(http::Caller& caller);

 private:
  /// A name at the destination and what it holds before the copy.
  struct Target {
    std::string tag;  // empty: the destination as it is named
    std::optional<oci::Descriptor> current;
    std::optional<RecompressMark> mark = {};  // of a run that recompresses
  };

  Result<std::vector<Target>> read_targets(http::Caller& caller);
  Result<Target> read_target(http::Caller& caller, std::string tag);
  /// True where the target has what is made from the source's `digest`, by this run's settings.
  bool is_current(const Target& target, const oci::Digest& digest) const;
  bool may_compare() const noexcept;
  Result<std::optional<oci::Descriptor>> resolve_source(http::Caller& caller, const std::vector<Target>& targets,
                                                        std::unique_ptr<registry::AskedAhead> ahead);
  Result<oci::RawManifest> read_root(http::Caller& caller);
  /// Tells the tuner, where there is one, how long an end has taken since it was asked.
  Status note_answer(TransferTuner::End end, TimePoint asked);
  Status check_pinned(const oci::Digest& digest) const;
  /// The targets that have to be written for `digest`; keeps those that may not be overwritten.
  Result<std::vector<const Target*>> to_write(http::Caller& caller, const std::vector<Target>& targets,
                                              const oci::Digest& digest);
  /// True where a target that has been found current is not to be written.
  Result<bool> stays_current(http::Caller& caller, const Target& target);
  void keep(const std::string& tag, const oci::Descriptor& current);
  CopyReport report_of(CopyReport::Status status, const oci::Descriptor& root) const;

  CopyReport unchanged(const oci::Descriptor& root, const std::vector<Target>& targets) const;
  Result<CopyReport> copy_recompressed(http::Caller& caller, const oci::RawManifest& root,
                                       std::vector<const Target*> targets);
  Result<CopyReport> copy_closure(http::Caller& caller, const oci::RawManifest& root,
                                  const std::vector<const Target*>& targets);
  Result<CopyReport> bring_closure(http::Caller& caller, const oci::RawManifest& root,
                                   const std::vector<const Target*>& targets, bool root_is_there);
  void count_recompressed(CopyReport& report);
  Result<bool> is_there(http::Caller& caller, const oci::RawManifest& root, const std::vector<const Target*>& targets);
  Status build_plan(http::Caller& caller, const oci::RawManifest& root, bool root_is_there);
  Status drop_referrers_that_are_there(http::Caller& caller);
  Result<CopyReport> describe_plan(http::Caller& caller, CopyReport report, const std::vector<const Target*>& targets);
  Status move(http::Caller& caller, const std::vector<oci::Descriptor>& blobs, BlobMover::Trust trust);
  Status write_manifests(http::Caller& caller, const oci::RawManifest& root);
  Status write_referrers(http::Caller& caller);
  Status write_targets(http::Caller& caller, const oci::RawManifest& root, const std::vector<const Target*>& targets);
  /// Puts one manifest, and lists it where it has a subject and the destination does not do so by itself.
  Status put(http::Caller& caller, const oci::RawManifest& manifest, const std::optional<std::string>& tag);
  Status put_and_list(http::Caller& caller, const oci::RawManifest& manifest, const oci::Digest& subject);
  Status put_tag(http::Caller& caller, const oci::RawManifest& manifest, const std::string& tag);
  /// One request; where the registry misses something below it that it said it had, brings all of that once more.
  Result<registry::PutManifestResult> send(http::Caller& caller, const oci::RawManifest& manifest,
                                           const std::optional<std::string>& tag);
  bool misses_what_it_confirmed(const Error& error) const;
  Status bring_again(http::Caller& caller, const oci::RawManifest& manifest);

  transport::ImageSource& source() noexcept { return stand_in_ != nullptr ? *stand_in_ : source_; }
  const CopyServices& services_;
  transport::ImageSource& source_;
  transport::ImageSource* stand_in_ = nullptr;  // for the source, with what was recompressed
  transport::ImageDestination& destination_;
  const CopyOptions& options_;
  std::optional<Recompression> recompression_;

  CopyPlan plan_;
  std::vector<Referrer> referrers_;
  CopyReport* report_ = nullptr;
  std::set<oci::Digest> brought_again_;  // manifests for which that was done
  std::set<oci::Digest> listed_;         // manifests with a subject, which are stored and listed
  std::set<std::string> due_tags_;       // that this copy writes
  bool tag_kept_ = false;                // one that --overwrite never protects
};

}  // namespace freightliner::copy
