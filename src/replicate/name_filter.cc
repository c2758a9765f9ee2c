#include "freightliner/replicate/name_filter.h"

#include <algorithm>
#include <atomic>
#include <functional>
#include <thread>
#include <unordered_map>

namespace freightliner::replicate {

class PatternList::Impl {
 public:
  std::vector<std::shared_ptr<const Pattern>> patterns;  // by tier, within a tier as given
  // All that begins with kExact is found here; the keys are the patterns' own.
  std::unordered_map<std::string_view, const Pattern*> exact;
  const Pattern* any = nullptr;
  std::vector<const Pattern*> others;
};

PatternList::PatternList() : impl_(std::make_shared<Impl>()) {}

Result<PatternList> PatternList::create(PatternCache& cache, NameKind kind, const std::vector<std::string>& patterns) {
  auto impl = std::make_shared<Impl>();
  for (const std::string& text : patterns) {
    FL_TRY(auto pattern, cache.get(text, kind));
    impl->patterns.push_back(std::move(pattern));
  }
  std::ranges::stable_sort(impl->patterns, {}, [](const auto& pattern) { return pattern->tier(); });
  for (const auto& pattern : impl->patterns) {
    if (pattern->tier() == PatternTier::kAny) {
      if (impl->any == nullptr) impl->any = pattern.get();
    } else if (pattern->tier() == PatternTier::kExact) {
      impl->exact.emplace(pattern->exact_name(), pattern.get());
    } else {
      impl->others.push_back(pattern.get());
    }
  }
  PatternList list;
  list.impl_ = std::move(impl);
  return list;
}

bool PatternList::empty() const noexcept {
  return impl_->patterns.empty();
}

const Pattern* PatternList::find(std::string_view name) const noexcept {
  if (impl_->any != nullptr) return impl_->any;
  if (const auto found = impl_->exact.find(name); found != impl_->exact.end()) return found->second;
  const auto& others = impl_->others;
  const auto found = std::ranges::find_if(others, [name](const Pattern* pattern) { return pattern->matches(name); });
  return found == others.end() ? nullptr : *found;
}

class NameFilter::Impl {
 public:
  Impl() = default;
  Impl(PatternList included, PatternList excluded) : include(std::move(included)), exclude(std::move(excluded)) {}

  PatternList include;
  PatternList exclude;

  void count(const Pattern* pattern) const noexcept {
    const std::size_t place = pattern == nullptr ? kPatternTiers : static_cast<std::size_t>(pattern->tier());
    const std::size_t thread = std::hash<std::thread::id>{}(std::this_thread::get_id());
    counters_[thread % kStripes].decided[place].fetch_add(1, std::memory_order_relaxed);
  }
  DecisionCounts counts() const noexcept {
    DecisionCounts sum{};
    for (const Stripe& stripe : counters_) {
      for (std::size_t place = 0; place < sum.size(); ++place) {
        sum[place] += stripe.decided[place].load(std::memory_order_relaxed);
      }
    }
    return sum;
  }
  Decision decide(std::string_view name) const noexcept {
    if (const Pattern* pattern = exclude.find(name)) return {Decision::Why::kExcluded, pattern};
    if (include.empty()) return {Decision::Why::kNoInclude, nullptr};
    if (const Pattern* pattern = include.find(name)) return {Decision::Why::kIncluded, pattern};
    return {Decision::Why::kNotIncluded, nullptr};
  }

 private:
  // One counter that all workers write to would cost each of them more than most patterns do.
  static constexpr std::size_t kStripes = 16;
  struct alignas(64) Stripe {
    std::array<std::atomic<std::uint64_t>, kPatternTiers + 1> decided{};
  };
  mutable std::array<Stripe, kStripes> counters_;
};

NameFilter::NameFilter() : impl_(std::make_shared<Impl>()) {}

NameFilter::NameFilter(PatternList include, PatternList exclude)
    : impl_(std::make_shared<Impl>(std::move(include), std::move(exclude))) {}

Decision NameFilter::decide(std::string_view name) const noexcept {
  const Decision decision = impl_->decide(name);
  impl_->count(decision.pattern);
  return decision;
}

DecisionCounts NameFilter::decided_by_tier() const {
  return impl_->counts();
}

}  // namespace freightliner::replicate
