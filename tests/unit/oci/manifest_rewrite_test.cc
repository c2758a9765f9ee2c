#include "freightliner/oci/manifest_rewrite.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "freightliner/oci/json.h"
#include "freightliner/oci/media_type.h"

namespace freightliner::oci {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

const std::string kOciLayer = "application/vnd.oci.image.layer.v1.tar";
const std::string kDockerLayer = "application/vnd.docker.image.rootfs.diff.tar";

std::string text_of(char digit) {
  return "sha256:" + std::string(64, digit);
}
Digest digest(char digit) {
  return *Digest::parse(text_of(digit));
}
RawManifest manifest_of(std::string bytes, std::string_view type) {
  return {std::move(bytes), std::string(type), digest('0')};
}
std::string descriptor(std::string_view type, char digit, std::string_view more = "") {
  return fmt::format(R"({{"mediaType":"{}","size":7,"digest":"{}"{}}})", type, text_of(digit), more);
}
Descriptor zstd_layer(char digit) {
  return {.media_type = kOciLayer + "+zstd", .digest = digest(digit), .size = 99};
}
Json rewritten(const RawManifest& manifest, const ManifestChanges& changes) {
  const auto result = rewrite_manifest(manifest, changes);
  EXPECT_TRUE(result) << result.error().describe();
  return Json::parse(result->bytes);
}

TEST(LayerTypes, WhichAreLayersOfAnImage) {
  struct Case {
    std::string type;
    std::optional<Compression> compression;
    std::string in_oci;
  };
  const std::vector<Case> cases = {
      {kOciLayer, Compression::kNone, kOciLayer},
      {kOciLayer + "+gzip", Compression::kGzip, kOciLayer + "+gzip"},
      {kOciLayer + "+zstd", Compression::kZstd, kOciLayer + "+zstd"},
      {kDockerLayer, Compression::kNone, kOciLayer},
      {kDockerLayer + ".gzip", Compression::kGzip, kOciLayer + "+gzip"},
      {kDockerLayer + ".zstd", Compression::kZstd, kOciLayer + "+zstd"},
      {"application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", std::nullopt,
       "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip"},
      {"application/vnd.oci.image.layer.nondistributable.v1.tar+zstd", std::nullopt,
       "application/vnd.oci.image.layer.nondistributable.v1.tar+zstd"},
      {kOciLayer + "+gzip+encrypted", std::nullopt, kOciLayer + "+gzip+encrypted"},
      {"application/vnd.in-toto+json", std::nullopt, "application/vnd.in-toto+json"},
      {std::string(kDockerManifest), std::nullopt, std::string(kOciManifest)},
      {std::string(kDockerManifestList), std::nullopt, std::string(kOciIndex)},
      {std::string(kDockerConfig), std::nullopt, std::string(kOciConfig)},
      {"", std::nullopt, ""},
  };
  for (const Case& each : cases) {
    EXPECT_EQ(layer_compression(each.type), each.compression) << each.type;
    EXPECT_EQ(oci_type_of(each.type), each.in_oci);
  }
  EXPECT_TRUE(is_image_config_type(kDockerConfig));
  EXPECT_TRUE(is_image_config_type(kOciConfig));
  EXPECT_FALSE(is_image_config_type(kOciEmpty));
}

TEST(RewriteManifest, LayersAndAnnotationsAndNothingElse) {
  const std::string bytes = fmt::format(
      R"({{"schemaVersion":2,"config":{},"x-own":{{"b":1.5,"a":18446744073709551615}},"layers":[{},{}],"annotations":{{"k":"v"}}}})",
      descriptor(kOciConfig, 'c'), descriptor(kOciLayer + "+gzip", '1', R"(,"annotations":{"note":"n"})"),
      descriptor("application/vnd.example", '2'));
  const ManifestChanges changes{.replaced = {{digest('1'), zstd_layer('9')}}, .annotations = {{"k2", "v2"}}};
  const auto result = rewrite_manifest(manifest_of(bytes, kOciManifest), changes);
  ASSERT_TRUE(result) << result.error().describe();
  EXPECT_EQ(result->media_type, kOciManifest);
  EXPECT_EQ(
      result->bytes,
      fmt::format(
          R"({{"schemaVersion":2,"config":{},"x-own":{{"b":1.5,"a":18446744073709551615}},"layers":[{{"mediaType":"{}+zstd","size":99,"digest":"{}","annotations":{{"note":"n"}}}},{}],"annotations":{{"k":"v","k2":"v2"}}}})",
          descriptor(kOciConfig, 'c'), kOciLayer, text_of('9'), descriptor("application/vnd.example", '2')));
}

TEST(RewriteManifest, DockerBecomesOci) {
  const std::string bytes = fmt::format(
      R"({{"schemaVersion":2,"mediaType":"{}","config":{},"layers":[{},{},{}]}})", kDockerManifest,
      descriptor(kDockerConfig, 'c'), descriptor(kDockerLayer + ".gzip", '1'), descriptor(kDockerLayer + ".zstd", '2'),
      descriptor("application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", '1', R"(,"urls":["http://x"])"));
  const auto raw = manifest_of(bytes, kDockerManifest);
  const ManifestChanges changes{.replaced = {{digest('1'), zstd_layer('9')}}};
  EXPECT_EQ(rewrite_manifest(raw, changes)->media_type, kOciManifest);
  const Json json = rewritten(raw, changes);
  EXPECT_EQ(json["mediaType"], kOciManifest);
  EXPECT_EQ(json["config"]["mediaType"], kOciConfig);
  EXPECT_EQ(json["config"]["digest"], text_of('c'));
  EXPECT_EQ(json["layers"][0]["digest"], text_of('9'));
  EXPECT_EQ(json["layers"][1]["mediaType"], kOciLayer + "+zstd");
  EXPECT_EQ(json["layers"][2]["mediaType"], "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip");
  EXPECT_EQ(json["layers"][2]["digest"], text_of('1')) << "a layer that lives elsewhere stays what it is";
}

TEST(RewriteManifest, IndexWithItsAttestations) {
  const std::string bytes = fmt::format(
      R"({{"schemaVersion":2,"mediaType":"{}","manifests":[{},{},{}]}})", kDockerManifestList,
      descriptor(kDockerManifest, '1', R"(,"platform":{"os":"linux","architecture":"amd64"},"data":"e30=")"),
      descriptor(kOciManifest, '2',
                 fmt::format(R"(,"annotations":{{"vnd.docker.reference.digest":"{}","vnd.docker.reference.type":"a"}})",
                             text_of('1'))),
      descriptor(kDockerManifest, '3'));
  const Descriptor child{.media_type = std::string(kOciManifest), .digest = digest('8'), .size = 5};
  const Json json = rewritten(manifest_of(bytes, kDockerManifestList), {.replaced = {{digest('1'), child}}});
  EXPECT_EQ(json["mediaType"], kOciIndex);
  EXPECT_EQ(json["manifests"][0]["mediaType"], kOciManifest);
  EXPECT_EQ(json["manifests"][0]["platform"]["architecture"], "amd64");
  EXPECT_FALSE(json["manifests"][0].contains("data"));
  EXPECT_EQ(json["manifests"][1]["digest"], text_of('2'));
  EXPECT_EQ(json["manifests"][1]["annotations"]["vnd.docker.reference.digest"], text_of('8'));
  EXPECT_EQ(json["manifests"][2]["mediaType"], kDockerManifest) << "what is kept keeps its type";
}

TEST(RewriteManifest, TablesOfContentsOfTheOldBytesGo) {
  const std::string bytes = fmt::format(
      R"({{"schemaVersion":2,"config":{},"layers":[{},{}]}})", descriptor(kOciConfig, 'c'),
      descriptor(
          kOciLayer + "+gzip", '1',
          R"(,"annotations":{"containerd.io/snapshot/stargz/toc.digest":"x","io.github.containers.zstd-chunked.manifest-position":"1","keep":"me"})"),
      descriptor(kOciLayer + "+zstd", '2',
                 R"(,"annotations":{"io.github.containers.zstd-chunked.manifest-position":"1"})"));
  const Json json = rewritten(manifest_of(bytes, kOciManifest), {.replaced = {{digest('1'), zstd_layer('9')}}});
  EXPECT_EQ(json["layers"][0]["annotations"], Json::parse(R"({"keep":"me"})"));
  EXPECT_TRUE(json["layers"][1]["annotations"].contains("io.github.containers.zstd-chunked.manifest-position"));
}

TEST(RewriteManifest, RefusesWhatIsNoManifest) {
  for (const std::string bytes : {"", "[]", "{", R"({"schemaVersion":2,"config":{},"layers":[]})"}) {
    const auto result = rewrite_manifest(manifest_of(bytes, kOciManifest), {});
    ASSERT_FALSE(result) << bytes;
    EXPECT_EQ(result.error().code(), ErrorCode::kProtocol);
  }
}

TEST(AnnotationOf, FindsTextsOnly) {
  const auto found = [](const std::string& bytes) { return annotation_of(manifest_of(bytes, kOciManifest), "a.b"); };
  EXPECT_EQ(found(R"({"annotations":{"a.b":"text"}})"), "text");
  for (const std::string bytes : {R"({"annotations":{"a.b":1}})", R"({"annotations":{"a.c":"x"}})",
                                  R"({"annotations":null})", "{}", "[]", "", "{"}) {
    EXPECT_EQ(found(bytes), std::nullopt) << bytes;
  }
}

TEST(DiffIds, OfAConfig) {
  const auto ids = diff_ids_of(
      fmt::format(R"({{"rootfs":{{"type":"layers","diff_ids":["{}","{}"]}}}})", text_of('1'), text_of('2')));
  ASSERT_TRUE(ids) << ids.error().describe();
  EXPECT_EQ(*ids, (std::vector<Digest>{digest('1'), digest('2')}));
  for (const std::string config :
       {"", "[]", "{}", R"({"rootfs":[]})", R"({"rootfs":{}})", R"({"rootfs":{"diff_ids":{}}})",
        R"({"rootfs":{"diff_ids":[1]}})", R"({"rootfs":{"diff_ids":["sha256:1"]}})"}) {
    const auto bad = diff_ids_of(config);
    ASSERT_FALSE(bad) << config;
    EXPECT_EQ(bad.error().code(), ErrorCode::kProtocol);
  }
}

}  // namespace
}  // namespace freightliner::oci
