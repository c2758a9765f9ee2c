#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "freightliner/base/clock.h"
#include "freightliner/base/log.h"
#include "freightliner/http/retry_policy.h"
#include "freightliner/http/session.h"
#include "freightliner/io/buffer_pool.h"
#include "freightliner/oci/platform.h"
#include "freightliner/runtime/progress.h"
#include "freightliner/runtime/worker_pool.h"
#include "freightliner/transport/image_destination.h"
#include "freightliner/transport/image_source.h"

namespace freightliner::copy {

enum class Overwrite {
  kAlways,   ///< write the tag whatever is there
  kChanged,  ///< write it where the digests differ (default)
  kNever,    ///< a tag that names another digest is left alone, and the copy counts as not done
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
};

/// One line of what would move, for a dry run.
struct PlannedItem {
  enum class Kind { kBlob, kManifest, kTag };
  enum class Action { kCopy, kPresent, kForeign, kWrite };
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
  std::uint64_t blobs_total = 0;
  std::uint64_t blobs_copied = 0;
  std::uint64_t blobs_mounted = 0;
  std::uint64_t blobs_present = 0;
  std::uint64_t blobs_foreign = 0;
  std::uint64_t manifests_written = 0;
  std::uint64_t tags_written = 0;
  std::uint64_t referrers = 0;
  /// Blob bytes that went from source to destination.
  std::uint64_t bytes_copied = 0;
  std::uint64_t retries = 0;
  Duration duration{0};
  std::vector<PlannedItem> plan = {};  // dry run only
};

/// What a copier works with; all of it outlives the copier.
struct CopyServices {
  runtime::WorkerPool& workers;
  /// Makes the session of a thread.
  std::function<std::unique_ptr<http::Session>()> make_session;
  io::BufferPool& buffers;
  Clock& clock;
  runtime::Progress& progress;
  http::RetryPolicy retry;
  Logger log;
  std::size_t chunk_size;        ///< bytes per chunk of a transfer
  std::size_t chunks_per_queue;  ///< chunks per transfer
};

/// Copies one image: plans (which blobs, which manifests), moves the blobs in parallel over the workers, then writes
/// manifests children first and the tags last. One copy() at a time per object.
class Copier {
 public:
  explicit Copier(CopyServices services);
  ~Copier();
  Copier(const Copier&) = delete;
  Copier& operator=(const Copier&) = delete;

  /// Errors: any class; the destination's tags are then unchanged (but those of `also_tags` that were already written).
  Result<CopyReport> copy(transport::ImageSource& source, transport::ImageDestination& destination,
                          const CopyOptions& options, const std::stop_token& stop);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace freightliner::copy
