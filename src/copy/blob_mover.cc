#include "copy/blob_mover.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "freightliner/base/random.h"

namespace freightliner::copy {
namespace {

// libcurl receives into at least 16 KiB, and a download pauses while less than that is free.
constexpr std::size_t kMinChunkSize = 16 * kKiB;
// One being filled, one withheld, one being sent.
constexpr std::size_t kMinChunks = 3;
// A blob up to this size costs little more than the requests for it: it needs no slot.
constexpr std::uint64_t kSmallBlob = 256 * kKiB;

std::string registry_of(const std::optional<registry::MountOrigin>& origin) {
  return origin ? origin->registry : std::string();
}

}  // namespace

Route BlobMover::Origins::route() const {
  return {registry_of(source), registry_of(destination)};
}

std::string ledger_place(const std::optional<registry::MountOrigin>& destination) {
  return destination ? destination->repository : std::string();
}

BlobMover::QueueShape BlobMover::queue_shape(const oci::Descriptor& blob) const {
  // A small blob needs no large chunks, and not many.
  const std::size_t usual = services_.tuner != nullptr ? services_.tuner->chunk_size(route_) : services_.chunk_size;
  const auto size =
      static_cast<std::size_t>(std::clamp<std::uint64_t>(blob.size, kMinChunkSize, std::max(usual, kMinChunkSize)));
  const std::size_t capacity = io::buffer_capacity(size);
  return {capacity, blob.size <= capacity ? kMinChunks : services_.chunks_per_queue};
}

BlobMover::QueueShape BlobMover::shrink(QueueShape shape, std::uint64_t bytes) noexcept {
  while (shape.bytes() > bytes && shape.chunk_size > kMinChunkSize)
    shape.chunk_size = io::buffer_capacity(shape.chunk_size / 4);
  if (shape.bytes() > bytes) shape.chunks = kMinChunks;
  return shape;
}

void BlobMover::note_answer(TransferTuner::End end, TimePoint asked) const {
  if (services_.tuner != nullptr) services_.tuner->note_answer(route_, end, services_.clock.now() - asked);
}

Result<BlobMover::Try> BlobMover::attempt(http::Caller& caller, const Order& order, Unfinished& unfinished) {
  const oci::Descriptor& blob = order.blob;
  if (unfinished.writer) {
    FL_TRY(auto failure, transfer(caller, blob, unfinished));
    return Try{Outcome::kCopied, std::move(failure)};
  }
  const TimePoint begun = services_.clock.now();
  FL_TRY(registry::BlobStart start, order.trust == Trust::kDistrust
                                        ? destination_.begin_blob_again(caller, blob)
                                        : destination_.begin_blob(caller, blob, order.mount_from));
  if (start.state == registry::BlobStart::State::kPresent) return Try{Outcome::kPresent, std::nullopt};
  if (start.state == registry::BlobStart::State::kMounted) return Try{Outcome::kMounted, std::nullopt};
  note_answer(TransferTuner::End::kDestination, begun);
  unfinished = {std::move(start.writer), std::nullopt};
  FL_TRY(auto failure, transfer(caller, blob, unfinished));
  return Try{Outcome::kCopied, std::move(failure)};
}

Result<std::optional<RelayFailure>> BlobMover::transfer(http::Caller& caller, const oci::Descriptor& blob,
                                                        Unfinished& unfinished) {
  std::unique_ptr<io::BlobWriter> writer = std::move(unfinished.writer);
  std::optional<TransferSlots::Slot> slot;
  if (blob.size > kSmallBlob) {
    FL_TRY(TransferSlots::Slot taken, services_.slots.take(caller.stop));
    slot.emplace(std::move(taken));
  }
  const QueueShape wanted = queue_shape(blob);
  FL_TRY(const runtime::MemoryGovernor::Reservation memory,
         services_.memory.reserve({.wanted = wanted.bytes(), .least = kMinChunks * kMinChunkSize}, caller.stop));
  const QueueShape shape = shrink(wanted, memory.bytes());
  services_.log.debug("blob {}: {} buffers of {}", blob.digest.to_string(), shape.chunks,
                      format_bytes(shape.chunk_size));
  io::ChunkQueue queue(services_.buffers, shape.chunk_size, shape.chunks);
  const TimePoint asked = services_.clock.now();
  runtime::OperationTimer timer(services_.monitor, runtime::Operation::kBlobCopy);
  Result<std::unique_ptr<io::BlobReader>> reader = source_.open_blob(caller, blob, queue);
  if (!reader) {
    timer.fail(reader.error());
    // A size that does not match is worth a second look, like any other bytes that do not.
    if (reader.error().code() != ErrorCode::kIntegrity) return fail(std::move(reader).error());
    return std::optional(RelayFailure{std::move(reader).error(), RelaySide::kSource});
  }
  if (!services_.bandwidth.unlimited()) {
    *reader = std::make_unique<PacedReader>(*std::move(reader), services_.bandwidth, route_, caller.stop);
  }
  note_answer(TransferTuner::End::kSource, asked);
  const TimePoint answered = services_.clock.now();
  std::optional<RelayFailure> failure = relay(**reader, *writer, blob, services_.progress, unfinished.read);
  failure ? timer.fail(failure->error) : timer.finish({.bytes = blob.size, .items = 1});
  reader->reset();
  if (failure && failure->read) {
    unfinished = {std::move(writer), failure->read};
    return failure;
  }
  if (failure) writer->abort();
  if (services_.tuner != nullptr && !failure) {
    services_.tuner->note_transfer(route_, shape.chunk_size, blob.size, services_.clock.now() - answered);
  }
  writer.reset();  // before the queue that its chunks belong to
  return failure;
}

Result<BlobMover::Outcome> BlobMover::move(http::Caller& caller, const oci::Descriptor& blob, Trust trust) {
  // Where the destination's word has proven wrong, so may what the ledger has of it.
  if (trust == Trust::kDistrust) return carry_out(caller, {blob, trust, std::nullopt});
  FL_TRY(BlobLedger::Claim claim,
         services_.ledger.get().claim_blob(ledger_place(origins_.destination), blob.digest, caller.stop));
  if (claim.finding().settled) return Outcome::kPresent;
  Order order{blob, trust, origins_.source};
  if (claim.finding().elsewhere && origins_.destination) {
    order.mount_from = origins_.destination;
    order.mount_from->repository = *claim.finding().elsewhere;
  }
  FL_TRY(const Outcome outcome, carry_out(caller, order));
  claim.settle();
  return outcome;
}

Result<BlobMover::Outcome> BlobMover::carry_out(http::Caller& caller, const Order& order) {
  Outcome outcome = Outcome::kPresent;
  Unfinished unfinished;
  FL_CHECK(with_retries(services_, caller.stop, order.blob, [&]() -> Result<std::optional<RelayFailure>> {
    FL_TRY(Try result, attempt(caller, order, unfinished));
    outcome = result.outcome;
    return std::move(result.failure);
  }));
  return outcome;
}

Status with_retries(const CopyServices& services, const std::stop_token& stop, const oci::Descriptor& blob,
                    const std::function<Result<std::optional<RelayFailure>>()>& attempt) {
  bool integrity_retried = false;
  bool token_retried = false;
  for (int number = 1;; ++number) {
    FL_TRY(std::optional<RelayFailure> failure, attempt());
    if (!failure) return {};
    Error error = std::move(failure->error);
    // Wrong bytes may be a fault of the way: they are read once more, and then are what they are.
    if (error.reason() == ErrorReason::kTokenRefused && std::exchange(token_retried, true)) {
      return fail(ErrorCode::kAuthentication, error.describe() + ", and so was a fresh one");
    }
    const bool second_look = error.code() == ErrorCode::kIntegrity && !std::exchange(integrity_retried, true);
    const bool again = error.retryable() && failure->side == RelaySide::kDestination;
    if (!second_look && !again) return fail(std::move(error));
    const auto delay = services.retry.next_delay(number, error.retry_after(), random_unit());
    if (!delay) return fail(std::move(error).with_context(fmt::format("gave up after {} attempts", number)));
    services.log.info("blob {}: {}; trying again in {}", blob.digest.to_string(), error.describe(),
                      format_duration(*delay));
    services.progress.retries.fetch_add(1, std::memory_order_relaxed);
    if (!services.clock.sleep_for(*delay, stop)) return fail(stopped_before_retry(error));
  }
}

}  // namespace freightliner::copy
