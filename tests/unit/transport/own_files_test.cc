#include "freightliner/transport/own_files.h"

#include <gtest/gtest.h>

#include "support/temporary_directory.h"

namespace freightliner::transport {
namespace {

namespace fs = std::filesystem;

class OwnFiles : public testing::Test {
 protected:
  bool in_image(const std::string& file, const std::string& image) const {
    return is_part_of(file.starts_with('/') ? fs::path(file) : directory_ / file, ImageName::parse(image).value());
  }
  bool in_tree(const std::string& file, const std::string& tree) const {
    return is_part_of(directory_ / file, TreeName::parse(tree).value());
  }
  std::string at(const std::string& transport, const std::string& path) const {
    return transport + ":" + (directory_ / path).string();
  }
  test::TemporaryDirectory directory_;
};

TEST_F(OwnFiles, AnArchiveIsOneFile) {
  const std::string archive = at("oci-archive", "x.tar") + ":v1";
  EXPECT_TRUE(in_image("x.tar", archive));
  EXPECT_TRUE(in_image("./sub/../x.tar", archive));
  EXPECT_FALSE(in_image("y.tar", archive));
  directory_.write("x.tar", "");
  fs::create_symlink("x.tar", directory_ / "link");
  fs::create_hard_link(directory_ / "x.tar", directory_ / "other name");
  EXPECT_TRUE(in_image("link", archive));
  EXPECT_TRUE(in_image("other name", archive));
}

TEST_F(OwnFiles, ALayoutsFilesAreItsOwnAndNoOthers) {
  for (const bool is_there : {false, true}) {
    for (const std::string name : {"layout", "layout/"}) {
      const std::string layout = at("oci", name) + ":v1";
      for (const std::string file : {"index.json", "oci-layout", ".freightliner.lock", "blobs/sha256/x", "blobs/x"}) {
        EXPECT_TRUE(in_image("layout/" + file, layout)) << file;
        EXPECT_FALSE(in_image("other/" + file, layout)) << file;
        EXPECT_FALSE(in_image("layout2/" + file, layout)) << file;
      }
      EXPECT_FALSE(in_image("layout/report.json", layout));
      EXPECT_FALSE(in_image("layout/reports/index.json", layout));
      EXPECT_FALSE(in_image("index.json", layout));
      EXPECT_FALSE(in_image("layout", layout));
    }
    if (is_there) continue;
    fs::create_directory(directory_ / "layout");
    fs::create_directory_symlink("layout", directory_ / "link");
  }
  EXPECT_TRUE(in_image("link/index.json", at("oci", "layout")));
  EXPECT_TRUE(in_image("layout/index.json", at("oci", "link")));
}

TEST_F(OwnFiles, ATreesLayoutsAreItsOwn) {
  const std::string tree = at("oci-tree", "tree");
  for (const std::string file :
       {"team/app/index.json", "app/oci-layout", "app/.freightliner.lock", "_blobs/sha256/x"}) {
    EXPECT_TRUE(in_tree("tree/" + file, tree)) << file;
    EXPECT_FALSE(in_tree("trees/" + file, tree)) << file;
  }
  EXPECT_FALSE(in_tree("tree/report.json", tree));
  EXPECT_FALSE(in_tree("tree/app/report.json", tree));
  EXPECT_FALSE(in_tree("index.json", tree));
}

TEST_F(OwnFiles, ARegistryHasNoFiles) {
  EXPECT_FALSE(in_image("/index.json", "docker://localhost:5000/a:v1"));
  EXPECT_FALSE(is_part_of("index.json", TreeName::parse("localhost:5000").value()));
}

}  // namespace
}  // namespace freightliner::transport
