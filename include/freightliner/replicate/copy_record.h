#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "freightliner/copy/copier.h"
#include "freightliner/replicate/tree_report.h"

namespace freightliner::replicate {

/// What a copy's own report does not say.
struct CopyCircumstances {
  bool recompresses = false;
  bool was_there = false;  ///< the destination's list names the tag
};

/// The result of a reference that a copy has brought; its duration is left to the caller.
ReferenceResult copied_result(std::shared_ptr<const RepositoryPair> repository, std::string tag,
                              const copy::CopyReport& report, const CopyCircumstances& circumstances);
/// A result that says that something failed.
ReferenceResult failed_result(std::shared_ptr<const RepositoryPair> repository, std::string tag, const Error& error);

/// A run that was one copy.
struct SingleCopy {
  std::string source;
  std::string destination;
  RepositoryPair repository;
  std::string tag;
  bool recompresses = false;
  bool dry_run = false;
  std::chrono::system_clock::time_point started;
  Duration duration{0};
  std::uint64_t retries = 0;
};
/// The report of such a run in the form that those over many images have: one repository with one reference.
TreeReport single_report(const SingleCopy& single, const Result<copy::CopyReport>& outcome);

}  // namespace freightliner::replicate
