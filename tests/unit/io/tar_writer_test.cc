#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <string>
#include <vector>

#include "io/tar_format.h"
#include "io/tar_testing.h"
#include "support/temporary_directory.h"

namespace freightliner::io {
namespace {

using test::TemporaryDirectory;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

TarWriter::Sink into(std::string& text) {
  return [&text](ByteSpan bytes) -> Status {
    text += as_text(bytes);
    return {};
  };
}

std::vector<std::string> lines(const std::string& text) {
  std::vector<std::string> result;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    result.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return result;
}

class TarWriterTest : public ::testing::Test {
 protected:
  TemporaryDirectory temporary_;
};

TEST_F(TarWriterTest, TarReadsWhatIsWritten) {
  std::string bytes;
  TarWriter writer(into(bytes));
  const std::string long_name = name_of_length(200);     // fits prefix and name
  const std::string longest_name = name_of_length(700);  // needs pax
  const std::string unsplittable(120, 'u');
  const std::string block(512, 'z');
  EXPECT_TRUE(writer.add_directory("blobs"));
  EXPECT_TRUE(writer.add_directory("blobs/sha256/"));
  EXPECT_TRUE(writer.add_file("oci-layout", as_bytes("{}")));
  EXPECT_TRUE(writer.add_file("empty", {}));
  EXPECT_TRUE(writer.add_file("block", as_bytes(block)));
  EXPECT_TRUE(writer.add_file(long_name, as_bytes("long")));
  EXPECT_TRUE(writer.add_file(longest_name, as_bytes("longest")));
  EXPECT_TRUE(writer.add_file(unsplittable, as_bytes("u")));
  EXPECT_TRUE(writer.begin_file("parts", 5));
  EXPECT_TRUE(writer.append(as_bytes("he")));
  EXPECT_TRUE(writer.append({}));
  EXPECT_TRUE(writer.append(as_bytes("llo")));
  EXPECT_TRUE(writer.end_file());
  EXPECT_TRUE(writer.finish());
  EXPECT_EQ(bytes.size() % kTarBlock, 0U);

  const auto archive = temporary_.write("written.tar", bytes);
  EXPECT_THAT(lines(output_of("tar -tf " + archive.string() + " 2>&1")),
              ElementsAre("blobs/", "blobs/sha256/", "oci-layout", "empty", "block", long_name, longest_name,
                          unsplittable, "parts"));
  const auto listing = lines(output_of("TZ=UTC tar --numeric-owner -tvf " + archive.string() + " blobs/ block 2>&1"));
  ASSERT_EQ(listing.size(), 3U);
  EXPECT_EQ(listing[0], "drwxr-xr-x 0/0               0 1970-01-01 00:00 blobs/");
  EXPECT_EQ(listing[2], "-rw-r--r-- 0/0             512 1970-01-01 00:00 block");
  EXPECT_EQ(output_of("tar -xOf " + archive.string() + " parts " + longest_name + " 2>&1"), "longesthello");

  const UniqueFd file = opened(archive);
  const auto index = TarIndex::read(file, everything);
  ASSERT_TRUE(index);
  EXPECT_EQ(content(file, index->find(longest_name)), "longest");
  EXPECT_EQ(content(file, index->find("parts")), "hello");
  EXPECT_EQ(index->members().size(), 7U);
}

TEST_F(TarWriterTest, EveryNameLengthSurvivesTheRoundTrip) {
  std::string bytes;
  TarWriter writer(into(bytes));
  std::vector<std::string> names;
  for (std::size_t length = 95; length < 270; ++length) names.push_back(name_of_length(length));
  for (std::size_t length = 980; length < 1000; ++length) names.push_back("e" + name_of_length(length));
  for (const std::string& name : names) ASSERT_TRUE(writer.add_file(name, as_bytes(name)));
  EXPECT_TRUE(writer.finish());
  const auto archive = temporary_.write("written.tar", bytes);
  EXPECT_EQ(lines(output_of("tar -tf " + archive.string() + " 2>&1")), names);
  const UniqueFd file = opened(archive);
  const auto index = TarIndex::read(file, everything);
  ASSERT_TRUE(index);
  for (const std::string& name : names) EXPECT_EQ(content(file, index->find(name)), name);
}

TEST_F(TarWriterTest, EqualInputGivesEqualBytes) {
  std::array<std::string, 2> written;
  for (std::string& bytes : written) {
    TarWriter writer(into(bytes));
    EXPECT_TRUE(writer.add_file("a", as_bytes("1")));
    EXPECT_TRUE(writer.add_file(std::string(150, 'p'), as_bytes("2")));
    EXPECT_TRUE(writer.finish());
  }
  EXPECT_EQ(written[0], written[1]);
}

// The bytes of such members are left as a hole in a sparse file.
TEST_F(TarWriterTest, SizesAroundEightGiB) {
  for (const std::uint64_t size : {8 * kGiB - 1, 8 * kGiB, 8 * kGiB + 1, 20 * kGiB}) {
    const auto archive = temporary_ / "large.tar";
    const UniqueFd out(open(archive.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
    TarWriter writer([&](ByteSpan bytes) { return write_all(out, bytes); });
    ASSERT_TRUE(writer.begin_file("large", size));
    const off_t data = lseek(out.get(), 0, SEEK_CUR);
    ASSERT_GE(lseek(out.get(), static_cast<off_t>(size + tar_padding(size)), SEEK_CUR), 0);
    TarWriter rest([&](ByteSpan bytes) { return write_all(out, bytes); });
    ASSERT_TRUE(rest.add_file("after", as_bytes("x")));
    ASSERT_TRUE(rest.finish());
    const auto index = TarIndex::read(out, everything);
    ASSERT_TRUE(index) << index.error().describe();
    ASSERT_TRUE(index->find("large") && index->find("after"));
    EXPECT_EQ(index->find("large")->size, size);
    EXPECT_EQ(index->find("large")->offset, static_cast<std::uint64_t>(data));
    EXPECT_THAT(output_of("tar -tvf " + archive.string() + " 2>&1"), HasSubstr(" " + std::to_string(size) + " "));
  }
}

TEST_F(TarWriterTest, WriterRefusesCallsOutOfOrder) {
  std::string bytes;
  TarWriter writer(into(bytes));
  const auto refused = [](const Status& status) { return !status && status.error().code() == ErrorCode::kInternal; };
  EXPECT_TRUE(refused(writer.append(as_bytes("x")))) << "outside a member";
  EXPECT_TRUE(refused(writer.end_file()));
  EXPECT_TRUE(refused(writer.add_file("", {})));
  EXPECT_TRUE(refused(writer.add_directory("")));
  EXPECT_TRUE(refused(writer.add_file(std::string("a\0b", 3), {})));
  EXPECT_TRUE(bytes.empty());
  ASSERT_TRUE(writer.begin_file("a", 3));
  EXPECT_TRUE(refused(writer.add_file("b", {}))) << "inside a member";
  EXPECT_TRUE(refused(writer.finish()));
  EXPECT_TRUE(refused(writer.end_file())) << "three bytes are missing";
  EXPECT_TRUE(refused(writer.append(as_bytes("four"))));
  EXPECT_TRUE(writer.append(as_bytes("abc")));
  EXPECT_TRUE(writer.end_file());
  EXPECT_TRUE(writer.finish());
}

TEST_F(TarWriterTest, WriterPassesTheSinksErrorsOn) {
  int calls = 0;
  TarWriter writer([&](ByteSpan) -> Status {
    if (++calls == 2) return fail(ErrorCode::kLocalIo, "disk full");
    return {};
  });
  EXPECT_EQ(writer.add_file("a", as_bytes("x")).error().message(), "disk full");
  EXPECT_EQ(calls, 2);
}

}  // namespace
}  // namespace freightliner::io
