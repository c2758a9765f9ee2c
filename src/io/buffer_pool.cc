#include "freightliner/io/buffer_pool.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cassert>
#include <mutex>
#include <utility>
#include <vector>

#include "io/thread_cache.h"

namespace freightliner::io {
namespace {

constexpr int kOversize = -1;
constexpr std::size_t kSmallAlignment = 64;

// Each tier but the last is four times the one below, so the index is half the number of bits.
constexpr std::size_t tier_of(std::size_t size) noexcept {
  return (static_cast<std::size_t>(std::bit_width((size - 1) / kKiB)) + 1) / 2;
}

constexpr bool tiers_match() noexcept {
  for (std::size_t tier = 0; tier < kBufferTiers.size(); ++tier) {
    if (tier_of(kBufferTiers[tier]) != tier) return false;
    if (tier > 0 && tier_of(kBufferTiers[tier - 1] + 1) != tier) return false;
  }
  return tier_of(1) == 0;
}
static_assert(tiers_match());

constexpr std::int64_t credit_for(std::size_t capacity) noexcept {
  return static_cast<std::int64_t>(capacity);
}

}  // namespace

/// The pool proper. Held by its BufferPool and by each thread that has a cache in it, so that a thread which ends after
/// the pool finds a closed pool and not freed memory. The mutex guards everything but what is said to be otherwise.
class BufferPool::Impl : public std::enable_shared_from_this<Impl> {
 public:
  explicit Impl(const Options& options)
      : pooling_(options.pooling),
        page_size_(static_cast<std::size_t>(sysconf(_SC_PAGESIZE))),
        max_retained_(options.pooling ? options.max_retained_bytes : 0) {}

  /// The calling thread's cache; null where it can't have one (memory ran out, or the thread is ending).
  ThreadCache* local() noexcept { return last_used_.pool == this ? last_used_.cache : find_or_add_cache(); }

  std::byte* take_shared(std::size_t tier) noexcept;
  std::byte* allocate(std::size_t capacity) const;
  void deallocate(std::byte* data, std::size_t capacity) const noexcept;
  /// Puts `capacity` bytes on loan; the caller has a buffer for them.
  void charge(ThreadCache* cache, std::size_t capacity) noexcept;
  /// Takes `capacity` bytes off the loan. Comes before the buffer can be acquired again.
  void discharge(ThreadCache* cache, std::size_t capacity) noexcept;
  /// Counts on the thread's own counters, or on those of the threads without.
  template <class Count>
  void count(ThreadCache* cache, Count&& apply) noexcept;
  void keep_or_free(ThreadCache* cache, std::byte* data, std::size_t tier) noexcept;
  void trim(std::size_t keep_bytes);
  void set_retained_cap(std::size_t bytes);
  Statistics statistics() const;
  /// Frees all that is kept. From here on the threads' references lead to an empty shell.
  void close() noexcept;

 private:
  using Lists = std::array<FreeList, kBufferTiers.size()>;
  struct LastUsed {
    const Impl* pool;
    ThreadCache* cache;
  };
  /// The caches of one thread, by pool. Its reference keeps a pool's address from being used again, so that comparing
  /// addresses is enough to know a pool.
  struct Membership {
    std::shared_ptr<Impl> pool;
    ThreadCache* cache;
  };
  struct Memberships {
    std::vector<Membership> list;
    ~Memberships();
  };

  ThreadCache* find_or_add_cache() noexcept;
  ThreadCache* add_cache(Memberships& memberships);
  void retire(ThreadCache* cache) noexcept;
  void collect_credit() noexcept;
  void empty_caches(Lists& to_free) noexcept;
  bool keep_shared(std::byte* data, std::size_t tier) noexcept;
  void free_all(Lists& lists) const noexcept;
  std::uint64_t retained_bytes() const noexcept;

