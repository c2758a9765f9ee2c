#include "registry/upload_resume.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "freightliner/io/hasher.h"
#include "registry/upload_standing.h"
#include "support/scripted_registry.h"

namespace freightliner::registry {
namespace {

using test::ScriptedRegistry;
using test::SeenRequest;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;
using Answer = ScriptedRegistry::Answer;

constexpr std::uint64_t kSize = 400'000;
const std::string kPath = "/v2/team/app/blobs/uploads/";
const std::string kStatus = "GET " + kPath + "old";

TEST(UploadRange, Table) {
  const std::map<std::string, std::optional<std::uint64_t>> cases = {
      {"0-99", 100},
      {"bytes=0-99", 100},
      {"0-1", 2},
      {"0-0", 0},
      {"0-18446744073709551614", UINT64_MAX},
      {"0-18446744073709551615", std::nullopt},
      {"0-18446744073709551616", std::nullopt},
      {"1-99", std::nullopt},
      {"00-99", std::nullopt},
      {"0--1", std::nullopt},
      {"0-+1", std::nullopt},
      {"0- 1", std::nullopt},
      {"0-1 ", std::nullopt},
      {"0-1,5-9", std::nullopt},
      {"0-1/7", std::nullopt},
      {"0-0x10", std::nullopt},
      {"bytes 0-99", std::nullopt},
      {"bytes=bytes=0-9", std::nullopt},
      {"0-", std::nullopt},
      {"0", std::nullopt},
      {"-", std::nullopt},
      {"", std::nullopt},
      {"bananas", std::nullopt},
  };
  for (const auto& [text, expected] : cases) EXPECT_EQ(parse_upload_range(text), expected) << text;
}

/// One saved upload, and what is written about others, as text.
class FakeJournal final : public UploadJournal {
 public:
  std::optional<SavedUpload> take(const std::string&, const oci::Descriptor&) override {
    return std::exchange(saved, std::nullopt);
  }
  Status note(const std::string& repository, const oci::Descriptor&, const SavedUpload& upload) override {
    lines.push_back(fmt::format("{} {} {}-{}", repository, upload.location.substr(upload.location.rfind('/') + 1),
                                upload.offset, upload.reach));
    return full ? Status(fail(ErrorCode::kLocalIo, "no space left")) : Status();
  }
  Status ended(const std::string& repository, const oci::Digest&) override {
    lines.push_back(repository + " ended");
    return {};
  }

  std::optional<SavedUpload> saved;
  std::vector<std::string> lines;
  bool full = false;
};

class UploadResumeTest : public testing::Test {
 protected:
  Answer serve(const SeenRequest& request) {
    if (const auto special = answers_.find(request.method + " " + request.target); special != answers_.end()) {
      return special->second;
    }
    if (request.method == "HEAD") return {404};
    if (request.method == "POST") return {202, "", {"Location: " + kPath + "new"}};
    if (request.method == "GET") return {204, "", {"Location: " + kPath + "old2", "Range: 0-299999"}};
    if (request.method == "PATCH") return {202, "", {fmt::format("Location: {}patched{}", kPath, ++patches_)}};
    return {request.method == "PUT" ? 201 : 204};
  }

  void save(const std::string& location, std::uint64_t reach = kSize) {
    journal_.saved = SavedUpload{location, 0, reach};
  }
  std::string url(const std::string& name) const { return registry_.server().url(kPath + name); }

  /// Brings the whole blob to an upload; to the same writer again as often as it is set back.
  Status upload(std::uint64_t chunk_size = 0) {
    RegistryOptions options = registry_.options();
    options.chunk_size = chunk_size;
    RegistryServices services = registry_.services();
    services.uploads = &journal_;
    RegistryClient client(options, registry_.authenticator(), services);
    FL_TRY(BlobStart start, client.begin_blob(registry_.caller(), "team/app", blob_, std::nullopt));
    if (start.state != BlobStart::State::kUploading) return {};
    for (set_back_ = 0;; ++set_back_) {
      Status brought = bring(*start.writer);
      if (brought) return start.writer->commit();
      if (brought.error().reason() == ErrorReason::kSetBack) continue;
      start.writer->abort();
      return brought;
    }
  }
  Status bring(io::BlobWriter& writer) {
    io::ChunkQueue queue(pool_, 65536, 4);
    for (std::string_view rest = content_; !rest.empty();) {
      io::Chunk chunk = queue.try_take();
      rest.remove_prefix(chunk.append(as_bytes(rest)));
      FL_CHECK(writer.write(std::move(chunk)));
    }
    return {};
  }
  std::vector<std::string> bodies(const std::string& method) const {
    std::vector<std::string> result;
    for (const SeenRequest& request : registry_.server().requests()) {
      if (request.method == method) result.push_back(request.body);
    }
    return result;
  }

