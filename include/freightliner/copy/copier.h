#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "freightliner/base/clock.h"
#include "freightliner/base/log.h"
#include "freightliner/copy/bandwidth_limiter.h"
#include "freightliner/copy/blob_ledger.h"
#include "freightliner/copy/recompression_ledger.h"
#include "freightliner/copy/referrer_lists.h"
#include "freightliner/copy/repository_refusal.h"
#include "freightliner/copy/transfer_slots.h"
#include "freightliner/copy/worker_sessions.h"
#include "freightliner/http/caller.h"
#include "freightliner/http/retry_policy.h"
#include "freightliner/io/buffer_pool.h"
#include "freightliner/io/codec.h"
#include "freightliner/oci/platform.h"
#include "freightliner/runtime/memory_governor.h"
#include "freightliner/runtime/performance_monitor.h"
#include "freightliner/runtime/progress.h"
#include "freightliner/runtime/worker_pool.h"
#include "freightliner/transport/image_destination.h"
#include "freightliner/transport/image_source.h"

namespace freightliner::copy {

class TransferTuner;

enum class Overwrite {
  kAlways,   ///< write the tag whatever is there
  kChanged,  ///< write it where the digests differ (default)
  kNever,    ///< a tag that names another digest is left alone, and the copy counts as not done
};

/// What a list of the destination's tags has told already, so that it need not be asked for.
struct DestinationKnowledge {
  std::optional<bool> has_tag = {};     ///< whether there is such a tag; nullopt: not known
  bool repository_has_no_tags = false;  ///< so hardly a manifest either
};

/// How layers are to be recompressed.
struct RecompressOptions {
  io::CompressionSettings settings;
  /// zstd's own for each layer; the output does not depend on it.
  unsigned threads = 1;
};

struct CopyOptions {
  /// Empty: everything that the source names. One: that platform's manifest. Several: a new index of just those.
  std::vector<oci::Platform> platforms = {};
  Overwrite overwrite = Overwrite::kChanged;
  bool dry_run = false;
  /// Further tags for the same image.
  std::vector<std::string> also_tags = {};
  /// Takes along what refers to the image.
  bool referrers = false;
  /// The layers of images are written in this compression, and the manifests that name them anew.
  std::optional<RecompressOptions> recompress = {};
  /// Goes on where the new digests leave something behind that names the old ones (signatures).
  bool allow_digest_change = false;
  DestinationKnowledge known = {};
  /// Shared by the copies into one repository: once it refuses uploads, what has to be written is not tried.
  const RepositoryRefusal* refusal = nullptr;
};

/// One line of what would move, for a dry run.
struct PlannedItem {
  enum class Kind { kBlob, kManifest, kTag };
  enum class Action { kCopy, kPresent, kForeign, kRecompress, kWrite };
  Kind kind = Kind::kBlob;
  Action action = Action::kCopy;
  std::string name;  // digest, or tag
  std::string media_type;
  std::uint64_t size = 0;
};

struct CopyReport {
  enum class Status {
    kCopied,     ///< the destination names the digest now
    kUnchanged,  ///< it did before
    kSkipped,    ///< --overwrite never met another digest
    kPlanned,    ///< a dry run
  };
  Status status = Status::kCopied;
  oci::Digest digest;
  std::string media_type;
  /// What the destination named before, if anything was there and was asked for.
  std::optional<oci::Digest> previous = std::nullopt;
  std::uint64_t blobs_total = 0;
  std::uint64_t blobs_copied = 0;
  std::uint64_t blobs_mounted = 0;
  std::uint64_t blobs_present = 0;
  std::uint64_t blobs_foreign = 0;
  std::uint64_t manifests_written = 0;
  std::uint64_t tags_written = 0;
  std::uint64_t referrers = 0;
  /// Blob bytes that went from source to destination; of recompressed layers those that the destination got.
  std::uint64_t bytes_copied = 0;
  /// Of the blobs copied, those that were recompressed, and the bytes that they had.
  std::uint64_t blobs_recompressed = 0;
  std::uint64_t bytes_recompressed = 0;
  /// Requests that were tried again; filled by whoever runs this copy alone.
  std::uint64_t retries = 0;
  Duration duration{0};
  std::vector<PlannedItem> plan = {};  // dry run only
};

/// What a copier works with; all of it outlives the copier.
struct CopyServices {
  /// Helps with the blobs of an image; the thread that calls copy() works along.
  runtime::WorkerPool& workers;
  WorkerSessions& sessions;  ///< of the workers
  std::size_t helpers;       ///< workers that may help with one image, at most
  TransferSlots& slots;
  std::reference_wrapper<BlobLedger> ledger;                   ///< of the destination and this run
  std::reference_wrapper<RecompressionLedger> recompressions;  ///< the same
  std::reference_wrapper<ReferrerLists> lists;                 ///< the same
  BandwidthLimiter& bandwidth;
  io::BufferPool& buffers;
  runtime::MemoryGovernor& memory;  ///< of those buffers
  Clock& clock;
  runtime::Progress& progress;
  runtime::PerformanceMonitor& monitor;
  http::RetryPolicy retry;
  Logger log;
  std::size_t chunk_size;          ///< bytes per chunk of a transfer
  std::size_t chunks_per_queue;    ///< chunks per transfer
  TransferTuner* tuner = nullptr;  ///< says `chunk_size` for each transfer; null: it is the same for all
};

/// Copies images: plans (which blobs, which manifests), moves the blobs in parallel, then writes manifests children
/// first and the tags last. Safe from any thread; each call is one image.
class Copier {
 public:
  explicit Copier(CopyServices services) : services_(std::move(services)) {}

  /// The calling thread's session is `caller.session`. Errors: any class; the destination's tags are then unchanged
  /// (but those of `also_tags` that were already written).
  Result<CopyReport> copy(http::Caller& caller, transport::ImageSource& source,
                          transport::ImageDestination& destination, const CopyOptions& options) const;

 private:
  CopyServices services_;
};

}  // namespace freightliner::copy
