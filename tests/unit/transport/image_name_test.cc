#include "freightliner/transport/image_name.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace freightliner::transport {
namespace {

using testing::HasSubstr;

const std::string kHex(64, 'a');
const std::string kDigest = "sha256:" + kHex;

struct DockerCase {
  std::string text;
  std::string canonical;
};

TEST(ImageName, ReadsReferences) {
  const std::vector<DockerCase> cases = {
      {"docker://alpine", "docker://docker.io/library/alpine:latest"},
      {"alpine", "docker://docker.io/library/alpine:latest"},
      {"docker:dind", "docker://docker.io/library/docker:dind"},  // an image of that name exists
      {"localhost/oci:tag", "docker://localhost/oci:tag"},
      {"localhost:5000/a/b:v1", "docker://localhost:5000/a/b:v1"},
      {"docker://[::1]:5000/a:v1", "docker://[::1]:5000/a:v1"},
      {"ghcr.io/a/b@" + kDigest, "docker://ghcr.io/a/b@" + kDigest},
      {"registry.example/dir/x:v1", "docker://registry.example/dir/x:v1"},
  };
  for (const DockerCase& c : cases) {
    SCOPED_TRACE(c.text);
    const auto name = ImageName::parse(c.text);
    ASSERT_TRUE(name) << name.error().message();
    EXPECT_EQ(name->kind, TransportKind::kDocker);
    EXPECT_TRUE(name->reference);
    EXPECT_EQ(name->to_string(), c.canonical);
    EXPECT_EQ(ImageName::parse(name->to_string())->to_string(), c.canonical);
  }
}

struct PathCase {
  std::string text;
  TransportKind kind;
  std::string path;
  std::string tag;
};

TEST(ImageName, ReadsPaths) {
  const std::vector<PathCase> cases = {
      {"oci:alpine", TransportKind::kOci, "alpine", ""},
      {"oci:dir/sub:v1", TransportKind::kOci, "dir/sub", "v1"},
      {"oci:/abs/dir:v1.2-rc+x", TransportKind::kOci, "/abs/dir", "v1.2-rc+x"},
      {"oci:///abs:v1", TransportKind::kOci, "///abs", "v1"},
      {"oci:.:_old..tag-", TransportKind::kOci, ".", "_old..tag-"},
      {"oci:dir:docker.io/library/alpine:3.20", TransportKind::kOci, "dir", "docker.io/library/alpine:3.20"},
      {"oci:dir:a--b@c", TransportKind::kOci, "dir", "a--b@c"},
      {"oci:with space:v1", TransportKind::kOci, "with space", "v1"},
      {"oci-archive:x.tar", TransportKind::kOciArchive, "x.tar", ""},
      {"oci-archive:../x.tar:latest", TransportKind::kOciArchive, "../x.tar", "latest"},
  };
  for (const PathCase& c : cases) {
    SCOPED_TRACE(c.text);
    const auto name = ImageName::parse(c.text);
    ASSERT_TRUE(name) << name.error().message();
    EXPECT_EQ(name->kind, c.kind);
    EXPECT_EQ(name->path, c.path);
    EXPECT_EQ(name->tag, c.tag);
    EXPECT_FALSE(name->digest);
    EXPECT_FALSE(name->reference);
    EXPECT_EQ(name->to_string(), c.text);
  }
}

TEST(ImageName, ReadsDigestsOfPaths) {
  for (const std::string& text : {"oci:dir@" + kDigest, "oci-archive:/x.tar@sha512:" + kHex + kHex}) {
    SCOPED_TRACE(text);
    const auto name = ImageName::parse(text);
    ASSERT_TRUE(name) << name.error().message();
    ASSERT_TRUE(name->digest);
    EXPECT_EQ(name->tag, "");
    EXPECT_EQ(name->to_string(), text);
  }
}

struct BadCase {
  std::string text;
  std::string words;
};

TEST(ImageName, RefusesWithTheReason) {
  const std::vector<BadCase> cases = {
      {"", ""},
      {"docker://", ""},
      {"docker://UPPER/case", ""},
      {"oci:", "names no path"},
      {"oci::v1", "names no path"},
      {"oci:@" + kDigest, "names no path"},
      {"oci-archive:", "oci-archive:FILE"},
      {"oci:dir:", "bad tag"},
      {"oci:dir:a b", "bad tag"},
      {"oci:dir:a//b", "bad tag"},
      {"oci:dir:a/---/b", "bad tag"},
      {"oci:dir:a/b---c", "bad tag"},
      {"oci:dir:../x", "bad tag"},
      {"oci:dir:tag\x1b[31m", "\\x1b"},
      {"oci:dir:v1@" + kDigest, "a tag and a digest"},
      {"oci:dir@", "no digest"},
      {"oci:dir@sha256:abc", "no digest"},
      {"oci:me@home/dir", "the first ':' or '@'"},
      {std::string("oci:a\0b", 7), "NUL"},
      {"oci://ghcr.io/a/b", "docker://HOST/REPOSITORY"},
      {"docker-daemon:alpine", "docker://, oci: and oci-archive:"},
      {"docker-archive:x.tar", "docker-archive:"},
      {"dir:/x", "dir:"},
      {"containers-storage:alpine", "containers-storage:"},
      {"ostree:x@/y", "ostree:"},
      {"sif:x.sif", "sif:"},
      {"ocidir://x", "ocidir:"},
      {"tarball:x.tar", "tarball:"},
      {"http://ghcr.io/a", "leave the scheme out"},
      {"HTTPS://user:secret@ghcr.io/a", "leave the scheme out"},
      {"s3://bucket/a", "unknown"},
      {"./dir", "oci:./dir"},
      {"/abs/dir", "oci:/abs/dir"},
  };
  for (const BadCase& c : cases) {
    SCOPED_TRACE(c.text);
    const auto name = ImageName::parse(c.text);
    ASSERT_FALSE(name);
    EXPECT_EQ(name.error().code(), ErrorCode::kUsage);
    EXPECT_THAT(name.error().describe(), HasSubstr(c.words));
    EXPECT_EQ(name.error().describe().find("secret"), std::string::npos);
    EXPECT_EQ(name.error().describe().find('\n'), std::string::npos);
  }
}

TEST(ImageName, KnowsValidRefNames) {
  for (const std::string& text : std::vector<std::string>{"a", "1", "v1.0", "a/b/c", "a:b", "a--b", "a@b", "A+b", "_x",
                                                          "x.", std::string(128, 'a'), std::string(300, 'a') + "/b"}) {
    EXPECT_TRUE(is_valid_ref_name(text)) << text;
  }
  for (const std::string& text : std::vector<std::string>{"", "/", "a/", "/a", "a//b", "a b", "-a", ".", "x/a---b",
                                                          "a:-b", "ä", "a\n", "a\\b", std::string(129, 'a') + "."}) {
    EXPECT_FALSE(is_valid_ref_name(text)) << text;
  }
}

}  // namespace
}  // namespace freightliner::transport
