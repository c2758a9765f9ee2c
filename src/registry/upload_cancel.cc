#include "registry/upload_cancel.h"

#include <fmt/format.h>

#include "registry/access.h"
#include "registry/blob_upload.h"

namespace freightliner::registry {
namespace {

// A signalled run has five seconds to clean up: one for the answer that names the session, twice this to cancel it.
constexpr Duration kCancelTimeout{1'500};

}  // namespace

void cancel_upload(Exchange& exchange, http::Caller& caller, const UploadSession& session) noexcept {
  const Logger& log = exchange.services().log;
  // Its own stop token: clean-up goes on when the run is stopped.
  http::Caller cleaner{caller.session, std::stop_token()};
  Call call{.url = session.location,
            .access = push_access(session.repository),
            .what = fmt::format("cancel upload {}@{}", session.repository, session.blob.digest.to_string())};
  const auto once = [&]() -> Result<http::Response> {
    FL_TRY(http::Request request, exchange.prepare(cleaner, call));
    request.timeout = kCancelTimeout;
    return cleaner.session.perform(request, cleaner.stop);
  };
  const auto status = once();
  if (!status) return log.debug("{}: {}", call.what, status.error().describe());
  if (status->ok()) {
    if (auto location = exchange.resolve_target(*status, status->headers.find("Location"), call.what)) {
      call.url = *std::move(location);
    }
  }
  call.method = http::Method::kDelete;
  const auto deleted = once();
  log.debug("{}: status {}, delete {}", call.what, status->status, deleted ? deleted->status : 0);
}

}  // namespace freightliner::registry
