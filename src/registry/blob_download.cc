#include "registry/blob_download.h"

#include <fmt/format.h>

#include <algorithm>

#include "freightliner/base/random.h"
#include "freightliner/base/text.h"
#include "freightliner/oci/media_type.h"
#include "registry/access.h"
#include "registry/content_range.h"

namespace freightliner::registry {
namespace {

// A server that breaks off after every byte makes progress, but the run must end.
constexpr int kMaxResumes = 100;
// So many bytes between two breaks make the attempts count anew; a trickle does not.
constexpr std::uint64_t kProgress = 64 * kKiB;

/// A blob's bytes over as many GETs as it takes. What was delivered stays delivered: a new GET goes on behind it, by
/// Range where the server honours that, else by passing over the bytes that are known. The hash of the whole, made by
/// the caller, catches a server that changes its mind about the content.
class ResumingReader final : public io::BlobReader {
 public:
  ResumingReader(Exchange& exchange, http::Caller caller, Call call, std::uint64_t size, io::ChunkQueue& queue)
      : exchange_(exchange), caller_(std::move(caller)), call_(std::move(call)), size_(size), queue_(queue) {}

  Status open() { return open_at(0); }
  Result<io::Chunk> read() override;
  std::optional<std::uint64_t> declared_size() const override { return declared_size_; }

 private:
  Status open_at(std::uint64_t offset);
  Status reopen(Error cause);
  Result<http::Download> get(std::uint64_t offset);
  void skip(io::Chunk& chunk) noexcept;

  Exchange& exchange_;
  http::Caller caller_;
  Call call_;
  std::uint64_t size_;
  io::ChunkQueue& queue_;
  std::unique_ptr<io::BlobReader> body_;
  std::optional<std::uint64_t> declared_size_;
  std::uint64_t delivered_ = 0;
  std::uint64_t to_skip_ = 0;
  int failures_ = 0;                      // in a row, without progress worth the name in between
  std::uint64_t delivered_at_break_ = 0;  // when the last download broke
  int resumes_ = 0;
};

Result<http::Download> ResumingReader::get(std::uint64_t offset) {
  Call call = call_;
  if (offset > 0) call.headers.add("Range", fmt::format("bytes={}-", offset));
  std::unique_ptr<io::BlobReader> body;
  FL_TRY(http::Response head,
         exchange_.send(caller_, call, [&](const http::Request& request) -> Result<http::Response> {
           FL_TRY(http::Download opened, caller_.session.open(request, queue_, caller_.stop));
           body = std::move(opened.body);
           return std::move(opened.head);
         }));
  return http::Download{std::move(head), std::move(body)};
}

Status ResumingReader::open_at(std::uint64_t offset) {
  FL_TRY(http::Download download, get(offset));
  bool asked_for_part = offset > 0;
  const bool wrong_range = download.head.status == 206 &&
                           content_range_start(download.head.headers.find("Content-Range").value_or("")) != offset;
  if (offset > 0 && (download.head.status == 416 || wrong_range)) {
    // A server that does not agree on the range is asked for everything; nothing is ever spliced.
    download.body.reset();
    FL_TRY(download, get(0));
    asked_for_part = false;
  }
  if (download.body && !asked_for_part && download.head.status == 206) {
    return fail(ErrorCode::kProtocol, call_.what + ": the registry sent a part that nobody asked for");
  }
  if (!download.body) return fail(exchange_.error_of(download.head, call_.what));
  if (const auto encoding = download.head.headers.find("Content-Encoding"); encoding && *encoding != "identity") {
    return fail(ErrorCode::kProtocol, fmt::format("{}: the blob comes with Content-Encoding {}, which nobody asked for",
                                                  call_.what, printable(*encoding, 40)));
  }
  to_skip_ = download.head.status == 206 ? 0 : offset;
  body_ = std::move(download.body);
  const auto declared = body_->declared_size();
  if (!declared) return {};
  declared_size_ = download.head.status == 206 ? *declared + offset : *declared;
  if (*declared_size_ == size_) return {};
  body_.reset();
  if (oci::bare_media_type(download.head.headers.find("Content-Type").value_or("")) == "text/html") {
    return fail(ErrorCode::kProtocol,
                call_.what + ": an HTML page came instead (is a proxy or a login page in the way?)");
  }
  return fail(ErrorCode::kIntegrity,
              fmt::format("{}: the manifest says {} bytes, the registry {}", call_.what, size_, *declared_size_));
}

Status ResumingReader::reopen(Error cause) {
  body_.reset();  // its chunk and its connection are free from here on
  delivered_at_break_ = delivered_;
  const auto delay = exchange_.retry().next_delay(++failures_, cause.retry_after(), random_unit());
  if (!delay || ++resumes_ > kMaxResumes) {
    return fail(std::move(cause).with_context(fmt::format("{} (broken off {} times)", call_.what, resumes_ + 1)));
  }
  const RegistryServices& services = exchange_.services();
  services.log.info("{}: {}; going on behind byte {} in {}", call_.what, cause.describe(), delivered_,
                    format_duration(*delay));
  services.progress.retries.fetch_add(1, std::memory_order_relaxed);
  if (!services.clock.sleep_for(*delay, caller_.stop)) return fail(stopped_before_retry(cause));
  return open_at(delivered_);
}

void ResumingReader::skip(io::Chunk& chunk) noexcept {
  const std::uint64_t count = std::min<std::uint64_t>(to_skip_, chunk.size());
  chunk.consume(static_cast<std::size_t>(count));
  to_skip_ -= count;
}

Result<io::Chunk> ResumingReader::read() {
  for (;;) {
    Result<io::Chunk> chunk = body_->read();
    if (!chunk) {
      if (!chunk.error().retryable()) return chunk;
      if (delivered_ == size_) return io::Chunk();  // all is here; what broke is the end of the message
      FL_CHECK(reopen(std::move(chunk).error()));
      continue;
    }
    if (!*chunk) return chunk;  // the end; the caller knows whether it came too early
    skip(*chunk);
    if (chunk->empty()) continue;
    delivered_ += chunk->size();
    if (delivered_ - delivered_at_break_ >= kProgress) failures_ = 0;
    return chunk;
  }
}

}  // namespace

Result<std::unique_ptr<io::BlobReader>> open_blob_download(Exchange& exchange, http::Caller& caller,
                                                           const std::string& repository, const oci::Descriptor& blob,
                                                           io::ChunkQueue& queue) {
  Call call{.operation = runtime::Operation::kDownloadStart,
            .path = fmt::format("/v2/{}/blobs/{}", repository, blob.digest.to_string()),
            .access = pull_access(repository),
            .what = fmt::format("GET blob {}@{}", repository, blob.digest.to_string())};
  auto reader = std::make_unique<ResumingReader>(exchange, caller, std::move(call), blob.size, queue);
  FL_CHECK(reader->open());
  return std::unique_ptr<io::BlobReader>(std::move(reader));
}

}  // namespace freightliner::registry
