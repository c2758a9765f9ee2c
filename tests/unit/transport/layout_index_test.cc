#include "transport/layout_index.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "freightliner/io/hasher.h"
#include "freightliner/oci/media_type.h"
#include "transport/index_snapshot.h"

namespace freightliner::transport {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

oci::Descriptor image(const std::string& seed) {
  return {.media_type = std::string(oci::kOciManifest), .digest = io::digest_of(seed), .size = seed.size()};
}

LayoutIndex parsed(const std::string& text) {
  return LayoutIndex::parse(text, "index.json").value();
}

std::vector<oci::Digest> digests(Result<std::vector<oci::Descriptor>> images) {
  std::vector<oci::Digest> result;
  for (const oci::Descriptor& found : images.value()) result.push_back(found.digest);
  return result;
}

std::vector<std::string> tags(const LayoutIndex& index) {
  std::vector<std::string> names;
  for (const ListedTag& tag : IndexSnapshot(index).tags()) names.push_back(tag.name);
  return names;
}

std::string entry(const std::string& seed, const std::string& more = "") {
  const oci::Descriptor described = image(seed);
  return R"({"mediaType":")" + described.media_type + R"(","digest":")" + described.digest.to_string() +
         R"(","size":)" + std::to_string(described.size) + more + "}";
}

std::string named(const std::string& tag) {
  return R"(,"annotations":{"org.opencontainers.image.ref.name":")" + tag + "\"}";
}

std::string index_of(const std::string& entries) {
  return R"({"schemaVersion":2,"manifests":[)" + entries + "]}";
}

TEST(LayoutIndex, RefusesWhatIsNone) {
  for (const std::string text :
       {"", "[]", "{}", R"({"schemaVersion":1,"manifests":[]})", R"({"schemaVersion":"2","manifests":[]})",
        R"({"schemaVersion":2,"manifests":{}})", R"({"schemaVersion":2,"manifests":[1]})",
        R"({"schemaVersion":2,"mediaType":"application/x","manifests":[]})",
        R"({"schemaVersion":2,"mediaType":7,"manifests":[]})",
        R"({"schemaVersion":2,"manifests":[],"manifests":[]})"}) {
    SCOPED_TRACE(text);
    const auto index = LayoutIndex::parse(text, "/x/index.json");
    ASSERT_FALSE(index);
    EXPECT_EQ(index.error().code(), ErrorCode::kProtocol);
    EXPECT_THAT(index.error().describe(), HasSubstr("/x/index.json"));
  }
}

TEST(LayoutIndex, TakesAnEmptyListInAllForms) {
  for (const std::string text :
       {R"({"schemaVersion":2})", R"({"schemaVersion":2,"manifests":null})",
        R"({"schemaVersion":2,"manifests":[],"mediaType":"application/vnd.oci.image.index.v1+json"})"}) {
    SCOPED_TRACE(text);
    LayoutIndex index = parsed(text);
    EXPECT_TRUE(IndexSnapshot(index).all()->empty());
    EXPECT_TRUE(index.set_tag(image("a"), "v1"));
    EXPECT_THAT(tags(index), ElementsAre("v1"));
  }
}

TEST(LayoutIndex, FindsByTagDigestAndNamelessness) {
  const LayoutIndex index =
      parsed(index_of(entry("a", named("v1")) + "," + entry("b") + "," + entry("a", named("v2"))));
  EXPECT_THAT(digests(IndexSnapshot(index).tagged("v1")), ElementsAre(image("a").digest));
  EXPECT_TRUE(IndexSnapshot(index).tagged("v3")->empty());
  EXPECT_THAT(digests(IndexSnapshot(index).nameless()), ElementsAre(image("b").digest));
  EXPECT_THAT(digests(IndexSnapshot(index).all()), ElementsAre(image("a").digest, image("b").digest));
  EXPECT_THAT(tags(index), ElementsAre("v1", "v2"));
  EXPECT_EQ(IndexSnapshot(index).find(image("b").digest).value()->size, 1U);
  EXPECT_FALSE(IndexSnapshot(index).find(image("c").digest).value());
}

TEST(LayoutIndex, GivesAllImagesOfATag) {
  const LayoutIndex index =
      parsed(index_of(entry("a", named("v1")) + "," + entry("b", named("v1")) + "," + entry("a", named("v1"))));
  EXPECT_THAT(digests(IndexSnapshot(index).tagged("v1")), ElementsAre(image("a").digest, image("b").digest));
}

TEST(LayoutIndex, ABadEntryHidesNoOther) {
  const LayoutIndex index =
      parsed(index_of(R"({"digest":"sha256:../../x","size":1},{"annotations":7},)" + entry("a", named("v1"))));
  EXPECT_THAT(digests(IndexSnapshot(index).tagged("v1")), ElementsAre(image("a").digest));
  const auto all = IndexSnapshot(index).all();
  ASSERT_FALSE(all);
  EXPECT_EQ(all.error().code(), ErrorCode::kProtocol);
  EXPECT_THAT(all.error().describe(), HasSubstr("manifests[0]"));
}

TEST(LayoutIndex, SetTagReplacesItsEntriesInPlace) {
  LayoutIndex index =
      parsed(index_of(entry("a", named("v1")) + "," + entry("b", named("v2")) + "," + entry("c", named("v1"))));
  EXPECT_TRUE(index.set_tag(image("d"), "v1"));
  EXPECT_THAT(digests(IndexSnapshot(index).all()), ElementsAre(image("d").digest, image("b").digest));
  EXPECT_THAT(digests(IndexSnapshot(index).tagged("v1")), ElementsAre(image("d").digest));
}

