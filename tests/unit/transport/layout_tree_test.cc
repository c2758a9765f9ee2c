// Trees of layouts with common blobs.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "freightliner/io/file_lock.h"
#include "freightliner/transport/image_tree.h"
#include "support/cleanups.h"
#include "support/scripted_registry.h"
#include "transport/layout_fixture.h"

namespace freightliner::transport {
namespace {

namespace fs = std::filesystem;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

class LayoutTree : public testing::Test {
 protected:
  std::unique_ptr<ImageTree> tree(bool create = true) {
    return make_layout_tree(TreeName{.directory = directory_ / "tree"}, create, test::cleanups(),
                            Logger(&log_, LogLevel::kWarn));
  }
  fs::path file(const std::string& name) const { return directory_ / "tree" / name; }
  void write(ImageTree& target, const std::string& repository, const std::string& tag, const TestImage& image) {
    const auto destination = target.destination(repository, tag);
    ASSERT_TRUE(destination) << destination.error().describe();
    const Status written = write_image(**destination, *caller_, image, "");
    ASSERT_TRUE(written) << written.error().describe();
  }
  void write(const std::string& repository, const std::string& tag, const TestImage& image) {
    write(*tree(), repository, tag, image);
  }
  std::vector<std::string> repositories() {
    const auto names = tree(false)->repositories(*caller_);
    EXPECT_TRUE(names) << names.error().describe();
    return names && *names ? **names : std::vector<std::string>{"(none)"};
  }
  std::vector<std::string> tags(ImageTree& from, const std::string& repository) {
    const auto listed = from.tags(*caller_, repository);
    EXPECT_TRUE(listed) << listed.error().describe();
    if (!listed || !*listed) return {"(none)"};
    std::vector<std::string> names;
    for (const ListedTag& tag : **listed) names.push_back(tag.name);
    return names;
  }
  std::vector<std::string> tags(const std::string& repository) { return tags(*tree(false), repository); }
  Result<oci::Digest> digest_of(ImageTree& from, const std::string& repository, const std::string& tag) {
    FL_TRY(const std::unique_ptr<ImageSource> source, from.source(repository, tag));
    FL_TRY(const oci::RawManifest root, source->root(*caller_));
    return root.digest();
  }
  void edit_index(const std::string& repository, const std::function<void(oci::Json&)>& edit) {
    const std::string name = "tree/" + repository + "/index.json";
    oci::Json index = oci::Json::parse(directory_.read(name));
    edit(index);
    directory_.write(name, index.dump());
  }

