// Layouts in directories: damage, links, other tools' files, and many writers.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <functional>
#include <thread>

#include "freightliner/io/file_lock.h"
#include "support/cleanups.h"
#include "transport/layout_fixture.h"

namespace freightliner::transport {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;

class DirectoryLayout : public testing::Test {
 protected:
  ImageName name(const std::string& suffix = ":v1") const {
    return name_of(TransportKind::kOci, directory_ / "layout", suffix);
  }
  fs::path layout(const std::string& file) const { return directory_ / ("layout/" + file); }
  fs::path blob(const oci::Digest& digest) const { return layout("blobs/sha256/" + digest.hex()); }
  Status write(const TestImage& image, const std::string& suffix = ":v1") {
    FL_TRY(const auto target, open_layout_destination(name(suffix), true, test::cleanups(), Logger{}));
    return write_image(*target, *caller_, image, "");
  }
  /// Puts a link to `file`, moved elsewhere, in its place.
  void make_link(const fs::path& file) {
    const fs::path outside = directory_ / "outside";
    fs::rename(file, outside);
    fs::create_symlink(outside, file);
  }
  void overwrite(const fs::path& file, const std::string& text) { std::ofstream(file, std::ios::binary) << text; }

  TemporaryDirectory directory_;
  OfflineCaller caller_;
  TestImage image_{"a"};
};

TEST_F(DirectoryLayout, LooksAsTheSpecificationSays) {
  ASSERT_TRUE(write(image_));
  EXPECT_EQ(directory_.read("layout/oci-layout"), R"({"imageLayoutVersion":"1.0.0"})");
  EXPECT_THAT(entries_of(directory_ / "layout"),
              ElementsAre(".freightliner.lock", "blobs", "index.json", "oci-layout"));
  EXPECT_EQ(entries_of(layout("blobs/sha256")).size(), 3U);
  const oci::Json index = oci::Json::parse(directory_.read("layout/index.json"));
  EXPECT_EQ(index["schemaVersion"], 2);
  ASSERT_EQ(index["manifests"].size(), 1U);
  EXPECT_EQ(index["manifests"][0], oci::Json({{"mediaType", oci::kOciManifest},
                                              {"digest", image_.manifest.digest().to_string()},
                                              {"size", image_.manifest.size()},
                                              {"annotations", {{"org.opencontainers.image.ref.name", "v1"}}}}));
  EXPECT_EQ(directory_.read("layout/blobs/sha256/" + image_.manifest.digest().hex()), image_.manifest.bytes());
}

TEST_F(DirectoryLayout, SweepsUpItsOwnTemporariesAlone) {
  fs::create_directory(directory_ / "layout");
  const std::vector<std::string> theirs = {".backup.0123456789abcdef.tmp", ".index.json.bak.0123456789abcdef.tmp",
                                           ".index.json.tmp"};
  for (const std::string& name : theirs) directory_.write("layout/" + name, "theirs");
  for (const char* const name : {".index.json.0123456789abcdef.tmp", ".oci-layout.0123456789abcdef.tmp"}) {
    directory_.write(std::string("layout/") + name, "half");
  }
  ASSERT_TRUE(write(image_));
  EXPECT_THAT(entries_of(directory_ / "layout"),
              ElementsAre(theirs[0], ".freightliner.lock", theirs[1], theirs[2], "blobs", "index.json", "oci-layout"));
}

TEST_F(DirectoryLayout, MakesParents) {
  const ImageName deep = name_of(TransportKind::kOci, directory_ / "a/b/c/", ":v1");
  const auto target = open_layout_destination(deep, true, test::cleanups(), Logger{}).value();
  ASSERT_TRUE(write_image(*target, *caller_, image_, ""));
  EXPECT_TRUE(open_layout_source(deep));
}

TEST_F(DirectoryLayout, ADamagedManifestIsNamed) {
  ASSERT_TRUE(write(image_));
  const fs::path file = blob(image_.manifest.digest());
  overwrite(file, image_.manifest.bytes() + " ");
  const auto source = open_layout_source(name()).value();
  for (const auto& read : {source->root(*caller_), source->manifest(*caller_, image_.manifest.descriptor())}) {
    ASSERT_FALSE(read);
    EXPECT_EQ(read.error().code(), ErrorCode::kIntegrity);
    EXPECT_THAT(read.error().describe(), HasSubstr(file.string()));
  }
  const auto target = open_layout_destination(name(), true, test::cleanups(), Logger{}).value();
  EXPECT_FALSE(target->resolve(*caller_, "").value()) << "so that it is copied again";
  ASSERT_TRUE(target->put_tagged(*caller_, image_.manifest, ""));
  EXPECT_TRUE(open_layout_source(name()).value()->root(*caller_));
}

TEST_F(DirectoryLayout, AHugeManifestIsRefused) {
  ASSERT_TRUE(write(image_));
  fs::resize_file(blob(image_.manifest.digest()), http::kMaxManifestBytes + 1);
  const auto read = open_layout_source(name()).value()->root(*caller_);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code(), ErrorCode::kProtocol);
  EXPECT_THAT(read.error().describe(), HasSubstr("4.0 MiB"));
}

