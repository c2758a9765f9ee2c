#include "freightliner/io/file.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <limits>
#include <string>
#include <thread>

#include "io/beneath.h"
#include "support/temporary_directory.h"

namespace freightliner::io {
namespace {

using test::TemporaryDirectory;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

Directory opened(const std::filesystem::path& path) {
  auto directory = Directory::open(path);
  EXPECT_TRUE(directory) << path;
  return *std::move(directory);
}

std::string text_of(const UniqueFd& file) {
  auto text = read_small_file(file, kMiB, "a test's file");
  EXPECT_TRUE(text);
  return text ? *text : "";
}

bool is_open(int fd) {
  return fcntl(fd, F_GETFD) >= 0;
}

TEST(UniqueFd, ClosesOnceAndKeepsErrno) {
  UniqueFd a(open("/dev/null", O_RDONLY | O_CLOEXEC));
  ASSERT_TRUE(a);
  const int fd = a.get();
  UniqueFd b(std::move(a));
  EXPECT_FALSE(a);  // NOLINT(bugprone-use-after-move): moved from means empty
  EXPECT_TRUE(is_open(fd));
  auto& alias = b;
  b = std::move(alias);
  EXPECT_EQ(b.get(), fd);
  errno = ENOSPC;
  b.reset();
  EXPECT_EQ(errno, ENOSPC);
  EXPECT_FALSE(is_open(fd));
  UniqueFd c(open("/dev/null", O_RDONLY | O_CLOEXEC));
  const int released = c.release();
  EXPECT_FALSE(c);
  EXPECT_TRUE(is_open(released));
  close(released);
}

TEST(Directory, OpensWhatIsThere) {
  const TemporaryDirectory temporary;
  temporary.write("file", "x");
  std::filesystem::create_directory_symlink(temporary.path(), temporary / "link");
  EXPECT_TRUE(Directory::open(temporary.path()));
  EXPECT_TRUE(Directory::open(temporary / "link")) << "links in the user's own path are followed";
  EXPECT_EQ(Directory::open(temporary / "missing").error().code(), ErrorCode::kNotFound);
  EXPECT_EQ(Directory::open(temporary / "file").error().code(), ErrorCode::kLocalIo);
}

TEST(Directory, CreatesParentsToo) {
  const TemporaryDirectory temporary;
  const auto path = temporary / "a/b/c";
  auto created = Directory::create(path);
  ASSERT_TRUE(created);
  EXPECT_EQ(created->path(), path);
  EXPECT_TRUE(Directory::create(path)) << "again";
  EXPECT_TRUE(Directory::create(temporary / "d/e/")) << "with a slash";
  EXPECT_TRUE(created->sync());
  EXPECT_TRUE(created->sync_entry());
  EXPECT_TRUE(opened(temporary / "d/e/").sync_entry());
  temporary.write("file", "x");
  const auto blocked = Directory::create(temporary / "file/sub");
  EXPECT_EQ(blocked.error().code(), ErrorCode::kLocalIo);
  EXPECT_THAT(blocked.error().message(), HasSubstr("file"));
}

TEST(Directory, OpensRegularFilesBelow) {
  const TemporaryDirectory temporary;
  temporary.write("index.json", "{}");
  temporary.write("blobs/sha256/abc", "blob");
  const Directory directory = opened(temporary.path());
  struct Case {
    std::string path;
    std::string content;
  };
  for (const Case& c :
       {Case{"index.json", "{}"}, Case{"blobs/sha256/abc", "blob"}, Case{"./blobs//sha256/./abc", "blob"}}) {
    auto file = directory.open_file(c.path);
    ASSERT_TRUE(file && *file) << c.path;
    EXPECT_EQ(text_of(**file), c.content) << c.path;
    EXPECT_NE(fcntl((**file).get(), F_GETFD) & FD_CLOEXEC, 0);
  }
  for (const char* path : {"missing", "blobs/missing", "missing/deep"}) {
    auto file = directory.open_file(path);
    ASSERT_TRUE(file) << path;
    EXPECT_FALSE(*file) << path;
  }
}

// A layout as an attacker would make it.
class HostileDirectory : public ::testing::Test {
 protected:
  Directory prepared() const {
    temporary_.write("inside/real", "real");
    temporary_.write("outside/secret", "secret");
    std::filesystem::create_symlink("real", temporary_ / "inside/link");
    std::filesystem::create_symlink(temporary_ / "outside/secret", temporary_ / "inside/absolute");
    std::filesystem::create_symlink("../outside", temporary_ / "inside/up");
    std::filesystem::create_symlink("nowhere", temporary_ / "inside/dangling");
    std::filesystem::create_symlink("loop", temporary_ / "inside/loop");
    std::filesystem::create_symlink("/proc/self/root", temporary_ / "inside/magic");
    std::filesystem::create_directory(temporary_ / "inside/directory");
    mkfifo((temporary_ / "inside/fifo").c_str(), 0600);
    mknod((temporary_ / "inside/socket").c_str(), S_IFSOCK | 0600, 0);
    return opened(temporary_ / "inside");
  }
  TemporaryDirectory temporary_;
  Directory directory_ = prepared();
};

TEST_F(HostileDirectory, RefusesLinksAndSpecialFiles) {
  for (const char* path :
       {"link", "absolute", "up/secret", "dangling", "loop", "magic/etc/passwd", "fifo", "directory", "socket",
        "../outside/secret", "directory/../../outside/secret", "/etc/passwd", "", "..", "."}) {
    const auto file = directory_.open_file(path);
    ASSERT_FALSE(file) << path;
    EXPECT_EQ(file.error().code(), ErrorCode::kIntegrity) << path;
    EXPECT_THAT(file.error().message(), HasSubstr(path)) << path;
  }
  EXPECT_THAT(directory_.open_file("link").error().message(), HasSubstr("is a symbolic link"));
  EXPECT_EQ(directory_.open_file(std::string("real\0x", 6)).error().code(), ErrorCode::kIntegrity);
  EXPECT_EQ(directory_.open_file("real/below").error().code(), ErrorCode::kLocalIo);
  EXPECT_EQ(directory_.open_file(std::string(300, 'x')).error().code(), ErrorCode::kLocalIo);
}

TEST_F(HostileDirectory, ErrorsShowNoControlCharacters) {
  const auto file = directory_.open_file("../\x1b[31mred");
  EXPECT_EQ(file.error().message().find('\x1b'), std::string::npos);
}

TEST_F(HostileDirectory, OpensAndCreatesDirectoriesBeneathOnly) {
  EXPECT_TRUE(directory_.open_directory("directory"));
  EXPECT_EQ(directory_.open_directory("directory")->path(), temporary_ / "inside/directory");
  EXPECT_EQ(directory_.open_directory("up").error().code(), ErrorCode::kIntegrity);
  EXPECT_EQ(directory_.open_directory("missing").error().code(), ErrorCode::kNotFound);
  EXPECT_EQ(directory_.open_directory("real").error().code(), ErrorCode::kLocalIo);

  EXPECT_TRUE(directory_.create_directory("blobs"));
  EXPECT_TRUE(directory_.create_directory("blobs/sha256/"));
  EXPECT_TRUE(directory_.create_directory("blobs/sha256")) << "again";
  EXPECT_TRUE(std::filesystem::is_directory(temporary_ / "inside/blobs/sha256"));
  EXPECT_EQ(directory_.create_directory("up").error().code(), ErrorCode::kIntegrity);
  EXPECT_EQ(directory_.create_directory("up/new").error().code(), ErrorCode::kIntegrity);
  EXPECT_EQ(directory_.create_directory("../new").error().code(), ErrorCode::kIntegrity);
  EXPECT_EQ(directory_.create_directory("missing/new").error().code(), ErrorCode::kNotFound);
  EXPECT_EQ(directory_.create_directory("real").error().code(), ErrorCode::kLocalIo);
  EXPECT_FALSE(std::filesystem::exists(temporary_ / "outside/new"));
}

// The way for kernels without openat2 must answer the same.
TEST_F(HostileDirectory, StepwiseOpeningAnswersAsTheKernelDoes) {
  temporary_.write("inside/directory/deep/file", "deep");
  for (const std::string path :
       {"real", "link", "absolute", "up/secret", "dangling", "loop", "magic/etc/passwd", "fifo", "directory", "socket",
        "missing", "missing/deep", "real/below", "directory/deep/file", "./directory//deep/./file", "."}) {
    const UniqueFd kernel = open_beneath(directory_.fd(), path, O_RDONLY | O_NONBLOCK);
    const int kernel_error = kernel ? 0 : errno;
    const UniqueFd stepwise = open_stepwise(directory_.fd(), path, O_RDONLY | O_NONBLOCK);
    const int stepwise_error = stepwise ? 0 : errno;
    EXPECT_EQ(kernel_error, stepwise_error) << path;
    if (!kernel || !stepwise) continue;
    struct stat a = {};
    struct stat b = {};
    ASSERT_EQ(fstat(kernel.get(), &a) + fstat(stepwise.get(), &b), 0);
    EXPECT_EQ(a.st_ino, b.st_ino) << path;
    EXPECT_NE(fcntl(stepwise.get(), F_GETFD) & FD_CLOEXEC, 0);
  }
}

TEST(File, ReadsByOffset) {
  const TemporaryDirectory temporary;
  temporary.write("file", "0123456789");
  const Directory directory = opened(temporary.path());
  const UniqueFd file = *std::move(*directory.open_file("file"));
  EXPECT_EQ(*file_size(file), 10U);
  struct Case {
    std::uint64_t offset;
    std::size_t length;
    std::string_view expected;
  };
  for (const Case& c : {Case{0, 4, "0123"}, Case{8, 10, "89"}, Case{10, 1, ""}, Case{11, 1, ""}, Case{3, 0, ""},
                        Case{std::numeric_limits<std::uint64_t>::max(), 4, ""}, Case{1ULL << 63U, 4, ""}}) {
    std::array<std::byte, 16> buffer{};
    const auto count = read_at(file, c.offset, MutableByteSpan(buffer).first(c.length));
    ASSERT_TRUE(count) << c.offset;
    EXPECT_EQ(as_text(ByteSpan(buffer).first(*count)), c.expected) << c.offset;
  }
  std::array<std::byte, 1> buffer{};
  EXPECT_EQ(read_at(UniqueFd(), 0, buffer).error().code(), ErrorCode::kLocalIo);
  EXPECT_EQ(file_size(UniqueFd()).error().code(), ErrorCode::kLocalIo);
  EXPECT_EQ(file_size(UniqueFd(open("/dev/null", O_RDONLY | O_CLOEXEC))).error().code(), ErrorCode::kLocalIo);
}

TEST(File, WritesAllThroughAPipeThatTakesLittle) {
  int ends[2];
  ASSERT_EQ(pipe2(ends, O_CLOEXEC), 0);
  const UniqueFd reader(ends[0]);
  UniqueFd writer(ends[1]);
  const std::string text(300'000, 'x');
  std::size_t received = 0;
  std::jthread drain([&] {
    std::array<char, 1000> buffer{};
    for (ssize_t count = 1; count > 0; received += static_cast<std::size_t>(count)) {
      count = read(reader.get(), buffer.data(), buffer.size());
    }
  });
  EXPECT_TRUE(write_all(writer, as_bytes(text)));
  writer.reset();
  drain.join();
  EXPECT_EQ(received, text.size());
}

TEST(File, TellsOfAFullDisk) {
  const UniqueFd full(open("/dev/full", O_WRONLY | O_CLOEXEC));
  ASSERT_TRUE(full);
  const Status written = write_all(full, as_bytes("x"));
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code(), ErrorCode::kLocalIo);
  EXPECT_THAT(written.error().message(), HasSubstr("No space left on device; free some space"));
}

TEST(SmallFile, IsReadUpToItsLimit) {
  const TemporaryDirectory temporary;
  const Directory directory = opened(temporary.path());
  constexpr std::size_t kLimit = 100'000;
  struct Case {
    std::size_t size;
    bool accepted;
  };
  for (const Case& c : {Case{0, true}, Case{1, true}, Case{kLimit - 1, true}, Case{kLimit, true},
                        Case{kLimit + 1, false}, Case{3 * kLimit, false}}) {
    const std::string content(c.size, 'x');
    temporary.write("file", content);
    const auto by_path = read_small_file(temporary / "file", kLimit);
    const UniqueFd file = *std::move(*directory.open_file("file"));
    const auto by_descriptor = read_small_file(file, kLimit, "file");
    EXPECT_EQ(by_path.has_value(), c.accepted) << c.size;
    EXPECT_EQ(by_descriptor.has_value(), c.accepted) << c.size;
    if (c.accepted) {
      EXPECT_EQ(*by_path, content);
      EXPECT_EQ(*by_descriptor, content);
      EXPECT_EQ(*read_small_file(file, kLimit, "file"), content) << "again, from the start";
    } else {
      EXPECT_EQ(by_path.error().code(), ErrorCode::kProtocol);
      EXPECT_EQ(by_descriptor.error().code(), ErrorCode::kProtocol);
    }
  }
  EXPECT_EQ(read_small_file(temporary / "missing", 10).error().code(), ErrorCode::kNotFound);
  EXPECT_EQ(read_small_file(temporary.path(), 10).error().code(), ErrorCode::kLocalIo);
  EXPECT_EQ(read_small_file("/dev/zero", 10).error().code(), ErrorCode::kProtocol);
}

TEST(ListDirectory, NamesWhatIsThere) {
  const TemporaryDirectory temporary;
  EXPECT_THAT(*list_directory(temporary.path()), IsEmpty());
  for (const char* const name : {"a", ".b"}) std::ofstream(temporary / name) << "x";
  std::filesystem::create_directory(temporary / "c");
  EXPECT_THAT(*list_directory(temporary.path()), UnorderedElementsAre("a", ".b", "c"));
  EXPECT_EQ(list_directory(temporary / "none").error().code(), ErrorCode::kNotFound);
  EXPECT_EQ(list_directory(temporary / "a").error().code(), ErrorCode::kNotFound) << "no directory";
}

TEST(SmallFile, MayBeAPipe) {
  const TemporaryDirectory temporary;
  const auto fifo = temporary / "fifo";
  ASSERT_EQ(mkfifo(fifo.c_str(), 0600), 0);
  const std::jthread writer([&] {
    const UniqueFd end(open(fifo.c_str(), O_WRONLY | O_CLOEXEC));
    EXPECT_TRUE(write_all(end, as_bytes("password")));
  });
  EXPECT_EQ(*read_small_file(fifo, 100), "password");
}

TEST(ErrnoError, ClassifiesAndExplains) {
  EXPECT_EQ(errno_error(ENOENT, "open x").code(), ErrorCode::kNotFound);
  EXPECT_EQ(errno_error(EIO, "open x").code(), ErrorCode::kLocalIo);
  EXPECT_EQ(errno_error(EIO, "open x").message(), "cannot open x: Input/output error");
}

}  // namespace
}  // namespace freightliner::io
