#include "freightliner/copy/streaming_copier.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <thread>

#include "copy/copy_fixture.h"
#include "freightliner/base/guarded.h"
#include "freightliner/copy/transfer_tuner.h"

namespace freightliner::copy {
namespace {

using test::MemoryDestination;
using test::MemoryRepository;
using test::MemorySource;
using ::testing::ElementsAre;
using ::testing::UnorderedElementsAre;

/// A door that copies wait at.
class Gate {
 public:
  /// Waits until it is opened. False where a stop came first.
  bool pass(const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    ++arrived_;
    changed_.notify_all();
    return changed_.wait(lock, stop, [this] { return open_; });
  }
  void open() {
    const std::lock_guard lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }
  void wait_for(int arrivals) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return arrived_ >= arrivals; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable_any changed_;
  int arrived_ = 0;
  bool open_ = false;
};

/// A source that does something before its manifest comes.
class SlowSource final : public transport::ImageSource {
 public:
  /// `before` returns false where a stop came first.
  SlowSource(MemoryRepository& repository, const std::string& tag, std::function<bool(const std::stop_token&)> before)
      : inner_(repository, tag), before_(std::move(before)) {}
  std::string name() const override { return inner_.name(); }
  Result<oci::Descriptor> resolve(http::Caller& caller) override { return inner_.resolve(caller); }
  Result<oci::RawManifest> manifest(http::Caller& caller, const oci::Descriptor& descriptor) override {
    return inner_.manifest(caller, descriptor);
  }
  Result<oci::RawManifest> root(http::Caller& caller) override {
    if (!before_(caller.stop)) return fail(ErrorCode::kCancelled, "stopped");
    return inner_.root(caller);
  }
  Result<std::optional<oci::RawManifest>> tagged(http::Caller& caller, const std::string& tag) override {
    return inner_.tagged(caller, tag);
  }
  Result<std::optional<std::vector<oci::Descriptor>>> referrers(http::Caller& caller,
                                                                const oci::Digest& digest) override {
    return inner_.referrers(caller, digest);
  }
  Result<std::unique_ptr<io::BlobReader>> open_blob(http::Caller& caller, const oci::Descriptor& blob,
                                                    io::ChunkQueue& queue) override {
    return inner_.open_blob(caller, blob, queue);
  }
  Result<std::optional<registry::MountOrigin>> mount_origin() override { return std::nullopt; }

 private:
  MemorySource inner_;
  std::function<bool(const std::stop_token&)> before_;
};

class StreamingCopierTest : public CopyFixture {
 protected:
  CopyServices services() {
    CopyServices services = CopyFixture::services();
    services.helpers = 0;
    return services;
  }
  StreamingCopier::Sink sink() {
    return
        [this](StreamResult&& result) { results_.with([&](auto& results) { results.push_back(std::move(result)); }); };
  }
  /// Copies from_'s tag to the same tag of to_.
  StreamRequest request(std::uint64_t id, const std::string& tag, Gate* gate = nullptr) {
    return {.id = id, .open = [this, tag, gate]() -> Result<ImagePair> {
              ImagePair pair;
              pair.destination = std::make_unique<MemoryDestination>(to_, tag);
              if (gate != nullptr) {
                pair.source = std::make_unique<SlowSource>(
                    from_, tag, [gate](const std::stop_token& stop) { return gate->pass(stop); });
              } else {
                pair.source = std::make_unique<MemorySource>(from_, tag);
              }
              return pair;
            }};
  }
  std::vector<std::uint64_t> ids() {
    return results_.with([](const auto& results) {
      std::vector<std::uint64_t> ids;
      for (const StreamResult& result : results) ids.push_back(result.id);
      return ids;
    });
  }
  /// "ok", or the class of the error.
  std::string outcome(std::uint64_t id) {
    return results_.with([&](const auto& results) -> std::string {
      const auto found = std::ranges::find(results, id, &StreamResult::id);
      if (found == results.end()) return "none";
      return found->outcome ? "ok" : std::string(to_string(found->outcome.error().code()));
    });
  }
  std::string message(std::uint64_t id) {
    return results_.with([&](const auto& results) {
      return std::ranges::find(results, id, &StreamResult::id)->outcome.error().describe();
    });
  }
  void add_images(int count) {
    for (int i = 0; i < count; ++i) from_.add_image(fmt::format("arch{}", i), fmt::format("v{}", i));
  }