TEST_F(DirectoryLayout, AnIndexThatLiesAboutASize) {
  ASSERT_TRUE(write(image_));
  oci::Json index = oci::Json::parse(directory_.read("layout/index.json"));
  index["manifests"][0]["size"] = 1;
  overwrite(layout("index.json"), index.dump());
  EXPECT_EQ(open_layout_source(name()).value()->root(*caller_).error().code(), ErrorCode::kIntegrity);
}

TEST_F(DirectoryLayout, AnAmbiguousTagIsRefused) {
  ASSERT_TRUE(write(image_));
  ASSERT_TRUE(write(TestImage("b"), ":v2"));
  oci::Json index = oci::Json::parse(directory_.read("layout/index.json"));
  index["manifests"][1]["annotations"]["org.opencontainers.image.ref.name"] = "v1";
  overwrite(layout("index.json"), index.dump());
  const auto image = open_layout_source(name()).value()->resolve(*caller_);
  ASSERT_FALSE(image);
  EXPECT_EQ(image.error().code(), ErrorCode::kUsage);
  EXPECT_THAT(image.error().describe(), HasSubstr("@sha256:"));
}

TEST_F(DirectoryLayout, ABlobOfTheWrongSizeIsWrittenAnew) {
  ASSERT_TRUE(write(image_));
  overwrite(blob(describe_blob(image_.layer).digest), "half");
  const auto target = open_layout_destination(name(), true, test::cleanups(), Logger{}).value();
  EXPECT_FALSE(target->has_blob(*caller_, describe_blob(image_.layer)).value());
  EXPECT_TRUE(write_blob(*target, *caller_, image_.layer).value());
  const auto source = open_layout_source(name()).value();
  EXPECT_EQ(read_blob(*source, *caller_, describe_blob(image_.layer)).value(), image_.layer);
}

