// Layouts in archives: what is carried over, what is reserved, and what other programs write.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <atomic>
#include <chrono>
#include <fstream>
#include <thread>
#include <utility>

#include "freightliner/io/file_lock.h"
#include "freightliner/io/tar.h"
#include "support/cleanups.h"
#include "transport/archive_file.h"
#include "transport/layout_fixture.h"

namespace freightliner::transport {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr char kVersion[] = R"({"imageLayoutVersion":"1.0.0"})";

class Archive : public testing::Test {
 protected:
  ImageName name(const std::string& suffix = ":v1") const {
    return name_of(TransportKind::kOciArchive, directory_ / "image.tar", suffix);
  }
  Status write(const TestImage& image, const std::string& suffix = ":v1") {
    FL_TRY(const auto target, open_archive_destination(name(suffix), true, test::cleanups(), Logger{}));
    return write_image(*target, *caller_, image, "");
  }
  std::string bytes() const { return directory_.read("image.tar"); }
  static std::string member(const oci::Digest& digest) { return "blobs/sha256/" + digest.hex(); }

  /// An archive as another program may write it.
  void write_tar(const std::vector<std::pair<std::string, std::string>>& files) {
    std::string tar;
    io::TarWriter writer([&](ByteSpan part) {
      tar += as_text(part);
      return Status();
    });
    for (const auto& [file, text] : files) {
      ASSERT_TRUE(file.ends_with('/') ? writer.add_directory(file) : writer.add_file(file, as_bytes(text)));
    }
    ASSERT_TRUE(writer.finish());
    directory_.write("image.tar", tar);
  }
  std::string index_text() const {
    oci::Json entry = image_.manifest.descriptor().to_json();
    entry["annotations"] = {{"org.opencontainers.image.ref.name", "v1"}};
    return oci::Json({{"schemaVersion", 2}, {"manifests", oci::Json::array({entry})}}).dump();
  }

