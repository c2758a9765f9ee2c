#include "freightliner/oci/manifest.h"

#include <gtest/gtest.h>

#include "freightliner/oci/media_type.h"

namespace freightliner::oci {
namespace {

using std::string_literals::operator""s;

/// A digest that stands for the n-th content of a test.
std::string digest_text(int n) {
  std::string hex(64, '0');
  const std::string number = std::to_string(n);
  hex.replace(hex.size() - number.size(), number.size(), number);
  return "sha256:" + hex;
}

std::string descriptor_text(std::string_view media_type, int n, int size = 10) {
  return R"({"mediaType":")" + std::string(media_type) + R"(","digest":")" + digest_text(n) + R"(","size":)" +
         std::to_string(size) + "}";
}

const std::string kConfig = R"("config":)" + descriptor_text(kOciConfig, 1);
const std::string kLayers = R"("layers":[)" + descriptor_text("application/vnd.oci.image.layer.v1.tar+gzip", 2) + "," +
                            descriptor_text("application/vnd.oci.image.layer.v1.tar+zstd", 3) + "]";
const std::string kManifests =
    R"("manifests":[)" + descriptor_text(kOciManifest, 4) + "," + descriptor_text(kOciIndex, 5) + "]";
const std::string kSubject = R"("subject":)" + descriptor_text(kOciManifest, 6);

std::string type_member(std::string_view type) {
  return R"("mediaType":")" + std::string(type) + '"';
}

/// `{"schemaVersion":2,…}` with the members given.
std::string document(std::initializer_list<std::string> members) {
  std::string text = R"({"schemaVersion":2)";
  for (const std::string& member : members) text += ',' + member;
  return text + '}';
}

RawManifest raw(std::string bytes, std::string_view type) {
  return RawManifest(std::move(bytes), std::string(type), *Digest::parse(digest_text(99)));
}

std::vector<std::string> digests_of(const std::vector<Descriptor>& descriptors) {
  std::vector<std::string> result;
  for (const Descriptor& descriptor : descriptors) result.push_back(descriptor.digest.to_string());
  return result;
}

std::vector<std::string> digest_texts(std::initializer_list<int> numbers) {
  std::vector<std::string> result;
  for (const int n : numbers) result.push_back(digest_text(n));
  return result;
}

constexpr std::string_view kThing = "application/vnd.example.thing+json";

TEST(DetectMediaTypeTest, FindsTheType) {
  struct Row {
    std::string content_type;
    std::string body;
    std::string_view type;
  };
  const std::string image = document({kConfig, kLayers});
  const std::string typed_image = document({type_member(kOciManifest), kConfig, kLayers});
  const std::string index = document({kManifests});
  const Row rows[] = {
      {std::string(kOciManifest), image, kOciManifest},
      {std::string(kOciManifest), typed_image, kOciManifest},
      {std::string(kOciManifest) + "; charset=utf-8", typed_image, kOciManifest},
      {"Application/Vnd.OCI.image.manifest.v1+JSON", typed_image, kOciManifest},
      {std::string(kDockerManifest), image, kDockerManifest},
      {std::string(kDockerManifestList), index, kDockerManifestList},
      {std::string(kOciIndex), index, kOciIndex},
      // The Content-Type says nothing: the body's mediaType.
      {"", typed_image, kOciManifest},
      {"application/json", typed_image, kOciManifest},
      {"application/json; charset=utf-8", document({type_member(kDockerManifestList), kManifests}),
       kDockerManifestList},
      {"text/plain", document({type_member(kDockerManifest), kConfig, kLayers}), kDockerManifest},
      {"text/html", typed_image, kOciManifest},
      {"application/octet-stream", typed_image, kOciManifest},
      {"binary/octet-stream", typed_image, kOciManifest},
      {"garbage", typed_image, kOciManifest},
      {"application/vnd.x\x01y+json", typed_image, kOciManifest},
      {"", document({type_member("application/vnd.oci.image.index.v1+json; charset=utf-8"), kManifests}), kOciIndex},
      {"", document({type_member(kThing)}), kThing},
      // Neither says anything: the shape.
      {"", image, kOciManifest},
      {"application/json", index, kOciIndex},
      {"", document({R"("mediaType":"")", kManifests}), kOciIndex},
      {"", document({kConfig, R"("layers":[])"}), kOciManifest},
      {"", document({kConfig, R"("layers":null)"}), kOciManifest},
      {"", document({R"("manifests":null)"}), kOciIndex},
      {"", document({kConfig, kLayers, R"("manifests":null)"}), kOciManifest},
      {"", document({kManifests, R"("layers":null)"}), kOciIndex},
      // Types that we do not know are kept.
      {std::string(kThing), "{}", kThing},
      {std::string(kThing), document({type_member(kThing), kConfig, kManifests}), kThing},
      {std::string(kThing), R"({"schemaVersion":1})", kThing},
      {"application/vnd.example.thing", "{}", "application/vnd.example.thing"},
      {"application/cbor-thing+json", "{}", "application/cbor-thing+json"},
  };
  for (const Row& row : rows) {
    const auto type = detect_media_type(row.content_type, row.body);
    ASSERT_TRUE(type) << row.content_type << ' ' << row.body << ": " << type.error().describe();
    EXPECT_EQ(*type, row.type) << row.content_type << ' ' << row.body;
  }
}

TEST(DetectMediaTypeTest, Refuses) {
  struct Row {
    std::string content_type;
    std::string body;
    std::string_view reason;
  };
  const std::string typed_image = document({type_member(kOciManifest), kConfig, kLayers});
  const Row rows[] = {
      {"text/html", "<html>Sign in</html>", "the answer is HTML, not JSON"},
      {std::string(kOciManifest), "\n<!doctype html>", "the answer is HTML, not JSON"},
      {std::string(kOciManifest), "", "empty"},
      {std::string(kThing), "hello", "not JSON"},
      {std::string(kThing), "[]", "must be a JSON object, not array"},
      {"", "null", "must be a JSON object, not null"},
      {"", "\"x\"", "must be a JSON object, not string"},
      // Case 85: bytes that are forwarded as they are must be what every reader takes them for.
      {std::string(kOciManifest), "\xEF\xBB\xBF" + typed_image, "byte-order mark"},
      {std::string(kOciManifest), typed_image + "x", "not JSON"},
      {std::string(kOciManifest), typed_image + typed_image, "not JSON"},
      {std::string(kOciManifest), typed_image + "\0"s, "NUL byte"},
      {std::string(kOciManifest), document({"\"a\":\"\xFF\""}), "not JSON"},
      // Two names for one document (CVE-2021-41190).
      {std::string(kOciIndex), typed_image, "one of the two is wrong"},
      {std::string(kDockerManifest), typed_image, "one of the two is wrong"},
      {std::string(kThing), typed_image, "one of the two is wrong"},
      {std::string(kOciManifest), document({type_member(kThing)}), "one of the two is wrong"},
      {"", document({type_member(kOciManifest), type_member(kOciIndex)}), "\"mediaType\" stands twice"},
      {"", document({R"("mediaType":5)"}), "mediaType: must be a string"},
      {"", document({R"("mediaType":null)"}), "mediaType: must be a string"},
      {"", document({R"("mediaType":"a/b\r\nX-Evil: 1")"}), "is no media type"},
      {"", document({R"("mediaType":"thing")"}), "is no media type"},
      {"", document({kConfig, kLayers, kManifests}), "neither an index nor an image"},
      {"", document({kConfig, kManifests}), "neither an index nor an image"},
      {"", document({kManifests, R"("layers":[])"}), "neither an index nor an image"},
      {"", document({kManifests, R"("config":null)"}), "neither an index nor an image"},
      {"", "{}", "the shape of neither"},
      {"application/json", R"({"errors":[{"code":"DENIED"}]})", "the shape of neither"},
      {"", document({kConfig}), "the shape of neither"},
      {"", document({kLayers}), "the shape of neither"},
      {"image/png", "{}", "the shape of neither"},
  };
  for (const Row& row : rows) {
    const auto type = detect_media_type(row.content_type, row.body);
    ASSERT_FALSE(type) << row.content_type << ' ' << row.body << " = " << *type;
    EXPECT_EQ(type.error().code(), ErrorCode::kProtocol);
    EXPECT_NE(type.error().message().find(row.reason), std::string::npos) << type.error().message();
    EXPECT_TRUE(type.error().message().starts_with("manifest: ")) << type.error().message();
    EXPECT_EQ(type.error().message().find_first_of("\r\n"), std::string::npos) << type.error().message();
  }
}

TEST(DetectMediaTypeTest, Schema1IsRefusedWithTheReason) {
  const std::string body = R"({"schemaVersion":1,"name":"a","tag":"b","fsLayers":[],"history":[],"signatures":[]})";
  struct Row {
    std::string_view content_type;
    std::string body;
  };
  const Row rows[] = {
      {kDockerSchema1, body},
      {kDockerSchema1Signed, body},
      {kDockerSchema1Signed, "{}"},
      {"application/json", body},
      {"", body},
      {"text/plain", body},
      {"", document({type_member(kDockerSchema1Signed)})},
      {kOciManifest, body},
      {kDockerManifest, R"({"schemaVersion":1})"},
  };
  for (const Row& row : rows) {
    for (const Error& error : {detect_media_type(row.content_type, row.body).error(),
                               parse_manifest(raw(row.body, row.content_type)).error()}) {
      EXPECT_EQ(error.code(), ErrorCode::kProtocol);
      for (const std::string_view part : {"schema 1 is obsolete", "signed re-serialisation", "push the image again"}) {
        EXPECT_NE(error.message().find(part), std::string::npos) << error.message();
      }
    }
  }
}

TEST(ParseManifestTest, ReadsAnImage) {
  for (const std::string_view type : {kOciManifest, kDockerManifest}) {
    const auto content = parse_manifest(raw(
        document({type_member(type), kConfig, kLayers, kSubject, R"("artifactType":"x/y","annotations":{"a":"b"})"}),
        type));
    ASSERT_TRUE(content) << content.error().describe();
    ASSERT_TRUE(std::holds_alternative<ImageManifest>(*content));
    const auto& image = std::get<ImageManifest>(*content);
    EXPECT_EQ(image.config.digest.to_string(), digest_text(1));
    EXPECT_EQ(image.artifact_type, "x/y");
    EXPECT_EQ(digests_of(blobs_of(*content)), digest_texts({1, 2, 3}));
    EXPECT_TRUE(children_of(*content).empty());
    ASSERT_TRUE(subject_of(*content));
    EXPECT_EQ(subject_of(*content)->digest.to_string(), digest_text(6));
  }
}

TEST(ParseManifestTest, ReadsAnIndex) {
  for (const std::string_view type : {kOciIndex, kDockerManifestList}) {
    const auto content =
        parse_manifest(raw(document({kManifests, kSubject, R"("artifactType":"x/y","annotations":{"a":"b"})"}), type));
    ASSERT_TRUE(content) << content.error().describe();
    ASSERT_TRUE(std::holds_alternative<ImageIndex>(*content));
    const auto& index = std::get<ImageIndex>(*content);
    EXPECT_EQ(digests_of(children_of(*content)), digest_texts({4, 5}));  // the second is an index in its turn
    EXPECT_EQ(index.manifests[1].media_type, kOciIndex);
    EXPECT_EQ(index.annotations.at("a"), "b");
    EXPECT_EQ(index.artifact_type, "x/y");
    EXPECT_TRUE(blobs_of(*content).empty());
    EXPECT_EQ(subject_of(*content)->digest.to_string(), digest_text(6));
  }
}

TEST(ParseManifestTest, AcceptsWhatToolsWrite) {
  struct Row {
    std::string body;
    std::string_view type;
    std::size_t blobs;
    std::size_t children;
  };
  const Row rows[] = {
      {document({kConfig, R"("layers":[])"}), kOciManifest, 1, 0},
      {document({kConfig, R"("layers":null)"}), kOciManifest, 1, 0},
      {document({kConfig, kLayers, R"("manifests":null)"}), kOciManifest, 3, 0},
      {document({R"("manifests":[])"}), kOciIndex, 0, 0},
      {document({R"("manifests":null)"}), kOciIndex, 0, 0},
      {document({kManifests, R"("layers":null)"}), kOciIndex, 0, 2},
      {document({kManifests, R"("future":{"a":[1.5]})"}), kOciIndex, 0, 2},
      {"{" + kConfig + "," + kLayers + "}", kOciManifest, 3, 0},
      {" \n" + document({kConfig, kLayers}) + "\n", kOciManifest, 3, 0},
      {document({kConfig, kLayers}), "", 3, 0},  // the type is found out as detect_media_type() does
      {document({kManifests}), "application/json", 0, 2},
      // Case 74: one layer twice is two descriptors of one blob.
      {document({kConfig, R"("layers":[)" + descriptor_text("a/b", 2) + "," + descriptor_text("a/b", 2) + "]"}),
       kOciManifest, 3, 0},
  };
  for (const Row& row : rows) {
    const auto content = parse_manifest(raw(row.body, row.type));
    ASSERT_TRUE(content) << row.body << ": " << content.error().describe();
    EXPECT_EQ(blobs_of(*content).size(), row.blobs) << row.body;
    EXPECT_EQ(children_of(*content).size(), row.children) << row.body;
    EXPECT_FALSE(subject_of(*content));
  }
}

TEST(ParseManifestTest, RefusesShapesThatDoNotFitTheType) {
  struct Row {
    std::string body;
    std::string_view type;
    std::string_view reason;
  };
  const Row rows[] = {
      {document({kConfig, kLayers, kManifests}), kOciManifest, "has the member \"manifests\""},
      {document({kConfig, kLayers, R"("manifests":[])"}), kDockerManifest, "has the member \"manifests\""},
      {document({kManifests, kLayers}), kOciIndex, "has the member \"layers\""},
      {document({kManifests, R"("layers":[])"}), kOciIndex, "has the member \"layers\""},
      {document({kManifests, kConfig}), kDockerManifestList, "has the member \"config\""},
      {document({kManifests, R"("config":null)"}), kOciIndex, "has the member \"config\""},
      {document({kManifests, R"("fsLayers":[])"}), kOciIndex, "has the member \"fsLayers\""},
      {document({kConfig, kLayers, R"("fsLayers":[])"}), kOciManifest, "has the member \"fsLayers\""},
      {document({kConfig, kLayers, R"("history":[])"}), kDockerManifest, "has the member \"history\""},
      // The type flips between two pulls: the body no longer fits the type by which it is fetched.
      {document({kManifests}), kOciManifest, "has the member \"manifests\""},
      {document({kConfig, kLayers}), kOciIndex, "has the member \"config\""},
      {document({type_member(kOciIndex), kManifests}), kOciManifest, "one of the two is wrong"},
      {document({type_member(kDockerManifest), kConfig, kLayers}), kOciManifest, "one of the two is wrong"},
      // Go's decoder takes members in any case: another reader would see these.
      {document({kConfig, kLayers, R"("Manifests":[])"}), kOciManifest, "\"Manifests\" is \"manifests\""},
      {document({kManifests, R"("LAYERS":[])"}), kOciIndex, "\"LAYERS\" is \"layers\""},
      {document({kManifests, R"("MediaType":"x/y")"}), kOciIndex, "\"MediaType\" is \"mediaType\""},
      {document({kConfig, kConfig, kLayers}), kOciManifest, "the key \"config\" stands twice"},
      {document({kConfig, kLayers, kLayers}), kOciManifest, "the key \"layers\" stands twice"},
      {R"({"schemaVersion":3,)" + kManifests + "}", kOciIndex, "schemaVersion: must be 2"},
      {R"({"schemaVersion":2.0,)" + kManifests + "}", kOciIndex, "schemaVersion: must be 2"},
      {R"({"schemaVersion":"2",)" + kManifests + "}", kOciIndex, "schemaVersion: must be 2"},
  };
  for (const Row& row : rows) {
    const auto content = parse_manifest(raw(row.body, row.type));
    ASSERT_FALSE(content) << row.body;
    EXPECT_EQ(content.error().code(), ErrorCode::kProtocol);
    EXPECT_NE(content.error().message().find(row.reason), std::string::npos) << content.error().message();
  }
}

TEST(ParseManifestTest, RefusesMembersOfTheWrongForm) {
  struct Row {
    std::string body;
    std::string_view type;
    std::string_view reason;
  };
  const std::string bad_digest = R"({"mediaType":"a/b","digest":"sha256:../../x","size":1})";
  const std::string bad_size = R"({"mediaType":"a/b","digest":")" + digest_text(7) + R"(","size":)";
  const Row rows[] = {
      {"[]", kOciManifest, "must be a JSON object"},
      {"<html>", kOciManifest, "the answer is HTML"},
      {document({kLayers}), kOciManifest, "manifest.config: missing"},
      {document({R"("config":null)", kLayers}), kOciManifest, "manifest.config: must be an object, not null"},
      {document({R"("config":[])", kLayers}), kOciManifest, "manifest.config: must be an object, not array"},
      {document({kConfig}), kOciManifest, "manifest.layers: missing"},
      {document({kConfig, R"("layers":{})"}), kOciManifest, "manifest.layers: must be an array, not object"},
      {document({kConfig, R"("layers":[null])"}), kOciManifest, "manifest.layers[0]: must be an object, not null"},
      {document({}), kOciIndex, "manifest.manifests: missing"},
      {document({R"("manifests":"x")"}), kOciIndex, "manifest.manifests: must be an array, not string"},
      {document({R"("config":)" + bad_digest, kLayers}), kOciManifest, "manifest.config.digest: \"sha256:../../x\""},
      {document({kConfig, R"("layers":[)" + descriptor_text("a/b", 2) + "," + bad_digest + "]"}), kOciManifest,
       "manifest.layers[1].digest: \"sha256:../../x\": position 8"},
      {document({R"("manifests":[)" + bad_digest + "]"}), kOciIndex, "manifest.manifests[0].digest"},
      {document({kManifests, R"("subject":)" + bad_digest}), kOciIndex, "manifest.subject.digest"},
      {document({kManifests, R"("subject":null)"}), kOciIndex, "manifest.subject: must be an object"},
      {document({kConfig, R"("layers":[)" + bad_size + "-1}]"}), kOciManifest, "manifest.layers[0].size"},
      {document({kConfig, R"("layers":[)" + bad_size + "1.0}]"}), kOciManifest, "manifest.layers[0].size"},
      {document({kConfig, R"("layers":[)" + bad_size + "1e2}]"}), kOciManifest, "manifest.layers[0].size"},
      {document({kConfig, R"("layers":[)" + bad_size + "\"1\"}]"}), kOciManifest, "manifest.layers[0].size"},
      {document({kManifests, R"("annotations":[])"}), kOciIndex, "manifest.annotations: must be an object"},
      {document({kManifests, R"("annotations":{"a":1})"}), kOciIndex, "manifest.annotations: must hold"},
      {document({kManifests, R"("artifactType":1)"}), kOciIndex, "manifest.artifactType: must be a string"},
      {document({kConfig, kLayers, R"("artifactType":null)"}), kOciManifest, "manifest.artifactType: must be a string"},
  };
  for (const Row& row : rows) {
    const auto content = parse_manifest(raw(row.body, row.type));
    ASSERT_FALSE(content) << row.body;
    EXPECT_EQ(content.error().code(), ErrorCode::kProtocol);
    EXPECT_NE(content.error().message().find(row.reason), std::string::npos) << content.error().message();
  }
}

TEST(ParseManifestTest, OneDigestHasOneSize) {
  const std::string layer = descriptor_text("a/b", 2, 10);
  const std::string liar = descriptor_text("a/b", 2, 11);
  for (const RawManifest& manifest : {
           raw(document({kConfig, R"("layers":[)" + layer + "," + liar + "]"}), kOciManifest),
           raw(document({R"("config":)" + liar, R"("layers":[)" + layer + "]"}), kOciManifest),
           raw(document({R"("manifests":[)" + layer + "," + descriptor_text("a/b", 3) + "," + liar + "]"}), kOciIndex),
           raw(document({R"("manifests":[)" + layer + "]", R"("subject":)" + liar}), kOciIndex),
           raw(document({R"("blobs":[)" + layer + "," + liar + "]"}), kThing),
       }) {
    const auto content = parse_manifest(manifest);
    ASSERT_FALSE(content) << manifest.bytes();
    EXPECT_EQ(content.error().code(), ErrorCode::kIntegrity);
    EXPECT_EQ(content.error().message(), "manifest: " + digest_text(2) + " stands with two sizes, 10 and 11");
  }
}

TEST(ParseManifestTest, UnknownTypesAreOpaqueButForTheUsualForms) {
  struct Row {
    std::string body;
    std::vector<std::string> blobs;
    std::vector<std::string> manifests;
    bool subject;
  };
  const std::string blob = descriptor_text("a/b", 7);
  const Row rows[] = {
      {"{}", {}, {}, false},
      {document({kConfig, kLayers, R"("blobs":[)" + blob + "]", kManifests, kSubject}), digest_texts({1, 2, 3, 7}),
       digest_texts({4, 5}), true},
      {document({R"("blobs":[1,)" + blob + R"(,{"digest":"sha256:../x"}])"}), digest_texts({7}), {}, false},
      {document({R"("config":"text","layers":{"a":1},"blobs":7,"manifests":null,"subject":[])"}), {}, {}, false},
      {document({R"("Layers":[],"fsLayers":[])"}), {}, {}, false},
      {R"({"schemaVersion":1})", {}, {}, false},
  };
  for (const Row& row : rows) {
    const RawManifest manifest = raw(row.body, kThing);
    const auto content = parse_manifest(manifest);
    ASSERT_TRUE(content) << row.body << ": " << content.error().describe();
    ASSERT_TRUE(std::holds_alternative<UnknownManifest>(*content));
    EXPECT_EQ(digests_of(blobs_of(*content)), row.blobs) << row.body;
    EXPECT_EQ(digests_of(children_of(*content)), row.manifests) << row.body;
    EXPECT_EQ(subject_of(*content).has_value(), row.subject) << row.body;
    EXPECT_EQ(manifest.bytes(), row.body);
  }
  EXPECT_FALSE(parse_manifest(raw("[]", kThing)));
  EXPECT_FALSE(parse_manifest(raw(R"({"a":1,"a":2})", kThing)));
}

TEST(ParseManifestTest, LimitsAreAtTheBytesThatTheyName) {
  constexpr std::size_t kLimit = std::size_t{4} * 1024 * 1024;
  const std::string body = document({kConfig, kLayers});
  for (const std::size_t size : {kLimit - 1, kLimit, kLimit + 1}) {
    std::string padded = body;
    padded.resize(size, ' ');
    EXPECT_EQ(parse_manifest(raw(padded, kOciManifest)).has_value(), size <= kLimit) << size;
    EXPECT_EQ(detect_media_type(kOciManifest, padded).has_value(), size <= kLimit) << size;
  }
  const auto deep = parse_manifest(raw(R"({"a":)" + std::string(100'000, '['), kOciManifest));
  ASSERT_FALSE(deep);
  EXPECT_EQ(deep.error().message(), "manifest: nested more than 64 deep, the limit");
}

TEST(ParseManifestTest, TheNumberOfDescriptorsIsBounded) {
  const auto index_of = [](std::size_t count) {
    std::string list = "[";
    for (std::size_t i = 0; i < count; ++i) list += i == 0 ? "0" : ",0";
    return raw(document({R"("manifests":)" + list + "]"}), kOciIndex);
  };
  const auto over = parse_manifest(index_of(kMaxDescriptors + 1));
  ASSERT_FALSE(over);
  EXPECT_EQ(over.error().message(), "manifest.manifests: 100001 descriptors, more than the limit of 100000");
  const auto at = parse_manifest(index_of(kMaxDescriptors));
  ASSERT_FALSE(at);
  EXPECT_EQ(at.error().message(), "manifest.manifests[0]: must be an object, not number");
}

TEST(ParseManifestTest, LargeIndexesAreRead) {
  std::vector<Descriptor> children;
  for (int i = 0; i < 20'000; ++i) {
    children.push_back(
        Descriptor{.media_type = std::string(kOciManifest), .digest = *Digest::parse(digest_text(i)), .size = 5});
  }
  const auto content = parse_manifest(raw(serialize_index(kOciIndex, children), kOciIndex));
  ASSERT_TRUE(content) << content.error().describe();
  EXPECT_EQ(children_of(*content).size(), children.size());
}

TEST(RawManifestTest, DescribesItself) {
  const RawManifest manifest = raw("{}", kThing);
  const Descriptor descriptor = manifest.descriptor();
  EXPECT_EQ(descriptor.media_type, kThing);
  EXPECT_EQ(descriptor.size, 2U);
  EXPECT_EQ(descriptor.digest, manifest.digest());
  const RawManifest copy = manifest;
  EXPECT_EQ(copy.bytes().data(), manifest.bytes().data());
}

TEST(SerializeIndexTest, IsDeterministicAndReadBack) {
  EXPECT_EQ(serialize_index(kOciIndex, {}),
            R"({"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]})");
  const Descriptor arm{.media_type = std::string(kOciManifest),
                       .digest = *Digest::parse(digest_text(1)),
                       .size = 3,
                       .platform = Platform{"linux", "arm", "v7"}};
  const Descriptor amd{.media_type = std::string(kDockerManifest),
                       .digest = *Digest::parse(digest_text(2)),
                       .size = 4,
                       .annotations = {{"b", "2"}, {"a", "1"}}};
  const std::string text = serialize_index(kDockerManifestList, {arm, amd}, {{"z", "\"q\""}, {"y", "1"}});
  EXPECT_EQ(text, R"({"schemaVersion":2,"mediaType":"application/vnd.docker.distribution.manifest.list.v2+json",)"
                  R"("manifests":[)" +
                      arm.serialize() + "," + amd.serialize() + R"(],"annotations":{"y":"1","z":"\"q\""}})");
  EXPECT_EQ(text, serialize_index(kDockerManifestList, {arm, amd}, {{"y", "1"}, {"z", "\"q\""}}));
  const auto content = parse_manifest(raw(text, kDockerManifestList));
  ASSERT_TRUE(content) << content.error().describe();
  const auto& index = std::get<ImageIndex>(*content);
  EXPECT_EQ(serialize_index(kDockerManifestList, index.manifests, index.annotations), text);
}

}  // namespace
}  // namespace freightliner::oci
