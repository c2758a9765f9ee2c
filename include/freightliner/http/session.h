#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <stop_token>

#include "freightliner/base/log.h"
#include "freightliner/http/message.h"
#include "freightliner/http/tls_options.h"
#include "freightliner/io/blob_reader.h"
#include "freightliner/io/chunk_queue.h"

namespace freightliner::http {

struct SessionOptions {
  std::string user_agent;
  Duration connect_timeout{15'000};
  /// The whole exchange of a small request.
  Duration request_timeout{60'000};
  /// A streaming body that moves fewer than `minimum_rate` bytes per second on average over this time is given up.
  /// After the last byte of an upload the registry may take five times as long to answer: it may hash and move the
  /// blob.
  Duration stall_timeout{60'000};
  std::uint64_t minimum_rate = 1024;
  TlsOptions tls;
};

/// What the sessions have sent so far.
struct ConnectionStatistics {
  std::uint64_t opened = 0;    ///< connections that came about
  std::uint64_t requests = 0;  ///< on them; one that is sent again on a fresh connection counts twice
};

/// DNS answers and TLS sessions shared by all sessions of a process. Connections are never shared
/// (CURL_LOCK_DATA_CONNECT is not safe in libcurl 7.88.1). Safe from any thread; outlives the sessions.
class SharedCaches {
 public:
  SharedCaches();
  ~SharedCaches();
  SharedCaches(const SharedCaches&) = delete;
  SharedCaches& operator=(const SharedCaches&) = delete;

  ConnectionStatistics connections() const noexcept;

  class Impl;
  Impl& impl() noexcept { return *impl_; }

 private:
  std::unique_ptr<Impl> impl_;
};

/// A body on its way in: bytes arrive in chunks of the queue it was opened with.
struct Download {
  /// Status and headers. Where the status is not 200 or 206, `head.body` holds the (bounded) body and `body` is null.
  Response head;
  std::unique_ptr<io::BlobReader> body;
};

/// A body on its way out. Confined to its session's thread; the session outlives it. Destroyed unfinished: the
/// connection is closed, so that the server sees a broken request.
class Upload {
 public:
  virtual ~Upload() = default;
  /// Takes the chunk; returns once the chunk's queue has a free chunk again. Errors: kTemporary for a broken exchange;
  /// kProtocol where the server answered before it had the whole body — then early_response() is that answer.
  virtual Status write(io::Chunk chunk) = 0;
  /// Sends bytes that stay the caller's; returns once all of them were taken. Errors: as write().
  virtual Status write_view(ByteSpan bytes) = 0;
  /// Call after the last byte: waits for the answer.
  virtual Result<Response> finish() = 0;
  virtual const std::optional<Response>& early_response() const = 0;
};

/// A small exchange that was begun before its answer is wanted. Confined to its session's thread; the session outlives
/// it. Destroyed unfinished: the connection is closed.
class PendingResponse {
 public:
  virtual ~PendingResponse() = default;
  /// Call once. Errors: as Session::perform().
  virtual Result<Response> wait(const std::stop_token& stop) = 0;
};

/// The length of a body that ends when finish() is called: it goes in the chunked transfer coding (RFC 9112, section
/// 7.1).
inline constexpr std::uint64_t kUnknownLength = std::numeric_limits<std::uint64_t>::max();

/// One thread's HTTP client: a libcurl multi handle with its own connection cache, HTTP/1.1, no redirects followed, no
/// authentication of its own, no content decoding. Invariants:
///  1. A Session belongs to one thread; nothing of it is shared but SharedCaches.
///  2. What is open at the same time moves together: whoever waits drives all, so one thread relays a blob from a
///     download to an upload without a lock on the data path.
///  3. A full ChunkQueue pauses the download, an empty upload queue pauses the upload; memory is bounded by the queue.
///  4. Callbacks are noexcept and only move bytes and set flags.
class Session {
 public:
  Session(const SessionOptions& options, SharedCaches& shared, Logger log);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  /// A small exchange, response body in memory (bounded). Errors: kTemporary (network), kTls, kProtocol (no HTTP, body
  /// over the limit, refused address), kCancelled.
  Result<Response> perform(const Request& request, const std::stop_token& stop);
  /// Begins one: it is under way while anything of the session is waited for. Errors: kUsage, kLocalIo (certificates).
  Result<std::unique_ptr<PendingResponse>> begin(const Request& request);
  /// Starts a GET and runs it to its headers. `queue` outlives the returned body.
  Result<Download> open(const Request& request, io::ChunkQueue& queue, const std::stop_token& stop);
  /// Starts a PUT or PATCH of exactly `content_length` bytes (or kUnknownLength), which write() will bring.
  Result<std::unique_ptr<Upload>> upload(const Request& request, std::uint64_t content_length,
                                         const std::stop_token& stop);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace freightliner::http
