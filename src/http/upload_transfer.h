#pragma once

#include <deque>

#include "http/multi_loop.h"
#include "http/stall_guard.h"

namespace freightliner::http {

/// A PUT or PATCH whose body comes from chunks. Paused while there are none.
class UploadTransfer final : public Transfer {
 public:
  UploadTransfer(const Request& request, const SessionOptions& options, SharedCaches& shared,
                 std::uint64_t content_length);

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

  void before_round(TimePoint now) override;
  bool stalled(TimePoint now) override;
  void restart_stall_guard(TimePoint now) override { guard_.restart(now); }

 protected:
  void set_method() override;
  std::size_t on_read(MutableByteSpan buffer) override;
  void on_done() override {
    pending_.clear();
    view_ = {};
  }

 private:
  std::uint64_t content_length_;
  std::uint64_t pushed_ = 0;
  StallGuard guard_;
  std::size_t take_from_view(MutableByteSpan buffer) noexcept;
  std::size_t take_from_chunks(MutableByteSpan buffer) noexcept;

  std::deque<io::Chunk> pending_;
  ByteSpan view_;  // goes out after pending_
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
