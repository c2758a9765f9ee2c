#pragma once

#include <deque>

#include "http/multi_loop.h"
#include "http/stall_guard.h"

namespace freightliner::http {

/// A GET whose body goes into chunks of a queue. Paused while less than one receive buffer fits into free chunks, so
/// that libcurl never has to keep data that it could not deliver.
class DownloadTransfer final : public Transfer {
 public:
  DownloadTransfer(const Request& request, const SessionOptions& options, SharedCaches& shared, io::ChunkQueue& queue);

  /// A filled chunk, or the last partial one when done(); an empty handle where none is ready.
  io::Chunk take_ready();
  bool has_ready() const noexcept { return !ready_.empty() || (done() && !current_.empty()); }
  bool streams() const noexcept { return status() == 200 || status() == 206; }

  void before_round(TimePoint now) override;
  bool stalled(TimePoint now) override;
  void restart_stall_guard(TimePoint now) override { guard_.restart(now); }

 protected:
  void set_method() override;
  std::size_t on_body(ByteSpan bytes) override;

 private:
  /// Bytes that fit into what is free now.
  std::size_t room() const noexcept;

  io::ChunkQueue& queue_;
  StallGuard guard_;
  io::Chunk current_;
  std::deque<io::Chunk> ready_;
  std::size_t receive_buffer_;
  bool paused_ = false;
};

/// The body of a Download.
class BodyReader final : public io::BlobReader {
 public:
  BodyReader(MultiLoop& loop, std::unique_ptr<DownloadTransfer> transfer, std::stop_token stop);
  ~BodyReader() override { loop_.remove(*transfer_); }
  BodyReader(const BodyReader&) = delete;
  BodyReader& operator=(const BodyReader&) = delete;

  Result<io::Chunk> read() override;
  std::optional<std::uint64_t> declared_size() const override { return declared_size_; }

 private:
  MultiLoop& loop_;
  std::unique_ptr<DownloadTransfer> transfer_;
  std::stop_token stop_;
  std::optional<std::uint64_t> declared_size_;
};

}  // namespace freightliner::http
