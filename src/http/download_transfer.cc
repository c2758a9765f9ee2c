#include "http/download_transfer.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>

#include "http/direct_lane.h"
#include "http/response_head.h"

namespace freightliner::http {
namespace {

// libcurl's bounds for CURLOPT_BUFFERSIZE.
constexpr std::size_t kMinReceiveBuffer = 16 * kKiB;
constexpr std::size_t kMaxReceiveBuffer = 512 * kKiB;
// Below this, what is saved by going around libcurl does not pay for the connection, which is lost.
constexpr std::uint64_t kDirectFrom = 16 * kMiB;

}  // namespace

DownloadTransfer::DownloadTransfer(const Request& request, const TransferContext& context, io::ChunkQueue& queue)
    : Transfer(request, context),
      queue_(queue),
      guard_(context.options.stall_timeout, context.options.minimum_rate, std::chrono::steady_clock::now()),
      receive_buffer_(std::clamp(queue.chunk_size(), kMinReceiveBuffer, kMaxReceiveBuffer)) {}

void DownloadTransfer::set_method() {
  set_long(CURLOPT_BUFFERSIZE, static_cast<long>(receive_buffer_));
}

std::size_t DownloadTransfer::room() const noexcept {
  return (current_ ? current_.room() : 0) + queue_.available() * queue_.chunk_size();
}

bool DownloadTransfer::on_request(const Endpoints& endpoints) {
  socket_ = sockets().find(endpoints);
  return true;
}

std::optional<std::uint64_t> DownloadTransfer::length_without_libcurl() const {
  curl_off_t declared = -1;
  curl_easy_getinfo(handle(), CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &declared);
  const auto length = plain_body_length(response().headers, declared, received_);
  if (!length || *length < kDirectFrom || socket_ < 0 || !is_near(socket_) || !can_go_direct(request())) {
    return std::nullopt;
  }
  return length;
}

void DownloadTransfer::leave_libcurl(MultiLoop& loop) {
  leaving_ = false;  // where it can't, before_round() lets libcurl go on
  if (done() || libcurl_holds_bytes_) return;
  const auto length = length_without_libcurl();
  if (!length) return;
  connection_.reset(fcntl(socket_, F_DUPFD_CLOEXEC, 0));
  if (!connection_) return;
  left_ = *length - received_;
  loop.detach(*this);
}

bool DownloadTransfer::receive_directly() {
  if (!can_receive()) return false;
  // One chunk is left free, so that a writer that takes a chunk need not wait for it to be sent: many then go out in
  // one system call.
  std::array<io::Chunk, kMostParts> chunks;
  std::array<iovec, kMostParts> parts{};
  std::size_t count = 0;
  std::uint64_t room = 0;
  const auto add = [&](io::Chunk chunk) {
    const MutableByteSpan free = chunk.writable();
    const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(free.size(), left_ - room));
    parts[count] = {free.data(), size};
    chunks[count++] = std::move(chunk);
    room += size;
  };
  if (current_) add(std::exchange(current_, io::Chunk()));
  while (count < parts.size() && room < left_ && queue_.available() > (count == 0 ? 0U : 1U)) add(queue_.try_take());
  const ssize_t taken = readv(connection_.get(), parts.data(), static_cast<int>(count));
  const int error = errno;
  keep(std::span(chunks).first(count), taken > 0 ? static_cast<std::size_t>(taken) : 0);
  if (taken > 0) return true;
  if (taken < 0 && (error == EAGAIN || error == EINTR)) return false;
  const std::string why = taken == 0 ? "the connection was closed" : std::generic_category().message(error);
  give_up(Error(ErrorCode::kTemporary,
                fmt::format("{}: {} with {} bytes remaining to read", request().url.origin().to_string(), why, left_)));
  return true;
}

void DownloadTransfer::keep(std::span<io::Chunk> chunks, std::size_t count) {
  guard_.moved(count);
  left_ -= count;
  for (io::Chunk& chunk : chunks) {
    const std::size_t part = std::min(count, chunk.room());
    chunk.filled(part);
    count -= part;
    if (chunk.empty()) {
      chunk.reset();
    } else if (chunk.room() == 0) {
      ready_.push_back(std::move(chunk));
    } else {
      current_ = std::move(chunk);
    }
  }
  if (left_ == 0) complete(CURLE_OK);
}

bool DownloadTransfer::can_receive() const noexcept {
  return connection_ && !done() && (current_ || queue_.available() > 0);
}

std::optional<curl_waitfd> DownloadTransfer::waits_for() const {
  if (!can_receive()) return std::nullopt;
  return curl_waitfd{connection_.get(), CURL_WAIT_POLLIN, 0};
}

void DownloadTransfer::before_round(TimePoint now) {
  if (connection_) {
    paused_ = !can_receive();
    if (paused_) guard_.restart(now);
    return;
  }
  const bool pause = headers_complete() && streams() && room() < receive_buffer_;
  if (pause == paused_) {
    if (paused_) guard_.restart(now);
    return;
  }
  guard_.restart(now);
  set_paused(pause);
}

void DownloadTransfer::set_paused(bool pause) {
  paused_ = pause;
  if (!pause) libcurl_holds_bytes_ = false;
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
    libcurl_holds_bytes_ = true;
    return CURL_WRITEFUNC_PAUSE;
  }
  if (received_ == 0) leaving_ = length_without_libcurl().has_value();
  ByteSpan rest = bytes;
  while (!rest.empty()) {
    if (!current_) current_ = queue_.try_take();
    rest = rest.subspan(current_.append(rest));
    if (current_.room() == 0) ready_.push_back(std::exchange(current_, io::Chunk()));
  }
  guard_.moved(bytes.size());
  received_ += bytes.size();
  // libcurl goes on receiving for as long as something is there: it is stopped before it has a buffer that doesn't fit,
  // which it would copy and keep. What it has in this buffer it still delivers.
  if (!paused_ && (room() < receive_buffer_ || leaving_)) set_paused(true);
  return bytes.size();
}

io::Chunk DownloadTransfer::take_ready() {
  if (!ready_.empty()) {
    io::Chunk chunk = std::move(ready_.front());
    ready_.erase(ready_.begin());
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
