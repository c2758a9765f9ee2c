#include "registry/upload_cancel.h"

#include <fmt/format.h>

#include "freightliner/base/bytes.h"
#include "registry/access.h"

namespace freightliner::registry {
namespace {

// A signalled run has five seconds to clean up: one for the answer that names the session, twice this to cancel it.
constexpr Duration kCancelTimeout{1'500};
// With less than this left a request is not worth sending.
constexpr Duration kLeastTime{300};

// Up to this size, to ask where a session stands takes as long as to send the blob again.
constexpr std::uint64_t kSmallBlob = 256 * kKiB;

void note_end(Exchange& exchange, UploadSession& session) {
  if (!session.noted) return;
  session.noted = false;
  exchange.warn_of_journal(exchange.services().uploads->ended(session.repository, session.blob.digest));
}

Status cancel_upload(Exchange& exchange, const http::Caller& caller, const UploadSession& session) {
  // Its own stop token: clean-up goes on when the run is stopped.
  http::Caller cleaner{caller.session, std::stop_token()};
  runtime::OperationTimer timer(exchange.services().monitor, runtime::Operation::kUploadCancel);
  Call call{.url = session.location,
            .access = push_access(session.repository),
            .what = fmt::format("cancel upload {}@{}", session.repository, session.blob.digest.to_string())};
  const auto once = [&](Duration time) -> Result<http::Response> {
    FL_TRY(http::Request request, exchange.prepare(cleaner, call));
    request.timeout = time;
    return cleaner.session.perform(request, cleaner.stop);
  };
  // A registry says 204 or refuses; 200 is what a portal on the way says.
  const auto is_told = [](const Result<http::Response>& answer) {
    return answer &&
           (answer->status == 204 || (answer->status >= 400 && answer->status < 500 && answer->status != 429));
  };
  // What made the upload fail may have met this request, too: once more, within the same time and without a wait.
  const auto ask = [&]() -> Result<http::Response> {
    Clock& clock = exchange.services().clock;
    const TimePoint begun = clock.now();
    Result<http::Response> answer = once(kCancelTimeout);
    const Duration left = kCancelTimeout - std::chrono::duration_cast<Duration>(clock.now() - begun);
    return is_told(answer) || left < kLeastTime ? std::move(answer) : once(left);
  };
  // Where this gets no answer, the Location that is known may still be good.
  const auto status = ask();
  bool is_known = is_told(status);
  if (status && status->ok()) {
    auto location = exchange.resolve_target(*status, status->headers.find("Location"), call.what);
    is_known = location.has_value();
    if (location) call.url = *std::move(location);
  }
  call.method = http::Method::kDelete;
  FL_TRY(const http::Response deleted, ask());
  exchange.services().log.debug("{}: status {}, delete {}", call.what, status ? status->status : 0, deleted.status);
  // Other refusals say that there is no such session any more, or that this registry never deletes one; but where its
  // status is not known, the Location may have been a stale one.
  const bool is_refused = deleted.status == 401 || deleted.status == 429 || deleted.status >= 500;
  if (is_refused || (deleted.status == 404 && !is_known)) {
    return fail(exchange.error_of(deleted, call.what));
  }
  timer.finish({.items = 1});
  return {};
}

}  // namespace

OpenUpload::OpenUpload(Exchange& exchange, const http::Caller& caller, UploadSession session)
    : exchange_(&exchange), session_(std::make_shared<UploadSession>(std::move(session))) {
  std::string name = fmt::format("{}/{}@{}", exchange.host(), session_->repository, session_->blob.digest.to_string());
  cleanup_ = exchange.services().cleanups.add(runtime::CleanupKind::kUploadSession, std::move(name),
                                              [&exchange, caller, state = session_]() -> Status {
                                                FL_CHECK(cancel_upload(exchange, caller, *state));
                                                note_end(exchange, *state);
                                                return {};
                                              });
}

void OpenUpload::note(std::uint64_t offset, std::uint64_t reach) {
  UploadJournal* const journal = exchange_->services().uploads;
  if (journal == nullptr || session_->blob.size <= kSmallBlob) return;
  const Status noted =
      journal->note(session_->repository, session_->blob, {session_->location.to_string(), offset, reach});
  // What an earlier line says is out of date then.
  session_->noted = session_->noted || noted;
  exchange_->warn_of_journal(noted);
}

void OpenUpload::settle() {
  cleanup_.release();
  note_end(*exchange_, *session_);
}

}  // namespace freightliner::registry