  Guarded<std::vector<StreamResult>> results_;
};

TEST_F(StreamingCopierTest, EachRequestHasItsResult) {
  add_images(50);
  {
    StreamingCopier copier(services(), {}, sink(), stop_.get_token());
    for (std::uint64_t i = 0; i < 50; ++i) ASSERT_TRUE(copier.accept(request(1000 + i, fmt::format("v{}", i))));
    copier.drain();
    EXPECT_EQ(ids().size(), 50U);
  }
  for (std::uint64_t i = 0; i < 50; ++i) {
    const std::string tag = fmt::format("v{}", i);
    results_.with([&](const auto& results) {
      const auto found = std::ranges::find(results, 1000 + i, &StreamResult::id);
      ASSERT_NE(found, results.end());
      ASSERT_TRUE(found->outcome) << found->outcome.error().describe();
      EXPECT_EQ(found->outcome->digest, from_.tags.at(tag));
    });
    EXPECT_EQ(to_.tags.at(tag), from_.tags.at(tag));
  }
  EXPECT_EQ(progress_.tags_total.load(), 50U);
  EXPECT_EQ(progress_.tags_done.load(), 50U);
}

TEST_F(StreamingCopierTest, ResultsComeInTheOrderInWhichCopiesEnd) {
  add_images(3);
  Gate slow;
  Gate slower;
  StreamingCopier copier(services(), {}, sink(), stop_.get_token());
  ASSERT_TRUE(copier.accept(request(1, "v0", &slower)));
  ASSERT_TRUE(copier.accept(request(2, "v1", &slow)));
  ASSERT_TRUE(copier.accept(request(3, "v2")));
  slow.wait_for(1);
  slower.wait_for(1);
  while (ids().empty()) std::this_thread::yield();
  slow.open();
  while (ids().size() < 2) std::this_thread::yield();
  slower.open();
  copier.drain();
  EXPECT_THAT(ids(), ElementsAre(3, 2, 1));
}

TEST_F(StreamingCopierTest, OneThatFailsStopsNoOther) {
  add_images(4);
  StreamingCopier copier(services(), {}, sink(), stop_.get_token());
  ASSERT_TRUE(copier.accept(request(1, "v0")));
  ASSERT_TRUE(copier.accept(request(2, "no such tag")));
  StreamRequest cannot_open = request(3, "v1");
  cannot_open.open = []() -> Result<ImagePair> { return fail(ErrorCode::kLocalIo, "no"); };
  ASSERT_TRUE(copier.accept(std::move(cannot_open)));
  ASSERT_TRUE(copier.accept(request(4, "v2")));
  copier.drain();
  EXPECT_EQ(outcome(1) + " " + outcome(2) + " " + outcome(3) + " " + outcome(4), "ok not_found local_io ok");
}

TEST_F(StreamingCopierTest, AcceptWaitsWhileAllWorkersAreBusy) {
  add_images(5);
  Gate gate;
  std::atomic<int> accepted{0};
  StreamingCopier copier(services(), {}, sink(), stop_.get_token());
  std::thread feeder([&] {
    for (std::uint64_t i = 0; i < 5; ++i) {
      ASSERT_TRUE(copier.accept(request(i, fmt::format("v{}", i), &gate)));
      ++accepted;
    }
  });
  gate.wait_for(kWorkers);
  EXPECT_LE(accepted.load(), static_cast<int>(kWorkers));
  gate.open();
  feeder.join();
  copier.drain();
  EXPECT_EQ(accepted.load(), 5);
  EXPECT_EQ(ids().size(), 5U);
}

TEST_F(StreamingCopierTest, OneRequestIsCancelled) {
  add_images(2);
  Gate gate;
  StreamingCopier copier(services(), {}, sink(), stop_.get_token());
  ASSERT_TRUE(copier.accept(request(1, "v0", &gate)));
  ASSERT_TRUE(copier.accept(request(2, "v1", &gate)));
  gate.wait_for(2);
  EXPECT_FALSE(copier.cancel(3));
  EXPECT_TRUE(copier.cancel(1));
  while (ids().empty()) std::this_thread::yield();
  gate.open();
  copier.drain();
  EXPECT_FALSE(copier.cancel(1)) << "it is through";
  EXPECT_EQ(outcome(1) + " " + outcome(2), "cancelled ok");
  EXPECT_FALSE(to_.tags.contains("v0"));
}

TEST_F(StreamingCopierTest, ADeadlineEndsItsOwnRequest) {
  add_images(3);
  Gate gate;
  StreamingCopier copier(services(), {}, sink(), stop_.get_token());
  StreamRequest hasty = request(1, "v0", &gate);
  hasty.timeout = Duration(20);
  StreamRequest patient = request(2, "v1", &gate);
  patient.timeout = Duration::max();
  ASSERT_TRUE(copier.accept(std::move(hasty)));
  ASSERT_TRUE(copier.accept(std::move(patient)));
  ASSERT_TRUE(copier.accept(request(3, "v2", &gate)));
  while (ids().empty()) std::this_thread::yield();
  gate.open();
  copier.drain();
  EXPECT_EQ(outcome(1) + " " + outcome(2) + " " + outcome(3), "temporary ok ok");
  EXPECT_EQ(message(1), "the time for this copy (20 ms) has passed");
}

TEST_F(StreamingCopierTest, ADeadlineDoesNotHideAFailure) {
  StreamingCopier copier(services(), {}, sink(), stop_.get_token());
  const auto fails_late = [](std::uint64_t id, Error error) {
    const auto failure = std::make_shared<const Error>(std::move(error));
    return StreamRequest{.id = id,
                         .open = [failure]() -> Result<ImagePair> {
                           std::this_thread::sleep_for(std::chrono::milliseconds(300));
                           return fail(*failure);
                         },
                         .timeout = Duration(200)};
  };
  ASSERT_TRUE(copier.accept(fails_late(1, Error(ErrorCode::kAuthentication, "who are you?"))));
  ASSERT_TRUE(copier.accept(fails_late(2, stopped_before_retry(Error(ErrorCode::kTemporary, "503")))));
  copier.drain();
  EXPECT_EQ(outcome(1) + " " + outcome(2), "authentication temporary");
  EXPECT_EQ(message(1), "who are you?");
  EXPECT_EQ(message(2), "the time for this copy (200 ms) has passed: 503");
}

TEST_F(StreamingCopierTest, AStopEndsTheStream) {
  add_images(4);
  Gate gate;
  StreamingCopier copier(services(), {}, sink(), stop_.get_token());
  ASSERT_TRUE(copier.accept(request(1, "v0")));
  while (ids().empty()) std::this_thread::yield();
  ASSERT_TRUE(copier.accept(request(2, "v1", &gate)));
  ASSERT_TRUE(copier.accept(request(3, "v2", &gate)));
  gate.wait_for(2);
  stop_.request_stop();
  const Status refused = copier.accept(request(4, "v3"));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::kCancelled);
  copier.drain();
  EXPECT_EQ(outcome(1) + " " + outcome(2) + " " + outcome(3) + " " + outcome(4), "ok cancelled cancelled none");
}

TEST_F(StreamingCopierTest, AnIdIsUsedOnceAtATime) {
  add_images(2);
  Gate gate;
  StreamingCopier copier(services(), {}, sink(), stop_.get_token());
  ASSERT_TRUE(copier.accept(request(1, "v0", &gate)));
  const Status again = copier.accept(request(1, "v1"));
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code(), ErrorCode::kUsage);
  gate.open();
  copier.drain();
  EXPECT_TRUE(copier.accept(request(1, "v1")));
  copier.drain();
  EXPECT_THAT(ids(), ElementsAre(1, 1));
}

