#include "freightliner/runtime/memory_budget.h"

#include <gtest/gtest.h>

#include <map>

#include "runtime/cgroup.h"
#include "runtime/fake_system.h"
#include "runtime/memory_probe.h"

namespace freightliner::runtime {
namespace {

constexpr const char* kV2Mount = "31 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n";
constexpr const char* kV1Mounts =
    "31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n"
    "32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"
    "35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
    "41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n";
// As in a container of docker's on a host with version 1: only the own part is mounted.
constexpr const char* kContainerMount =
    "35 31 0:32 /docker/0123 /sys/fs/cgroup/memory ro,nosuid - cgroup cgroup rw,memory\n";

struct Case {
  const char* name;
  std::string cgroups;
  std::string mounts;
  std::map<std::string, std::string> limits;  // below /sys/fs/cgroup
  std::uint64_t budget_mib;
  BudgetSource source;
};

TEST(MemoryBudget, OfWhatTheSystemTells) {
  const auto mib = [](std::uint64_t count) { return std::to_string(count * kMiB) + "\n"; };
  for (const Case& c : {
           Case{"no limit anywhere", "0::/\n", kV2Mount, {}, 500, BudgetSource::kPhysicalMemory},
           Case{"v2, own group", "0::/a/b\n", kV2Mount, {{"a/b/memory.max", mib(400)}}, 300, BudgetSource::kCgroupV2},
           Case{"v2, a group above is smaller",
                "0::/a/b\n",
                kV2Mount,
                {{"a/b/memory.max", mib(400)}, {"a/memory.max", mib(200)}},
                150,
                BudgetSource::kCgroupV2},
           Case{"v2, max is no limit",
                "0::/a\n",
                kV2Mount,
                {{"a/memory.max", "max\n"}},
                500,
                BudgetSource::kPhysicalMemory},
           Case{"v2, throttled before",
                "0::/a\n",
                kV2Mount,
                {{"a/memory.max", mib(400)}, {"a/memory.high", mib(100)}},
                75,
                BudgetSource::kCgroupV2},
           Case{"v2, the container's own root",
                "0::/\n",
                kV2Mount,
                {{"memory.max", mib(100)}},
                75,
                BudgetSource::kCgroupV2},
           Case{"v2, a path outside of what is to be seen",
                "0::/../other\n",
                kV2Mount,
                {{"memory.max", mib(100)}},
                75,
                BudgetSource::kCgroupV2},
           Case{"v1",
                "4:memory:/x/y\n2:cpu,cpuacct:/\n0::/\n",
                kV1Mounts,
                {{"memory/x/y/memory.limit_in_bytes", mib(64)}},
                48,
                BudgetSource::kCgroupV1},
           Case{"v1, above is smaller",
                "4:memory:/x/y\n0::/\n",
                kV1Mounts,
                {{"memory/x/y/memory.limit_in_bytes", mib(640)}, {"memory/memory.limit_in_bytes", mib(320)}},
                240,
                BudgetSource::kCgroupV1},
           Case{"v1, none is a huge number",
                "4:memory:/x\n0::/\n",
                kV1Mounts,
                {{"memory/x/memory.limit_in_bytes", "9223372036854771712\n"}},
                500,
                BudgetSource::kPhysicalMemory},
           Case{"v1, in a container",
                "4:memory:/docker/0123\n",
                kContainerMount,
                {{"memory/memory.limit_in_bytes", mib(64)}},
                48,
                BudgetSource::kCgroupV1},
           Case{"v1 and v2",
                "4:memory:/x\n0::/u\n",
                kV1Mounts,
                {{"memory/x/memory.limit_in_bytes", mib(640)}, {"unified/u/memory.max", mib(64)}},
                48,
                BudgetSource::kCgroupV2},
           Case{"larger than the machine",
                "0::/a\n",
                kV2Mount,
                {{"a/memory.max", mib(900)}},
                500,
                BudgetSource::kPhysicalMemory},
           Case{"nonsense",
                "what\n:\n0:",
                "1 2 3 - cgroup2\n - \n",
                {{"memory.max", "x"}},
                500,
                BudgetSource::kPhysicalMemory},
           Case{"empty files", "", "", {}, 500, BudgetSource::kPhysicalMemory},
       }) {
    SCOPED_TRACE(c.name);
    const test::FakeSystem system;
    system.write("proc/meminfo", "MemTotal:        1024000 kB\nMemFree: 1 kB\n");
    system.write("proc/self/cgroup", c.cgroups);
    system.write("proc/self/mountinfo", c.mounts);
    for (const auto& [path, text] : c.limits) system.write("sys/fs/cgroup/" + path, text);
    const MemoryBudget budget = find_memory_budget(std::nullopt, system.root());
    EXPECT_EQ(budget.bytes, c.budget_mib * kMiB);
    EXPECT_EQ(budget.source, c.source);
  }
}

TEST(MemoryBudget, TheUsersWordComesFirst) {
  const test::FakeSystem system;
  const MemoryBudget budget = find_memory_budget(77 * kMiB, system.root());
  EXPECT_EQ(budget.bytes, 77 * kMiB);
  EXPECT_EQ(budget.source, BudgetSource::kOption);
}

TEST(MemoryBudget, OfThisMachine) {
  const test::FakeSystem nothing;  // not even meminfo: the C library knows
  EXPECT_GT(find_memory_budget(std::nullopt, nothing.root()).bytes, kSmallestBudget);
  EXPECT_GT(find_memory_budget(std::nullopt).bytes, 0U);
}

TEST(MemoryProbe, ReadsResidentSizeAndPressure) {
  const test::FakeSystem system;
  MemorySample sample = MemoryProbe(system.root()).take();
  EXPECT_EQ(sample.resident, 0U);
  EXPECT_EQ(sample.stalled, std::nullopt);

  system.set_resident(64 * kMiB);
  system.set_stalled("12.34");
  sample = MemoryProbe(system.root()).take();
  EXPECT_EQ(sample.resident, 64 * kMiB);
  EXPECT_EQ(sample.stalled, 12.34);

  // The own group's pressure comes before the machine's; a group above stands in for one that has none.
  system.write("proc/self/cgroup", "0::/a/b\n");
  system.write("proc/self/mountinfo", kV2Mount);
  system.write("sys/fs/cgroup/a/memory.pressure", test::FakeSystem::pressure("3.00"));
  EXPECT_EQ(MemoryProbe(system.root()).take().stalled, 3.0);
  system.write("sys/fs/cgroup/a/b/memory.pressure", test::FakeSystem::pressure("4.50"));
  EXPECT_EQ(MemoryProbe(system.root()).take().stalled, 4.5);
  system.write("sys/fs/cgroup/a/b/memory.pressure", "nonsense");
  EXPECT_EQ(MemoryProbe(system.root()).take().stalled, 3.0);
}

TEST(MemoryProbe, OfThisProcess) {
  EXPECT_GT(MemoryProbe("/").take().resident, kMiB);
}

}  // namespace
}  // namespace freightliner::runtime
