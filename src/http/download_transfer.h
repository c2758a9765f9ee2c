#pragma once

#include <span>
#include <vector>

#include "freightliner/io/file.h"
#include "http/multi_loop.h"
#include "http/stall_guard.h"

namespace freightliner::http {

/// A GET whose body goes into chunks of a queue. Paused while less than one receive buffer fits into free chunks, so
/// that libcurl never has to keep data that it could not deliver.
///
/// A large body over plain http from near goes from the socket straight into the chunks: leave_libcurl() takes the
/// connection away from libcurl when the headers are there. Many chunks are then filled by one system call, without
/// another copy. libcurl can't be given the connection back, so it is closed behind the body.
class DownloadTransfer final : public Transfer {
 public:
  DownloadTransfer(const Request& request, const TransferContext& context, io::ChunkQueue& queue);

  /// A filled chunk, or the last partial one when done(); an empty handle where none is ready.
  io::Chunk take_ready();
  bool has_ready() const noexcept { return !ready_.empty() || (done() && !current_.empty()); }
  bool streams() const noexcept { return status() == 200 || status() == 206; }

  /// Call between rounds, once the headers are complete: goes on without libcurl where that pays.
  void leave_libcurl(MultiLoop& loop);

  bool receive_directly() override;
  std::optional<curl_waitfd> waits_for() const override;
  void before_round(TimePoint now) override;
  bool stalled(TimePoint now) override;
  void restart_stall_guard(TimePoint now) override { guard_.restart(now); }

 protected:
  void set_method() override;
  std::size_t on_body(ByteSpan bytes) override;
  bool on_request(const Endpoints& endpoints) override;

 private:
  void set_paused(bool pause);
  /// The length of this body, where the rest of it is worth the connection.
  std::optional<std::uint64_t> length_without_libcurl() const;
  bool can_receive() const noexcept;
  /// Sorts chunks into which `count` bytes were read, front to back.
  void keep(std::span<io::Chunk> chunks, std::size_t count);
  /// Bytes that fit into what is free now.
  std::size_t room() const noexcept;

  io::ChunkQueue& queue_;
  StallGuard guard_;
  io::Chunk current_;
  std::vector<io::Chunk> ready_;  // a few at most: a deque would allocate again and again as they pass
  std::size_t receive_buffer_;
  std::uint64_t received_ = 0;  // from libcurl
  bool paused_ = false;
  bool libcurl_holds_bytes_ = false;  // it could not deliver them
  bool leaving_ = false;              // paused until leave_libcurl()
  int socket_ = -1;                   // libcurl's
  io::UniqueFd connection_;           // ours; none where libcurl receives
  std::uint64_t left_ = 0;            // to come on connection_
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
