#include "freightliner/oci/media_type.h"

#include <gtest/gtest.h>

namespace freightliner::oci {
namespace {

TEST(MediaTypeTest, DropsParameters) {
  struct Row {
    std::string_view header;
    std::string_view bare;
  };
  constexpr Row kRows[] = {
      {"Application/JSON; charset=utf-8", "application/json"},
      {" application/json ", "application/json"},
      {"application/json;", "application/json"},
      {"application/vnd.oci.image.index.v1+json ;q=1; x=\";\"", kOciIndex},
      {"", ""},
      {";charset=utf-8", ""},
      {"text/plain\r\n", "text/plain"},
  };
  for (const Row& row : kRows) EXPECT_EQ(bare_media_type(row.header), row.bare) << row.header;
}

TEST(MediaTypeTest, KnowsTheKinds) {
  struct Row {
    std::string_view type;
    bool index;
    bool manifest;
    bool schema1;
    bool foreign;
  };
  constexpr Row kRows[] = {
      {kOciIndex, true, false, false, false},
      {kDockerManifestList, true, false, false, false},
      {kOciManifest, false, true, false, false},
      {kDockerManifest, false, true, false, false},
      {kDockerSchema1, false, false, true, false},
      {kDockerSchema1Signed, false, false, true, false},
      {kOciConfig, false, false, false, false},
      {kOciArtifactManifest, false, false, false, false},
      {"Application/VND.OCI.image.index.v1+json", true, false, false, false},
      {"application/vnd.oci.image.index.v1+jso", false, false, false, false},
      {"application/vnd.oci.image.index.v1+json2", false, false, false, false},
      {"application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", false, false, false, true},
      {"application/vnd.docker.image.rootfs.foreign.diff.tar", false, false, false, true},
      {"application/vnd.oci.image.layer.nondistributable.v1.tar", false, false, false, true},
      {"application/vnd.oci.image.layer.nondistributable.v1.tar+gzip", false, false, false, true},
      {"application/vnd.oci.image.layer.nondistributable.v1.tar+zstd", false, false, false, true},
      {"application/vnd.oci.image.layer.v1.tar+gzip", false, false, false, false},
      {"application/vnd.docker.image.rootfs.diff.tar.gzip", false, false, false, false},
      {"", false, false, false, false},
  };
  for (const Row& row : kRows) {
    EXPECT_EQ(is_index_type(row.type), row.index) << row.type;
    EXPECT_EQ(is_manifest_type(row.type), row.manifest) << row.type;
    EXPECT_EQ(is_schema1_type(row.type), row.schema1) << row.type;
    EXPECT_EQ(is_foreign_layer_type(row.type), row.foreign) << row.type;
  }
}

TEST(MediaTypeTest, ValidTypesAreSafeInAHeader) {
  for (const std::string_view good : {kOciIndex, kDockerSchema1Signed, std::string_view("text/plain"),
                                      std::string_view("a/b"), std::string_view("application/x-a_b.c!#$&^+d")}) {
    EXPECT_TRUE(is_valid_media_type(good)) << good;
  }
  const std::string too_long = "application/" + std::string(128, 'a');
  for (const std::string_view bad :
       {std::string_view(""), std::string_view("text"), std::string_view("/"), std::string_view("a/"),
        std::string_view("/b"), std::string_view("a/b/c"), std::string_view("a/b c"), std::string_view("a/b;c=d"),
        std::string_view("a/b\r\nX: y"), std::string_view("a/\x1b"), std::string_view("a/+b"),
        std::string_view("a/b\0c", 5), std::string_view("a/\xC3\xA9"), std::string_view(too_long)}) {
    EXPECT_FALSE(is_valid_media_type(bad)) << bad;
  }
}

TEST(MediaTypeTest, AcceptNamesEveryTypeOnce) {
  for (const std::string_view type : {kOciIndex, kOciManifest, kDockerManifestList, kDockerManifest,
                                      kOciArtifactManifest, kDockerSchema1, kDockerSchema1Signed}) {
    const auto first = kManifestAccept.find(type);
    ASSERT_NE(first, std::string::npos) << type;
    EXPECT_EQ(kManifestAccept.find(type, first + 1), std::string::npos) << type;
  }
  EXPECT_EQ(kManifestAccept.find(kOciIndex), 0U);
  EXPECT_EQ(kManifestAccept.find_first_of("\r\n"), std::string::npos);
}

}  // namespace
}  // namespace freightliner::oci