TEST(LayoutIndex, SetTagLeavesTheSameImageAlone) {
  const std::string platform = R"(,"platform":{"os":"linux","architecture":"amd64"})";
  LayoutIndex index = parsed(index_of(entry("a", named("v1") + platform)));
  const std::string before = index.serialize();
  EXPECT_FALSE(index.set_tag(image("a"), "v1"));
  EXPECT_EQ(index.serialize(), before);
  oci::Descriptor other_type = image("a");
  other_type.media_type = oci::kOciIndex;
  EXPECT_TRUE(index.set_tag(other_type, "v1"));
}

TEST(LayoutIndex, NamelessImages) {
  LayoutIndex index = parsed(index_of(entry("t", named("v1"))));
  EXPECT_TRUE(index.set_nameless(image("a")));
  EXPECT_FALSE(index.set_nameless(image("a")));
  EXPECT_TRUE(index.set_nameless(image("b"))) << "the only nameless one is replaced";
  EXPECT_THAT(digests(IndexSnapshot(index).all()), ElementsAre(image("t").digest, image("b").digest));
  EXPECT_TRUE(index.add(image("c")));
  EXPECT_FALSE(index.add(image("c")));
  EXPECT_FALSE(index.add(image("t"))) << "a tagged entry names the digest as well";
  EXPECT_TRUE(index.set_nameless(image("d"))) << "of several nameless ones none is dropped";
  EXPECT_THAT(digests(IndexSnapshot(index).nameless()),
              ElementsAre(image("b").digest, image("c").digest, image("d").digest));
  EXPECT_THAT(tags(index), ElementsAre("v1"));
}

TEST(LayoutIndex, RemovesTagsAndImages) {
  LayoutIndex index = parsed(index_of(entry("a", named("v1")) + "," + entry("b", named("v1")) + "," + entry("a") + "," +
                                      entry("b", named("v2")) + "," + entry("c", named("v3"))));
  EXPECT_TRUE(index.remove_tag("v1"));
  EXPECT_FALSE(index.remove_tag("v1"));
  EXPECT_FALSE(index.remove_tag("v9"));
  EXPECT_THAT(tags(index), ElementsAre("v2", "v3"));
  EXPECT_THAT(digests(IndexSnapshot(index).nameless()), ElementsAre(image("a").digest));
  EXPECT_TRUE(index.remove_image(image("b").digest));
  EXPECT_FALSE(index.remove_image(image("b").digest));
  EXPECT_TRUE(index.remove_image(image("a").digest));
  EXPECT_THAT(tags(index), ElementsAre("v3"));
  EXPECT_THAT(digests(IndexSnapshot(index).all()), ElementsAre(image("c").digest));
}

TEST(LayoutIndex, ASnapshotListsTagsWithTheirDigests) {
  const IndexSnapshot snapshot(
      parsed(index_of(entry("b", named("v2")) + "," + entry("a", named("v1")) + "," + entry("a", named("v1")) + "," +
                      entry("c") + "," + entry("c", named("v2")))));
  const std::vector<ListedTag> listed = snapshot.tags();
  ASSERT_EQ(listed.size(), 2U);
  EXPECT_EQ(listed[0].name, "v1");
  EXPECT_EQ(listed[0].digest, image("a").digest) << "the same image twice is one";
  EXPECT_EQ(listed[1].name, "v2");
  EXPECT_FALSE(listed[1].digest) << "two images";
}

TEST(LayoutIndex, TakesAHundredThousandTags) {
  std::string entries;
  for (int i = 0; i < 100'000; ++i) entries += (i == 0 ? "" : ",") + entry("a", named("v" + std::to_string(i)));
  const auto index = LayoutIndex::parse(index_of(entries), "index.json");
  ASSERT_TRUE(index) << index.error().describe();
  const IndexSnapshot snapshot(*index);
  EXPECT_EQ(snapshot.tags().size(), 100'000U);
  for (int i = 0; i < 100'000; ++i) ASSERT_EQ(snapshot.tagged("v" + std::to_string(i))->size(), 1U);
}

TEST(LayoutIndex, KeepsWhatItDoesNotKnow) {
  LayoutIndex index = parsed(R"({"schemaVersion":2,"annotations":{"k":"v"},"x":[1,2.5,null],"manifests":[)" +
                             entry("a", named("v1") + R"(,"y":{"z":true})") + R"(,{"digest":"blake3:00","odd":1}]})");
  EXPECT_TRUE(index.set_tag(image("b"), "v2"));
  const oci::Json json = oci::Json::parse(index.serialize());
  EXPECT_EQ(json["annotations"]["k"], "v");
  EXPECT_EQ(json["x"], oci::Json::parse("[1,2.5,null]"));
  EXPECT_EQ(json["manifests"][0]["y"]["z"], true);
  EXPECT_EQ(json["manifests"][1], oci::Json::parse(R"({"digest":"blake3:00","odd":1})"));
  EXPECT_EQ(json["manifests"].size(), 3U);
}

TEST(LayoutIndex, EqualContentGivesEqualBytes) {
  LayoutIndex one;
  LayoutIndex other;
  one.set_tag(image("a"), "v1");
  other.set_tag(image("b"), "v1");
  other.set_tag(image("a"), "v1");
  EXPECT_EQ(one.serialize(), other.serialize());
  EXPECT_EQ(parsed(one.serialize()).serialize(), one.serialize());
  EXPECT_EQ(oci::Json::parse(one.serialize())["mediaType"], oci::kOciIndex);
}

}  // namespace
}  // namespace freightliner::transport