TEST_F(StreamingCopierTest, DestinationsOfOneStoreShareTheirBlobs) {
  const auto config = from_.add_blob("{}", std::string(oci::kOciConfig));
  const auto base = from_.add_blob("base");
  for (int i = 0; i < 8; ++i) {
    const auto own = from_.add_blob(fmt::format("layer {}", i));
    from_.add_manifest(MemoryRepository::image_json(config, {base, own}), oci::kOciManifest, fmt::format("v{}", i));
  }
  StreamingCopier copier(services(), {}, sink(), stop_.get_token());
  for (std::uint64_t i = 0; i < 8; ++i) {
    StreamRequest one = request(i, fmt::format("v{}", i));
    one.store.name = "one";
    ASSERT_TRUE(copier.accept(std::move(one)));
  }
  copier.drain();
  EXPECT_EQ(std::ranges::count(to_.journal, "blob " + base.digest.to_string()), 1);
  EXPECT_EQ(std::ranges::count_if(to_.journal, [](const auto& entry) { return entry.starts_with("blob "); }), 10);
}

TEST_F(StreamingCopierTest, WhereOnlyOneMayWriteTheyWriteInTurn) {
  add_images(6);
  std::atomic<int> open{0};
  std::atomic<int> most{0};
  StreamingCopier copier(services(), {}, sink(), stop_.get_token());
  for (std::uint64_t i = 0; i < 6; ++i) {
    StreamRequest one = request(i, fmt::format("v{}", i));
    one.store = {.name = "archive", .one_at_a_time = true};
    one.open = [&, inner = std::move(one.open)] {
      most = std::max(most.load(), ++open);
      auto pair = inner();
      std::this_thread::yield();
      --open;
      return pair;
    };
    ASSERT_TRUE(copier.accept(std::move(one)));
  }
  copier.drain();
  EXPECT_EQ(most.load(), 1);
  EXPECT_EQ(to_.tags.size(), 6U);
}

