#include "freightliner/copy/copier.h"

#include <fmt/format.h>

#include "copy/blob_batch.h"
#include "copy/copy_run.h"

namespace freightliner::copy {

class Copier::Impl {
 public:
  explicit Impl(CopyServices copy_services)
      : services(std::move(copy_services)), sessions(services), own_session(services.make_session()) {}

  CopyServices services;
  WorkerSessions sessions;
  std::unique_ptr<http::Session> own_session;
};

Copier::Copier(CopyServices services) : impl_(std::make_unique<Impl>(std::move(services))) {}
Copier::~Copier() = default;

Result<CopyReport> Copier::copy(transport::ImageSource& source, transport::ImageDestination& destination,
                                const CopyOptions& options, const std::stop_token& stop) {
  const TimePoint start = impl_->services.clock.now();
  const std::uint64_t retries_before = impl_->services.progress.retries.load();
  http::Caller caller{*impl_->own_session, stop};
  CopyRun run(impl_->services, impl_->sessions, source, destination, options);
  FL_TRY(CopyReport report, run.execute(caller));
  report.retries = impl_->services.progress.retries.load() - retries_before;
  report.duration = std::chrono::duration_cast<Duration>(impl_->services.clock.now() - start);
  return report;
}

}  // namespace freightliner::copy