  std::map<std::string, Answer> answers_;
  int patches_ = 0;
  int set_back_ = 0;
  std::string content_ = std::string(kSize - 5, 'x') + "tail\n";
  oci::Descriptor blob_{.media_type = "a/b", .digest = io::digest_of(content_), .size = kSize};
  io::BufferPool pool_;
  FakeJournal journal_;
  ScriptedRegistry registry_{[this](const SeenRequest& request) { return serve(request); }};
};

TEST_F(UploadResumeTest, SendsTheRestAndNoMore) {
  save(url("old"));
  ASSERT_TRUE(upload());
  const auto requests = registry_.server().requests();
  EXPECT_THAT(registry_.targets(), ElementsAre(StartsWith("HEAD"), kStatus, "PATCH " + kPath + "old2",
                                               StartsWith("PUT " + kPath + "patched1?digest=")));
  EXPECT_EQ(requests[2].header("content-range"), "300000-399999");
  EXPECT_EQ(requests[2].body, content_.substr(300'000));
  EXPECT_THAT(journal_.lines,
              ElementsAre("team/app old2 300000-400000", "team/app patched1 400000-400000", "team/app ended"));
}

TEST_F(UploadResumeTest, InChunksOfThisRun) {
  save(url("old"));
  ASSERT_TRUE(upload(70'000));
  EXPECT_EQ(bodies("PATCH").size(), 2U);
  EXPECT_THAT(journal_.lines, ElementsAre("team/app old2 300000-370000", "team/app patched1 370000-400000",
                                          "team/app patched2 400000-400000", "team/app ended"));
}

TEST_F(UploadResumeTest, TheRegistrysLeastChunkCounts) {
  save(url("old"));
  answers_[kStatus] = {204, "", {"Location: " + kPath + "old2", "Range: 0-99999", "OCI-Chunk-Min-Length: 200000"}};
  ASSERT_TRUE(upload(70'000));
  const auto sent = bodies("PATCH");
  ASSERT_EQ(sent.size(), 2U);
  EXPECT_EQ(sent[0], content_.substr(100'000, 200'000));
  EXPECT_EQ(sent[1], content_.substr(300'000));
}

TEST_F(UploadResumeTest, WhereNothingWasLeft) {
  ASSERT_TRUE(upload());
  EXPECT_THAT(registry_.targets(),
              ElementsAre(StartsWith("HEAD"), "POST " + kPath, StartsWith("PUT " + kPath + "new?digest=")));
  EXPECT_THAT(journal_.lines, ElementsAre("team/app new 0-400000", "team/app ended"));
}

TEST_F(UploadResumeTest, EachPatchIsNoted) {
  ASSERT_TRUE(upload(150'000));
  EXPECT_THAT(journal_.lines,
              ElementsAre("team/app new 0-150000", "team/app patched1 150000-300000", "team/app patched2 300000-400000",
                          "team/app patched3 400000-400000", "team/app ended"));
}

TEST_F(UploadResumeTest, AnswersThatBeginANewSession) {
  const std::string at = "Location: " + kPath + "old2";
  struct Case {
    Answer answer;
    bool cancelled = false;
  };
  const std::vector<Case> cases = {
      {{404}},
      {{401}},
      {{416}},
      {{503}},
      {{204, "", {"Range: 0-9"}}},  // no Location
      {{204, "", {"Location: http://", "Range: 0-9"}}},
      {{204, "", {at}}, true},
      {{204, "", {at, "Range: 0-0"}}, true},
      {{204, "", {at, "Range: 7-9"}}, true},
      {{204, "", {at, "Range: 0-350000"}}, true},  // beyond what was sent
  };
  for (const Case& test : cases) {
    SCOPED_TRACE(fmt::format("{} {}", test.answer.status, fmt::join(test.answer.headers, ", ")));
    save(url("old"), 350'000);
    answers_[kStatus] = test.answer;
    const std::size_t before = registry_.targets().size();
    ASSERT_TRUE(upload());
    const auto requests = registry_.server().requests();
    EXPECT_EQ(requests.back().body, content_);
    EXPECT_THAT(requests.back().target, HasSubstr("/new?digest="));
    const auto targets = registry_.targets();
    const bool cancelled = std::count(targets.begin() + static_cast<std::ptrdiff_t>(before), targets.end(),
                                      "DELETE " + kPath + "old2") > 0;
    EXPECT_EQ(cancelled, test.cancelled);
  }
}

// Sent on top of bytes that nobody told us of, the rest would stand in the wrong place.
TEST_F(UploadResumeTest, ASessionThatHoldsMoreThanItSaidIsLeft) {
  save(url("old"));
  answers_["PATCH " + kPath + "old2"] = {202, "", {"Location: " + kPath + "more", "Range: 0-400000"}};
  answers_["GET " + kPath + "more"] = {404};
  const Status sent = upload();
  ASSERT_FALSE(sent);
  EXPECT_TRUE(sent.error().retryable()) << sent.error().describe();
  EXPECT_THAT(bodies("PUT"), IsEmpty());
  EXPECT_EQ(journal_.lines.back(), "team/app ended");
  ASSERT_TRUE(upload()) << "from the start";
  EXPECT_EQ(bodies("PUT").at(0), content_);
}

TEST_F(UploadResumeTest, ASessionThatRefusesTheRestIsLeft) {
  for (const Answer& refusal : {Answer{400}, Answer{409}, Answer{416}, Answer{404}}) {
    SCOPED_TRACE(refusal.status);
    save(url("old"));
    answers_["PATCH " + kPath + "old2"] = refusal;
    const Status sent = upload();
    ASSERT_FALSE(sent);
    EXPECT_TRUE(sent.error().retryable()) << sent.error().describe();
    EXPECT_EQ(journal_.lines.back(), "team/app ended");
    ASSERT_TRUE(upload()) << "from the start";
    EXPECT_EQ(bodies("PUT").back(), content_);
  }
}

TEST_F(UploadResumeTest, ARangeThatLagsIsNoReasonToStop) {
  const std::string here = "Location: " + kPath + "here";
  for (const Answer& standing :
       {Answer{404}, Answer{405}, Answer{503}, Answer{204, "", {"Range: 0-5000"}}, Answer{204, "", {here}},
        Answer{204, "", {here, "Range: 0-0"}}, Answer{204, "", {here, fmt::format("Range: 0-{}", kSize - 1)}}}) {
    SCOPED_TRACE(fmt::format("{} {}", standing.status, fmt::join(standing.headers, ", ")));
    save(url("old"));
    answers_["PATCH " + kPath + "old2"] = {202, "", {"Location: " + kPath + "behind", "Range: 0-5000"}};
    answers_["GET " + kPath + "behind"] = standing;
    EXPECT_TRUE(upload());
    EXPECT_EQ(set_back_, 0);
  }
}

TEST_F(UploadResumeTest, WhatTheRegistryDidNotKeepIsSentAgain) {
  answers_["PATCH " + kPath + "patched1"] = {202, "", {"Location: " + kPath + "short", "Range: 0-179999"}};
  answers_["GET " + kPath + "short"] = {204, "", {"Location: " + kPath + "true", "Range: 0-179999"}};
  ASSERT_TRUE(upload(150'000));
  EXPECT_EQ(set_back_, 1);
  EXPECT_THAT(registry_.targets(),
              ElementsAre(StartsWith("HEAD"), "POST " + kPath, "PATCH " + kPath + "new", "PATCH " + kPath + "patched1",
                          "GET " + kPath + "short", "PATCH " + kPath + "true", "PATCH " + kPath + "patched2",
                          StartsWith("PUT " + kPath + "patched3?digest=")));
  EXPECT_THAT(bodies("PATCH"), ElementsAre(content_.substr(0, 150'000), content_.substr(150'000, 150'000),
                                           content_.substr(180'000, 150'000), content_.substr(330'000)));
  EXPECT_EQ(registry_.server().requests()[5].header("content-range"), "180000-329999");
  EXPECT_THAT(journal_.lines, Contains("team/app true 180000-330000"));
}

// All bytes but those of the PATCH that lost some have gone into the hash of a whole reading by then.
TEST_F(UploadResumeTest, AlsoBehindTheLastPatch) {
  answers_["PATCH " + kPath + "new"] = {202, "", {"Location: " + kPath + "short", "Range: 0-399998"}};
  answers_["GET " + kPath + "short"] = {204, "", {"Location: " + kPath + "true", "Range: 0-399998"}};
  ASSERT_TRUE(upload(kSize));
  EXPECT_EQ(set_back_, 1);
  EXPECT_THAT(bodies("PATCH"), ElementsAre(content_, "\n"));
}

TEST_F(UploadResumeTest, CountsThatCanNotBeGoneOnFrom) {
  for (const std::string held : {"0-149998", "0-300000"}) {  // less than was confirmed, more than was sent
    SCOPED_TRACE(held);
    patches_ = 0;
    answers_["PATCH " + kPath + "patched1"] = {202, "", {"Location: " + kPath + "odd", "Range: " + held}};
    answers_["GET " + kPath + "odd"] = {204, "", {"Location: " + kPath + "odd", "Range: " + held}};
    const Status sent = upload(150'000);
    ASSERT_FALSE(sent);
    EXPECT_EQ(set_back_, 0);
    EXPECT_TRUE(sent.error().retryable()) << sent.error().describe();
    EXPECT_EQ(registry_.targets().back(), "DELETE " + kPath + "odd");
  }
}

TEST_F(UploadResumeTest, ABlobOfOneByteIsAllThere) {
  content_ = "x";
  blob_ = {.media_type = "a/b", .digest = io::digest_of(content_), .size = 1};
  answers_["PATCH " + kPath + "new"] = {202, "", {"Location: " + kPath + "one", "Range: 0-0"}};
  ASSERT_TRUE(upload(150'000));
  EXPECT_EQ(set_back_, 0);
  EXPECT_EQ(registry_.targets().size(), 4U) << "nobody is asked";
}

TEST_F(UploadResumeTest, ASessionForABlobThatIsThereIsCancelled) {
  save(url("old"));
  answers_["HEAD /v2/team/app/blobs/" + blob_.digest.to_string()] = {200, content_};
  ASSERT_TRUE(upload());
  EXPECT_THAT(registry_.targets(), ElementsAre(StartsWith("HEAD"), kStatus, "DELETE " + kPath + "old2"));
  EXPECT_THAT(journal_.lines, ElementsAre("team/app ended"));
}

TEST_F(UploadResumeTest, OneThatCannotBeCancelledStaysNoted) {
  answers_["PUT " + kPath + "new?digest=" + http::percent_encode(blob_.digest.to_string())] = {400};
  answers_["DELETE " + kPath + "old2"] = {500};
  EXPECT_FALSE(upload());
  EXPECT_THAT(journal_.lines, ElementsAre("team/app new 0-400000"));
  EXPECT_EQ(std::ranges::count(registry_.targets(), "DELETE " + kPath + "old2"), 2) << "once more, and no more";
}

TEST_F(UploadResumeTest, OneThatIsRefusedAtALocationThatMayBeStaleStaysNoted) {
  answers_["PUT " + kPath + "new?digest=" + http::percent_encode(blob_.digest.to_string())] = {400};
  answers_["GET " + kPath + "new"] = {503};
  answers_["DELETE " + kPath + "new"] = {404};
  EXPECT_FALSE(upload());
  EXPECT_THAT(journal_.lines, ElementsAre("team/app new 0-400000"));
  answers_["GET " + kPath + "new"] = {404};
  EXPECT_FALSE(upload());
  EXPECT_EQ(journal_.lines.back(), "team/app ended") << "there is none, says the registry";
}

TEST_F(UploadResumeTest, AJournalThatFailsStopsNoUpload) {
  journal_.full = true;
  ASSERT_TRUE(upload(70'000));
  EXPECT_THAT(registry_.log().lines(), ElementsAre(HasSubstr("no space left")));
}

TEST_F(UploadResumeTest, SmallBlobsAreNotNoted) {
  content_ = std::string(256 * 1024, 'y');
  blob_ = {.media_type = "a/b", .digest = io::digest_of(content_), .size = content_.size()};
  ASSERT_TRUE(upload());
  EXPECT_THAT(journal_.lines, IsEmpty());
}

TEST_F(UploadResumeTest, ANotedLocationIsBoundByTheRulesForAFreshOne) {
  const Exchange secure({.registry = "registry.example", .retry = {}}, registry_.authenticator(), registry_.services());
  EXPECT_TRUE(secure.saved_target("https://registry.example/x?a=b"));
  EXPECT_TRUE(secure.saved_target("https://elsewhere.example/x"));
  EXPECT_EQ(secure.saved_target("http://registry.example/x").error().code(), ErrorCode::kTls);
  for (const char* text : {"", "x", "/v2/x", "ftp://registry.example/x", "https://user:s3cret@registry.example/x"}) {
    const auto refused = secure.saved_target(text);
    ASSERT_FALSE(refused) << text;
    EXPECT_EQ(refused.error().message(), "the noted Location is no URL");
  }
  const Exchange plain(registry_.options(), registry_.authenticator(), registry_.services());
  EXPECT_TRUE(plain.saved_target("http://registry.example/x"));
}

}  // namespace
}  // namespace freightliner::registry
