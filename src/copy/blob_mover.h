#pragma once

#include <functional>

#include "copy/paced_reader.h"
#include "copy/relay.h"
#include "freightliner/copy/copier.h"
#include "freightliner/copy/transfer_tuner.h"

namespace freightliner::copy {

/// Brings single blobs to a destination: finds out whether they are there, mounts them, or relays them, with retries.
/// Each blob goes through the ledger, so that a run moves it once. Safe from any thread: each call has its own memory
/// and its caller's session.
class BlobMover {
 public:
  enum class Outcome { kPresent, kMounted, kCopied };
  /// kAsk: by the cheapest means. kDistrust: the destination has refused a manifest for want of a blob.
  enum class Trust { kAsk, kDistrust };

  /// Where source and destination stand among the registries; nullopt for what is none.
  struct Origins {
    std::optional<registry::MountOrigin> source;
    std::optional<registry::MountOrigin> destination;
    Route route() const;
  };

  BlobMover(const CopyServices& services, transport::ImageSource& source, transport::ImageDestination& destination,
            Origins origins)
      : services_(services),
        source_(source),
        destination_(destination),
        origins_(std::move(origins)),
        route_(origins_.route()) {}

  Result<Outcome> move(http::Caller& caller, const oci::Descriptor& blob, Trust trust);

 private:
  /// One try; nullopt in `failure`: it is done.
  struct Try {
    Outcome outcome = Outcome::kPresent;
    std::optional<RelayFailure> failure;
  };
  /// The chunks of a transfer.
  struct QueueShape {
    std::size_t chunk_size = 0;
    std::size_t chunks = 0;
    std::uint64_t bytes() const noexcept { return chunk_size * chunks; }
  };
  /// What is to be done with a blob.
  struct Order {
    const oci::Descriptor& blob;
    Trust trust;
    std::optional<registry::MountOrigin> mount_from;
  };
  /// What a try leaves to the next where its writer was set back.
  struct Unfinished {
    std::unique_ptr<io::BlobWriter> writer;
    std::optional<EarlierReading> read;
  };
  Result<Outcome> carry_out(http::Caller& caller, const Order& order);
  Result<Try> attempt(http::Caller& caller, const Order& order, Unfinished& unfinished);
  /// Brings the bytes to the writer, which is gone afterwards but where it was set back; nullopt: it has committed
  /// them.
  Result<std::optional<RelayFailure>> transfer(http::Caller& caller, const oci::Descriptor& blob,
                                               Unfinished& unfinished);
  QueueShape queue_shape(const oci::Descriptor& blob) const;
  /// Tells the tuner, where there is one, how long an end has taken since it was asked.
  void note_answer(TransferTuner::End end, TimePoint asked) const;
  /// The same in at most `bytes`, which is at least that of the smallest queue.
  static QueueShape shrink(QueueShape shape, std::uint64_t bytes) noexcept;

  const CopyServices& services_;
  transport::ImageSource& source_;
  transport::ImageDestination& destination_;
  const Origins origins_;
  const Route route_;
};

/// Tries until a transfer is through: again after a temporary failure of the destination, by the retry policy (a broken
/// source was already resumed), and once more after wrong bytes. `attempt` returns nullopt when it is done; its errors
/// are not tried again.
Status with_retries(const CopyServices& services, const std::stop_token& stop, const oci::Descriptor& blob,
                    const std::function<Result<std::optional<RelayFailure>>()>& attempt);

/// The name of a destination in the ledger: repositories of a registry differ, all else has one store for its blobs.
std::string ledger_place(const std::optional<registry::MountOrigin>& destination);

}  // namespace freightliner::copy
