#include "freightliner/runtime/alert.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "freightliner/base/bytes.h"
#include "freightliner/base/text.h"

namespace freightliner::runtime {
namespace {

// Fewer make no share that says anything.
constexpr std::uint64_t kEnoughOperations = 20;
constexpr Duration kEnoughTime{10'000};

struct Percentile {
  std::string_view name;
  double share;
};
constexpr std::array<Percentile, 4> kPercentiles = {{{"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"max", 1.0}}};

Unexpected bad(std::string message) {
  return fail(ErrorCode::kUsage, std::move(message));
}

std::string operation_names() {
  std::string names;
  for (const Operation operation : all_operations()) {
    names += names.empty() ? "" : ", ";
    names += to_string(operation);
  }
  return names;
}

// "5%", "0.5%"
Result<double> parse_percent(std::string_view text) {
  double percent = 0;
  const bool marked = text.ends_with('%');
  const std::string_view digits = text.substr(0, text.size() - (marked ? 1 : 0));
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), percent);
  const bool whole = error == std::errc() && end == digits.data() + digits.size();
  if (marked && whole && percent >= 0 && percent <= 100) return percent;
  return bad(fmt::format("\"{}\" is no share from 0% to 100%", printable(text, 64)));
}

Result<double> parse_rate(std::string_view text) {
  if (text.ends_with("/s")) text.remove_suffix(2);
  FL_TRY(const std::uint64_t bytes, parse_bytes(text));
  return static_cast<double>(bytes);
}

double milliseconds(std::chrono::nanoseconds time) {
  return std::chrono::duration<double, std::milli>(time).count();
}

}  // namespace

Result<AlertRule> AlertRule::parse_latency(std::string_view subject, std::string_view limit) {
  AlertRule rule;
  rule.kind_ = Kind::kLatency;
  const auto colon = subject.find(':');
  const std::string_view name = subject.substr(0, colon);
  const auto* const percentile = std::ranges::find(kPercentiles, name, &Percentile::name);
  if (percentile == kPercentiles.end() || colon == std::string_view::npos) {
    return bad(
        fmt::format("\"{}\" is nothing that is watched: rss, error-rate, throughput, or p50, p90, p99 or max with "
                    "an operation (p99:blob)",
                    printable(subject, 64)));
  }
  const auto operation = find_operation(subject.substr(colon + 1));
  if (!operation) {
    return bad(fmt::format("there is no operation \"{}\"; there are {}", printable(subject.substr(colon + 1), 64),
                           operation_names()));
  }
  FL_TRY(const Duration time, parse_duration(limit));
  rule.percentile_ = name;
  rule.share_ = percentile->share;
  rule.operation_ = *operation;
  rule.threshold_ = static_cast<double>(time.count());
  return rule;
}

Result<AlertRule> AlertRule::parse(std::string_view text) {
  const auto sign = text.find_first_of("<>");
  if (sign == std::string_view::npos) {
    return bad(fmt::format("\"{}\" compares nothing: rss>256MiB, p99:blob>2s, error-rate>5% and throughput<1MiB do",
                           printable(text, 64)));
  }
  const std::string_view subject = text.substr(0, sign);
  const std::string_view limit = text.substr(sign + 1);
  const bool below = text[sign] == '<';
  if (below != (subject == "throughput")) {
    return bad(
        fmt::format("\"{}\" is watched with {}, not with {}", printable(subject, 64), below ? '>' : '<', text[sign]));
  }
  AlertRule rule;
  if (subject == "rss") {
    FL_TRY(const std::uint64_t bytes, parse_bytes(limit));
    rule.threshold_ = static_cast<double>(bytes);
  } else if (subject == "error-rate") {
    rule.kind_ = Kind::kErrorRate;
    FL_TRY(rule.threshold_, parse_percent(limit));
  } else if (subject == "throughput") {
    rule.kind_ = Kind::kThroughput;
    FL_TRY(rule.threshold_, parse_rate(limit));
  } else {
    FL_TRY(rule, parse_latency(subject, limit));
  }
  rule.text_ = text;
  return rule;
}

std::optional<AlertRule::Finding> AlertRule::look(const PerformanceSnapshot& snapshot, const Moment& moment) const {
  const auto enough = [&](std::uint64_t count) { return count > 0 && (moment.at_end || count >= kEnoughOperations); };
  switch (kind_) {
    case Kind::kResidentSize:
      return Finding{static_cast<double>(snapshot.system.peak_rss_bytes),
                     fmt::format("the process had {} of memory", format_bytes(snapshot.system.peak_rss_bytes))};
    case Kind::kLatency: {
      const LatencySnapshot& latency = snapshot.of(operation_).latency;
      if (!enough(latency.count())) return std::nullopt;
      const double value = milliseconds(latency.quantile(share_));
      return Finding{value, fmt::format("the {} of {} is {:.1f} ms over {} of them", percentile_, to_string(operation_),
                                        value, latency.count())};
    }
    case Kind::kErrorRate: {
      std::uint64_t count = 0;
      std::uint64_t errors = 0;
      for (const OperationStatistics& operation : snapshot.operations) {
        count += operation.latency.count();
        errors += operation.errors;
      }
      if (!enough(count)) return std::nullopt;
      const double percent = 100.0 * static_cast<double>(errors) / static_cast<double>(count);
      return Finding{percent, fmt::format("{} of {} operations failed ({:.2f} %)", errors, count, percent)};
    }
    case Kind::kThroughput:
      break;
  }
  if (moment.bytes_moved == 0 || moment.elapsed <= Duration(0)) return std::nullopt;
  if (!moment.at_end && moment.elapsed < kEnoughTime) return std::nullopt;
  const double rate = static_cast<double>(moment.bytes_moved) * 1000.0 / static_cast<double>(moment.elapsed.count());
  return Finding{rate, fmt::format("{}/s were moved on average", format_bytes(static_cast<std::uint64_t>(rate)))};
}

std::optional<Alert> AlertRule::judge(const PerformanceSnapshot& snapshot, const Moment& moment) const {
  const auto finding = look(snapshot, moment);
  if (!finding) return std::nullopt;
  const bool broken = kind_ == Kind::kThroughput ? finding->value < threshold_ : finding->value > threshold_;
  if (!broken) return std::nullopt;
  return Alert{.alert = text_,
               .value = finding->value,
               .message = fmt::format("alert {}: {}", text_, finding->what),
               .seconds = static_cast<double>(moment.elapsed.count()) / 1000.0};
}

}  // namespace freightliner::runtime
