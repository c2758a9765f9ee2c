#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "freightliner/http/session.h"
#include "http/curl_handles.h"
#include "http/open_sockets.h"
#include "http/shared_caches.h"

namespace freightliner::http {

/// What all transfers of a session use; outlives them.
struct TransferContext {
  const SessionOptions& options;
  SharedCaches& shared;
  OpenSockets& sockets;
};

/// One exchange on a libcurl easy handle: sets the request up, collects status, headers and a bounded body, and turns
/// the outcome into a Response or an Error. Bodies that stream are subclasses. Confined to its session's thread.
class Transfer {
 public:
  Transfer(const Request& request, const TransferContext& context);
  virtual ~Transfer() = default;
  Transfer(const Transfer&) = delete;
  Transfer& operator=(const Transfer&) = delete;

  /// Sets all options; call once before the handle is given to a multi. Errors: kUsage, kLocalIo (certificates).
  Status prepare();

  CURL* handle() const noexcept { return handle_.get(); }
  const Request& request() const noexcept { return request_; }
  bool headers_complete() const noexcept { return headers_complete_; }
  bool done() const noexcept { return done_; }
  int status() const noexcept { return response_.status; }
  Response& response() noexcept { return response_; }
  const Response& response() const noexcept { return response_; }
  /// The failure of the exchange; call when done(). nullopt where a whole response came.
  std::optional<Error> failure() const;

  void complete(CURLcode code);
  /// Ends the exchange from our side with an error.
  void give_up(Error error);

  /// Called before each round of the multi loop: adjusts pauses. `now` is the round's time.
  virtual void before_round(TimePoint now);
  /// Both: move bytes that do not go through libcurl, as far as the socket lets them; true where some moved.
  virtual bool send_directly() { return false; }
  virtual bool receive_directly() { return false; }
  /// What to poll for on account of these two; nullopt where there is nothing to wait for.
  virtual std::optional<curl_waitfd> waits_for() const { return std::nullopt; }
  /// True where the body is too slow.
  virtual bool stalled(TimePoint now);
  virtual void restart_stall_guard(TimePoint now);
  /// Bytes moved since the last call.
  std::uint64_t take_moved() noexcept { return std::exchange(moved_, 0); }

 protected:
  virtual void set_method();
  /// Takes response bytes; returns how many, or CURL_WRITEFUNC_PAUSE.
  virtual std::size_t on_body(ByteSpan bytes);
  /// Brings request bytes; returns how many, or CURL_READFUNC_PAUSE.
  virtual std::size_t on_read(MutableByteSpan buffer);
  virtual void on_done() {}
  /// The request is about to go out on this connection (again, where libcurl found a kept connection closed). False:
  /// it may not; fail_with() has the reason.
  virtual bool on_request(const Endpoints& endpoints);

  void set_long(CURLoption option, long value) { curl_easy_setopt(handle_.get(), option, value); }
  void fail_with(Error error) { given_up_ = std::move(error); }
  OpenSockets& sockets() noexcept { return sockets_; }
  void count_moved(std::size_t bytes) noexcept { moved_ += bytes; }

 private:
  Status set_tls();
  void set_headers();
  void on_header(std::string_view line);
  bool headers_have_begun() const;
  Error classify(CURLcode code) const;

  static std::size_t write_callback(char* data, std::size_t size, std::size_t count, void* self) noexcept;
  static std::size_t read_callback(char* data, std::size_t size, std::size_t count, void* self) noexcept;
  static std::size_t header_callback(char* data, std::size_t size, std::size_t count, void* self) noexcept;
  static curl_socket_t open_socket_callback(void* self, curlsocktype purpose, curl_sockaddr* address) noexcept;
  /// True where the registry that named this target may not send us to `address`.
  bool is_refused(const std::string& address) const;
  void count_request() noexcept;
  static int prerequest_callback(void* self, char* remote, char* local, int remote_port, int local_port) noexcept;

  Request request_;
  const SessionOptions& options_;
  SharedCaches::Impl& shared_;
  OpenSockets& sockets_;
  EasyHandle handle_;
  HeaderList header_list_;
  std::array<char, CURL_ERROR_SIZE> error_text_{};
  Response response_;
  std::size_t header_bytes_ = 0;
  std::uint64_t moved_ = 0;
  long connects_ = 0;  // that were counted
  bool headers_complete_ = false;
  bool done_ = false;
  bool address_refused_ = false;
  bool went_out_ = false;
  int socket_error_ = 0;  // of the last socket that could not be opened
  CURLcode code_ = CURLE_OK;
  std::optional<Error> given_up_;
};

}  // namespace freightliner::http