TEST_F(DirectoryLayout, LinksAreRefused) {
  const oci::Descriptor layer = describe_blob(image_.layer);
  io::BufferPool pool;
  io::ChunkQueue queue(pool, 4 * kKiB, 3);
  for (const std::string file : {"blobs", "blobs/sha256", "blob", "manifest", "index.json", "oci-layout"}) {
    SCOPED_TRACE(file);
    fs::remove_all(directory_ / "layout");
    fs::remove_all(directory_ / "outside");
    ASSERT_TRUE(write(image_));
    const bool is_opened_first = file == "index.json" || file == "oci-layout";
    make_link(file == "blob" ? blob(layer.digest) : file == "manifest" ? blob(image_.manifest.digest()) : layout(file));
    const auto source = open_layout_source(name());
    ASSERT_EQ(source.has_value(), !is_opened_first);
    if (!source) {
      EXPECT_EQ(source.error().code(), ErrorCode::kIntegrity);
    } else if (file == "manifest") {
      EXPECT_EQ((*source)->root(*caller_).error().code(), ErrorCode::kIntegrity);
    } else {
      EXPECT_EQ((*source)->open_blob(*caller_, layer, queue).error().code(), ErrorCode::kIntegrity);
    }
    const auto target = open_layout_destination(name(), true, test::cleanups(), Logger{});
    ASSERT_EQ(target.has_value(), !is_opened_first);
    if (!target) {
      EXPECT_EQ(target.error().code(), ErrorCode::kIntegrity);
    } else if (file == "manifest") {
      EXPECT_EQ((*target)->put_tagged(*caller_, image_.manifest, "").error().code(), ErrorCode::kIntegrity);
    } else {
      EXPECT_EQ((*target)->begin_blob(*caller_, layer, std::nullopt).error().code(), ErrorCode::kIntegrity);
      if (file != "blob") {
        EXPECT_EQ((*target)->begin_blob(*caller_, describe_blob("new"), std::nullopt).error().code(),
                  ErrorCode::kIntegrity);
      }
    }
  }
}

TEST_F(DirectoryLayout, ALinkedLockIsRefused) {
  ASSERT_TRUE(write(image_));
  make_link(layout(".freightliner.lock"));
  const Status written = write(TestImage("b"), ":v2");
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code(), ErrorCode::kIntegrity);
}

TEST_F(DirectoryLayout, OtherVersionsAreRefused) {
  ASSERT_TRUE(write(image_));
  for (const std::string text :
       {R"({"imageLayoutVersion":"9.0.0"})", "{}", "[]", "1.0.0", R"({"imageLayoutVersion":1})"}) {
    SCOPED_TRACE(text);
    overwrite(layout("oci-layout"), text);
    EXPECT_EQ(open_layout_source(name()).error().code(), ErrorCode::kProtocol);
    EXPECT_EQ(open_layout_destination(name(), true, test::cleanups(), Logger{}).error().code(), ErrorCode::kProtocol);
  }
  fs::remove(layout("oci-layout"));
  EXPECT_EQ(open_layout_source(name()).error().code(), ErrorCode::kProtocol);
}

TEST_F(DirectoryLayout, ADirectoryWithOtherThingsKeepsThem) {
  directory_.write("layout/letter.txt", "dear");
  ASSERT_TRUE(write(image_));
  EXPECT_EQ(directory_.read("layout/letter.txt"), "dear");
}

TEST_F(DirectoryLayout, AFileInItsPlaceIsALocalError) {
  directory_.write("layout", "x");
  EXPECT_EQ(open_layout_destination(name(), true, test::cleanups(), Logger{}).error().code(), ErrorCode::kLocalIo);
  EXPECT_EQ(open_layout_source(name()).error().code(), ErrorCode::kLocalIo);
}

TEST_F(DirectoryLayout, AFileThatShrinksWhileItIsReadIsDamage) {
  const TestImage large(std::string(20000, 'l'));
  ASSERT_TRUE(write(large));
  io::BufferPool pool;
  io::ChunkQueue queue(pool, 4 * kKiB, 3);
  const auto source = open_layout_source(name()).value();
  const auto reader = source->open_blob(*caller_, describe_blob(large.layer), queue).value();
  ASSERT_TRUE(reader->read());
  fs::resize_file(blob(describe_blob(large.layer).digest), 5000);
  const auto chunk = reader->read();
  ASSERT_FALSE(chunk);
  EXPECT_EQ(chunk.error().code(), ErrorCode::kIntegrity);
}

TEST_F(DirectoryLayout, NothingTemporaryIsLeft) {
  {
    const auto target = open_layout_destination(name(), true, test::cleanups(), Logger{}).value();
    auto start = target->begin_blob(*caller_, describe_blob(image_.layer), std::nullopt);
    ASSERT_TRUE(start && start->writer);
    ASSERT_TRUE(feed(*start->writer, image_.layer.substr(1)));
    EXPECT_EQ(entries_of(layout("blobs/sha256")).size(), 1U);
  }
  EXPECT_TRUE(entries_of(layout("blobs/sha256")).empty());
}

