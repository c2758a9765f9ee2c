#include "freightliner/runtime/processor_pressure.h"

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
  is_high_ = waited_now && *waited_now - *waited_before_ >= kHigh * passed.count();
  waited_before_ = waited_now;
  looked_ = now;
  return is_high_;
}

std::optional<double> ProcessorPressure::waited() const {
  const auto text = read_kernel_file(file_);
  return text ? some_pressure(*text, "total") : std::nullopt;
}

}  // namespace freightliner::runtime
