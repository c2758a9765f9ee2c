#include "freightliner/runtime/processor_pressure.h"

#include <charconv>
#include <string_view>

#include "runtime/cgroup.h"

namespace freightliner::runtime {
namespace {

constexpr std::chrono::milliseconds kLeastWindow{50};
constexpr double kHigh = 0.25;

}  // namespace

ProcessorPressure::ProcessorPressure(const Clock& clock, const std::filesystem::path& root)
    : clock_(clock), file_(root / "proc/pressure/cpu"), waited_before_(waited()), looked_(clock.now()) {}

bool ProcessorPressure::is_high() {
  const TimePoint now = clock_.now();
  const std::chrono::duration<double, std::micro> passed = now - looked_;
  if (!waited_before_ || passed < kLeastWindow) return is_high_;
  const auto waited_now = waited();
  is_high_ = waited_now && static_cast<double>(*waited_now - *waited_before_) >= kHigh * passed.count();
  waited_before_ = waited_now;
  looked_ = now;
  return is_high_;
}

// "some avg10=0.22 avg60=… avg300=… total=16234661528", in microseconds.
std::optional<std::uint64_t> ProcessorPressure::waited() const {
  const auto text = read_kernel_file(file_);
  if (!text || !text->starts_with("some ")) return std::nullopt;
  constexpr std::string_view kField = " total=";
  const auto at = text->find(kField);
  if (at == std::string::npos) return std::nullopt;
  std::uint64_t time = 0;
  const auto [end, error] = std::from_chars(text->data() + at + kField.size(), text->data() + text->size(), time);
  if (error != std::errc()) return std::nullopt;
  return time;
}

}  // namespace freightliner::runtime
