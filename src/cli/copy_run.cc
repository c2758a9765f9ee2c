#include "cli/copy_run.h"

#include <algorithm>

#include "cli/image_pair.h"

namespace freightliner::cli {

Result<copy::CopyReport> run_copy_request(const CopyRequest& request, const RunServices& services,
                                          const std::stop_token& stop) {
  // The thread that copies is one of the jobs.
  const std::size_t helpers = std::max<std::size_t>(request.jobs - 1, 1);
  Engine engine(request, services, {helpers, helpers}, stop);
  FL_TRY(const copy::ImagePair ends, open_image_pair(request, engine, services));
  http::Caller caller{engine.own_session(), stop};
  FL_TRY(copy::CopyReport report, engine.copier().copy(caller, *ends.source, *ends.destination, request.options));
  report.retries = services.progress.retries.load();
  return report;
}

}  // namespace freightliner::cli
