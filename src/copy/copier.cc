#include "freightliner/copy/copier.h"

#include "copy/copy_run.h"

namespace freightliner::copy {

Result<CopyReport> Copier::copy(http::Caller& caller, transport::ImageSource& source,
                                transport::ImageDestination& destination, const CopyOptions& options) const {
  const TimePoint start = services_.clock.now();
  CopyRun run(services_, source, destination, options);
  FL_TRY(CopyReport report, run.execute(caller));
  report.duration = std::chrono::duration_cast<Duration>(services_.clock.now() - start);
  return report;
}

}  // namespace freightliner::copy
