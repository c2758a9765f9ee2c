#pragma once

#include <vector>

#include "http/multi_loop.h"
#include "http/stall_guard.h"

namespace freightliner::http {

/// A PUT or PATCH whose body comes from chunks. Paused while there are none.
///
/// A large body over plain http goes from the chunks straight to the socket: libcurl connects, sends the head and reads
/// the answer, but is kept paused in between, which saves a copy of every byte and lets one system call take many
/// chunks. Invariants of that:
///  1. Nothing of ours is sent before libcurl has handed the whole head to the socket. It shows that by asking for a
///     full buffer of the body: where something is left unsent, it asks for less.
///  2. Once we have sent a byte, libcurl may not start the request anew on another connection.
///  3. libcurl is told the end of the body when we have sent the last byte.
class UploadTransfer final : public Transfer {
 public:
  UploadTransfer(const Request& request, const TransferContext& context, std::uint64_t content_length);

  void push(io::Chunk chunk);
  /// The bytes stay the caller's until view_sent().
  void push_view(ByteSpan bytes);
  bool view_sent() const noexcept { return view_.empty(); }
  std::uint64_t pushed() const noexcept { return pushed_; }
  /// No more is pushed: of a body whose length was not known, this is all.
  void end() noexcept { content_length_ = pushed_; }
  std::uint64_t content_length() const noexcept { return content_length_; }
  /// From here on nothing more is sent: the server may take `limit` to answer.
  void await_answer(Duration limit, TimePoint now);

  bool send_directly() override;
  std::optional<curl_waitfd> waits_for() const override;
  void before_round(TimePoint now) override;
  bool stalled(TimePoint now) override;
  void restart_stall_guard(TimePoint now) override { guard_.restart(now); }

 protected:
  void set_method() override;
  std::size_t on_read(MutableByteSpan buffer) override;
  bool on_request(const Endpoints& endpoints) override;
  void on_done() override {
    pending_.clear();
    view_ = {};
  }

 private:
  enum class Lane {
    kLibcurl,      // libcurl sends the body
    kDirect,       // we do
    kDirectBroken  // we did, and the connection is lost: an answer may still be there to read
  };
  std::size_t take_from_view(MutableByteSpan buffer) noexcept;
  std::size_t take_from_chunks(MutableByteSpan buffer) noexcept;
  /// sendmsg(2) of what is pending.
  ssize_t send_parts() const noexcept;
  Error lost() const;
  bool has_pending() const noexcept { return !pending_.empty() || !view_.empty(); }
  /// Takes bytes that were sent off the front.
  void consume(std::size_t count) noexcept;

  std::uint64_t content_length_;
  std::uint64_t pushed_ = 0;
  std::uint64_t sent_ = 0;  // given to libcurl or to the socket
  StallGuard guard_;
  bool may_go_direct_;
  Lane lane_ = Lane::kLibcurl;
  int socket_ = -1;
  bool answered_ = false;           // something had come on it before the last byte was sent
  std::vector<io::Chunk> pending_;  // a few at most: a deque would allocate again and again as they pass
  ByteSpan view_;                   // goes out after pending_
  bool paused_ = false;
};

/// The Upload that a Session hands out.
class BodyWriter final : public Upload {
 public:
  BodyWriter(MultiLoop& loop, std::unique_ptr<UploadTransfer> transfer, Duration commit_timeout, std::stop_token stop)
      : loop_(loop), transfer_(std::move(transfer)), commit_timeout_(commit_timeout), stop_(std::move(stop)) {}
  ~BodyWriter() override { loop_.remove(*transfer_); }
  BodyWriter(const BodyWriter&) = delete;
  BodyWriter& operator=(const BodyWriter&) = delete;

  Status write(io::Chunk chunk) override;
  Status write_view(ByteSpan bytes) override;
  Result<Response> finish() override;
  const std::optional<Response>& early_response() const override { return early_response_; }

 private:
  Status drive_until(const std::function<bool()>& taken);

  MultiLoop& loop_;
  std::unique_ptr<UploadTransfer> transfer_;
  Duration commit_timeout_;
  std::stop_token stop_;
  std::optional<Response> early_response_;
};

}  // namespace freightliner::http
