#include <fmt/format.h>

#include <stdexcept>

#include "copy/relay.h"
#include "relay/variants.h"

namespace freightliner::bench {
namespace {

/// The upload of a registry client without the registry.
class PutWriter final : public io::BlobWriter {
 public:
  PutWriter(http::Session& session, const http::Request& request, std::uint64_t size) {
    auto upload = session.upload(request, size, std::stop_token());
    if (!upload) throw std::runtime_error(upload.error().describe());
    upload_ = *std::move(upload);
  }
  Status write(io::Chunk chunk) override { return upload_->write(std::move(chunk)); }
  Status commit() override {
    FL_TRY(const http::Response response, upload_->finish());
    return response.status == 201 ? Status() : Status(fail(ErrorCode::kProtocol, "not created"));
  }
  void abort() noexcept override {}

 private:
  std::unique_ptr<http::Upload> upload_;
};

}  // namespace

RelayWorker::RelayWorker(io::BufferPool& pool, std::size_t chunk_size, std::size_t chunks)
    : pool_(pool), chunk_size_(chunk_size), chunks_(chunks) {
  http::SessionOptions options;
  options.tls.insecure_hosts = {"localhost"};
  session_ = std::make_unique<http::Session>(options, caches_, Logger());
}
RelayWorker::~RelayWorker() = default;

std::uint64_t RelayWorker::relay(const RelayJob& job) {
  io::ChunkQueue queue(pool_, chunk_size_, chunks_);
  const auto url = http::Url::parse(fmt::format("{}://localhost:{}/blob", job.tls ? "https" : "http", job.port));
  auto download = session_->open(http::Request{.url = *url}, queue, std::stop_token());
  if (!download) throw std::runtime_error(download.error().describe());
  PutWriter writer(*session_, http::Request{.method = http::Method::kPut, .url = *url}, job.blob_bytes);
  const oci::Descriptor blob{.media_type = "t", .digest = *oci::Digest::parse(job.digest), .size = job.blob_bytes};
  runtime::Progress progress;
  if (const auto failure = copy::relay(*download->body, writer, blob, progress)) {
    throw std::runtime_error(failure->error.describe());
  }
  return progress.bytes_moved.load();
}

}  // namespace freightliner::bench
