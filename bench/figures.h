#pragma once

#include <fmt/format.h>

#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace freightliner::bench {

/// The figures of one benchmark: each is printed as a row when it is added, with its bound and whether that holds, and
/// all are written to a file where `--figures=FILE` asks for it. bench_support.py writes the same form, bench/baseline
/// reads it: {"benchmark": NAME, "figures": [{"name", "value", "unit", "better": "lower" | "higher", "bound"}]}.
///
/// Units say how far a figure can be trusted: "ns", "us" and "s" are this machine's at this moment, "x" is a ratio
/// taken within one run, "MiB" a size, "count" is the same everywhere.
class Figures {
 public:
  /// Takes `--figures=FILE` out of the arguments: whoever parses the others never sees it.
  Figures(std::string benchmark, int& argc, char** argv) : benchmark_(std::move(benchmark)) {
    constexpr std::string_view kOption = "--figures=";
    int kept = 0;
    for (int i = 0; i < argc; ++i) {
      if (std::string_view(argv[i]).starts_with(kOption)) {
        file_ = argv[i] + kOption.size();
      } else {
        argv[kept++] = argv[i];
      }
    }
    argc = kept;
    argv[argc] = nullptr;
  }

  void at_most(std::string_view name, double value, std::string_view unit, double bound) {
    add(name, value, unit, "lower", bound, value <= bound);
  }
  void at_least(std::string_view name, double value, std::string_view unit, double bound) {
    add(name, value, unit, "higher", bound, value >= bound);
  }
  /// Without a bound: the less the better.
  void note(std::string_view name, double value, std::string_view unit) { add(name, value, unit, "lower", {}, true); }

  /// The exit code of the benchmark: 1 where a bound was missed or the file could not be written.
  int finish() const {
    if (file_.empty()) return met_ ? 0 : 1;
    std::ofstream file(file_);
    file << nlohmann::json{{"benchmark", benchmark_}, {"figures", figures_}}.dump(2) << '\n';
    file.close();
    if (!file) fmt::print(stderr, "{}: can't write {}\n", benchmark_, file_);
    return met_ && file ? 0 : 1;
  }

 private:
  void add(std::string_view name, double value, std::string_view unit, std::string_view better,
           std::optional<double> bound, bool met) {
    const std::string target = bound ? fmt::format("{} {}", better == "lower" ? "<=" : ">=", *bound) : std::string();
    fmt::print("{:<72} {:>10.2f} {:<5}   {:<8} {}\n", name, value, unit, target, !bound ? "" : met ? "ok" : "MISSED");
    figures_.push_back({{"name", name}, {"value", value}, {"unit", unit}, {"better", better}});
    figures_.back()["bound"] = bound ? nlohmann::json(*bound) : nlohmann::json();
    met_ = met_ && met;
  }

  std::string benchmark_;
  std::string file_;
  std::vector<nlohmann::json> figures_;
  bool met_ = true;
};

}  // namespace freightliner::bench
