// How the cost of the algorithms in the copy path grows: sorting tags, what one list of tags has and the other lacks,
// each blob of an image once, a search for a piece of text. Google Benchmark's table with its fits, then for each the
// growth from few to many, divided by what the algorithm's order allows; ends with 1 where that is above the bound.

#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <ctime>
#include <functional>
#include <random>
#include <string>
#include <vector>

#include "copy/copy_plan.h"
#include "copy/memory_image.h"
#include "cpu_time.h"
#include "figures.h"
#include "freightliner/replicate/pattern.h"
#include "freightliner/replicate/version.h"
#include "replicate/repository_listing.h"

namespace {

using freightliner::bench::Seconds;
using freightliner::bench::thread_cpu_time;
/// Prepares an input of `n` and returns what is to be timed.
using Prepare = std::function<std::function<void()>(std::size_t n)>;

struct Subject {
  std::string_view name;
  std::size_t few;
  std::size_t many;
  benchmark::BigO order;
  Prepare prepare;
};

std::vector<std::string> make_tags(std::size_t count, unsigned seed) {
  std::mt19937 random(seed);
  std::vector<std::string> tags;
  for (std::size_t i = 0; i < count; ++i) {
    tags.push_back(fmt::format("v{}.{}.{}", random() % 50, random() % 50, random() % (count * 2)));
  }
  return tags;
}

std::function<void()> sort_tags(std::size_t n) {
  return [tags = make_tags(n, 1)] {
    auto sorted = tags;
    freightliner::replicate::sort_by_version(sorted);
    benchmark::DoNotOptimize(sorted.data());
  };
}

/// Which tags of the source the destination lacks, and the reverse, as a run and --delete-extra ask for it.
std::function<void()> compare_lists(std::size_t n) {
  freightliner::replicate::RepositoryListing listing;
  listing.selected = make_tags(n, 1);
  listing.destination_tags = make_tags(n, 2);
  std::ranges::sort(listing.selected);
  std::ranges::sort(*listing.destination_tags);
  return [listing = std::move(listing)] {
    std::size_t differences = 0;
    for (const std::string& tag : listing.selected) differences += listing.destination_has(tag) ? 0 : 1;
    for (const std::string& tag : *listing.destination_tags) differences += listing.is_selected(tag) ? 0 : 1;
    benchmark::DoNotOptimize(differences);
  };
}

/// An image whose manifest names each of its layers twice.
std::function<void()> plan_image(std::size_t n) {
  namespace fl = freightliner;
  std::vector<fl::oci::Descriptor> layers;
  for (std::size_t i = 0; i < n; ++i) {
    const std::string bytes = std::to_string(i / 2);
    layers.push_back({.media_type = "application/vnd.oci.image.layer.v1.tar+gzip",
                      .digest = fl::io::digest_of(bytes),
                      .size = bytes.size()});
  }
  const std::string text = fl::test::MemoryRepository::image_json(layers.front(), layers);
  const fl::oci::RawManifest manifest(text, std::string(fl::oci::kOciManifest), fl::io::digest_of(text));
  return [manifest] {
    static fl::http::SharedCaches caches;
    static fl::http::Session session(fl::http::SessionOptions{}, caches, fl::Logger());
    fl::test::MemoryRepository repository;
    fl::test::MemorySource source(repository, "v1");
    fl::http::Caller caller{session, {}};
    fl::copy::PlanBuilder plan(source, caller);
    benchmark::DoNotOptimize(plan.add(manifest).has_value());
  };
}

/// A name of n bytes with nothing of the pattern but at its end.
std::function<void()> search_text(std::size_t n) {
  const auto pattern = *freightliner::replicate::Pattern::compile("*alpine*", freightliner::replicate::NameKind::kTag);
  std::string name;
  while (name.size() < n) name += "1.20.3-rc4-0123456789abcdef.";
  name.resize(n);
  name += "alpine3";
  return [pattern, name] { benchmark::DoNotOptimize(pattern->matches(name)); };
}

const std::vector<Subject>& subjects() {
  static const std::vector<Subject> all = {
      {"sort_by_version", 1'000, 100'000, benchmark::oNLogN, sort_tags},
      {"differences of two sorted lists of tags", 1'000, 100'000, benchmark::oNLogN, compare_lists},
      {"each blob of an image once", 200, 20'000, benchmark::oN, plan_image},
      {"text in a name of N bytes", 128, 12'800, benchmark::oN, search_text},
  };
  return all;
}

void register_benchmarks() {
  constexpr double kMinTime = 0.05;
  for (const Subject& subject : subjects()) {
    benchmark::RegisterBenchmark(std::string(subject.name).c_str(),
                                 [&subject](benchmark::State& state) {
                                   const auto work = subject.prepare(static_cast<std::size_t>(state.range(0)));
                                   for (auto _ : state) work();
                                   state.SetComplexityN(state.range(0));
                                 })
        ->RangeMultiplier(10)
        ->Range(static_cast<std::int64_t>(subject.few), static_cast<std::int64_t>(subject.many))
        ->MinTime(kMinTime)
        ->Complexity(subject.order);
  }
}

/// CPU time (user and system) of one call, the best of a few, each long enough for the clock.
double best_time(const std::function<void()>& work) {
  constexpr int kRounds = 7;
  constexpr Seconds kLongEnough(0.005);
  double best = 1e18;
  for (int round = 0; round < kRounds; ++round) {
    const Seconds start = thread_cpu_time();
    std::size_t calls = 0;
    Seconds elapsed(0);
    for (; elapsed < kLongEnough; elapsed = thread_cpu_time() - start) {
      for (int i = 0; i < 10; ++i) work();
      calls += 10;
    }
    best = std::min(best, elapsed.count() / static_cast<double>(calls));
  }
  return best;
}

double allowed_growth(const Subject& subject) {
  const auto cost = [&](std::size_t n) {
    const auto number = static_cast<double>(n);
    return subject.order == benchmark::oNLogN ? number * std::log2(number) : number;
  };
  return cost(subject.many) / cost(subject.few);
}

void take_growth(freightliner::bench::Figures& figures) {
  constexpr double kBound = 3;  // what does not fit into the processor's caches takes longer; a square takes 100 times
  for (const Subject& subject : subjects()) {
    const double grown = best_time(subject.prepare(subject.many)) / best_time(subject.prepare(subject.few));
    figures.at_most(fmt::format("{}: growth from {} to {}, of {}", subject.name, subject.few, subject.many,
                                subject.order == benchmark::oNLogN ? "N log N" : "N"),
                    grown / allowed_growth(subject), "x", kBound);
  }
}

}  // namespace

int main(int argc, char** argv) {
  freightliner::bench::Figures figures("complexity_bench", argc, argv);
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  register_benchmarks();
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  take_growth(figures);
  return figures.finish();
}
