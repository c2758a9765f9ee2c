// Tag and repository filters. After the usual table of Google Benchmark it measures the figures of docs/FILTERS.md,
// prints each with its bound, and ends with 1 where one is missed.

#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <ctime>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "allocation_count.h"
#include "cpu_time.h"
#include "figures.h"
#include "freightliner/replicate/name_filter.h"
#include "freightliner/replicate/version.h"

namespace {

using freightliner::bench::best_cpu_time;
using freightliner::bench::Figures;
using freightliner::bench::Seconds;
using freightliner::replicate::NameFilter;
using freightliner::replicate::NameKind;
using freightliner::replicate::Pattern;
using freightliner::replicate::PatternCache;
using freightliner::replicate::PatternList;

constexpr std::size_t kManyTags = 100'000;
constexpr std::size_t kFewTags = 1'000;
constexpr int kRounds = 7;

/// Tags as registries have them: versions, versions with a variant, dates, builds with a commit, bare commits.
std::vector<std::string> make_tags(std::size_t count) {
  std::mt19937 random(1);
  const auto below = [&random](unsigned bound) { return static_cast<unsigned>(random() % bound); };
  std::vector<std::string> tags;
  for (std::size_t i = 0; i < count; ++i) {
    switch (below(5)) {
      case 0:
        tags.push_back(fmt::format("v{}.{}.{}", below(20), below(20), below(50)));
        break;
      case 1:
        tags.push_back(fmt::format("{}.{}.{}-alpine3.{}", below(20), below(20), below(50), below(20)));
        break;
      case 2:
        tags.push_back(fmt::format("release-20{:02}-{:02}-{:02}", below(26), 1 + below(12), 1 + below(28)));
        break;
      case 3:
        tags.push_back(fmt::format("build-{:08x}-linux-amd64", random()));
        break;
      default:
        tags.push_back(fmt::format("{:08x}{:08x}{:08x}{:08x}{:08x}", random(), random(), random(), random(), random()));
        break;
    }
  }
  return tags;
}

struct TierCase {
  std::string_view name;
  std::string_view pattern;
  NameKind kind = NameKind::kTag;
  double limit;  // nanoseconds a match
};

constexpr double kStringLimit = 30;
constexpr double kRegexLimit = 150;

const std::vector<TierCase>& tier_cases() {
  static const std::vector<TierCase> cases = {
      {"any", "*", NameKind::kTag, kStringLimit},
      {"exact", "v1.2.3", NameKind::kTag, kStringLimit},
      {"prefix", "v1.*", NameKind::kTag, kStringLimit},
      {"prefix, repository", "release*", NameKind::kRepository, kStringLimit},
      {"suffix", "*-amd64", NameKind::kTag, kStringLimit},
      {"contains", "*alpine*", NameKind::kTag, kStringLimit},
      {"glob with a class", "v[0-9]*.[0-9]", NameKind::kTag, kRegexLimit},
      {"glob with stars", "*.*-alpine*1?", NameKind::kTag, kRegexLimit},
      {"glob with braces", "{v1,v2,release-*}-{0[1-6],1?}*", NameKind::kTag, kRegexLimit},
      {"glob with many braces (RE2)", "{a,b,c,d,e}*-{l,m,n,o}*{6,7}{4,5}", NameKind::kTag, kRegexLimit},
      {"re:, literal beginning", "re:release-20(24|25)-.*", NameKind::kTag, kRegexLimit},
      {"re:, version", "re:v?[0-9]+\\.[0-9]+\\.[0-9]+", NameKind::kTag, kRegexLimit},
      {"re:, whole names", "re:.*-(amd64|arm64)", NameKind::kTag, kRegexLimit},
      {"semver:", "semver:>=1.2 <3 || ^12", NameKind::kTag, kRegexLimit},
  };
  return cases;
}

struct PatternSet {
  std::string_view name;
  std::vector<std::string> patterns;  // 20
};

/// None of them matches much: every name has to go through most of them.
const std::vector<PatternSet>& pattern_sets() {
  static const std::vector<PatternSet> sets = {
      {"mixed", {"latest",          "stable",
                 "v1.2.3",          "v19.*",
                 "nightly*",        "*-s390x",
                 "*-alpine3.1",     "*-rc.1",
                 "*windows*",       "*debug*",
                 "v[0-9].1*",       "*.?-alpine*9",
                 "[!0-9a-z]*",      "{dev,test}-*",
                 "v1[0-5].{1,2}.*", "re:\\d+\\.\\d+\\.\\d+-dev",
                 "re:v\\d+-rc\\d*", "re:.*-(arm64|riscv64)",
                 "semver:>=21",     "semver:^0.99"}},
      {"string tiers only", {"latest",  "stable",    "v1.2.3",    "main",       "edge",   "v19.*", "nightly*",
                             "pr-*",    "dev-*",     "snapshot*", "*-s390x",    "*-rc",   "*.sig", "*-arm64",
                             "*-debug", "*windows*", "*debug*",   "*SNAPSHOT*", "*beta*", "*test*"}},
      {"globs of the glob tier", {"v[0-9].1.1",      "*.?-alpine*x",           "[!0-9a-z]*",
                                  "*-[xyz]*",        "build-*-[!l]*",          "???",
                                  "[a-c]?-*",        "*[g-z][g-z][g-z]9*",     "*_*_*",
                                  "v?.?.?x",         "{dev,test}-*",           "v1{2,3}.{1,2}.?",
                                  "*-{arm64,s390x}", "*{alpha,beta,rc}[0-9]*", "release-{19,18}*-*",
                                  "{a,b,c}-*",       "*.{1,2}.{3,4}-*x",       "{v1,v2}",
                                  "*{-dirty,-dev}",  "{pr,mr}-[0-9]*"}},
      {"re: only", {"re:v\\d+\\.\\d+",     "re:v1.(2|3).*x",
                    "re:(rc|beta).*",      "re:\\d+\\.\\d+-alpine3\\.1\\d",
                    "re:.*-(s390x|arm64)", "re:release-19(24|25)-.*",
                    "re:[^v].*x",          "re:(a|b|c)*z",
                    "re:nightly-\\d+",     "re:\\d+-dev",
                    "re:v\\d+-rc\\.\\d+",  "re:build-[g-z]+.*",
                    "re:[a-z]+",           "re:[a-z]+-[a-z]+",
                    "re:pr-\\d+",          "re:.*-debug",
                    "re:(?i).*SNAPSHOT.*", "re:feature-.*",
                    "re:v?\\d+\\.\\d+",    "re:main-[0-9a-f]{40}"}},
  };
  return sets;
}

NameFilter make_filter(const PatternSet& set) {
  PatternCache cache;
  // Half of them exclude, half include: a name that nothing excludes meets all 20.
  const auto middle = set.patterns.begin() + static_cast<std::ptrdiff_t>(set.patterns.size() / 2);
  return NameFilter(*PatternList::create(cache, NameKind::kTag, {set.patterns.begin(), middle}),
                    *PatternList::create(cache, NameKind::kTag, {middle, set.patterns.end()}));
}

std::size_t filter_all(const NameFilter& filter, const std::vector<std::string>& tags) {
  std::size_t selected = 0;
  for (const std::string& tag : tags) selected += filter.decide(tag).selected() ? 1 : 0;
  return selected;
}

void match(benchmark::State& state, const TierCase& tier) {
  const auto pattern = *Pattern::compile(tier.pattern, tier.kind);
  const auto tags = make_tags(1024);
  std::size_t i = 0;
  for (auto _ : state) benchmark::DoNotOptimize(pattern->matches(tags[i++ % 1024]));
}

void uncached(benchmark::State& state, const TierCase& tier) {
  for (auto _ : state) {
    const auto pattern = *Pattern::compile(tier.pattern, tier.kind);
    benchmark::DoNotOptimize(pattern->matches("v1.2.3"));
  }
}

void cached(benchmark::State& state, const TierCase& tier) {
  PatternCache cache;
  const std::string text(tier.pattern);
  for (auto _ : state) {
    const auto pattern = *cache.get(text, tier.kind);
    benchmark::DoNotOptimize(pattern->matches("v1.2.3"));
  }
}

void filter_tags(benchmark::State& state, const PatternSet& set) {
  const NameFilter filter = make_filter(set);
  const auto tags = make_tags(static_cast<std::size_t>(state.range(0)));
  for (auto _ : state) benchmark::DoNotOptimize(filter_all(filter, tags));
  state.SetItemsProcessed(state.iterations() * state.range(0));
  state.SetComplexityN(state.range(0));
}

void exact_names(benchmark::State& state) {
  const auto names = make_tags(static_cast<std::size_t>(state.range(0)));
  PatternCache cache;
  const auto list = *PatternList::create(cache, NameKind::kTag, names);
  std::size_t i = 0;
  for (auto _ : state) benchmark::DoNotOptimize(list.find(names[i++ % kFewTags]));
  state.SetComplexityN(state.range(0));
}

void sort_tags(benchmark::State& state) {
  const auto tags = make_tags(static_cast<std::size_t>(state.range(0)));
  for (auto _ : state) {
    auto sorted = tags;
    freightliner::replicate::sort_by_version(sorted);
    benchmark::DoNotOptimize(sorted.data());
  }
  state.SetComplexityN(state.range(0));
}

void register_benchmarks() {
  constexpr double kMinTime = 0.05;
  const auto add = [](const std::string& name, auto function, const auto& argument) {
    return benchmark::RegisterBenchmark(name.c_str(), function, argument)->MinTime(kMinTime);
  };
  for (const TierCase& tier : tier_cases()) add(fmt::format("match/{}", tier.name), match, tier);
  for (const TierCase& tier : tier_cases()) {
    add(fmt::format("compile and match/{}", tier.name), uncached, tier);
    add(fmt::format("from the cache and match/{}", tier.name), cached, tier);
  }
  for (const PatternSet& set : pattern_sets()) {
    add(fmt::format("20 patterns/{}", set.name), filter_tags, set)
        ->RangeMultiplier(10)
        ->Range(kFewTags, kManyTags)
        ->Unit(benchmark::kMillisecond)
        ->Complexity(benchmark::oN);
  }
  benchmark::RegisterBenchmark("one of N exact names", exact_names)
      ->RangeMultiplier(10)
      ->Range(kFewTags, kManyTags)
      ->MinTime(kMinTime)
      ->Complexity(benchmark::o1);
  benchmark::RegisterBenchmark("sort_by_version", sort_tags)
      ->RangeMultiplier(10)
      ->Range(kFewTags, kManyTags)
      ->MinTime(kMinTime)
      ->Unit(benchmark::kMillisecond)
      ->Complexity(benchmark::oNLogN);
}

/// With as many tags as fit into the processor's caches: reading the others from memory is not the pattern's work.
void take_matches(Figures& figures, const std::vector<std::string>& all_tags) {
  constexpr std::ptrdiff_t kCachedTags = 10'000;
  const std::vector<std::string> tags(all_tags.begin(), all_tags.begin() + kCachedTags);
  for (const TierCase& tier : tier_cases()) {
    const auto pattern = *Pattern::compile(tier.pattern, tier.kind);
    const Seconds time = best_cpu_time(kRounds, 1, [&] {
      for (const std::string& tag : tags) benchmark::DoNotOptimize(pattern->matches(tag));
    });
    const double nanoseconds = time.count() * 1e9 / static_cast<double>(tags.size());
    figures.at_most(fmt::format("a match, {}: {}", tier.name, tier.pattern), nanoseconds, "ns", tier.limit);
  }
}

void take_filters(Figures& figures, const std::vector<std::string>& tags) {
  constexpr double kLimit = 0.2;   // seconds for 100,000 tags
  constexpr double kGrowth = 1.5;  // cache misses count, growth with the number does not
  const std::vector<std::string> few(tags.begin(), tags.begin() + kFewTags);
  for (const PatternSet& set : pattern_sets()) {
    const NameFilter filter = make_filter(set);
    const double many_time = best_cpu_time(kRounds, 1, [&] { filter_all(filter, tags); }).count();
    const double few_time = best_cpu_time(kRounds, 1, [&] { filter_all(filter, few); }).count();
    const std::uint64_t before = allocation_count();
    filter_all(filter, tags);
    const auto allocations = static_cast<double>(allocation_count() - before);
    const double growth = many_time / few_time / (static_cast<double>(kManyTags) / kFewTags);
    figures.at_most(fmt::format("20 patterns, {}: 100,000 tags", set.name), many_time, "s", kLimit);
    figures.at_most(fmt::format("20 patterns, {}: time per tag, of 100,000 / of 1,000", set.name), growth, "x",
                    kGrowth);
    figures.at_most(fmt::format("20 patterns, {}: allocations", set.name), allocations, "count", 0);
  }
}

/// What it is worth that a run compiles each pattern once and keeps it: against compiling it for each match.
void take_cache(Figures& figures, const std::vector<std::string>& tags) {
  constexpr int kMatches = 2'000;
  constexpr double kLimit = 20;
  const auto time_of = [&](const std::vector<std::string>& patterns, auto&& pattern_of) {
    return best_cpu_time(kRounds, 1, [&] {
      for (std::size_t i = 0; i < kMatches; ++i) {
        for (std::size_t p = 0; p < patterns.size(); ++p) benchmark::DoNotOptimize(pattern_of(p)->matches(tags[i]));
      }
    });
  };
  for (const PatternSet& set : pattern_sets()) {
    PatternCache cache;
    std::vector<std::shared_ptr<const Pattern>> kept;
    for (const std::string& text : set.patterns) kept.push_back(*cache.get(text, NameKind::kTag));
    const Seconds anew =
        time_of(set.patterns, [&](std::size_t p) { return *Pattern::compile(set.patterns[p], NameKind::kTag); });
    const Seconds cached = time_of(set.patterns, [&](std::size_t p) { return kept[p].get(); });
    figures.at_least(fmt::format("compiled for each match / kept for the run, {}", set.name), anew / cached, "x",
                     kLimit);
  }
}

}  // namespace

int main(int argc, char** argv) {
  Figures figures("pattern_bench", argc, argv);
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  register_benchmarks();
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  const auto tags = make_tags(kManyTags);
  take_matches(figures, tags);
  take_cache(figures, tags);
  take_filters(figures, tags);
  return figures.finish();
}
