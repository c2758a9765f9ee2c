#include "freightliner/http/session.h"

#include <fmt/format.h>

#include <utility>

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

  Result<std::unique_ptr<PendingResponse>> begin(const Request& request);
  Result<Download> open(const Request& request, io::ChunkQueue& queue, const std::stop_token& stop);
  Result<std::unique_ptr<Upload>> upload(const Request& request, std::uint64_t content_length,
                                         const std::stop_token& stop);

 private:
  class SmallExchange;
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

class Session::Impl::SmallExchange final : public PendingResponse {
 public:
  SmallExchange(Impl& session, const Request& request) : session_(session), transfer_(request, session.context_) {}
  ~SmallExchange() override { end(); }
  SmallExchange(const SmallExchange&) = delete;
  SmallExchange& operator=(const SmallExchange&) = delete;

  Status begin() {
    FL_CHECK(transfer_.prepare());
    FL_CHECK(session_.loop_.add(transfer_));
    is_open_ = true;
    return {};
  }
  Result<Response> wait(const std::stop_token& stop) override {
    const Status driven =
        session_.loop_.drive_until([this] { return transfer_.done(); }, stop, transfer_.request().stop_grace);
    end();
    FL_CHECK(driven);
    session_.trace(transfer_.request(), transfer_);
    if (auto error = transfer_.failure()) return fail(*std::move(error));
    return std::move(transfer_.response());
  }

 private:
  void end() noexcept {
    if (std::exchange(is_open_, false)) session_.loop_.remove(transfer_);
  }

  Impl& session_;
  Transfer transfer_;
  bool is_open_ = false;
};

Result<std::unique_ptr<PendingResponse>> Session::Impl::begin(const Request& request) {
  auto exchange = std::make_unique<SmallExchange>(*this, request);
  FL_CHECK(exchange->begin());
  return exchange;
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
  FL_TRY(const std::unique_ptr<PendingResponse> exchange, begin(request));
  return exchange->wait(stop);
}
Result<std::unique_ptr<PendingResponse>> Session::begin(const Request& request) {
  return impl_->begin(request);
}
Result<Download> Session::open(const Request& request, io::ChunkQueue& queue, const std::stop_token& stop) {
  return impl_->open(request, queue, stop);
}
Result<std::unique_ptr<Upload>> Session::upload(const Request& request, std::uint64_t content_length,
                                                const std::stop_token& stop) {
  return impl_->upload(request, content_length, stop);
}

}  // namespace freightliner::http
