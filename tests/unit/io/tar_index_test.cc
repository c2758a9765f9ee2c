#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <cstring>
#include <optional>
#include <string>
#include <vector>

#include "io/tar_format.h"
#include "io/tar_testing.h"
#include "support/temporary_directory.h"

namespace freightliner::io {
namespace {

using test::TemporaryDirectory;
using ::testing::HasSubstr;

/// A tar's blocks made by hand, right or wrong.
class Blocks {
 public:
  Blocks& header(const std::string& name, std::string_view size, char type, const std::string& data = {}) {
    TarHeader block{};
    std::memcpy(block.name.data(), name.data(), std::min(name.size(), block.name.size()));
    std::memcpy(block.size.data(), size.data(), std::min(size.size(), block.size.size()));
    std::memcpy(block.magic.data(), kUstarMagic.data(), kUstarMagic.size());
    block.type = type;
    return raw(block).data(data);
  }
  Blocks& raw(TarHeader block) {
    std::snprintf(block.checksum.data(), block.checksum.size(), "%06o",
                  static_cast<unsigned>(tar_checksum(block).as_unsigned));
    text_.append(reinterpret_cast<const char*>(&block), sizeof(block));
    return *this;
  }
  Blocks& data(const std::string& data) {
    text_ += data;
    text_.append(tar_padding(data.size()), '\0');
    return *this;
  }
  Blocks& file(const std::string& name, const std::string& content, char type = '0') {
    std::array<char, 13> size{};
    std::snprintf(size.data(), size.size(), "%011o", static_cast<unsigned>(content.size()));
    return header(name, std::string_view(size.data(), 12), type, content);
  }
  Blocks& end() {
    text_.append(2 * kTarBlock, '\0');
    return *this;
  }
  Blocks& cut(std::size_t bytes) {
    text_.resize(text_.size() - bytes);
    return *this;
  }
  Blocks& poke(std::size_t offset, char value) {
    text_[offset] = value;
    return *this;
  }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

class TarIndexTest : public ::testing::Test {
 protected:
  Result<TarIndex> read(const std::string& bytes) {
    file_ = in_memory(bytes);
    return TarIndex::read(file_, everything);
  }
  TemporaryDirectory temporary_;
  UniqueFd file_;
};

TEST_F(TarIndexTest, ReadsWhatTarWritesInEveryFormat) {
  const std::string long_name = name_of_length(90);
  const std::string longer_name = name_of_length(200);
  temporary_.write("in/index.json", "{}");
  temporary_.write("in/empty", "");
  temporary_.write("in/exact", std::string(1024, 'e'));
  temporary_.write("in/" + long_name, "long");
  temporary_.write("in/" + longer_name, "longer");
  std::filesystem::create_symlink("index.json", temporary_ / "in/link");
  for (const char* options :
       {"--format=ustar", "--format=pax", "--format=gnu", "--format=oldgnu", "--format=posix --sparse"}) {
    const auto archive = temporary_ / "out.tar";
    output_of("tar -C " + (temporary_ / "in").string() + " " + options + " -cf " + archive.string() + " . 2>&1");
    const UniqueFd file = opened(archive);
    const auto index = TarIndex::read(file, [](std::string_view name) { return name != "link"; });
    ASSERT_TRUE(index) << options << ": " << index.error().describe();
    EXPECT_EQ(index->members().size(), 5U) << options;
    EXPECT_EQ(content(file, index->find("index.json")), "{}") << options;
    EXPECT_EQ(content(file, index->find("empty")), "") << options;
    EXPECT_EQ(content(file, index->find("exact")), std::string(1024, 'e')) << options;
    EXPECT_EQ(content(file, index->find(long_name)), "long") << options;
    EXPECT_EQ(content(file, index->find(longer_name)), "longer") << options;
    EXPECT_EQ(index->find("link"), nullptr);
    EXPECT_EQ(TarIndex::read(file, everything).error().code(), ErrorCode::kIntegrity) << "the link is wanted";
  }
}

TEST_F(TarIndexTest, ReadsVeryLongNamesFromTar) {
  const std::string name = name_of_length(1500);
  temporary_.write("in/" + name, "deep");
  for (const char* format : {"pax", "gnu"}) {
    const auto archive = temporary_ / "out.tar";
    output_of("tar -C " + (temporary_ / "in").string() + " --format=" + format + " -cf " + archive.string() +
              " . 2>&1");
    const UniqueFd file = opened(archive);
    const auto index = TarIndex::read(file, everything);
    ASSERT_TRUE(index) << format;
    EXPECT_EQ(content(file, index->find(name)), "deep") << format;
  }
}

TEST_F(TarIndexTest, ReadsV7AndSparseArchivesFromTar) {
  temporary_.write("in/plain", "plain");
  std::filesystem::resize_file(temporary_.write("in/holes", "start"), 20 * kMiB);
  const auto archive = temporary_ / "out.tar";
  const std::string from = "tar -C " + (temporary_ / "in").string() + " -cf " + archive.string();
  output_of(from + " --format=v7 plain 2>&1");
  EXPECT_TRUE(TarIndex::read(opened(archive), everything)->find("plain"));
  for (const char* format : {"gnu", "pax"}) {
    output_of(from + " --sparse --format=" + format + " holes plain 2>&1");
    const auto index = TarIndex::read(opened(archive), [](std::string_view name) { return name == "plain"; });
    ASSERT_TRUE(index) << format << ": " << index.error().describe();
    EXPECT_TRUE(index->find("plain"));
    EXPECT_EQ(TarIndex::read(opened(archive), everything).error().code(), ErrorCode::kIntegrity) << format;
  }
}

TEST_F(TarIndexTest, KeepsOnlyWhatIsWanted) {
  const auto index = TarIndex::read(
      in_memory(Blocks().file("a", "1").file("./b", "22").file("././c", "333").file("d/", "").end().text()),
      [](std::string_view name) { return name == "b" || name == "c"; });
  ASSERT_TRUE(index);
  EXPECT_EQ(index->members().size(), 2U);
  EXPECT_EQ(index->find("a"), nullptr);
  ASSERT_NE(index->find("b"), nullptr);
  EXPECT_EQ(index->find("b")->size, 2U);
  EXPECT_EQ(index->find("b")->offset, 3 * kTarBlock);
}

TEST_F(TarIndexTest, AcceptsWhatOldAndOddProgramsWrite) {
  struct Case {
    const char* what;
    std::string bytes;
  };
  const std::string base256("\x80\0\0\0\0\0\0\0\0\0\0\3", 12);
  const std::vector<Case> cases = {
      {"no closing blocks", Blocks().file("name", "abc").text()},
      {"no padding at the end", Blocks().file("name", "abc").cut(509).text()},
      {"one closing block", Blocks().file("name", "abc").end().cut(kTarBlock).text()},
      {"garbage after the end", Blocks().file("name", "abc").end().data("garbage").text()},
      {"leading spaces", Blocks().header("name", "          3 ", '0', "abc").text()},
      {"no terminator", Blocks().header("name", "000000000003", '0', "abc").text()},
      {"leading NUL", Blocks().header("name", std::string("\0 3 \0", 5), '0', "abc").text()},
      {"base-256 size", Blocks().header("name", base256, '0', "abc").text()},
      {"old type NUL", Blocks().file("name", "abc", '\0').text()},
      {"contiguous file", Blocks().file("name", "abc", '7').text()},
      {"global pax header", Blocks().file("g", "16 path=nonsense\n", 'g').file("name", "abc").text()},
      {"global pax header last", Blocks().file("name", "abc").file("g", "11 a=12345\n", 'g').end().text()},
      {"pax path", Blocks().file("x", "13 path=name\n", 'x').file("other", "abc").text()},
      {"pax path beats GNU's",
       Blocks().file("x", "13 path=name\n", 'x').file("L", "wrong", 'L').file("o", "abc").text()},
      {"pax path taken back", Blocks().file("x", "12 path=foo\n8 path=\n", 'x').file("name", "abc").text()},
      {"pax size", Blocks().file("x", "10 size=3\n", 'x').header("name", "0", '0', "abc").text()},
      {"GNU long name", Blocks().file("L", std::string("name\0", 5), 'L').file("other", "abc").text()},
      {"GNU long link", Blocks().file("K", "target", 'K').file("l/", "", '2').file("name", "abc").text()},
      {"a directory that claims a size", Blocks().header("d/", "00000001000", '5').file("name", "abc").text()},
  };
  for (const Case& c : cases) {
    const auto index = read(c.bytes);
    ASSERT_TRUE(index) << c.what << ": " << index.error().describe();
    EXPECT_EQ(content(file_, index->find("name")), "abc") << c.what;
    EXPECT_EQ(index->members().size(), 1U) << c.what;
  }
  EXPECT_TRUE(read(Blocks().end().text())) << "an empty tar";
}

TEST_F(TarIndexTest, AcceptsSignedChecksums) {
  TarHeader block{};
  block.name = {'\xe9', '\xe9'};
  block.type = '0';
  std::snprintf(block.checksum.data(), block.checksum.size(), "%06o",
                static_cast<unsigned>(tar_checksum(block).as_signed));
  EXPECT_TRUE(read(std::string(reinterpret_cast<const char*>(&block), sizeof(block))));
}

TEST_F(TarIndexTest, RefusesHostileArchives) {
  struct Case {
    const char* what;
    std::string bytes;
    const char* message;
  };
  const std::string negative("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 12);
  const std::string huge256("\x80\x7f\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 12);
  const std::string large256("\x80\0\0\0\x7f\xff\xff\xff\xff\xff\xff\xff", 12);
  TarHeader sparse{};
  sparse.name = {'h'};
  sparse.type = 'S';
  sparse.prefix[137] = 1;  // byte 482: the map goes on
  const auto pax = [](const std::string& records) {
    return Blocks().file("x", records, 'x').file("name", "abc").text();
  };
  const std::vector<Case> cases = {
      {"bad checksum", Blocks().file("name", "abc").poke(5, '!').text(), "checksum"},
      {"bad checksum later", Blocks().file("name", "abc").file("b", "").poke(1029, '!').text(), "byte 1024"},
      {"garbage checksum", Blocks().file("name", "abc").poke(148, 'z').text(), "checksum"},
      {"size beyond the file", Blocks().header("name", "00000010000", '0', "abc").text(), "more than follow"},
      {"size beyond the file, unwanted", Blocks().header("n/", "00000010000", '0', "abc").text(), "more than follow"},
      {"negative size", Blocks().header("name", negative, '0', "abc").text(), "size"},
      {"size over 64 bits", Blocks().header("name", huge256, '0', "abc").text(), "size"},
      {"size near 2^63", Blocks().header("name", large256, '0', "abc").text(), "more than follow"},
      {"size with a letter", Blocks().header("name", "0000000000a", '0').text(), "size"},
      {"size with a 9", Blocks().header("name", "00000000009", '0').text(), "size"},
      {"size with a minus", Blocks().header("name", "-0000000001", '0').text(), "size"},
      {"size in two parts", Blocks().header("name", "1 2", '0').text(), "size"},
      {"a duplicate", Blocks().file("name", "abc").file("./name", "xyz").text(), "second time"},
      {"a symbolic link", Blocks().file("name", "", '2').text(), "regular file"},
      {"a hard link", Blocks().file("name", "", '1').text(), "regular file"},
      {"a device", Blocks().file("name", "", '3').text(), "regular file"},
      {"a FIFO", Blocks().file("name", "", '6').text(), "regular file"},
      {"a directory by type", Blocks().file("name", "", '5').text(), "regular file"},
      {"an unknown type", Blocks().file("name", "abc", 'Z').text(), "regular file"},
      {"sparse by pax", pax("22 GNU.sparse.major=1\n"), "regular file"},
      {"pax without newline", pax("13 path=name!"), "pax record"},
      {"pax cut off", pax("99 path=name\n"), "pax record"},
      {"pax length zero", pax("0 path=name\n"), "pax record"},
      {"pax length too short", pax("3 path=name\n"), "pax record"},
      {"pax length negative", pax("-3 path=name\n"), "pax record"},
      {"pax length overflows", pax("99999999999999999999999 path=name\n"), "pax record"},
      {"pax length missing", pax("path=name\n"), "pax record"},
      {"pax without equals", pax("8 pathx\n"), "pax record"},
      {"pax without key", pax("8 =path\n"), "pax record"},
      {"pax with NUL in the name", pax(std::string("12 path=a\0b\n", 12)), "NUL"},
      {"pax size no number", pax("10 size=x\n"), "size"},
      {"pax size negative", pax("11 size=-1\n"), "size"},
      {"pax size overflows", pax("33 size=999999999999999999999999\n"), "size"},
      {"pax size beyond the file", pax("28 size=9223372036854775807\n"), "more than follow"},
      {"pax size near 2^64", pax("29 size=18446744073709551615\n"), "more than follow"},
      {"pax then nothing", Blocks().file("x", "13 path=name\n", 'x').end().text(), "cut off"},
      {"pax record of 1 GiB", Blocks().header("x", "10000000000", 'x').text(), "1.0 MiB"},
      {"pax record beyond the file", Blocks().header("x", "00000002000", 'x').text(), "cut off"},
      {"GNU name of 1 GiB", Blocks().header("L", "10000000000", 'L').text(), "1.0 MiB"},
      {"half a header", Blocks().file("name", "abc").file("b", "").cut(100).text(), "cut off"},
      {"members after an empty block", Blocks().data(std::string(1, '\0')).file("name", "abc").text(), "damaged"},
      {"endless sparse map", Blocks().raw(sparse).data(std::string(1024, '\1')).text(), "sparse map"},
  };
  for (const Case& c : cases) {
    const auto index = read(c.bytes);
    ASSERT_FALSE(index) << c.what;
    EXPECT_EQ(index.error().code(), ErrorCode::kIntegrity) << c.what << ": " << index.error().describe();
    EXPECT_THAT(index.error().message(), HasSubstr(c.message)) << c.what;
  }
}

TEST_F(TarIndexTest, NamesTheCompressionOfWhatIsNoTar) {
  struct Case {
    std::string bytes;
    const char* message;
  };
  const std::vector<Case> cases = {
      {"\x1f\x8b\x08" + std::string(1000, 'x'), "gzip-compressed, not a plain tar: decompress it first"},
      {"\x1f\x8b", "gzip-compressed"},
      {"\x28\xb5\x2f\xfd" + std::string(1000, 'x'), "zstd-compressed"},
      {"BZh9" + std::string(1000, 'x'), "bzip2-compressed"},
      {"\xfd"
       "7zXZ" +
           std::string(1000, 'x'),
       "xz-compressed"},
      {"", "not a tar archive"},
      {"short", "not a tar archive"},
      {std::string(10'000, 'x'), "not a tar archive"},
      {"{\"schemaVersion\":2}" + std::string(1000, ' '), "not a tar archive"},
  };
  for (const Case& c : cases) {
    const auto index = read(c.bytes);
    ASSERT_FALSE(index) << c.message;
    EXPECT_EQ(index.error().code(), ErrorCode::kProtocol) << c.message;
    EXPECT_THAT(index.error().message(), HasSubstr(c.message));
  }
}

TEST_F(TarIndexTest, LimitsTheNumberOfHeadersAndTheLengthOfRecords) {
  const UniqueFd file = in_memory(Blocks().file("d/", "").file("x", "13 path=name\n", 'x').file("b", "").end().text());
  const TarIndex::Limits exact = {.headers = 3, .record_bytes = 13};
  EXPECT_TRUE(TarIndex::read(file, everything, exact));
  const auto too_many = TarIndex::read(file, everything, {.headers = 2, .record_bytes = 13});
  EXPECT_EQ(too_many.error().code(), ErrorCode::kIntegrity);
  EXPECT_THAT(too_many.error().message(), HasSubstr("2 headers"));
  const auto too_long = TarIndex::read(file, everything, {.headers = 3, .record_bytes = 12});
  EXPECT_EQ(too_long.error().code(), ErrorCode::kIntegrity);
  EXPECT_THAT(too_long.error().message(), HasSubstr("12 B"));
}

// Taken away one by one, a million bytes of "./" took seconds for each member.
TEST_F(TarIndexTest, TakesAllLeadingDotsAwayAtOnce) {
  std::string dots;
  while (dots.size() < 1'000'000) dots += "./";
  Blocks blocks;
  for (int i = 0; i < 20; ++i) {
    blocks.file("x", fmt::format("1000018 path={}{:04}\n", dots, i), 'x').file("other", "abc");
  }
  const auto index = read(blocks.end().text());
  ASSERT_TRUE(index) << index.error().describe();
  EXPECT_EQ(index->members().size(), 20U);
  EXPECT_EQ(content(file_, index->find("0019")), "abc");
}

TEST_F(TarIndexTest, EveryTruncationAndFlippedByteIsSurvived) {
  const std::string whole = Blocks()
                                .file("x", "13 path=name\n", 'x')
                                .file("other", "abc")
                                .file("L", std::string("long\0", 5), 'L')
                                .file("b", std::string(600, 'b'))
                                .end()
                                .text();
  for (std::size_t length = 0; length < whole.size(); length += 37) {
    if (const auto index = read(whole.substr(0, length))) {
      for (const auto& [name, member] : index->members()) EXPECT_LE(member.offset + member.size, length) << name;
    }
  }
  for (std::size_t at = 0; at < whole.size(); at += 3) {
    std::string changed = whole;
    changed[at] = static_cast<char>(changed[at] ^ 0x81);
    if (const auto index = read(changed)) {
      for (const auto& [name, member] : index->members()) EXPECT_LE(member.offset + member.size, whole.size()) << name;
    }
  }
}

TEST_F(TarIndexTest, ErrorsShowNoControlCharacters) {
  const auto index = read(Blocks().file("\x1b[31mred", "", '2').text());
  ASSERT_FALSE(index);
  EXPECT_EQ(index.error().message().find('\x1b'), std::string::npos);
}

TEST(TarNumber, ReadsOctalAndBase256) {
  struct Case {
    std::string field;
    std::optional<std::uint64_t> expected;
  };
  const std::vector<Case> cases = {
      {"0000644", 0644},
      {"777 ", 0777},
      {"  17", 017},
      {std::string("17\0\0", 4), 017},
      {"    ", 0},
      {std::string(8, '\0'), 0},
      {"77777777777", 8 * kGiB - 1},
      {"8", std::nullopt},
      {"1x", std::nullopt},
      {"1 1", std::nullopt},
      {"", std::nullopt},
      {"777777777777777777777", (1ULL << 63U) - 1},
      {"1000000000000000000000", std::nullopt},
      {std::string("\x80\x00\x01", 3), 1},
      {std::string("\x81\x00", 2), 256},
      {std::string("\xff\xff", 2), std::nullopt},
      {std::string("\xc0\x00", 2), std::nullopt},
      {std::string("\x80\x7f\xff\xff\xff\xff\xff\xff\xff", 9), (1ULL << 63U) - 1},
      {std::string("\x80\x80\x00\x00\x00\x00\x00\x00\x00", 9), std::nullopt},
  };
  for (const Case& c : cases) EXPECT_EQ(tar_number(c.field), c.expected) << ::testing::PrintToString(c.field);
}

}  // namespace
}  // namespace freightliner::io
