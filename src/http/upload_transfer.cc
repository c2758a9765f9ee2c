#include "http/upload_transfer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <utility>

namespace freightliner::http {
namespace {

// libcurl's bounds for CURLOPT_UPLOAD_BUFFERSIZE are 16 KiB and 2 MiB; beyond 128 KiB nothing was gained.
constexpr long kUploadBuffer = 128 * kKiB;

}  // namespace

UploadTransfer::UploadTransfer(const Request& request, const SessionOptions& options, SharedCaches& shared,
                               std::uint64_t content_length)
    : Transfer(request, options, shared),
      content_length_(content_length),
      guard_(options.stall_timeout, options.minimum_rate, std::chrono::steady_clock::now()) {}

void UploadTransfer::set_method() {
  set_long(CURLOPT_UPLOAD, 1);
  set_long(CURLOPT_UPLOAD_BUFFERSIZE, kUploadBuffer);
  // Without a length libcurl sends in chunks, to any server of HTTP/1.1.
  const curl_off_t length = content_length_ == kUnknownLength ? -1 : static_cast<curl_off_t>(content_length_);
  curl_easy_setopt(handle(), CURLOPT_INFILESIZE_LARGE, length);
  curl_easy_setopt(handle(), CURLOPT_CUSTOMREQUEST, std::string(to_string(request().method)).c_str());
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
  guard_.restart(now);
  // Who was paused asks once more for the end of a body that has no length.
  if (pending_.empty() && view_.empty() && pushed_ != content_length_) return;
  paused_ = false;
  curl_easy_pause(handle(), CURLPAUSE_CONT);
}

bool UploadTransfer::stalled(TimePoint now) {
  return !paused_ && guard_.stalled(now);
}

std::size_t UploadTransfer::take_from_chunks(MutableByteSpan buffer) noexcept {
  std::size_t copied = 0;
  while (copied < buffer.size() && !pending_.empty()) {
    io::Chunk& front = pending_.front();
    const std::size_t count = std::min(front.size(), buffer.size() - copied);
    std::memcpy(buffer.data() + copied, front.bytes().data(), count);
    front.consume(count);
    copied += count;
    if (front.empty()) pending_.pop_front();
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
  std::size_t copied = take_from_chunks(buffer);
  if (pending_.empty()) copied += take_from_view(buffer.subspan(copied));
  guard_.moved(copied);
  if (copied > 0 || pushed_ == content_length_) return copied;
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