TEST_F(DirectoryLayout, AStopEndsTheWaitForTheLock) {
  ASSERT_TRUE(write(image_));
  const auto root = io::Directory::open(directory_ / "layout").value();
  const auto held = io::FileLock::acquire(root, ".freightliner.lock", {});
  ASSERT_TRUE(held);
  const auto target = open_layout_destination(name(":v2"), true, test::cleanups(), Logger{}).value();
  std::thread stopper([&] { caller_.stop(); });
  const auto put = target->put_tagged(*caller_, image_.manifest, "");
  stopper.join();
  ASSERT_FALSE(put);
  EXPECT_EQ(put.error().code(), ErrorCode::kCancelled);
}

TEST_F(DirectoryLayout, ManyThreadsLoseNoTag) {
  constexpr int kThreads = 32;
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&, i] {
      OfflineCaller caller;
      const TestImage image("shared");
      const auto target = open_layout_destination(name(":tag" + std::to_string(i)), true, test::cleanups(), Logger{});
      const Status written = target ? write_image(**target, *caller, image, "") : Status(fail(target.error()));
      EXPECT_TRUE(written) << written.error().describe();
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (int i = 0; i < kThreads; ++i) {
    EXPECT_TRUE(open_layout_source(name(":tag" + std::to_string(i))).value()->root(*caller_)) << i;
  }
  EXPECT_EQ(entries_of(layout("blobs/sha256")).size(), 3U);
}

/// Runs `body` in a child process; true where it returned true.
bool in_child(const std::function<bool()>& body, std::vector<pid_t>& children) {
  const pid_t child = fork();
  if (child == 0) _exit(body() ? 0 : 1);
  children.push_back(child);
  return child > 0;
}

bool all_succeeded(const std::vector<pid_t>& children) {
  bool good = true;
  for (const pid_t child : children) {
    int status = 0;
    good = waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0 && good;
  }
  return good;
}

TEST_F(DirectoryLayout, ManyProcessesLoseNoTag) {
  constexpr int kProcesses = 8;
  constexpr int kTags = 4;
  std::vector<pid_t> children;
  for (int i = 0; i < kProcesses; ++i) {
    ASSERT_TRUE(in_child(
        [&] {
          bool good = true;
          for (int t = 0; t < kTags; ++t) {
            const std::string suffix = ":p" + std::to_string(i) + "t" + std::to_string(t);
            good = write(TestImage(std::to_string(i)), suffix) && good;
          }
          return good;
        },
        children));
  }
  ASSERT_TRUE(all_succeeded(children));
  for (int i = 0; i < kProcesses; ++i) {
    for (int t = 0; t < kTags; ++t) {
      const std::string suffix = ":p" + std::to_string(i) + "t" + std::to_string(t);
      EXPECT_TRUE(open_layout_source(name(suffix)).value()->root(*caller_)) << suffix;
    }
  }
}

TEST_F(DirectoryLayout, AFullDiskIsALocalErrorWithThePath) {
  ASSERT_TRUE(write(image_));
  std::vector<pid_t> children;
  // A limit on the size of files stands in for a full disk.
  ASSERT_TRUE(in_child(
      [&] {
        std::signal(SIGXFSZ, SIG_IGN);
        const rlimit limit = {4096, 4096};
        if (setrlimit(RLIMIT_FSIZE, &limit) != 0) return false;
        const auto target = open_layout_destination(name(), true, test::cleanups(), Logger{}).value();
        const auto written = write_blob(*target, *caller_, std::string(100000, 'x'));
        return !written && written.error().code() == ErrorCode::kLocalIo &&
               written.error().describe().find("blobs/sha256/") != std::string::npos;
      },
      children));
  EXPECT_TRUE(all_succeeded(children));
  EXPECT_EQ(entries_of(layout("blobs/sha256")).size(), 3U);
}

}  // namespace
}  // namespace freightliner::transport
