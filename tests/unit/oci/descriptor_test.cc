#include "freightliner/oci/descriptor.h"
#include "freightliner/oci/json.h"

#include <gtest/gtest.h>

#include <limits>

namespace freightliner::oci {
namespace {

const std::string kDigest = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// A descriptor's text, with `digest`, `size` and whatever else stands in `more`.
std::string text_of(const std::string& digest, const std::string& size, const std::string& more = "") {
  return R"({"mediaType":"a/b","digest":)" + digest + R"(,"size":)" + size + more + "}";
}

Result<Descriptor> parse(const std::string& text) {
  return Descriptor::from_json(Json::parse(text), "layers[3]");
}

TEST(DescriptorTest, ReadsAllMembers) {
  const auto descriptor = parse(R"({"mediaType":"a/b","digest":")" + kDigest + R"(","size":7,"urls":["https://x/"],)" +
                                R"("annotations":{"k":"v","a":""},"artifactType":"c/d","data":"e30=","other":[1],)" +
                                R"("platform":{"architecture":"arm64","os":"linux","os.version":"1","variant":"v8",)" +
                                R"("os.features":["f"],"features":["sse4"]}})");
  ASSERT_TRUE(descriptor) << descriptor.error().describe();
  EXPECT_EQ(descriptor->media_type, "a/b");
  EXPECT_EQ(descriptor->digest.to_string(), kDigest);
  EXPECT_EQ(descriptor->size, 7U);
  EXPECT_EQ(descriptor->urls, std::vector<std::string>{"https://x/"});
  EXPECT_EQ(descriptor->annotations, (std::map<std::string, std::string>{{"a", ""}, {"k", "v"}}));
  EXPECT_EQ(descriptor->artifact_type, "c/d");
  EXPECT_EQ(descriptor->platform, (Platform{"linux", "arm64", "v8", "1", {"f"}}));
}

TEST(DescriptorTest, SizesAreIntegers) {
  struct Row {
    std::string_view text;
    std::uint64_t size;
  };
  for (const Row& row : {Row{"0", 0}, Row{"-0", 0}, Row{"1", 1}, Row{"4611686018427387904", std::uint64_t{1} << 62U},
                         Row{"9223372036854775807", std::numeric_limits<std::int64_t>::max()}}) {
    const auto descriptor = parse(text_of('"' + kDigest + '"', std::string(row.text)));
    ASSERT_TRUE(descriptor) << row.text << ": " << descriptor.error().describe();
    EXPECT_EQ(descriptor->size, row.size);
  }
  for (const std::string_view bad : {"-1", "1.0", "1e3", "0.5", "9223372036854775808", "18446744073709551615",
                                     "18446744073709551616", "-9223372036854775808", "\"1\"", "null", "true", "[1]"}) {
    const auto descriptor = parse(text_of('"' + kDigest + '"', std::string(bad)));
    ASSERT_FALSE(descriptor) << bad;
    EXPECT_EQ(descriptor.error().code(), ErrorCode::kProtocol);
    EXPECT_EQ(descriptor.error().message(), "layers[3].size: must be an integer from 0 to 2^63-1") << bad;
  }
}

TEST(DescriptorTest, RefusesAndNamesTheMember) {
  struct Row {
    std::string text;
    std::string_view reason;
  };
  const std::string digest = '"' + kDigest + '"';
  const Row rows[] = {
      {"null", "layers[3]: must be an object, not null"},
      {"[]", "layers[3]: must be an object, not array"},
      {"\"x\"", "layers[3]: must be an object, not string"},
      {"{}", "layers[3].digest: missing"},
      {R"({"digest":)" + digest + R"(,"size":1})", "layers[3].mediaType: missing"},
      {R"({"mediaType":"a/b","digest":)" + digest + "}", "layers[3].size: missing"},
      {R"({"mediaType":5,"digest":)" + digest + R"(,"size":1})", "layers[3].mediaType: must be a string, not number"},
      {text_of("null", "1"), "layers[3].digest: must be a string, not null"},
      {text_of("\"\"", "1"), "layers[3].digest: \"\": position 1"},
      {text_of("\"sha256:../../x\"", "1"), "layers[3].digest: \"sha256:../../x\": position 8"},
      {text_of("\"sha256:" + std::string(64, 'A') + '"', "1"), "upper-case letter in a digest"},
      {text_of("\"sha256:e3b0\"", "1"), "64 hex digits, this one has 4"},
      {text_of("\"sha256:\\u001b\"", "1"), "\\x1b"},
      {text_of(digest, "1", R"(,"platform":"linux")"), "layers[3].platform: must be an object, not string"},
      {text_of(digest, "1", R"(,"platform":null)"), "layers[3].platform: must be an object, not null"},
      {text_of(digest, "1", R"(,"platform":{"os":1})"), "layers[3].platform.os: must be a string"},
      {text_of(digest, "1", R"(,"platform":{"os.features":"a"})"), "layers[3].platform.os.features: must be an array"},
      {text_of(digest, "1", R"(,"platform":{"os.features":[1]})"), "must hold nothing but strings"},
      {text_of(digest, "1", R"(,"urls":"x")"), "layers[3].urls: must be an array"},
      {text_of(digest, "1", R"(,"urls":[{}])"), "layers[3].urls: must hold nothing but strings"},
      {text_of(digest, "1", R"(,"annotations":[])"), "layers[3].annotations: must be an object"},
      {text_of(digest, "1", R"(,"annotations":{"a":1})"), "layers[3].annotations: must hold nothing but strings"},
      {text_of(digest, "1", R"(,"artifactType":{})"), "layers[3].artifactType: must be a string"},
  };
  for (const Row& row : rows) {
    const auto descriptor = parse(row.text);
    ASSERT_FALSE(descriptor) << row.text;
    EXPECT_EQ(descriptor.error().code(), ErrorCode::kProtocol);
    EXPECT_NE(descriptor.error().message().find(row.reason), std::string::npos) << descriptor.error().message();
    EXPECT_EQ(descriptor.error().message().find('\x1b'), std::string::npos);
  }
}

TEST(DescriptorTest, SerialisesInAFixedOrder) {
  const Descriptor plain{.media_type = "a/b", .digest = *Digest::parse(kDigest), .size = 7};
  EXPECT_EQ(plain.serialize(), R"({"mediaType":"a/b","digest":")" + kDigest + R"(","size":7})");
  Descriptor full = plain;
  full.platform = Platform{"linux", "arm64", "v8", "1", {"f"}};
  full.artifact_type = "c/d";
  full.urls = {"https://x/"};
  full.annotations = {{"z", "1"}, {"a", "2"}};
  EXPECT_EQ(full.serialize(), R"({"mediaType":"a/b","digest":")" + kDigest + R"(","size":7,)" +
                                  R"("platform":{"architecture":"arm64","os":"linux","os.version":"1",)" +
                                  R"("os.features":["f"],"variant":"v8"},"artifactType":"c/d",)" +
                                  R"("urls":["https://x/"],"annotations":{"a":"2","z":"1"}})");
  for (const Descriptor& descriptor : {plain, full}) {
    const Json json = descriptor.to_json();
    EXPECT_EQ(json, Json::parse(descriptor.serialize()));
    const auto again = Descriptor::from_json(json, "again");
    ASSERT_TRUE(again) << again.error().describe();
    EXPECT_EQ(again->serialize(), descriptor.serialize());
  }
}

TEST(DescriptorTest, TextThatIsNotUtf8DoesNotThrow) {
  const Descriptor descriptor{
      .media_type = "a/b", .digest = *Digest::parse(kDigest), .size = 0, .annotations = {{"k", "\xFF"}}};
  EXPECT_NE(descriptor.serialize().find("\xEF\xBF\xBD"), std::string::npos);
}

TEST(DescriptorTest, ForeignLayers) {
  Descriptor layer{.media_type = "application/vnd.oci.image.layer.v1.tar+gzip", .digest = *Digest::parse(kDigest)};
  EXPECT_FALSE(layer.is_foreign());
  layer.urls = {"https://x/"};
  EXPECT_TRUE(layer.is_foreign());
  layer.urls.clear();
  layer.media_type = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip";
  EXPECT_TRUE(layer.is_foreign());
}

}  // namespace
}  // namespace freightliner::oci
