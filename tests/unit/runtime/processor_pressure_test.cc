#include "freightliner/runtime/processor_pressure.h"

#include <gtest/gtest.h>

#include "runtime/fake_system.h"
#include "support/manual_clock.h"

namespace freightliner::runtime {
namespace {

using std::chrono::milliseconds;

TEST(ProcessorPressure, IsHighWhereSomethingWaitedForAQuarterOfTheTime) {
  const test::FakeSystem system;
  test::ManualClock clock;
  system.set_waited_for_processors(milliseconds(7'000));
  ProcessorPressure pressure(clock, system.root());
  EXPECT_FALSE(pressure.is_high());
  clock.advance(milliseconds(100));
  system.set_waited_for_processors(milliseconds(7'025));
  EXPECT_TRUE(pressure.is_high());
  clock.advance(milliseconds(49));
  EXPECT_TRUE(pressure.is_high()) << "too short to tell: as before";
  clock.advance(milliseconds(51));
  system.set_waited_for_processors(milliseconds(7'049));
  EXPECT_FALSE(pressure.is_high());
}

TEST(ProcessorPressure, IsNeverHighWhereTheKernelDoesNotTell) {
  test::ManualClock clock;
  for (const char* const text : {"", "nonsense", "some avg10=0.00 total=x"}) {
    const test::FakeSystem system;
    if (*text != '\0') system.write("proc/pressure/cpu", text);
    ProcessorPressure pressure(clock, system.root());
    system.set_waited_for_processors(milliseconds(9'000));
    clock.advance(milliseconds(100));
    EXPECT_FALSE(pressure.is_high()) << text;
  }
}

}  // namespace
}  // namespace freightliner::runtime