  TemporaryDirectory directory_;
  OfflineCaller caller_;
  TestImage image_{"a"};
};

TEST_F(Archive, AppearsAtFinishAndNotBefore) {
  const auto target = open_archive_destination(name(), true, test::cleanups(), Logger{}).value();
  ASSERT_TRUE(write_blob(*target, *caller_, image_.layer));
  const auto before = entries_of(directory_.path());
  ASSERT_EQ(before.size(), 1U);
  EXPECT_THAT(before[0], testing::MatchesRegex("\\.image\\.tar\\.[0-9a-f]+\\.tmp"));
  ASSERT_TRUE(write_image(*target, *caller_, image_, ""));
  EXPECT_THAT(entries_of(directory_.path()), ElementsAre("image.tar"));
}

TEST_F(Archive, AHalfWrittenOneOfARunThatWasKilledIsRemoved) {
  directory_.write(".image.tar.0123456789abcdef.tmp", "half");
  directory_.write(".other.tar.0123456789abcdef.tmp", "another archive's");
  ASSERT_TRUE(write(image_));
  EXPECT_THAT(entries_of(directory_.path()), ElementsAre(".other.tar.0123456789abcdef.tmp", "image.tar"));
}

TEST_F(Archive, DroppedWithoutFinishChangesNothing) {
  ASSERT_TRUE(write(image_));
  const std::string before = bytes();
  {
    const auto target = open_archive_destination(name(":v2"), true, test::cleanups(), Logger{}).value();
    const TestImage other("b");
    ASSERT_TRUE(write_blob(*target, *caller_, other.layer));
    ASSERT_TRUE(target->put_tagged(*caller_, other.manifest, ""));
    EXPECT_EQ(target->resolve(*caller_, "").value()->digest, other.manifest.digest());
  }
  EXPECT_EQ(bytes(), before);
  EXPECT_THAT(entries_of(directory_.path()), ElementsAre("image.tar"));
}

TEST_F(Archive, AnUnchangedImageIsNotWrittenAgain) {
  ASSERT_TRUE(write(image_));
  struct stat before = {};
  ASSERT_EQ(stat((directory_ / "image.tar").c_str(), &before), 0);
  ASSERT_TRUE(write(image_));
  struct stat after = {};
  ASSERT_EQ(stat((directory_ / "image.tar").c_str(), &after), 0);
  EXPECT_EQ(before.st_ino, after.st_ino);
}

TEST_F(Archive, CarriesOverBlobsAndNames) {
  ASSERT_TRUE(write(image_));
  const TestImage other(std::string(300000, 'b'));
  ASSERT_TRUE(write(other, ":v2"));
  for (const TestImage* const image : {&std::as_const(image_), &other}) {
    const std::string suffix = image == &other ? ":v2" : ":v1";
    const auto source = open_archive_source(name(suffix)).value();
    EXPECT_EQ(source->root(*caller_)->bytes(), image->manifest.bytes());
    EXPECT_EQ(read_blob(*source, *caller_, describe_blob(image->layer)).value(), image->layer);
    EXPECT_EQ(read_blob(*source, *caller_, describe_blob(image->config)).value(), image->config);
  }
}

TEST_F(Archive, OnlyANewNameTakesTheBlobsAlong) {
  ASSERT_TRUE(write(image_));
  const auto target = open_archive_destination(name(":v2"), true, test::cleanups(), Logger{}).value();
  ASSERT_TRUE(target->put_tagged(*caller_, image_.manifest, ""));
  ASSERT_TRUE(target->finish(*caller_));
  for (const std::string suffix : {":v1", ":v2"}) {
    const auto source = open_archive_source(name(suffix)).value();
    EXPECT_EQ(read_blob(*source, *caller_, describe_blob(image_.layer)).value(), image_.layer) << suffix;
  }
}

TEST_F(Archive, ABlobOfTheWrongSizeIsReplaced) {
  write_tar({{"oci-layout", kVersion},
             {member(describe_blob(image_.layer).digest), "half"},
             {member(image_.manifest.digest()), "damaged"},
             {"index.json", index_text()}});
  const auto target = open_archive_destination(name(), true, test::cleanups(), Logger{}).value();
  EXPECT_FALSE(target->resolve(*caller_, "").value());
  ASSERT_TRUE(write_image(*target, *caller_, image_, ""));
  const auto source = open_archive_source(name()).value();
  EXPECT_EQ(read_blob(*source, *caller_, describe_blob(image_.layer)).value(), image_.layer);
  EXPECT_TRUE(source->root(*caller_));
}

TEST_F(Archive, ReadsWhatTarWrites) {
  // "tar -C DIR -cf FILE ." puts "./" before each name, and directories between.
  write_tar({{"./", ""},
             {"./index.json", index_text()},
             {"./blobs/", ""},
             {"./blobs/sha256/", ""},
             {"./" + member(image_.manifest.digest()), image_.manifest.bytes()},
             {"./letter.txt", "passed over"},
             {"./" + member(describe_blob(image_.layer).digest), image_.layer},
             {"./oci-layout", kVersion}});
  const auto source = open_archive_source(name()).value();
  EXPECT_EQ(source->root(*caller_)->digest(), image_.manifest.digest());
  EXPECT_EQ(read_blob(*source, *caller_, describe_blob(image_.layer)).value(), image_.layer);
  ASSERT_TRUE(write(TestImage("b"), ":v2"));
  EXPECT_TRUE(open_archive_source(name()).value()->root(*caller_)) << "carried over";
}

TEST_F(Archive, RefusesWhatIsNoArchiveOfALayout) {
  write_tar({{"etc/passwd", "root"}});
  for (const auto& code : {open_archive_source(name()).error().code(),
                           open_archive_destination(name(), true, test::cleanups(), Logger{}).error().code()}) {
    EXPECT_EQ(code, ErrorCode::kProtocol);
  }
  write_tar({{"oci-layout", kVersion}});
  EXPECT_EQ(open_archive_source(name()).error().code(), ErrorCode::kProtocol);
  EXPECT_EQ(open_archive_destination(name(), true, test::cleanups(), Logger{}).error().code(), ErrorCode::kProtocol);
  directory_.write("image.tar", "\x1f\x8b" + std::string(2000, 'z'));
  const auto compressed = open_archive_source(name());
  ASSERT_FALSE(compressed);
  EXPECT_EQ(compressed.error().code(), ErrorCode::kProtocol);
  EXPECT_THAT(compressed.error().describe(), HasSubstr("image.tar"));
}

TEST_F(Archive, AMemberThatComesTwiceIsRefused) {
  write_tar({{"oci-layout", kVersion}, {"index.json", index_text()}, {"index.json", index_text()}});
  EXPECT_EQ(open_archive_source(name()).error().code(), ErrorCode::kIntegrity);
}

TEST_F(Archive, AnEmptyFileCountsAsNone) {
  directory_.write("image.tar", "");
  ASSERT_TRUE(write(image_));
  EXPECT_TRUE(open_archive_source(name()).value()->root(*caller_));
}

TEST_F(Archive, ALinkAtTheEndOfThePathIsTheUsers) {
  ASSERT_TRUE(write(image_));
  fs::create_directory(directory_ / "store");
  fs::rename(directory_ / "image.tar", directory_ / "store/real.tar");
  fs::create_symlink("store/real.tar", directory_ / "image.tar");
  ASSERT_TRUE(write(TestImage("b"), ":v2"));
  EXPECT_TRUE(fs::is_symlink(directory_ / "image.tar"));
  EXPECT_THAT(entries_of(directory_ / "store"), ElementsAre("real.tar"));
  EXPECT_TRUE(open_archive_source(name(":v2")).value()->root(*caller_));
}

TEST_F(Archive, BadPlaces) {
  fs::create_directory(directory_ / "image.tar");
  EXPECT_EQ(open_archive_source(name()).error().code(), ErrorCode::kUsage);
  EXPECT_EQ(open_archive_destination(name(), true, test::cleanups(), Logger{}).error().code(), ErrorCode::kUsage);
  const ImageName nowhere = name_of(TransportKind::kOciArchive, directory_ / "none/image.tar");
  EXPECT_EQ(open_archive_source(nowhere).error().code(), ErrorCode::kNotFound);
  EXPECT_EQ(open_archive_destination(nowhere, true, test::cleanups(), Logger{}).error().code(), ErrorCode::kNotFound);
  const fs::path fifo = directory_ / "fifo";
  ASSERT_EQ(mkfifo(fifo.c_str(), 0600), 0);
  EXPECT_FALSE(open_archive_source(name_of(TransportKind::kOciArchive, fifo)));
}

TEST_F(Archive, AnotherProgramsChangeIsNotLost) {
  ASSERT_TRUE(write(image_));
  const auto target = open_archive_destination(name(":v2"), true, test::cleanups(), Logger{}).value();
  const TestImage other("b");
  ASSERT_TRUE(write_blob(*target, *caller_, other.layer));
  ASSERT_TRUE(write(TestImage("c"), ":v3"));
  const Status finished = write_image(*target, *caller_, other, "");
  ASSERT_FALSE(finished);
  EXPECT_EQ(finished.error().code(), ErrorCode::kLocked);
  EXPECT_TRUE(open_archive_source(name(":v3")).value()->resolve(*caller_));
}

// Between the look and the rename nobody else gets in: who holds the lock is another run that is just there.
TEST_F(Archive, AChangeAtTheVeryLastMomentIsNotLost) {
  ASSERT_TRUE(write(TestImage("c"), ":v3"));
  const std::string later = bytes();
  ASSERT_TRUE(write(image_));
  const io::Directory directory = io::Directory::open(directory_.path()).value();
  auto held = io::FileLock::acquire(directory, {}).value();
  ASSERT_TRUE(held);
  Status finished;
  std::thread writer([&] { finished = write(TestImage("b"), ":v2"); });
  // Had it not waited, it would be through long since.
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  fs::remove(directory_ / "image.tar");
  directory_.write("image.tar", later);
  held.reset();
  writer.join();
  ASSERT_FALSE(finished);
  EXPECT_EQ(finished.error().code(), ErrorCode::kLocked);
  EXPECT_EQ(bytes(), later);
  EXPECT_THAT(entries_of(directory_.path()), ElementsAre("image.tar"));
}

TEST_F(Archive, WritersAtTheSameTimeLoseNoTag) {
  constexpr int kWriters = 8;
  std::vector<std::thread> threads;
  for (int i = 0; i < kWriters; ++i) {
    threads.emplace_back([&, i] {
      const std::string text = std::to_string(i);
      OfflineCaller caller;
      for (;;) {
        const auto target = open_archive_destination(name(":v" + text), true, test::cleanups(), Logger{}).value();
        const Status written = write_image(*target, *caller, TestImage(text), "");
        if (written) return;
        ASSERT_EQ(written.error().code(), ErrorCode::kLocked) << written.error().describe();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (int i = 0; i < kWriters; ++i) {
    const auto source = open_archive_source(name(":v" + std::to_string(i))).value();
    EXPECT_TRUE(source->root(*caller_)) << i;
  }
}

TEST_F(Archive, KeepsTheModeOfTheOneThatItReplaces) {
  const auto mode = [&] { return static_cast<unsigned>(fs::status(directory_ / "image.tar").permissions()); };
  ASSERT_TRUE(write(image_));
  EXPECT_EQ(mode() & 0600U, 0600U);
  for (const unsigned wanted : {0600U, 0666U, 0440U}) {
    fs::permissions(directory_ / "image.tar", static_cast<fs::perms>(wanted));
    ASSERT_TRUE(write(TestImage(std::to_string(wanted)), ":v" + std::to_string(wanted)));
    EXPECT_EQ(mode(), wanted);
  }
  directory_.write("image.tar", "", 0600);  // as mktemp(1) makes it
  fs::permissions(directory_ / "image.tar", static_cast<fs::perms>(0600));
  const auto target = open_archive_destination(name(), true, test::cleanups(), Logger{}).value();
  ASSERT_TRUE(write_blob(*target, *caller_, image_.layer));
  for (const std::string& entry : entries_of(directory_.path())) {
    EXPECT_EQ(static_cast<unsigned>(fs::status(directory_ / entry).permissions()), 0600U) << "from the beginning";
  }
}

TEST_F(Archive, ABlobThatWasNeverFinishedFailsFinish) {
  const auto target = open_archive_destination(name(), true, test::cleanups(), Logger{}).value();
  {
    auto start = target->begin_blob(*caller_, describe_blob("never"), std::nullopt);
    ASSERT_TRUE(start && start->writer);
  }
  EXPECT_FALSE(write_image(*target, *caller_, image_, ""));
  EXPECT_FALSE(fs::exists(directory_ / "image.tar"));
}

TEST_F(Archive, WritersAreKeptInTheirPlaces) {
  const auto target = open_archive_destination(name(), true, test::cleanups(), Logger{}).value();
  const oci::Descriptor blob = describe_blob("0123456789");
  auto start = target->begin_blob(*caller_, blob, std::nullopt);
  ASSERT_TRUE(start && start->writer);
  EXPECT_EQ(target->begin_blob(*caller_, blob, std::nullopt).error().code(), ErrorCode::kInternal)
      << "one writer at a time";
  EXPECT_EQ(feed(*start->writer, "0123456789x").error().code(), ErrorCode::kInternal) << "more than the blob's size";
  start->writer->abort();
  oci::Descriptor liar = blob;
  liar.size = 11;
  EXPECT_EQ(target->begin_blob(*caller_, liar, std::nullopt).error().code(), ErrorCode::kIntegrity);
  start = target->begin_blob(*caller_, blob, std::nullopt);
  ASSERT_TRUE(start && start->writer);
  ASSERT_TRUE(feed(*start->writer, "01234"));
  EXPECT_EQ(start->writer->commit().error().code(), ErrorCode::kInternal) << "less than the blob's size";
  ASSERT_TRUE(feed(*start->writer, "56789"));
  EXPECT_TRUE(start->writer->commit());
}

TEST_F(Archive, AHostileSizeIsALocalError) {
  const auto target = open_archive_destination(name(), true, test::cleanups(), Logger{}).value();
  oci::Descriptor blob = describe_blob("x");
  blob.size = (std::uint64_t{1} << 63U) - 1;
  const auto start = target->begin_blob(*caller_, blob, std::nullopt);
  ASSERT_FALSE(start);
  EXPECT_EQ(start.error().code(), ErrorCode::kLocalIo);
}

TEST_F(Archive, BlobsAreWrittenInParallel) {
  constexpr int kBlobs = 16;
  const auto target = open_archive_destination(name(), true, test::cleanups(), Logger{}).value();
  const auto content = [](int i) {
    return std::string(static_cast<std::size_t>(50000 + i * 777), static_cast<char>('a' + i));
  };
  std::vector<std::thread> threads;
  std::atomic<int> failures = 0;
  for (int i = 0; i < kBlobs; ++i) {
    threads.emplace_back([&, i] {
      OfflineCaller caller;
      if (!write_blob(*target, *caller, content(i))) ++failures;
      // All bring the same manifest as well.
      if (!target->put_manifest(*caller, image_.manifest)) ++failures;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(failures, 0);
  ASSERT_TRUE(write_image(*target, *caller_, image_, ""));
  const auto source = open_archive_source(name()).value();
  for (int i = 0; i < kBlobs; ++i) {
    EXPECT_EQ(read_blob(*source, *caller_, describe_blob(content(i))).value(), content(i)) << i;
  }
}

TEST_F(Archive, AStopEndsTheCarryingOver) {
  ASSERT_TRUE(write(image_));
  const auto target = open_archive_destination(name(":v2"), true, test::cleanups(), Logger{}).value();
  ASSERT_TRUE(target->put_tagged(*caller_, image_.manifest, ""));
  caller_.stop();
  const Status finished = target->finish(*caller_);
  ASSERT_FALSE(finished);
  EXPECT_EQ(finished.error().code(), ErrorCode::kCancelled);
}

TEST_F(Archive, RangesAreCopiedBetweenFileSystems) {
  // /proc has files that copy_file_range(2) does not take: the copy by hand stands in.
  const io::Directory directory = io::Directory::open(directory_.path()).value();
  const auto archive = ArchiveFile::create(test::cleanups(), directory, "x.tar", "x.tar").value();
  const io::Directory proc = io::Directory::open("/proc/self").value();
  auto file = std::make_shared<const io::UniqueFd>(*proc.open_file("cmdline").value());
  std::ifstream stream("/proc/self/cmdline", std::ios::binary);
  const std::string expected{std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
  ASSERT_TRUE(archive->copy_member("x", {file, 1, expected.size() - 1}, "cmdline", {}));
  const auto range = archive->find("x");
  ASSERT_TRUE(range);
  std::string text(range->size, '\0');
  ASSERT_TRUE(io::read_at(*range->file, range->offset, std::as_writable_bytes(std::span(text))));
  EXPECT_EQ(text, expected.substr(1));
  EXPECT_EQ(archive->copy_member("y", {file, 0, expected.size() + 1}, "cmdline", {}).error().code(),
            ErrorCode::kIntegrity);
}

}  // namespace
}  // namespace freightliner::transport
