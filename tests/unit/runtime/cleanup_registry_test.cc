#include "freightliner/runtime/cleanup_registry.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <latch>
#include <stdexcept>
#include <thread>

#include "freightliner/runtime/temporary_file.h"
#include "support/manual_clock.h"
#include "support/temporary_directory.h"

namespace freightliner::runtime {
namespace {

using Registration = CleanupRegistry::Registration;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr Duration kLong{60'000};

class CleanupRegistryTest : public ::testing::Test {
 protected:
  CleanupRegistry::Action note(const std::string& name) {
    return [this, name] {
      done_.push_back(name);
      return Status();
    };
  }
  Registration add(CleanupKind kind, const std::string& name) { return registry_.add(kind, name, note(name)); }

  test::ManualClock clock_;
  std::vector<std::string> done_;
  CleanupRegistry registry_{clock_};
};

TEST_F(CleanupRegistryTest, UndoesOnTheWayOutUnlessReleased) {
  {
    const Registration undone = add(CleanupKind::kTemporaryFile, "a");
    Registration finished = add(CleanupKind::kTemporaryFile, "b");
    finished.release();
    EXPECT_THAT(done_, IsEmpty());
  }
  EXPECT_THAT(done_, ElementsAre("a"));
  const auto statistics = registry_.statistics();
  EXPECT_EQ(statistics.registered, 2U);
  EXPECT_EQ(statistics.active, 0U);
  EXPECT_EQ(statistics.cleaned, 1U);
  EXPECT_EQ(statistics.finished, 1U);
  EXPECT_EQ(statistics.failed, 0U);
}

TEST_F(CleanupRegistryTest, AnExceptionIsAWayOut) {
  try {
    const Registration held = add(CleanupKind::kLock, "lock");
    const Registration file = add(CleanupKind::kTemporaryFile, "file");
    throw std::runtime_error("out");
  } catch (const std::runtime_error&) {
    EXPECT_THAT(done_, ElementsAre("file", "lock"));
  }
}

TEST_F(CleanupRegistryTest, EachActionRunsOnce) {
  Registration one = add(CleanupKind::kTemporaryFile, "a");
  one.run();
  one.run();
  one.release();
  EXPECT_EQ(registry_.run_all(kLong), 0U);
  EXPECT_THAT(done_, ElementsAre("a"));
}

TEST_F(CleanupRegistryTest, MovingKeepsIt) {
  Registration first = add(CleanupKind::kTemporaryFile, "first");
  {
    Registration second = std::move(first);
    first.run();  // NOLINT(bugprone-use-after-move): what is moved from does nothing
    EXPECT_THAT(done_, IsEmpty());
    first = add(CleanupKind::kTemporaryFile, "replaced");
    first = std::move(second);  // takes the place of another, which is undone
    EXPECT_THAT(done_, ElementsAre("replaced"));
  }
  first.run();
  EXPECT_THAT(done_, ElementsAre("replaced", "first"));
}

TEST_F(CleanupRegistryTest, AllByPriorityThenTheNewestFirst) {
  std::vector<Registration> held;
  for (const auto& [kind, name] : std::vector<std::pair<CleanupKind, std::string>>{
           {CleanupKind::kLock, "lock 1"},
           {CleanupKind::kTemporaryFile, "file 1"},
           {CleanupKind::kUploadSession, "upload 1"},
           {CleanupKind::kLayout, "layout"},
           {CleanupKind::kLock, "lock 2"},
           {CleanupKind::kUploadSession, "upload 2"},
           {CleanupKind::kTemporaryFile, "file 2"},
       }) {
    held.push_back(add(kind, name));
    clock_.advance(Duration(1000));
  }
  std::vector<std::string> order;
  for (const auto& entry : registry_.held()) order.push_back(entry.name);
  EXPECT_THAT(order, ElementsAre("upload 2", "upload 1", "file 2", "layout", "file 1", "lock 2", "lock 1"));
  EXPECT_EQ(registry_.held()[1].describe(), "upload session upload 1, for 5.0 s");
  EXPECT_EQ(registry_.held(Duration(6000)).size(), 2U);

  // Upload sessions belong to their threads.
  EXPECT_EQ(registry_.run_all(kLong), 5U);
  EXPECT_THAT(done_, ElementsAre("file 2", "layout", "file 1", "lock 2", "lock 1"));
  EXPECT_EQ(registry_.held().size(), 2U);
  held.clear();
  EXPECT_EQ(done_.size(), 7U);
  EXPECT_THAT(registry_.held(), IsEmpty());
}

TEST_F(CleanupRegistryTest, AFailureStopsNothingAndIsKept) {
  std::vector<Registration> held;
  held.push_back(add(CleanupKind::kTemporaryFile, "last"));
  held.push_back(registry_.add(CleanupKind::kTemporaryFile, "fails",
                               [] { return Status(fail(ErrorCode::kLocalIo, "no such disk")); }));
  held.push_back(
      registry_.add(CleanupKind::kLock, "throws", []() -> Status { throw std::runtime_error("a surprise"); }));
  held.push_back(registry_.add(CleanupKind::kLock, "throws anything", []() -> Status { throw 7; }));
  EXPECT_EQ(registry_.run_all(kLong), 4U);
  EXPECT_THAT(done_, ElementsAre("last"));
  const auto statistics = registry_.statistics();
  EXPECT_EQ(statistics.cleaned, 1U);
  EXPECT_EQ(statistics.failed, 3U);
  ASSERT_EQ(statistics.failures.size(), 3U);
  EXPECT_EQ(statistics.failures[0].name, "fails");
  EXPECT_EQ(statistics.failures[0].reason, "no such disk");
  EXPECT_EQ(statistics.failures[1].name, "throws anything");
  EXPECT_EQ(statistics.failures[2].reason, "a surprise");
}

TEST_F(CleanupRegistryTest, ActionsMayRegisterAndDrop) {
  std::vector<Registration> held;
  Registration other = add(CleanupKind::kLock, "other");
  held.push_back(registry_.add(CleanupKind::kTemporaryFile, "outer", [&] {
    done_.emplace_back("outer");
    other.release();
    held.push_back(add(CleanupKind::kTemporaryFile, "inner"));
    held.front().run();  // itself: goes on
    return Status();
  }));
  EXPECT_EQ(registry_.run_all(kLong), 2U);
  EXPECT_THAT(done_, ElementsAre("outer", "inner"));
}

TEST_F(CleanupRegistryTest, TimeIsBounded) {
  std::vector<Registration> held;
  std::function<void()> again = [&] {
    held.push_back(registry_.add(CleanupKind::kTemporaryFile, "again", [&] {
      clock_.advance(Duration(1000));
      again();
      return Status();
    }));
  };
  again();
  EXPECT_EQ(registry_.run_all(Duration(10'000)), 11U);
  EXPECT_EQ(registry_.held().size(), 1U);
  for (Registration& registration : held) registration.release();
}

TEST_F(CleanupRegistryTest, TheOwnerWaitsForWhoIsAtIt) {
  std::latch begun(1);
  std::latch go_on(1);
  std::atomic<bool> ended{false};
  std::string state = "alive";
  Registration held = registry_.add(CleanupKind::kTemporaryFile, "slow", [&] {
    begun.count_down();
    go_on.wait();
    done_.push_back(state);
    return Status();
  });
  std::jthread leaving([&] { registry_.run_all(kLong); });
  begun.wait();
  std::jthread owner([&] {
    held.run();
    state = "gone";
    ended = true;
  });
  EXPECT_FALSE(ended);
  EXPECT_EQ(registry_.statistics().active, 1U);
  go_on.count_down();
  owner.join();
  EXPECT_THAT(done_, ElementsAre("alive"));
}

TEST_F(CleanupRegistryTest, TheRegistryUndoesWhatIsLeft) {
  auto registry = std::make_unique<CleanupRegistry>(clock_);
  // As if its owner had been forgotten.
  alignas(Registration) std::byte storage[sizeof(Registration)];
  new (storage) Registration(registry->add(CleanupKind::kTemporaryFile, "leak", note("leak")));
  EXPECT_EQ(registry->held().size(), 1U);
  registry.reset();
  EXPECT_THAT(done_, ElementsAre("leak"));
}

TEST_F(CleanupRegistryTest, SixteenThreadsAddUp) {
  constexpr int kThreads = 16;
  constexpr int kRounds = 400;
  std::atomic<int> undone{0};
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < kThreads; ++i) {
      threads.emplace_back([&, i] {
        for (int round = 0; round < kRounds; ++round) {
          const auto kind = static_cast<CleanupKind>((i + round) % 4);
          Registration held = registry_.add(kind, "x", [&] {
            ++undone;
            return Status();
          });
          if (round % 2 == 0) held.release();
          if (round % 50 == 0) registry_.run_all(kLong);
        }
      });
    }
    for (int i = 0; i < 100; ++i) {
      const auto statistics = registry_.statistics();
      EXPECT_EQ(statistics.registered,
                statistics.active + statistics.finished + statistics.cleaned + statistics.failed);
      EXPECT_LE(registry_.held().size(), 16U);
    }
  }
  const auto statistics = registry_.statistics();
  EXPECT_EQ(statistics.registered, static_cast<std::uint64_t>(kThreads) * kRounds);
  EXPECT_EQ(statistics.active, 0U);
  EXPECT_EQ(statistics.cleaned, static_cast<std::uint64_t>(undone.load()));
  EXPECT_EQ(statistics.cleaned + statistics.finished, statistics.registered);
  EXPECT_GE(undone, kThreads * kRounds / 2);
}

TEST(CleanupKinds, NamesAndPriorities) {
  EXPECT_EQ(to_string(CleanupKind::kUploadSession), "upload session");
  EXPECT_EQ(to_string(CleanupKind::kTemporaryFile), "temporary file");
  EXPECT_EQ(to_string(CleanupKind::kLayout), "unfinished layout");
  EXPECT_EQ(to_string(CleanupKind::kLock), "lock");
  EXPECT_EQ(cleanup_priority(CleanupKind::kUploadSession), 10);
  EXPECT_EQ(cleanup_priority(CleanupKind::kTemporaryFile), 5);
  EXPECT_EQ(cleanup_priority(CleanupKind::kLayout), 5);
  EXPECT_EQ(cleanup_priority(CleanupKind::kLock), 1);
}

class TemporaryFileTest : public CleanupRegistryTest {
 protected:
  std::vector<std::string> names() const {
    std::vector<std::string> found;
    for (const auto& entry : std::filesystem::directory_iterator(place_.path())) {
      found.push_back(entry.path().filename().string());
    }
    return found;
  }
  const test::TemporaryDirectory place_;
  const io::Directory directory_ = io::Directory::open(place_.path()).value();
};

TEST_F(TemporaryFileTest, CommittedIsFinished) {
  auto file = TemporaryFile::create(registry_, directory_, "a");
  ASSERT_TRUE(file);
  EXPECT_EQ(registry_.held().at(0).kind, CleanupKind::kTemporaryFile);
  ASSERT_TRUE(file->write(as_bytes("text")));
  ASSERT_TRUE(file->commit());
  EXPECT_THAT(names(), ElementsAre("a"));
  EXPECT_EQ(registry_.statistics().finished, 1U);
  EXPECT_FALSE(file->commit());
}

TEST_F(TemporaryFileTest, AbortedAndDroppedAreGone) {
  {
    auto aborted = TemporaryFile::create(registry_, directory_, "a");
    auto dropped = TemporaryFile::create(registry_, directory_, "b", {.kind = CleanupKind::kLayout}).value();
    const TemporaryFile moved = std::move(dropped);
    EXPECT_EQ(names().size(), 2U);
    aborted->abort();
    aborted->abort();
    EXPECT_EQ(names().size(), 1U);
  }
  EXPECT_THAT(names(), IsEmpty());
  EXPECT_EQ(registry_.statistics().cleaned, 2U);
}

TEST_F(TemporaryFileTest, TheRegistryRemovesItUnderItsOwner) {
  auto file = TemporaryFile::create(registry_, directory_, "a");
  ASSERT_TRUE(file);
  EXPECT_EQ(registry_.run_all(kLong), 1U);
  EXPECT_THAT(names(), IsEmpty());
  EXPECT_TRUE(file->write(as_bytes("text")));  // into a file without a name
  EXPECT_FALSE(file->commit());
  EXPECT_THAT(names(), IsEmpty());
  EXPECT_EQ(registry_.statistics().failed, 0U);
}

TEST_F(TemporaryFileTest, AFileThatCantBeMadeIsNotRegistered) {
  EXPECT_FALSE(TemporaryFile::create(registry_, directory_, "no/slash"));
  EXPECT_EQ(registry_.statistics().registered, 0U);
}

}  // namespace
}  // namespace freightliner::runtime
