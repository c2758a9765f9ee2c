#include "freightliner/http/session.h"

#include <fmt/format.h>

#include "http/download_transfer.h"
#include "http/multi_loop.h"
#include "http/upload_transfer.h"

namespace freightliner::http {

namespace {

// A registry may read a whole blob again before it answers for it; five stall limits are plenty and still an end.
constexpr int kAnswerPatience = 5;

}  // namespace

class Session::Impl {
 public:
  Impl(const SessionOptions& options, SharedCaches& shared, Logger log)
      : options_(options), context_{options_, shared, sockets_}, log_(log) {}

  Result<Response> perform(const Request& request, const std::stop_token& stop);
  Result<Download> open(const Request& request, io::ChunkQueue& queue, const std::stop_token& stop);
  Result<std::unique_ptr<Upload>> upload(const Request& request, std::uint64_t content_length,
                                         const std::stop_token& stop);

 private:
  void trace(const Request& request, Transfer& transfer) const {
    if (!log_.enabled(LogLevel::kDebug)) return;
    if (const auto error = transfer.failure()) {
      log_.debug("{} {}: {}", to_string(request.method), request.url.redacted(), error->message());
    } else {
      log_.debug("{} {}: {}", to_string(request.method), request.url.redacted(), transfer.status());
    }
  }

  SessionOptions options_;
  OpenSockets sockets_;
  TransferContext context_;
  Logger log_;
  MultiLoop loop_;
};

Result<Response> Session::Impl::perform(const Request& request, const std::stop_token& stop) {
  Transfer transfer(request, context_);
  FL_CHECK(transfer.prepare());
  FL_CHECK(loop_.add(transfer));
  const Status driven = loop_.drive_until([&] { return transfer.done(); }, stop, request.stop_grace);
  loop_.remove(transfer);
  FL_CHECK(driven);
  trace(request, transfer);
  if (auto error = transfer.failure()) return fail(*std::move(error));
  return std::move(transfer.response());
}

Result<Download> Session::Impl::open(const Request& request, io::ChunkQueue& queue, const std::stop_token& stop) {
  auto transfer = std::make_unique<DownloadTransfer>(request, context_, queue);
  FL_CHECK(transfer->prepare());
  FL_CHECK(loop_.add(*transfer));
  DownloadTransfer& running = *transfer;
  const Status driven =
      loop_.drive_until([&] { return running.done() || (running.headers_complete() && running.streams()); }, stop);
  if (driven && running.done() && !running.streams()) trace(request, running);
  if (driven && running.streams()) {
    running.leave_libcurl(loop_);
    // A failure behind the headers is the reader's to report: bytes may have come before it.
    Response head = running.response();
    log_.debug("GET {}: {}", request.url.redacted(), head.status);
    return Download{std::move(head), std::make_unique<BodyReader>(loop_, std::move(transfer), stop)};
  }
  loop_.remove(running);
  FL_CHECK(driven);
  if (auto error = running.failure()) return fail(*std::move(error));
  return Download{std::move(running.response()), nullptr};
}

Result<std::unique_ptr<Upload>> Session::Impl::upload(const Request& request, std::uint64_t content_length,
                                                      const std::stop_token& stop) {
  auto transfer = std::make_unique<UploadTransfer>(request, context_, content_length);
  FL_CHECK(transfer->prepare());
  FL_CHECK(loop_.add(*transfer));
  log_.debug("{} {}: {}", to_string(request.method), request.url.redacted(),
             content_length == kUnknownLength ? "a stream" : fmt::format("{} bytes", content_length));
  return std::unique_ptr<Upload>(
      std::make_unique<BodyWriter>(loop_, std::move(transfer), kAnswerPatience * options_.stall_timeout, stop));
}

Session::Session(const SessionOptions& options, SharedCaches& shared, Logger log)
    : impl_(std::make_unique<Impl>(options, shared, log)) {}
Session::~Session() = default;

Result<Response> Session::perform(const Request& request, const std::stop_token& stop) {
  return impl_->perform(request, stop);
}
Result<Download> Session::open(const Request& request, io::ChunkQueue& queue, const std::stop_token& stop) {
  return impl_->open(request, queue, stop);
}
Result<std::unique_ptr<Upload>> Session::upload(const Request& request, std::uint64_t content_length,
                                                const std::stop_token& stop) {
  return impl_->upload(request, content_length, stop);
}

}  // namespace freightliner::http
