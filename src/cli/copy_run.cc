#include "cli/copy_run.h"

#include <algorithm>

#include "cli/image_pair.h"
#include "freightliner/replicate/checkpoint.h"

namespace freightliner::cli {
namespace {

// Uploads are told apart by repository and digest, so nothing but the two names decides what they are.
Result<std::unique_ptr<replicate::Checkpoint>> open_checkpoint(const CopyRequest& request,
                                                               const RunServices& services) {
  if (request.checkpoint.empty() || request.options.dry_run) return std::unique_ptr<replicate::Checkpoint>();
  return replicate::Checkpoint::open(services.cleanups, request.checkpoint,
                                     {request.source.to_string(), request.destination.to_string(), "copy"}, Duration(0),
                                     services.clock, services.log);
}

}  // namespace

Result<copy::CopyReport> run_copy_request(const CopyRequest& request, const RunServices& services,
                                          const std::stop_token& stop) {
  // The thread that copies is one of the jobs.
  const std::size_t helpers = std::max<std::size_t>(request.jobs - 1, 1);
  FL_TRY(const auto checkpoint, open_checkpoint(request, services));
  RunServices with_journal = services;
  with_journal.uploads = checkpoint.get();
  Engine engine(request, with_journal, {helpers, helpers}, stop);
  FL_TRY(const copy::ImagePair ends, open_image_pair(request, engine, services));
  http::Caller caller{engine.own_session(), stop};
  FL_TRY(copy::CopyReport report, engine.copier().copy(caller, *ends.source, *ends.destination, request.options));
  report.retries = services.progress.retries.load();
  return report;
}

}  // namespace freightliner::cli
