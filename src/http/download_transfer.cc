#include "http/download_transfer.h"

#include <algorithm>

namespace freightliner::http {
namespace {

// libcurl's bounds for CURLOPT_BUFFERSIZE.
constexpr std::size_t kMinReceiveBuffer = 16 * kKiB;
constexpr std::size_t kMaxReceiveBuffer = 512 * kKiB;

}  // namespace

DownloadTransfer::DownloadTransfer(const Request& request, const SessionOptions& options, SharedCaches& shared,
                                   io::ChunkQueue& queue)
    : Transfer(request, options, shared),
      queue_(queue),
      guard_(options.stall_timeout, options.minimum_rate, std::chrono::steady_clock::now()),
      receive_buffer_(std::clamp(queue.chunk_size(), kMinReceiveBuffer, kMaxReceiveBuffer)) {}

void DownloadTransfer::set_method() {
  set_long(CURLOPT_BUFFERSIZE, static_cast<long>(receive_buffer_));
}

std::size_t DownloadTransfer::room() const noexcept {
  return (current_ ? current_.room() : 0) + queue_.available() * queue_.chunk_size();
}

void DownloadTransfer::before_round(TimePoint now) {
  const bool pause = headers_complete() && streams() && room() < receive_buffer_;
  if (pause == paused_) {
    if (paused_) guard_.restart(now);
    return;
  }
  paused_ = pause;
  guard_.restart(now);
  // Unpausing may deliver what libcurl kept, through on_body(), before this returns.
  // CURLPAUSE_RECV alone makes libcurl 7.88.1 read once more (it forces a check of the socket unless both directions
  // are paused) and keep a copy of what it read. A GET has nothing to send.
  curl_easy_pause(handle(), pause ? CURLPAUSE_ALL : CURLPAUSE_CONT);
}

bool DownloadTransfer::stalled(TimePoint now) {
  return !paused_ && guard_.stalled(now);
}

std::size_t DownloadTransfer::on_body(ByteSpan bytes) {
  if (!streams()) return Transfer::on_body(bytes);
  if (room() < bytes.size()) {
    paused_ = true;
    return CURL_WRITEFUNC_PAUSE;
  }
  ByteSpan rest = bytes;
  while (!rest.empty()) {
    if (!current_) current_ = queue_.try_take();
    rest = rest.subspan(current_.append(rest));
    if (current_.room() == 0) ready_.push_back(std::exchange(current_, io::Chunk()));
  }
  guard_.moved(bytes.size());
  return bytes.size();
}

io::Chunk DownloadTransfer::take_ready() {
  if (!ready_.empty()) {
    io::Chunk chunk = std::move(ready_.front());
    ready_.pop_front();
    return chunk;
  }
  return done() ? std::exchange(current_, io::Chunk()) : io::Chunk();
}

BodyReader::BodyReader(MultiLoop& loop, std::unique_ptr<DownloadTransfer> transfer, std::stop_token stop)
    : loop_(loop), transfer_(std::move(transfer)), stop_(std::move(stop)) {
  declared_size_ = transfer_->response().headers.find_number("Content-Length");
}

Result<io::Chunk> BodyReader::read() {
  FL_CHECK(loop_.drive_until([this] { return transfer_->has_ready() || transfer_->done(); }, stop_));
  // Bytes that came before a failure are good: the reader above may resume behind them.
  if (transfer_->has_ready()) return transfer_->take_ready();
  if (auto error = transfer_->failure()) return fail(*std::move(error));
  return io::Chunk();
}

}  // namespace freightliner::http