  // Per-thread state has to be found from any thread without a lock, which only thread_local does. The first two have
  // neither constructor nor destructor, so they can be used before and after the third exists.
  static thread_local constinit LastUsed last_used_;
  static thread_local constinit bool thread_is_ending_;
  static thread_local Memberships memberships_;

  const bool pooling_;
  const std::size_t page_size_;

  mutable std::mutex mutex_;
  std::size_t max_retained_;
  bool closed_ = false;
  Lists shared_;
  std::vector<std::unique_ptr<ThreadCache>> caches_;
  PoolCounters other_counters_;     // of threads that ended, and of uses without a cache
  std::size_t shared_bytes_ = 0;    // shared_bytes_ + lent_allowance_ <= max_retained_
  std::size_t lent_allowance_ = 0;  // what the caches may keep
  std::int64_t spare_credit_ = 0;   // issued, and in no thread's account
  std::int64_t high_water_ = 0;     // all credit ever issued
};

thread_local constinit BufferPool::Impl::LastUsed BufferPool::Impl::last_used_{nullptr, nullptr};
thread_local constinit bool BufferPool::Impl::thread_is_ending_ = false;
thread_local BufferPool::Impl::Memberships BufferPool::Impl::memberships_;

BufferPool::Impl::Memberships::~Memberships() {
  // A handle that another thread_local object holds may come back after this: then without a cache.
  thread_is_ending_ = true;
  last_used_ = {nullptr, nullptr};
  for (Membership& membership : list) membership.pool->retire(membership.cache);
}

ThreadCache* BufferPool::Impl::find_or_add_cache() noexcept {
  if (thread_is_ending_) return nullptr;
  for (const Membership& membership : memberships_.list) {
    if (membership.pool.get() != this) continue;
    last_used_ = {this, membership.cache};
    return membership.cache;
  }
  try {
    ThreadCache* cache = add_cache(memberships_);
    last_used_ = {this, cache};
    return cache;
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
}

ThreadCache* BufferPool::Impl::add_cache(Memberships& memberships) {
  std::erase_if(memberships.list, [](const Membership& membership) {
    const std::lock_guard lock(membership.pool->mutex_);
    return membership.pool->closed_;
  });
  last_used_ = {nullptr, nullptr};  // it may have been one of those
  memberships.list.reserve(memberships.list.size() + 1);
  auto cache = std::make_unique<ThreadCache>();
  ThreadCache* const result = cache.get();
  {
    const std::lock_guard lock(mutex_);
    caches_.push_back(std::move(cache));
  }
  memberships.list.push_back({shared_from_this(), result});
  return result;
}

void BufferPool::Impl::retire(ThreadCache* cache) noexcept {
  const std::lock_guard lock(mutex_);
  if (closed_) return;
  cache->credit.freeze();
  spare_credit_ += cache->credit.collect();
  other_counters_.add(cache->counters);
  lent_allowance_ -= cache->allowance();
  for (std::size_t tier = 0; tier < ThreadCache::kTiers; ++tier) {
    while (std::byte* data = cache->steal(tier)) {
      if (!keep_shared(data, tier)) deallocate(data, kBufferTiers[tier]);
    }
  }
  std::erase_if(caches_, [&](const auto& candidate) { return candidate.get() == cache; });
}

std::byte* BufferPool::Impl::take_shared(std::size_t tier) noexcept {
  if (!pooling_) return nullptr;
  const std::lock_guard lock(mutex_);
  std::byte* const data = shared_[tier].pop();
  if (data != nullptr) shared_bytes_ -= kBufferTiers[tier];
  return data;
}

std::byte* BufferPool::Impl::allocate(std::size_t capacity) const {
  const std::size_t alignment = capacity >= kNetworkBufferSize ? page_size_ : kSmallAlignment;
  return static_cast<std::byte*>(::operator new(capacity, std::align_val_t(alignment)));
}

void BufferPool::Impl::deallocate(std::byte* data, std::size_t capacity) const noexcept {
  const std::size_t alignment = capacity >= kNetworkBufferSize ? page_size_ : kSmallAlignment;
  // malloc keeps freed blocks resident below a threshold that it raises up to 32 MiB as it goes, and malloc_trim()
  // leaves the tops of the threads' arenas. The pages are wholly ours, so they can go back to the system first. Without
  // pooling the plain allocation is what is to be compared with.
  if (alignment == page_size_ && pooling_) madvise(data, capacity / page_size_ * page_size_, MADV_DONTNEED);
  ::operator delete(data, std::align_val_t(alignment));
}

void BufferPool::Impl::charge(ThreadCache* cache, std::size_t capacity) noexcept {
  const std::int64_t amount = credit_for(capacity);
  if (cache != nullptr && cache->credit.try_spend(amount)) return;
  const std::lock_guard lock(mutex_);
  if (spare_credit_ < amount) collect_credit();
  if (spare_credit_ < amount) high_water_ += amount - std::exchange(spare_credit_, amount);
  spare_credit_ -= amount;
}

// First all accounts are frozen, then all are emptied: were they emptied one by one while the others go on, what moves
// from a full account to one already emptied would be missed, and the mark set too high.
void BufferPool::Impl::collect_credit() noexcept {
  for (const auto& cache : caches_) cache->credit.freeze();
  for (const auto& cache : caches_) spare_credit_ += cache->credit.collect();
}

void BufferPool::Impl::discharge(ThreadCache* cache, std::size_t capacity) noexcept {
  if (cache != nullptr) return cache->credit.earn(credit_for(capacity));
  const std::lock_guard lock(mutex_);
  spare_credit_ += credit_for(capacity);
}

template <class Count>
void BufferPool::Impl::count(ThreadCache* cache, Count&& apply) noexcept {
  if (cache != nullptr) return apply(cache->counters);
  const std::lock_guard lock(mutex_);
  apply(other_counters_);
}

bool BufferPool::Impl::keep_shared(std::byte* data, std::size_t tier) noexcept {
  if (lent_allowance_ + shared_bytes_ + kBufferTiers[tier] > max_retained_) return false;
  shared_[tier].push(data);
  shared_bytes_ += kBufferTiers[tier];
  return true;
}

void BufferPool::Impl::keep_or_free(ThreadCache* cache, std::byte* data, std::size_t tier) noexcept {
  if (cache != nullptr && cache->push(tier, data)) return;
  if (pooling_) {
    const std::lock_guard lock(mutex_);
    const std::size_t missing = cache != nullptr ? cache->missing_allowance(tier) : ThreadCache::kNever;
    // Half the cap stays with the shared lists, so that idle threads can't hold all of it.
    if (missing != ThreadCache::kNever && lent_allowance_ + missing <= max_retained_ / 2 &&
        lent_allowance_ + missing + shared_bytes_ <= max_retained_) {
      lent_allowance_ += missing;
      cache->allow(missing);
      cache->push(tier, data);
      return;
    }
    if (keep_shared(data, tier)) return;
  }
  deallocate(data, kBufferTiers[tier]);
}

std::uint64_t BufferPool::Impl::retained_bytes() const noexcept {
  std::uint64_t bytes = shared_bytes_;
  for (const auto& cache : caches_) {
    for (std::size_t tier = 0; tier < ThreadCache::kTiers; ++tier) bytes += cache->count(tier) * kBufferTiers[tier];
  }
  return bytes;
}

void BufferPool::Impl::trim(std::size_t keep_bytes) {
  Lists to_free;
  {
    const std::lock_guard lock(mutex_);
    std::uint64_t kept = retained_bytes();
    const auto take = [&](std::size_t tier, std::byte* data) {
      to_free[tier].push(data);
      kept -= std::min<std::uint64_t>(kept, kBufferTiers[tier]);
    };
    for (std::size_t tier = kBufferTiers.size(); tier-- > 0;) {
      while (kept > keep_bytes && !shared_[tier].empty()) {
        take(tier, shared_[tier].pop());
        shared_bytes_ -= kBufferTiers[tier];
      }
    }
    for (std::size_t tier = ThreadCache::kTiers; tier-- > 0;) {
      for (const auto& cache : caches_) {
        std::byte* data = nullptr;
        while (kept > keep_bytes && (data = cache->steal(tier)) != nullptr) take(tier, data);
      }
    }
  }
  free_all(to_free);
}

void BufferPool::Impl::free_all(Lists& lists) const noexcept {
  for (std::size_t tier = 0; tier < lists.size(); ++tier) {
    while (std::byte* data = lists[tier].pop()) deallocate(data, kBufferTiers[tier]);
  }
}

// What the shared lists may not keep under the new cap goes to `to_free`. Afterwards no thread has an allowance.
void BufferPool::Impl::empty_caches(Lists& to_free) noexcept {
  for (const auto& cache : caches_) {
    lent_allowance_ -= cache->allowance();
    cache->revoke_allowance();
  }
  for (const auto& cache : caches_) {
    for (std::size_t tier = 0; tier < ThreadCache::kTiers; ++tier) {
      while (std::byte* data = cache->steal(tier)) {
        if (!keep_shared(data, tier)) to_free[tier].push(data);
      }
    }
  }
}

void BufferPool::Impl::set_retained_cap(std::size_t bytes) {
  if (!pooling_) return;
  Lists to_free;
  {
    const std::lock_guard lock(mutex_);
    if (bytes >= std::exchange(max_retained_, bytes)) return;
    for (std::size_t tier = kBufferTiers.size(); tier-- > 0;) {
      while (shared_bytes_ > bytes && !shared_[tier].empty()) {
        to_free[tier].push(shared_[tier].pop());
        shared_bytes_ -= kBufferTiers[tier];
      }
    }
    empty_caches(to_free);
  }
  free_all(to_free);
}

BufferPool::Statistics BufferPool::Impl::statistics() const {
  const std::lock_guard lock(mutex_);
  std::vector<const PoolCounters*> all = {&other_counters_};
  for (const auto& cache : caches_) all.push_back(&cache->counters);

  // Returns are summed before acquires: what comes back was acquired before, so "in use" can't fall below zero.
  std::array<std::uint64_t, kBufferTiers.size()> returned{};
  std::uint64_t oversize_returned_bytes = 0;
  for (const PoolCounters* counters : all) {
    for (std::size_t tier = 0; tier < returned.size(); ++tier) returned[tier] += counters->tiers[tier].returned.get();
    oversize_returned_bytes += counters->oversize_returned_bytes.get();
  }
  Statistics result;
  std::uint64_t oversize_bytes = 0;
  for (const PoolCounters* counters : all) {
    for (std::size_t tier = 0; tier < returned.size(); ++tier) {
      result.tiers[tier].hits += counters->tiers[tier].hits.get();
      result.tiers[tier].misses += counters->tiers[tier].misses.get();
    }
    result.oversize += counters->oversize.get();
    oversize_bytes += counters->oversize_bytes.get();
    result.chunk_bytes += counters->chunk_bytes.get();
  }
  for (std::size_t tier = 0; tier < returned.size(); ++tier) {
    TierStatistics& entry = result.tiers[tier];
    entry.acquired = entry.hits + entry.misses;
    entry.in_use = entry.acquired - std::min(entry.acquired, returned[tier]);
    entry.retained = shared_[tier].size();
    for (const auto& cache : caches_) entry.retained += cache->count(tier);
    result.bytes_in_use += entry.in_use * kBufferTiers[tier];
    result.bytes_retained += entry.retained * kBufferTiers[tier];
    result.bytes_acquired += entry.acquired * kBufferTiers[tier];
  }
  result.bytes_in_use += oversize_bytes - std::min(oversize_bytes, oversize_returned_bytes);
  result.bytes_acquired += oversize_bytes;
  result.retained_cap = max_retained_;
  result.high_water_bytes = static_cast<std::uint64_t>(high_water_);
  return result;
}

void BufferPool::Impl::close() noexcept {
  const std::lock_guard lock(mutex_);
  closed_ = true;
  for (std::size_t tier = 0; tier < shared_.size(); ++tier) {
    while (std::byte* data = shared_[tier].pop()) deallocate(data, kBufferTiers[tier]);
    for (const auto& cache : caches_) {
      while (std::byte* data = cache->steal(tier)) deallocate(data, kBufferTiers[tier]);
    }
  }
  caches_.clear();
}

BufferPool::BufferPool() : BufferPool(Options()) {}
BufferPool::BufferPool(Options options) : impl_(std::make_shared<Impl>(options)) {}
BufferPool::~BufferPool() {
  impl_->close();
}

PooledBuffer BufferPool::acquire(std::size_t size) {
  Impl& impl = *impl_;
  ThreadCache* const cache = impl.local();
  if (size > kBufferTiers.back()) {
    std::byte* const data = impl.allocate(size);
    impl.charge(cache, size);
    impl.count(cache, [&](PoolCounters& counters) {
      counters.oversize.add(1);
      counters.oversize_bytes.add(size);
    });
    return PooledBuffer(this, data, size, kOversize);
  }
  const std::size_t tier = tier_of(std::max<std::size_t>(size, 1));
  const std::size_t capacity = kBufferTiers[tier];
  std::byte* data = cache != nullptr ? cache->pop(tier) : nullptr;
  if (data == nullptr) data = impl.take_shared(tier);
  const bool hit = data != nullptr;
  if (!hit) data = impl.allocate(capacity);
  impl.charge(cache, capacity);
  impl.count(cache,
             [&](PoolCounters& counters) { (hit ? counters.tiers[tier].hits : counters.tiers[tier].misses).add(1); });
  return PooledBuffer(this, data, capacity, static_cast<int>(tier));
}

void BufferPool::release(std::byte* data, std::size_t capacity, int tier) noexcept {
  Impl& impl = *impl_;
  ThreadCache* const cache = impl.local();
  impl.discharge(cache, capacity);
  if (tier == kOversize) {
    impl.count(cache, [&](PoolCounters& counters) { counters.oversize_returned_bytes.add(capacity); });
    impl.deallocate(data, capacity);
    return;
  }
  const auto index = static_cast<std::size_t>(tier);
  impl.count(cache, [&](PoolCounters& counters) { counters.tiers[index].returned.add(1); });
  impl.keep_or_free(cache, data, index);
}

void BufferPool::count_chunk(std::size_t capacity) noexcept {
  Impl& impl = *impl_;
  impl.count(impl.local(), [&](PoolCounters& counters) { counters.chunk_bytes.add(capacity); });
}

void BufferPool::trim(std::size_t keep_bytes) {
  impl_->trim(keep_bytes);
}
void BufferPool::set_retained_cap(std::size_t bytes) {
  impl_->set_retained_cap(bytes);
}
BufferPool::Statistics BufferPool::statistics() const {
  return impl_->statistics();
}

PooledBuffer::PooledBuffer(PooledBuffer&& other) noexcept
    : pool_(other.pool_),
      data_(std::exchange(other.data_, nullptr)),
      capacity_(std::exchange(other.capacity_, 0)),
      tier_(other.tier_) {}

PooledBuffer& PooledBuffer::operator=(PooledBuffer&& other) noexcept {
  if (this == &other) return *this;
  reset();
  pool_ = other.pool_;
  data_ = std::exchange(other.data_, nullptr);
  capacity_ = std::exchange(other.capacity_, 0);
  tier_ = other.tier_;
  return *this;
}

void PooledBuffer::count_chunk() const noexcept {
  if (data_ != nullptr) pool_->count_chunk(capacity_);
}

void PooledBuffer::reset() noexcept {
  if (data_ == nullptr) return;
  pool_->release(std::exchange(data_, nullptr), std::exchange(capacity_, 0), tier_);
}

}  // namespace freightliner::io
