#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "cli/copy_request.h"
#include "cli/render.h"
#include "cli/run_frame.h"
#include "freightliner/replicate/copy_record.h"

namespace freightliner::cli {

/// What a report says of one copy before it has run.
replicate::SingleCopy single_copy(const CopyOrder& order, const CopyNames& names);

/// The references of a batch, as a report has them. Confined to whoever guards it.
class BatchReport {
 public:
  /// `order` null: the line was no request.
  void add(const CopyOrder* order, const Result<copy::CopyReport>& outcome, Duration duration);
  replicate::TreeReport take() { return std::move(report_); }

 private:
  std::shared_ptr<const replicate::RepositoryPair> pair_of(replicate::RepositoryPair pair);

  std::map<std::pair<std::string, std::string>, std::shared_ptr<const replicate::RepositoryPair>> pairs_;
  const std::shared_ptr<const replicate::RepositoryPair> no_repository_ =
      std::make_shared<const replicate::RepositoryPair>();
  replicate::TreeReport report_;
};

/// Saves a report where `path` is not empty; returns `code`, or that of the failure, which it tells, where `code` was
/// 0.
int save_copy_report(RunFrame& frame, const std::filesystem::path& path, const replicate::TreeReport& report, int code);

}  // namespace freightliner::cli
