#include "freightliner/copy/streaming_copier.h"

#include <fmt/format.h>

#include <atomic>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

#include "copy/deadline_watch.h"

namespace freightliner::copy {
namespace {

/// What the destinations of one store share.
struct StoreLedgers {
  std::unique_ptr<BlobLedger> blobs = std::make_unique<BlobLedger>();
  RecompressionLedger recompressions;
  // Each copy is told of when it ends: what a later one finds or adds is none of its business.
  ReferrerLists lists{ReferrerLists::Memory::kNone};
};

struct Store {
  StoreLedgers ledgers;
  TransferSlots turn{1};
  std::size_t copies = 0;  // to it, that are under way
};

/// A request from its acceptance to its result.
struct Work {
  explicit Work(StreamRequest asked) : request(std::move(asked)) {}

  const StreamRequest request;
  std::stop_source stop;
  std::atomic<bool> deadline_passed{false};
};

Error explain(Error error, const Work& work) {
  if (!work.deadline_passed.load()) return error;
  return ended_from_outside(
      std::move(error), ErrorCode::kTemporary,
      fmt::format("the time for this copy ({}) has passed", format_duration(work.request.timeout)));
}

}  // namespace

// Invariants, under mutex_: work_ has what was accepted and has not told its result yet; stores_ has every store with
// copies under way, and of the others those that are not local or have recompressed something. Stop requests and the
// sink run outside of it: both call what is not ours.
class StreamingCopier::Impl {
 public:
  Impl(const CopyServices& services, const StreamOptions& options, Sink sink, std::stop_token stop)
      : services_(services), sink_(std::move(sink)), stop_(std::move(stop)) {
    if (options.buffer_size == 0) return;
    services_.chunk_size = options.buffer_size;
    services_.tuner = nullptr;
  }

  Status accept(StreamRequest request) {
    if (stop_.stop_requested()) return fail(ErrorCode::kCancelled, "stopped");
    auto work = std::make_shared<Work>(std::move(request));
    const std::uint64_t id = work->request.id;
    // Here, where a lack of threads is an error: in a worker it would end the process.
    if (work->request.timeout > Duration(0)) deadlines_.start();
    {
      const std::lock_guard lock(mutex_);
      if (!work_.emplace(id, work).second) {
        return fail(ErrorCode::kUsage, fmt::format("a request with the id {} is under way already", id));
      }
    }
    services_.progress.tags_total.fetch_add(1, std::memory_order_relaxed);
    try {
      services_.workers.feed([this, work = std::move(work)](std::size_t worker) { run(worker, work); });
    } catch (...) {
      // There is no thread for it, nor for any other: drain() must not wait for what never runs.
      const std::lock_guard lock(mutex_);
      work_.erase(id);
      throw;
    }
    return {};
  }

  bool cancel(std::uint64_t id) {
    std::shared_ptr<Work> work;
    {
      const std::lock_guard lock(mutex_);
      const auto found = work_.find(id);
      if (found == work_.end()) return false;
      work = found->second;
    }
    work->stop.request_stop();
    return true;
  }

  void drain() {
    std::unique_lock lock(mutex_);
    told_.wait(lock, [this] { return work_.empty(); });
  }

 private:
  void run(std::size_t worker, const std::shared_ptr<Work>& work) {
    const TimePoint start = services_.clock.now();
    Result<CopyReport> outcome = [&] {
      const std::stop_callback relay_stop(stop_, [&] { work->stop.request_stop(); });
      const auto deadline = deadlines_.set(work->request.timeout, [&] {
        work->deadline_passed.store(true);
        work->stop.request_stop();
      });
      http::Caller caller{services_.sessions.of(worker), work->stop.get_token()};
      return copy(caller, work->request);
    }();
    if (!outcome) outcome = fail(explain(std::move(outcome).error(), *work));
    const auto duration = std::chrono::duration_cast<Duration>(services_.clock.now() - start);
    services_.progress.tags_done.fetch_add(1, std::memory_order_relaxed);
    {
      const std::lock_guard lock(sink_mutex_);
      sink_({work->request.id, std::move(outcome), duration});
    }
    const std::lock_guard lock(mutex_);
    work_.erase(work->request.id);
    // Under the lock: who waits may destroy this when it has it.
    if (work_.empty()) told_.notify_all();
  }

  Result<CopyReport> copy(http::Caller& caller, const StreamRequest& request) {
    if (caller.stop.stop_requested()) return fail(ErrorCode::kCancelled, "stopped");
    const StoreUse use(*this, request.store);
    Store& store = use.store();
    // What is written anew each time has none of what a copy that failed has brought.
    std::optional<StoreLedgers> own;
    std::optional<TransferSlots::Slot> turn;
    if (request.store.one_at_a_time) {
      own.emplace();
      FL_TRY(TransferSlots::Slot taken, store.turn.take(caller.stop));
      turn.emplace(std::move(taken));
    }
    FL_TRY(const ImagePair ends, request.open());
    CopyServices services = services_;
    services.ledger = own ? *own->blobs : *store.ledgers.blobs;
    services.recompressions = own ? own->recompressions : store.ledgers.recompressions;
    services.lists = own ? own->lists : store.ledgers.lists;
    return Copier(std::move(services)).copy(caller, *ends.source, *ends.destination, request.options);
  }

  /// Holds a store for a copy.
  class StoreUse {
   public:
    StoreUse(Impl& impl, const DestinationStore& named) : impl_(impl), named_(named), store_(impl.enter(named)) {}
    ~StoreUse() { impl_.leave(named_, store_); }
    StoreUse(const StoreUse&) = delete;
    StoreUse& operator=(const StoreUse&) = delete;
    Store& store() const noexcept { return store_; }

   private:
    Impl& impl_;
    const DestinationStore& named_;
    Store& store_;
  };

  Store& enter(const DestinationStore& named) {
    const std::lock_guard lock(mutex_);
    Store& store = stores_[named.name];
    ++store.copies;
    return store;
  }

  void leave(const DestinationStore& named, Store& store) {
    const std::lock_guard lock(mutex_);
    if (--store.copies > 0 || !named.is_local) return;
    // What a layer has become stays true, and to find it out again would cost much.
    if (store.ledgers.recompressions.is_empty()) {
      stores_.erase(named.name);
    } else {
      store.ledgers.blobs = std::make_unique<BlobLedger>();
    }
  }

  CopyServices services_;
  const Sink sink_;
  const std::stop_token stop_;
  DeadlineWatch deadlines_;
  std::mutex sink_mutex_;
  std::mutex mutex_;
  std::condition_variable told_;
  std::map<std::uint64_t, std::shared_ptr<Work>> work_;
  std::map<std::string, Store> stores_;
};

StreamingCopier::StreamingCopier(const CopyServices& services, const StreamOptions& options, Sink sink,
                                 std::stop_token stop)
    : impl_(std::make_unique<Impl>(services, options, std::move(sink), std::move(stop))) {}

StreamingCopier::~StreamingCopier() {
  drain();
}

Status StreamingCopier::accept(StreamRequest request) {
  return impl_->accept(std::move(request));
}

bool StreamingCopier::cancel(std::uint64_t id) {
  return impl_->cancel(id);
}

void StreamingCopier::drain() {
  impl_->drain();
}

}  // namespace freightliner::copy
