#include "freightliner/replicate/copy_record.h"

namespace freightliner::replicate {
namespace {

using copy::CopyReport;

Outcome outcome_of(CopyReport::Status status) {
  switch (status) {
    case CopyReport::Status::kCopied:
      return Outcome::kCopied;
    case CopyReport::Status::kUnchanged:
      return Outcome::kEqual;
    case CopyReport::Status::kSkipped:
      return Outcome::kKept;
    case CopyReport::Status::kPlanned:
      break;
  }
  return Outcome::kPlanned;
}

Reason reason_of(const CopyReport& report, const CopyCircumstances& circumstances) {
  switch (report.status) {
    case CopyReport::Status::kUnchanged:
      return circumstances.recompresses ? Reason::kRecompressed : Reason::kSameDigest;
    case CopyReport::Status::kSkipped:
      return Reason::kOverwriteNever;
    case CopyReport::Status::kCopied:
    case CopyReport::Status::kPlanned:
      break;
  }
  return circumstances.was_there || report.previous ? Reason::kChanged : Reason::kNew;
}

}  // namespace

ReferenceResult copied_result(std::shared_ptr<const RepositoryPair> repository, std::string tag,
                              const CopyReport& report, const CopyCircumstances& circumstances) {
  return {.repository = std::move(repository),
          .tag = std::move(tag),
          .outcome = outcome_of(report.status),
          .reason = reason_of(report, circumstances),
          .digest = report.digest,
          .bytes = report.bytes_copied};
}

ReferenceResult failed_result(std::shared_ptr<const RepositoryPair> repository, std::string tag, const Error& error) {
  return {.repository = std::move(repository),
          .tag = std::move(tag),
          .outcome = Outcome::kFailed,
          .reason = Reason::kError,
          .error_class = error.code(),
          .error = error.describe()};
}

TreeReport single_report(const SingleCopy& single, const Result<CopyReport>& outcome) {
  TreeReport report;
  report.source = single.source;
  report.destination = single.destination;
  report.started = single.started;
  report.duration = single.duration;
  report.dry_run = single.dry_run;
  report.totals.repositories = 1;
  report.totals.tags = 1;
  report.totals.retries = single.retries;
  const auto repository = std::make_shared<const RepositoryPair>(single.repository);
  if (outcome) {
    report.totals.add_blobs(*outcome);
    report.references.push_back(copied_result(repository, single.tag, *outcome, {.recompresses = single.recompresses}));
  } else {
    report.references.push_back(failed_result(repository, single.tag, outcome.error()));
  }
  ReferenceResult& reference = report.references.front();
  reference.duration = single.duration;
  report.totals.add(reference.outcome);
  return report;
}

}  // namespace freightliner::replicate