TEST_F(StreamingCopierTest, WhatWasTakenAwayFromALocalStoreComesAgain) {
  add_images(1);
  StreamingCopier copier(services(), {}, sink(), stop_.get_token());
  for (std::uint64_t i = 0; i < 2; ++i) {
    StreamRequest one = request(i, "v0");
    one.store = {.name = "layout", .is_local = true};
    ASSERT_TRUE(copier.accept(std::move(one)));
    copier.drain();
    EXPECT_EQ(to_.blobs.size(), 2U);
    to_.blobs.clear();
    to_.manifests.clear();
    to_.tags.clear();
  }
}

TEST_F(StreamingCopierTest, TheSinkIsCalledOnceAtATime) {
  add_images(40);
  std::atomic<int> inside{0};
  std::atomic<bool> overlapped{false};
  StreamingCopier copier(
      services(), {},
      [&](StreamResult&&) {
        if (++inside != 1) overlapped = true;
        std::this_thread::yield();
        --inside;
      },
      stop_.get_token());
  for (std::uint64_t i = 0; i < 40; ++i) ASSERT_TRUE(copier.accept(request(i, fmt::format("v{}", i))));
  copier.drain();
  EXPECT_FALSE(overlapped.load());
}

TEST_F(StreamingCopierTest, AStreamMayHaveItsOwnBufferSize) {
  const auto config = from_.add_blob("{}", std::string(oci::kOciConfig));
  const auto layer = from_.add_blob(std::string(2 * kMiB, 'x'));
  from_.add_manifest(MemoryRepository::image_json(config, {layer}), oci::kOciManifest, "v1");
  TransferTuner tuner({.chunks = 4});
  CopyServices adaptive = services();
  adaptive.tuner = &tuner;
  StreamingCopier copier(adaptive, {.buffer_size = 256 * kKiB}, sink(), stop_.get_token());
  ASSERT_TRUE(copier.accept(request(1, "v1")));
  copier.drain();
  EXPECT_EQ(outcome(1), "ok");
  EXPECT_GE(memory_.statistics().reserved_high_water_bytes, 4 * 256 * kKiB);
}

TEST_F(StreamingCopierTest, TheTunerSaysTheSizeOfBuffers) {
  const auto config = from_.add_blob("{}", std::string(oci::kOciConfig));
  to_.add_blob("{}");  // it would be a first, near answer
  const auto layer = from_.add_blob(std::string(2 * kMiB, 'x'));
  from_.add_manifest(MemoryRepository::image_json(config, {layer}), oci::kOciManifest, "v1");
  TransferTuner tuner({.chunks = 4});
  for (std::size_t i = 0; i < TransferTuner::kLeastAnswers; ++i) {
    tuner.note_answer({}, TransferTuner::End::kSource, std::chrono::milliseconds(100));
  }
  tuner.note_transfer({}, 64 * kKiB, 100 * kMiB, std::chrono::seconds(1));
  CopyServices adaptive = services();
  adaptive.tuner = &tuner;
  StreamingCopier copier(adaptive, {}, sink(), stop_.get_token());
  StreamRequest far = request(1, "v1");
  far.open = [this]() -> Result<ImagePair> {
    return ImagePair{std::make_unique<SlowSource>(from_, "v1",
                                                  [this](const std::stop_token&) {
                                                    clock_.advance(Duration(100));
                                                    return true;
                                                  }),
                     std::make_unique<MemoryDestination>(to_, "v1")};
  };
  ASSERT_TRUE(copier.accept(std::move(far)));
  copier.drain();
  EXPECT_EQ(outcome(1), "ok");
  EXPECT_GE(memory_.statistics().reserved_high_water_bytes, 4 * 256 * kKiB);
}

}  // namespace
}  // namespace freightliner::copy
