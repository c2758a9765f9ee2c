#pragma once

#include <memory>
#include <optional>
#include <stop_token>

#include "freightliner/copy/bandwidth_limiter.h"
#include "freightliner/copy/transfer_tuner.h"
#include "freightliner/io/blob_reader.h"

namespace freightliner::copy {

/// Keeps what it reads to the rate.
class PacedReader final : public io::BlobReader {
 public:
  PacedReader(std::unique_ptr<io::BlobReader> inner, BandwidthLimiter& limiter, Route route, std::stop_token stop)
      : inner_(std::move(inner)), limiter_(limiter), route_(std::move(route)), stop_(std::move(stop)) {}

  Result<io::Chunk> read() override {
    FL_TRY(io::Chunk chunk, inner_->read());
    if (chunk) FL_CHECK(limiter_.take(chunk.size(), route_.source, route_.destination, stop_));
    return chunk;
  }
  std::optional<std::uint64_t> declared_size() const override { return inner_->declared_size(); }

 private:
  std::unique_ptr<io::BlobReader> inner_;
  BandwidthLimiter& limiter_;
  Route route_;
  std::stop_token stop_;
};

}  // namespace freightliner::copy
