#include "http/upload_transfer.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "http/direct_lane.h"

namespace freightliner::http {
namespace {

// libcurl's bounds for CURLOPT_UPLOAD_BUFFERSIZE are 16 KiB and 2 MiB; beyond 128 KiB nothing was gained.
constexpr std::size_t kUploadBuffer = 128 * kKiB;
// Below this a body is not worth the extra rounds.
constexpr std::uint64_t kDirectFrom = 256 * kKiB;

}  // namespace

UploadTransfer::UploadTransfer(const Request& request, const TransferContext& context, std::uint64_t content_length)
    : Transfer(request, context),
      content_length_(content_length),
      guard_(context.options.stall_timeout, context.options.minimum_rate, std::chrono::steady_clock::now()),
      may_go_direct_(content_length >= kDirectFrom && content_length != kUnknownLength && can_go_direct(request)) {}

void UploadTransfer::set_method() {
  set_long(CURLOPT_UPLOAD, 1);
  set_long(CURLOPT_UPLOAD_BUFFERSIZE, static_cast<long>(kUploadBuffer));
  // Without a length libcurl sends in chunks, to any server of HTTP/1.1.
  const curl_off_t length = content_length_ == kUnknownLength ? -1 : static_cast<curl_off_t>(content_length_);
  curl_easy_setopt(handle(), CURLOPT_INFILESIZE_LARGE, length);
  curl_easy_setopt(handle(), CURLOPT_CUSTOMREQUEST, std::string(to_string(request().method)).c_str());
}

Error UploadTransfer::lost() const {
  return {ErrorCode::kTemporary,
          fmt::format("{}: the connection was closed during the upload", request().url.origin().to_string())};
}

bool UploadTransfer::on_request(const Endpoints& endpoints) {
  if (lane_ != Lane::kLibcurl && sent_ > 0) {
    fail_with(lost());
    return false;
  }
  lane_ = Lane::kLibcurl;
  if (may_go_direct_) socket_ = sockets().find(endpoints);
  return true;
}

void UploadTransfer::push(io::Chunk chunk) {
  pushed_ += chunk.size();
  if (!done()) pending_.push_back(std::move(chunk));
}

void UploadTransfer::push_view(ByteSpan bytes) {
  pushed_ += bytes.size();
  if (!done()) view_ = bytes;
}

void UploadTransfer::await_answer(Duration limit, TimePoint now) {
  guard_.set_window(limit);
  guard_.restart(now);
}

void UploadTransfer::before_round(TimePoint now) {
  if (!paused_) return;
  if (lane_ == Lane::kLibcurl) {
    guard_.restart(now);
    // Who was paused asks once more for the end of a body that has no length.
    if (!has_pending() && pushed_ != content_length_) return;
  } else {
    // A refusal ends the sending, but not for libcurl, while it is paused.
    const bool refused = headers_complete() && status() >= 300;
    const bool all_sent = sent_ == content_length_;
    if (!has_pending() && !all_sent) guard_.restart(now);
    if (!all_sent && !refused) return;
  }
  paused_ = false;
  curl_easy_pause(handle(), CURLPAUSE_CONT);
}

bool UploadTransfer::send_directly() {
  if (lane_ == Lane::kDirectBroken) {
    // libcurl has had a round to find an answer. Paused as it is, it does not end for the lost connection.
    give_up(lost());
    return true;
  }
  if (lane_ != Lane::kDirect || !has_pending()) return false;
  // An answer that comes early is libcurl's to read before anything more is sent.
  char byte = 0;
  const ssize_t there = recv(socket_, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  answered_ = there > 0;
  if (answered_) return false;
  const ssize_t taken = there < 0 && errno == EAGAIN ? send_parts() : 0;
  if (taken > 0) {
    consume(static_cast<std::size_t>(taken));
    return true;
  }
  if (taken == 0 || (errno != EAGAIN && errno != EINTR)) lane_ = Lane::kDirectBroken;
  return false;
}

ssize_t UploadTransfer::send_parts() const noexcept {
  std::array<iovec, kMostParts> parts{};
  std::size_t count = 0;
  const auto add = [&](ByteSpan bytes) {
    if (count < parts.size()) parts[count++] = {const_cast<std::byte*>(bytes.data()), bytes.size()};
  };
  for (const io::Chunk& chunk : pending_) add(chunk.bytes());
  if (!view_.empty()) add(view_);
  msghdr message{};
  message.msg_iov = parts.data();
  message.msg_iovlen = count;
  return sendmsg(socket_, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
}

std::optional<curl_waitfd> UploadTransfer::waits_for() const {
  if (lane_ != Lane::kDirect || !has_pending() || answered_) return std::nullopt;
  return curl_waitfd{socket_, CURL_WAIT_POLLOUT, 0};
}

void UploadTransfer::consume(std::size_t count) noexcept {
  sent_ += count;
  guard_.moved(count);
  while (count > 0 && !pending_.empty()) {
    io::Chunk& front = pending_.front();
    const std::size_t part = std::min(front.size(), count);
    front.consume(part);
    count -= part;
    if (front.empty()) pending_.erase(pending_.begin());
  }
  view_ = view_.subspan(count);
}

bool UploadTransfer::stalled(TimePoint now) {
  if (paused_ && lane_ == Lane::kLibcurl) return false;
  return guard_.stalled(now);
}

std::size_t UploadTransfer::take_from_chunks(MutableByteSpan buffer) noexcept {
  std::size_t copied = 0;
  while (copied < buffer.size() && !pending_.empty()) {
    io::Chunk& front = pending_.front();
    const std::size_t count = std::min(front.size(), buffer.size() - copied);
    std::memcpy(buffer.data() + copied, front.bytes().data(), count);
    front.consume(count);
    copied += count;
    if (front.empty()) pending_.erase(pending_.begin());
  }
  return copied;
}

std::size_t UploadTransfer::take_from_view(MutableByteSpan buffer) noexcept {
  const std::size_t count = std::min(view_.size(), buffer.size());
  if (count > 0) std::memcpy(buffer.data(), view_.data(), count);
  view_ = view_.subspan(count);
  return count;
}

std::size_t UploadTransfer::on_read(MutableByteSpan buffer) {
  if (lane_ == Lane::kLibcurl && socket_ >= 0 && buffer.size() == kUploadBuffer && sent_ < content_length_) {
    lane_ = Lane::kDirect;
  }
  if (lane_ == Lane::kLibcurl) {
    std::size_t copied = take_from_chunks(buffer);
    if (pending_.empty()) copied += take_from_view(buffer.subspan(copied));
    guard_.moved(copied);
    sent_ += copied;
    if (copied > 0) return copied;
  }
  if (sent_ == content_length_) return 0;
  paused_ = true;
  return CURL_READFUNC_PAUSE;
}

Status BodyWriter::drive_until(const std::function<bool()>& taken) {
  FL_CHECK(loop_.drive_until([&] { return transfer_->done() || taken(); }, stop_));
  if (!transfer_->done()) return {};
  if (auto error = transfer_->failure()) return fail(*std::move(error));
  // A small body may be answered at once; anything else is an answer to half a request.
  if (transfer_->pushed() == transfer_->content_length() && transfer_->response().ok()) return {};
  early_response_ = transfer_->response();
  return fail(ErrorCode::kProtocol,
              fmt::format("answered with status {} before the whole body was sent", early_response_->status));
}

Status BodyWriter::write(io::Chunk chunk) {
  const io::ChunkQueueState* queue = chunk.queue();
  transfer_->push(std::move(chunk));
  return drive_until([&] { return !queue->free.empty(); });
}

Status BodyWriter::write_view(ByteSpan bytes) {
  transfer_->push_view(bytes);
  return drive_until([&] { return transfer_->view_sent(); });
}

Result<Response> BodyWriter::finish() {
  if (transfer_->content_length() == kUnknownLength) transfer_->end();
  if (transfer_->pushed() != transfer_->content_length()) {
    return fail(ErrorCode::kInternal,
                fmt::format("upload ended after {} of {} bytes", transfer_->pushed(), transfer_->content_length()));
  }
  transfer_->await_answer(commit_timeout_, std::chrono::steady_clock::now());
  FL_CHECK(loop_.drive_until([this] { return transfer_->done(); }, stop_));
  if (auto error = transfer_->failure()) return fail(*std::move(error));
  return transfer_->response();
}

}  // namespace freightliner::http