  TemporaryDirectory directory_;
  OfflineCaller caller_;
  test::CollectingLog log_;
  const TestImage image_{"a"};
  const TestImage other_{"b"};
};

TEST_F(LayoutTree, RepositoriesShareTheirBlobs) {
  const auto target = tree();
  write(*target, "team/app", "v1", image_);
  const auto second = target->destination("other", "v2").value();
  EXPECT_TRUE(second->has_blob(*caller_, describe_blob(image_.layer)).value());
  EXPECT_FALSE(write_blob(*second, *caller_, image_.layer).value()) << "it is there";
  write(*target, "other", "v2", image_);
  EXPECT_THAT(entries_of(file("")), ElementsAre("_blobs", "other", "team"));
  EXPECT_THAT(entries_of(file("_blobs")), ElementsAre("sha256"));
  EXPECT_THAT(entries_of(file("_blobs/sha256")), SizeIs(3));
  EXPECT_THAT(entries_of(file("team")), ElementsAre("app"));
  EXPECT_THAT(entries_of(file("team/app")), ElementsAre(".freightliner.lock", "index.json", "oci-layout"));
  const auto source = tree(false)->source("other", "v2").value();
  EXPECT_EQ(source->name(), "oci:" + file("other").string() + ":v2");
  EXPECT_EQ(source->root(*caller_)->bytes(), image_.manifest.bytes());
  EXPECT_EQ(read_blob(*source, *caller_, describe_blob(image_.layer)).value(), image_.layer);
}

TEST_F(LayoutTree, ListsRepositoriesAndTagsWithDigests) {
  const auto target = tree();
  write(*target, "team/app", "v2", other_);
  write(*target, "team/app", "v1", image_);
  write(*target, "team/app", "latest", other_);
  write(*target, "team", "v1", image_);
  write(*target, "zeta/deep/er", "v1", image_);
  EXPECT_THAT(repositories(), ElementsAre("team", "team/app", "zeta/deep/er"));
  const auto listed = tree(false)->tags(*caller_, "team/app").value().value();
  ASSERT_THAT(listed, SizeIs(3));
  EXPECT_EQ(listed[0].name, "latest");
  EXPECT_EQ(listed[0].digest, other_.manifest.digest());
  EXPECT_EQ(listed[1].digest, image_.manifest.digest());
  EXPECT_FALSE(tree(false)->tags(*caller_, "team/none").value());
  EXPECT_FALSE(tree(false)->tags(*caller_, "zeta/deep").value()) << "a directory and no layout";
  EXPECT_THAT(log_.lines(), IsEmpty());
}

TEST_F(LayoutTree, ListsTheRepositoriesOfItsPrefix) {
  const auto target = tree();
  write(*target, "team/app", "v1", image_);
  write(*target, "teams", "v1", image_);
  const auto below =
      make_layout_tree(TreeName{.prefix = "team", .directory = directory_ / "tree"}, false, test::cleanups(), Logger());
  EXPECT_THAT(below->repositories(*caller_).value().value(), ElementsAre("team/app"));
}

TEST_F(LayoutTree, AMissingDirectory) {
  for (const bool create : {false, true}) {
    const auto missing = tree(create);
    EXPECT_FALSE(missing->repositories(*caller_).value());
    EXPECT_FALSE(missing->tags(*caller_, "app").value());
    const auto source = missing->source("app", "v1");
    ASSERT_FALSE(source);
    EXPECT_EQ(source.error().code(), ErrorCode::kNotFound);
    EXPECT_TRUE(missing->remove_tag(*caller_, "app", "v1").value());
    EXPECT_TRUE(missing->remove_manifest(*caller_, "app", image_.manifest.digest()));
  }
  EXPECT_FALSE(fs::exists(directory_ / "tree"));
}

TEST_F(LayoutTree, WithoutCreateNothingIsWritten) {
  const auto target = tree(false)->destination("team/app", "v1");
  ASSERT_TRUE(target) << target.error().describe();
  EXPECT_FALSE((*target)->resolve(*caller_, "").value());
  EXPECT_FALSE((*target)->has_blob(*caller_, describe_blob(image_.layer)).value());
  EXPECT_FALSE(write_blob(**target, *caller_, image_.layer));
  EXPECT_FALSE((*target)->put_tagged(*caller_, image_.manifest, "v1"));
  EXPECT_FALSE(fs::exists(directory_ / "tree"));
  write("team/app", "v1", image_);
  const std::string before = directory_.read("tree/team/app/index.json");
  EXPECT_EQ(tree(false)->destination("team/app", "v1").value()->resolve(*caller_, "").value()->digest,
            image_.manifest.digest());
  EXPECT_FALSE(tree(false)->remove_tag(*caller_, "team/app", "v1"));
  EXPECT_EQ(directory_.read("tree/team/app/index.json"), before);
}

TEST_F(LayoutTree, UntagsAndKeepsTheRest) {
  const auto target = tree();
  write(*target, "app", "v1", image_);
  write(*target, "app", "v2", image_);
  write(*target, "app", "v3", other_);
  EXPECT_TRUE(target->remove_tag(*caller_, "app", "v1").value());
  EXPECT_TRUE(target->remove_tag(*caller_, "app", "v1").value()) << "it is gone already";
  EXPECT_TRUE(target->remove_tag(*caller_, "none", "v1").value());
  EXPECT_THAT(tags(*target, "app"), ElementsAre("v2", "v3"));
  EXPECT_THAT(tags("app"), ElementsAre("v2", "v3"));
  EXPECT_EQ(digest_of(*target, "app", "v1").error().code(), ErrorCode::kNotFound);
  EXPECT_EQ(digest_of(*target, "app", image_.manifest.digest().to_string()).value(), image_.manifest.digest());
  EXPECT_TRUE(target->remove_manifest(*caller_, "app", other_.manifest.digest()));
  EXPECT_TRUE(target->remove_manifest(*caller_, "app", image_.manifest.digest()));
  EXPECT_THAT(tags("app"), IsEmpty());
  EXPECT_THAT(repositories(), ElementsAre("app"));
  EXPECT_THAT(entries_of(file("_blobs/sha256")), SizeIs(6)) << "others may need them";
  EXPECT_FALSE(fs::exists(file("none")));
}

TEST_F(LayoutTree, ATreeThatIsWrittenToSeesWhatItWrote) {
  const auto target = tree();
  write(*target, "app", "v1", image_);
  EXPECT_THAT(tags(*target, "app"), ElementsAre("v1"));
  EXPECT_EQ(digest_of(*target, "app", "v1").value(), image_.manifest.digest());
  write(*target, "app", "v1", other_);
  write(*target, "app", "v2", image_);
  EXPECT_EQ(digest_of(*target, "app", "v1").value(), other_.manifest.digest());
  EXPECT_THAT(tags(*target, "app"), ElementsAre("v1", "v2"));
}

TEST_F(LayoutTree, AndWhatOthersWrote) {
  const auto target = tree();
  write(*target, "app", "v1", image_);
  const auto open = target->destination("app", "v1").value();
  EXPECT_EQ(open->resolve(*caller_, "").value()->digest, image_.manifest.digest());
  write("app", "v1", other_);
  EXPECT_EQ(open->resolve(*caller_, "").value()->digest, other_.manifest.digest());
  EXPECT_TRUE(open->put_tagged(*caller_, image_.manifest, "v2"));
  EXPECT_EQ(digest_of(*tree(false), "app", "v1").value(), other_.manifest.digest()) << "it was not lost";
}

TEST_F(LayoutTree, ASourceKeepsItsIndex) {
  write("app", "v1", image_);
  const auto source = tree(false);
  EXPECT_EQ(digest_of(*source, "app", "v1").value(), image_.manifest.digest());
  write("app", "v1", other_);
  write("app", "v2", other_);
  EXPECT_EQ(digest_of(*source, "app", "v1").value(), image_.manifest.digest());
  EXPECT_EQ(digest_of(*source, "app", "v2").error().code(), ErrorCode::kNotFound);
  EXPECT_THAT(tags(*source, "app"), ElementsAre("v1", "v2")) << "a new listing is new";
  EXPECT_EQ(digest_of(*source, "app", "v1").value(), other_.manifest.digest());
}

TEST_F(LayoutTree, ASourceOpensManyRepositories) {
  write("r0", "v1", image_);
  for (int i = 1; i < 300; ++i) fs::copy(file("r0"), file("r" + std::to_string(i)));
  const auto source = tree(false);
  for (int round = 0; round < 2; ++round) {
    for (int i = 0; i < 300; ++i) {
      EXPECT_EQ(digest_of(*source, "r" + std::to_string(i), "v1").value(), image_.manifest.digest());
    }
  }
  EXPECT_LT(std::distance(fs::directory_iterator("/proc/self/fd"), fs::directory_iterator()), 150);
}

TEST_F(LayoutTree, HostileAndCollidingNamesAreRefused) {
  write("app", "v1", image_);
  const auto all = tree();
  for (const std::string name : {"", ".", "..", "../x", "/abs", "a//b", "_blobs", "_blobs/sha256", ".hidden", "Upper",
                                 "index.json", "oci-layout", "team/index.json", "app/oci-layout/x"}) {
    SCOPED_TRACE(name);
    EXPECT_EQ(all->tags(*caller_, name).error().code(), ErrorCode::kUsage);
    EXPECT_EQ(all->source(name, "v1").error().code(), ErrorCode::kUsage);
    EXPECT_EQ(all->destination(name, "v1").error().code(), ErrorCode::kUsage);
    EXPECT_EQ(all->remove_tag(*caller_, name, "v1").error().code(), ErrorCode::kUsage);
    EXPECT_EQ(all->remove_manifest(*caller_, name, image_.manifest.digest()).error().code(), ErrorCode::kUsage);
  }
  for (const std::string tag : {"", "../x", "a/b", "sha256:x"}) {
    EXPECT_EQ(all->source("app", tag).error().code(), ErrorCode::kUsage) << tag;
    EXPECT_EQ(all->destination("app", tag).error().code(), ErrorCode::kUsage) << tag;
  }
}

TEST_F(LayoutTree, ListingPassesOverWhatIsNoRepository) {
  write("app", "v1", image_);
  directory_.write("tree/Upper/index.json", "{}");
  directory_.write("tree/lost+found/x", "");
  directory_.write("tree/.git/index.json", "{}");
  directory_.write("tree/README", "");
  directory_.write("tree/app/index.json.d/index.json", "{}");
  directory_.write("outside/index.json", "{}");
  fs::create_directory_symlink(directory_ / "outside", file("linked"));
  fs::create_directory_symlink(directory_ / "tree", file("app/loop"));
  EXPECT_THAT(repositories(), ElementsAre("app", "app/index.json.d"));
  EXPECT_THAT(log_.lines(), SizeIs(3));
  EXPECT_THAT(log_.lines(), Contains(HasSubstr("\"Upper\" is passed over")));
  EXPECT_THAT(log_.lines(), Contains(HasSubstr("\"linked\" is passed over: links")));
}

TEST_F(LayoutTree, DeepDirectoriesEnd) {
  fs::path deep = file("a");
  for (int i = 0; i < 150; ++i) deep /= "a";
  fs::create_directories(deep);
  directory_.write("tree/a/a/index.json", "{}");
  EXPECT_THAT(repositories(), ElementsAre("a/a"));
}

TEST_F(LayoutTree, LinksAreRefused) {
  struct Case {
    std::string link;
    bool lists;
  };
  for (const Case& test : std::vector<Case>{{"team", false}, {"team/app", false}, {"team/app/index.json", true}}) {
    SCOPED_TRACE(test.link);
    fs::remove_all(directory_ / "tree");
    fs::remove_all(directory_ / "outside");
    write("team/app", "v1", image_);
    fs::rename(file(test.link), directory_ / "outside");
    fs::create_symlink(directory_ / "outside", file(test.link));
    EXPECT_EQ(repositories(), test.lists ? std::vector<std::string>{"team/app"} : std::vector<std::string>());
    for (const bool create : {false, true}) {
      const auto all = tree(create);
      EXPECT_EQ(all->tags(*caller_, "team/app").error().code(), ErrorCode::kIntegrity);
      EXPECT_EQ(all->source("team/app", "v1").error().code(), ErrorCode::kIntegrity);
      EXPECT_EQ(all->destination("team/app", "v1").error().code(), ErrorCode::kIntegrity);
    }
  }
  for (const std::string link : {"_blobs", "_blobs/sha256"}) {
    SCOPED_TRACE(link);
    fs::remove_all(directory_ / "tree");
    fs::remove_all(directory_ / "outside");
    write("app", "v1", image_);
    fs::rename(file(link), directory_ / "outside");
    fs::create_symlink(directory_ / "outside", file(link));
    EXPECT_EQ(digest_of(*tree(false), "app", "v1").error().code(), ErrorCode::kIntegrity);
    const auto target = tree()->destination("app", "v2").value();
    EXPECT_EQ(target->begin_blob(*caller_, describe_blob("new"), std::nullopt).error().code(), ErrorCode::kIntegrity);
  }
}

TEST_F(LayoutTree, ALayoutIsNoTree) {
  const auto name = ImageName::parse("oci:" + (directory_ / "tree").string() + ":v1").value();
  const auto layout = open_layout_destination(name, true, test::cleanups(), Logger()).value();
  ASSERT_TRUE(write_image(*layout, *caller_, image_, ""));
  const auto names = tree(false)->repositories(*caller_);
  ASSERT_FALSE(names);
  EXPECT_EQ(names.error().code(), ErrorCode::kUsage);
  EXPECT_THAT(names.error().describe(), HasSubstr("oci:"));
  EXPECT_EQ(tree()->destination("app", "v1").error().code(), ErrorCode::kUsage);
}

TEST_F(LayoutTree, WhatIsNoLayoutIsAnError) {
  directory_.write("tree/app/index.json", R"({"schemaVersion":2,"manifests":[]})");
  for (const bool create : {false, true}) {
    EXPECT_EQ(tree(create)->tags(*caller_, "app").error().code(), ErrorCode::kProtocol);
    EXPECT_EQ(tree(create)->source("app", "v1").error().code(), ErrorCode::kProtocol);
  }
  EXPECT_EQ(tree()->destination("app", "v1").error().code(), ErrorCode::kProtocol);
}

TEST_F(LayoutTree, ALayoutThatHasLostItsIndexIsListedAndHasNoTagsToList) {
  write("team/app", "v1", image_);
  fs::remove(file("team/app/index.json"));
  EXPECT_THAT(repositories(), ElementsAre("team/app"));
  EXPECT_EQ(tree(false)->tags(*caller_, "team/app").value(), std::nullopt);
}

TEST_F(LayoutTree, OddTagsOfOtherTools) {
  write("app", "v1", image_);
  write("app", "v2", other_);
  edit_index("app", [](oci::Json& index) {
    index["manifests"].push_back(index["manifests"][0]);
    index["manifests"][2]["annotations"]["org.opencontainers.image.ref.name"] = "docker.io/library/app:v9";
    index["manifests"].push_back(index["manifests"][0]);
    index["manifests"][3]["annotations"]["org.opencontainers.image.ref.name"] = "v2";
    index["manifests"].push_back(
        {{"digest", "sha256:x"}, {"annotations", {{"org.opencontainers.image.ref.name", "broken"}}}});
  });
  const auto source = tree(false);
  const auto listed = source->tags(*caller_, "app").value().value();
  ASSERT_THAT(listed, SizeIs(3));
  EXPECT_EQ(listed[0].name, "broken");
  EXPECT_FALSE(listed[0].digest);
  EXPECT_EQ(listed[1].digest, image_.manifest.digest());
  EXPECT_EQ(listed[2].name, "v2");
  EXPECT_FALSE(listed[2].digest) << "it names two images";
  EXPECT_THAT(log_.lines(), Contains(HasSubstr("docker.io/library/app:v9")));
  EXPECT_EQ(digest_of(*source, "app", "v2").error().code(), ErrorCode::kUsage);
  EXPECT_EQ(digest_of(*source, "app", "broken").error().code(), ErrorCode::kProtocol);
}

TEST_F(LayoutTree, ManyThreadsWriteOneRepository) {
  constexpr int kThreads = 16;
  constexpr int kTags = 8;
  const auto target = tree();
  std::atomic<int> failures = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&, i] {
      OfflineCaller caller;
      for (int t = 0; t < kTags; ++t) {
        const auto destination =
            target->destination(t % 2 == 0 ? "app" : "team/app", "t" + std::to_string(i * kTags + t));
        if (!destination || !write_image(**destination, *caller, image_, "")) ++failures;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(failures, 0);
  EXPECT_THAT(tags("app"), SizeIs(kThreads * kTags / 2));
  EXPECT_THAT(tags("team/app"), SizeIs(kThreads * kTags / 2));
  EXPECT_THAT(entries_of(file("_blobs/sha256")), SizeIs(3)) << "no temporary file is left";
}

TEST_F(LayoutTree, AStopConcernsWhoWasStopped) {
  write("app", "v1", image_);
  const auto target = tree();
  const auto root = io::Directory::open(file("app")).value();
  auto held = std::make_optional(io::FileLock::acquire(root, ".freightliner.lock", {}).value());
  OfflineCaller stopped;
  Status first;
  Status second;
  std::thread one([&] {
    const auto put = target->destination("app", "v2").value()->put_tagged(*stopped, image_.manifest, "");
    if (!put) first = fail(put.error());
  });
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  std::thread two([&] {
    const auto put = target->destination("app", "v3").value()->put_tagged(*caller_, image_.manifest, "");
    if (!put) second = fail(put.error());
  });
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  stopped.stop();
  one.join();
  held.reset();
  two.join();
  ASSERT_FALSE(first);
  EXPECT_EQ(first.error().code(), ErrorCode::kCancelled);
  EXPECT_TRUE(second);
  EXPECT_THAT(tags("app"), ElementsAre("v1", "v3"));
}

}  // namespace
}  // namespace freightliner::transport
