#include "freightliner/base/date.h"

#include <fmt/format.h>

namespace freightliner {
namespace {

// What a time_point in nanoseconds can hold, in whole years.
constexpr int kFirstYear = 1700;
constexpr int kLastYear = 2261;

/// Takes a date apart from front to back; once something does not fit, `good` stays false.
struct Scanner {
  std::string_view rest;
  bool good = true;

  int digits(std::size_t count) {
    int value = 0;
    if (rest.size() < count) good = false;
    if (!good) return 0;
    for (const char c : rest.substr(0, count)) {
      if (c < '0' || c > '9') good = false;
      value = value * 10 + (c - '0');
    }
    rest.remove_prefix(count);
    return value;
  }
  bool take(char wanted) {
    if (rest.empty() || rest.front() != wanted) return false;
    rest.remove_prefix(1);
    return true;
  }
  void expect(char wanted) { good = take(wanted) && good; }
  int bounded(std::size_t count, int most) {
    const int value = digits(count);
    if (value > most) good = false;
    return value;
  }
};

std::chrono::milliseconds fraction(Scanner& scanner) {
  if (!scanner.take('.')) return {};
  int milliseconds = 0;
  int places = 0;
  while (!scanner.rest.empty() && scanner.rest.front() >= '0' && scanner.rest.front() <= '9') {
    if (places < 3) milliseconds = milliseconds * 10 + (scanner.rest.front() - '0');
    ++places;
    scanner.rest.remove_prefix(1);
  }
  if (places == 0) scanner.good = false;
  for (; places < 3; ++places) milliseconds *= 10;
  return std::chrono::milliseconds(milliseconds);
}

std::chrono::minutes offset(Scanner& scanner) {
  if (scanner.take('Z') || scanner.take('z')) return {};
  const bool east = scanner.take('+');
  if (!east) scanner.expect('-');
  const int hours = scanner.bounded(2, 23);
  scanner.expect(':');
  const int minutes = scanner.bounded(2, 59);
  const std::chrono::minutes total(hours * 60 + minutes);
  return east ? total : -total;
}

}  // namespace

std::optional<std::chrono::system_clock::time_point> parse_date(std::string_view text) {
  using namespace std::chrono;
  Scanner scanner{text};
  const int y = scanner.digits(4);
  scanner.expect('-');
  const int m = scanner.digits(2);
  scanner.expect('-');
  const int d = scanner.digits(2);
  const year_month_day day{year(y), month(static_cast<unsigned>(m)), std::chrono::day(static_cast<unsigned>(d))};
  if (!scanner.good || !day.ok() || y < kFirstYear || y > kLastYear) return std::nullopt;
  milliseconds time{0};
  if (!scanner.rest.empty()) {
    if (!scanner.take('T') && !scanner.take('t')) return std::nullopt;
    time += hours(scanner.bounded(2, 23));
    scanner.expect(':');
    time += minutes(scanner.bounded(2, 59));
    scanner.expect(':');
    time += seconds(scanner.bounded(2, 60));  // 60: a leap second
    time += fraction(scanner);
    time -= offset(scanner);
  }
  if (!scanner.good || !scanner.rest.empty()) return std::nullopt;
  const auto moment = system_clock::time_point(sys_days(day)) + time;
  // An offset may lead out of the years, and what date_text() makes of that could not be read again.
  const bool is_inside = moment >= sys_days(year(kFirstYear) / 1 / 1) && moment < sys_days(year(kLastYear + 1) / 1 / 1);
  return is_inside ? std::optional(moment) : std::nullopt;
}

std::string date_text(std::chrono::system_clock::time_point time) {
  using namespace std::chrono;
  const auto whole = floor<milliseconds>(time);
  const auto day = floor<days>(whole);
  const year_month_day date(day);
  const hh_mm_ss clock(whole - day);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()), clock.hours().count(),
                     clock.minutes().count(), clock.seconds().count(), clock.subseconds().count());
}

}  // namespace freightliner
