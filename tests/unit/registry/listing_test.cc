// The catalog and the lists of tags, page by page.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "registry/paging.h"
#include "support/scripted_registry.h"

namespace freightliner::registry {
namespace {

using test::ScriptedRegistry;
using test::SeenRequest;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using Answer = ScriptedRegistry::Answer;

constexpr char kTagsPath[] = "/v2/team/app/tags/list?n=1000";

std::string next(const std::string& target) {
  return "Link: <" + target + ">; rel=\"next\"";
}

Answer tags_page(const std::string& tags, const std::string& link = "") {
  Answer answer{200, R"({"name":"team/app","tags":)" + tags + "}"};
  if (!link.empty()) answer.headers.push_back(next(link));
  return answer;
}

/// Answers by target; 404 for any other.
test::ScriptedServer::Handler by_target(std::map<std::string, Answer> pages) {
  return [pages = std::move(pages)](const SeenRequest& request) {
    const auto page = pages.find(request.target);
    return page != pages.end() ? page->second : Answer{404, R"({"errors":[{"code":"NAME_UNKNOWN"}]})"};
  };
}

std::vector<std::string> tags_of(ScriptedRegistry& registry) {
  const auto tags = registry.client().tags(registry.caller(), "team/app", false);
  EXPECT_TRUE(tags) << tags.error().describe();
  return tags && *tags ? **tags : std::vector<std::string>{"(none)"};
}

Error tags_error(ScriptedRegistry& registry) {
  const auto tags = registry.client().tags(registry.caller(), "team/app", false);
  EXPECT_FALSE(tags);
  return tags ? Error(ErrorCode::kInternal, "") : tags.error();
}

TEST(Tags, FollowsLinksAsTheyStand) {
  // Relative to the path, to the host, without a path, and absolute; opaque queries; pages that are short or empty.
  ScriptedRegistry* self = nullptr;
  ScriptedRegistry registry([&](const SeenRequest& request) {
    const std::map<std::string, Answer> pages = {
        {kTagsPath, tags_page(R"(["a","b"])", "/v2/team/app/tags/list?n=2&last=b%2Fx&token=%7Bq%7D")},
        {"/v2/team/app/tags/list?n=2&last=b%2Fx&token=%7Bq%7D", tags_page("[]", "list?page=3")},
        {"/v2/team/app/tags/list?page=3", tags_page(R"(["c"])", "?page=4")},
        {"/v2/team/app/tags/list?page=4", tags_page("null", self->server().url("/other/place?x"))},
        {"/other/place?x", tags_page(R"(["d"])")}};
    return by_target(pages)(request);
  });
  self = &registry;
  EXPECT_THAT(tags_of(registry), ElementsAre("a", "b", "c", "d"));
  EXPECT_THAT(registry.server().requests(), SizeIs(5));
}

TEST(Tags, NoLinkIsTheEndWhateverWasAskedFor) {
  std::string names;
  for (int i = 0; i < 2500; ++i) names += (i == 0 ? "\"t" : ",\"t") + std::to_string(i) + '"';
  ScriptedRegistry registry(by_target({{kTagsPath, tags_page("[" + names + "]")}}));
  EXPECT_THAT(tags_of(registry), SizeIs(2500));
  EXPECT_THAT(registry.targets(), ElementsAre(std::string("GET ") + kTagsPath));
}

TEST(Tags, NullEmptyAndMissingAreDifferentThings) {
  for (const std::string list : {"null", "[]"}) {
    ScriptedRegistry registry(by_target({{kTagsPath, tags_page(list)}}));
    EXPECT_THAT(tags_of(registry), IsEmpty()) << list;
  }
  ScriptedRegistry registry(by_target({}));
  const auto tags = registry.client().tags(registry.caller(), "team/app", false);
  ASSERT_TRUE(tags) << tags.error().describe();
  EXPECT_FALSE(*tags);
}

TEST(Tags, NamesArePassedOnUnchecked) {
  ScriptedRegistry registry(by_target({{kTagsPath, tags_page(R"(["../x","a/b","","v1","v1"])")}}));
  EXPECT_THAT(tags_of(registry), ElementsAre("../x", "a/b", "", "v1", "v1"));
}

TEST(Tags, LoopsAreErrors) {
  const std::vector<std::map<std::string, Answer>> cases = {
      {{kTagsPath, tags_page(R"(["a"])", kTagsPath)}},
      {{kTagsPath, tags_page(R"(["a"])", "?p=2")},
       {"/v2/team/app/tags/list?p=2", tags_page(R"(["b"])", "?p=3")},
       {"/v2/team/app/tags/list?p=3", tags_page(R"(["c"])", "?p=2")}},
      {{kTagsPath, tags_page(R"(["a"])", "?p=2")}, {"/v2/team/app/tags/list?p=2", tags_page(R"(["b"])", kTagsPath)}}};
  for (const auto& pages : cases) {
    ScriptedRegistry registry(by_target(pages));
    const Error error = tags_error(registry);
    EXPECT_EQ(error.code(), ErrorCode::kProtocol);
    EXPECT_THAT(error.describe(), HasSubstr("loop"));
    EXPECT_THAT(registry.server().requests(), SizeIs(pages.size())) << "no page is asked for twice";
  }
}

TEST(Tags, AnotherHostIsNotAsked) {
  const test::ScriptedServer other([](const SeenRequest&) { return tags_page("[]"); }, "127.0.0.2");
  ScriptedRegistry registry(by_target({{kTagsPath, tags_page(R"(["a"])", other.url("/v2/x"))}}));
  const Error error = tags_error(registry);
  EXPECT_EQ(error.code(), ErrorCode::kProtocol);
  EXPECT_THAT(error.describe(), HasSubstr("127.0.0.2"));
  EXPECT_THAT(other.requests(), IsEmpty());
}

TEST(Tags, AListThatBreaksOffIsAnError) {
  struct Case {
    Answer second;
    ErrorCode code;
  };
  const std::vector<Case> cases = {{{404, ""}, ErrorCode::kNotFound},
                                   {{403, ""}, ErrorCode::kDenied},
                                   {{500, ""}, ErrorCode::kTemporary},
                                   {{200, "<html>"}, ErrorCode::kProtocol},
                                   {{200, R"({"tags":["c")"}, ErrorCode::kProtocol},
                                   {{200, R"({"name":"team/app"})"}, ErrorCode::kProtocol}};
  for (const Case& test : cases) {
    ScriptedRegistry registry(
        by_target({{kTagsPath, tags_page(R"(["a"])", "?p=2")}, {"/v2/team/app/tags/list?p=2", test.second}}));
    const Error error = tags_error(registry);
    EXPECT_EQ(error.code(), test.code) << error.describe();
    EXPECT_THAT(error.describe(), HasSubstr("page 2"));
  }
}

TEST(Tags, OddAnswersAreErrors) {
  for (const std::string body :
       {"[]", R"("a")", R"({"tags":{}})", R"({"tags":"a"})", R"({"tags":[1]})", R"({"tags":[null]})",
        R"({"tags":[["a"]]})", R"({"tags":["a"],"tags":["b"]})", "{}", ""}) {
    ScriptedRegistry registry(by_target({{kTagsPath, {200, body}}}));
    EXPECT_EQ(tags_error(registry).code(), ErrorCode::kProtocol) << body;
  }
}

TEST(Tags, ARefusalIsAnError) {
  ScriptedRegistry registry(by_target({{kTagsPath, {403, R"({"errors":[{"code":"DENIED"}]})"}}}));
  EXPECT_EQ(tags_error(registry).code(), ErrorCode::kDenied);
}

TEST(Tags, AHundredThousandComeInOnePageOrInMany) {
  const std::string long_part(110, 'x');
  std::string names;
  for (int i = 0; i < 100'000; ++i) names += (i == 0 ? "\"" : ",\"") + long_part + std::to_string(i) + '"';
  ScriptedRegistry one(by_target({{kTagsPath, tags_page("[" + names + "]")}}));
  EXPECT_THAT(tags_of(one), SizeIs(100'000));
  ScriptedRegistry many([](const SeenRequest& request) {
    const auto last = request.target.find("last=");
    const int start = last == std::string::npos ? 0 : std::stoi(request.target.substr(last + 5));
    std::string page;
    for (int i = start; i < start + 1000; ++i) page += (i == start ? "\"t" : ",\"t") + std::to_string(i) + '"';
    return tags_page("[" + page + "]", start + 1000 < 100'000 ? "?n=1000&last=" + std::to_string(start + 1000) : "");
  });
  EXPECT_THAT(tags_of(many), SizeIs(100'000));
  EXPECT_THAT(many.server().requests(), SizeIs(100));
}

TEST(Tags, APageThatIsTooLongIsAnError) {
  const std::string huge = "[\"" + std::string(16 * kMiB, 'x') + "\"]";
  ScriptedRegistry bytes(by_target({{kTagsPath, tags_page(huge)}}));
  EXPECT_EQ(tags_error(bytes).code(), ErrorCode::kProtocol);
  std::string many = "[\"\"";
  for (int i = 0; i < 500'000; ++i) many += ",\"\"";
  ScriptedRegistry values(by_target({{kTagsPath, tags_page(many + "]")}}));
  EXPECT_EQ(tags_error(values).code(), ErrorCode::kProtocol);
}

TEST(PageWalk, EndsWhereItsLimitsAre) {
  struct Case {
    ListLimits limits;
    std::string hint;
  };
  const std::vector<Case> cases = {{{1000, 100'000, 100, 3}, "more than 3 pages"},
                                   {{1000, 25, 100, 100}, "longer than 25 B"},
                                   {{5, 1000, 100, 100}, "5"},
                                   {{1000, 100'000, 4, 100}, "more than 4 entries"}};
  for (const Case& test : cases) {
    SCOPED_TRACE(test.hint);
    int page = 0;
    ScriptedRegistry registry([&](const SeenRequest&) {
      return Answer{200, "0123456789", {next("?p=" + std::to_string(++page))}};
    });
    Exchange exchange(registry.options(), registry.authenticator(), registry.services());
    PageWalk pages(exchange, Call{.path = "/v2/list", .what = "GET list"}, test.limits);
    std::optional<Error> error;
    while (!error) {
      ASSERT_TRUE(pages.more());
      const auto response = pages.next(registry.caller());
      if (!response) error = response.error();
      const Status entries = pages.check_entries(static_cast<std::size_t>(pages.count()));
      if (!entries) error = entries.error();
    }
    EXPECT_EQ(error->code(), ErrorCode::kProtocol);
    EXPECT_THAT(error->describe(), HasSubstr(test.hint));
    EXPECT_LE(page, 5);
  }
}

std::optional<std::vector<std::string>> catalog_of(ScriptedRegistry& registry) {
  const auto names = registry.client().catalog(registry.caller(), "");
  EXPECT_TRUE(names) << names.error().describe();
  return names ? *names : std::nullopt;
}

TEST(Catalog, IsReadPageByPage) {
  ScriptedRegistry registry(
      by_target({{"/v2/_catalog?n=1000", {200, R"({"repositories":["b","a"]})", {next("/v2/_catalog?last=a&n=1000")}}},
                 {"/v2/_catalog?last=a&n=1000", {200, R"({"repositories":["team/app"]})"}}}));
  EXPECT_THAT(catalog_of(registry).value(), ElementsAre("b", "a", "team/app"));
}

TEST(Catalog, MayBeMissing) {
  for (const int status : {403, 404, 405, 501}) {
    ScriptedRegistry registry([=](const SeenRequest&) { return Answer{status, "", {}}; });
    EXPECT_FALSE(catalog_of(registry)) << status;
    EXPECT_THAT(registry.server().requests(), SizeIs(1)) << status;
  }
  for (const int status : {400, 410, 500}) {
    ScriptedRegistry registry([=](const SeenRequest&) { return Answer{status, "", {}}; });
    EXPECT_FALSE(registry.client().catalog(registry.caller(), "")) << status;
  }
}

TEST(Catalog, ARefusalOfALaterPageIsAnError) {
  for (const int status : {403, 404, 405, 501}) {
    ScriptedRegistry registry([=](const SeenRequest& request) {
      if (request.target.ends_with("n=1000")) {
        return Answer{200, R"({"repositories":["a"]})", {next("/v2/_catalog?p=2")}};
      }
      return Answer{status, "", {}};
    });
    EXPECT_FALSE(registry.client().catalog(registry.caller(), "")) << status;
  }
}

/// A registry with a token server of its own that answers `refusal` to requests that `refuses` selects.
struct TokenRegistry {
  explicit TokenRegistry(std::function<bool(const SeenRequest&)> refuses, int token_status = 200)
      : registry(
            [this, refuses = std::move(refuses), token_status](const SeenRequest& request) {
              const std::string realm = "http://" + registry.server().host() + "/token";
              if (request.target.starts_with("/token")) return Answer{token_status, R"({"token":"t"})"};
              const std::string challenge = "WWW-Authenticate: Bearer realm=\"" + realm + "\",service=\"s\"";
              const bool has_token = request.header("authorization") == "Bearer t";
              if (!has_token) return Answer{401, "", {challenge + ",scope=\"registry:catalog:*\""}};
              if (refuses(request)) return Answer{401, "", {challenge + ",error=\"insufficient_scope\""}};
              if (request.target.ends_with("n=1000")) {
                return Answer{200, R"({"repositories":["a"]})", {next("/v2/_catalog?p=2")}};
              }
              return Answer{200, R"({"repositories":["b"]})"};
            },
            auth::Credential{"user", "secret", ""}) {}

  ScriptedRegistry registry;
};

TEST(Catalog, AsksWithItsOwnScope) {
  TokenRegistry token([](const SeenRequest&) { return false; });
  EXPECT_THAT(catalog_of(token.registry).value(), ElementsAre("a", "b"));
  const auto targets = token.registry.targets();
  ASSERT_THAT(targets, SizeIs(4)) << "401, token, two pages";
  EXPECT_THAT(targets[1], HasSubstr("scope=registry%3Acatalog%3A%2A"));
}

TEST(Catalog, ARefusedTokenIsNoCatalogAndNoStorm) {
  TokenRegistry token([](const SeenRequest&) { return true; });
  EXPECT_FALSE(catalog_of(token.registry));
  EXPECT_LE(token.registry.targets().size(), 5U);
}

TEST(Catalog, ARefusedTokenOnALaterPageIsAnError) {
  TokenRegistry token([](const SeenRequest& request) { return request.target.ends_with("p=2"); });
  const auto names = token.registry.client().catalog(token.registry.caller(), "");
  ASSERT_FALSE(names);
  EXPECT_EQ(names.error().code(), ErrorCode::kAuthentication);
}

TEST(Catalog, AFailedLoginIsAnError) {
  TokenRegistry token([](const SeenRequest&) { return false; }, 401);
  const auto names = token.registry.client().catalog(token.registry.caller(), "");
  ASSERT_FALSE(names);
  EXPECT_EQ(names.error().code(), ErrorCode::kAuthentication);
}

TEST(Referrers, ArePagedByTheSameRules) {
  const oci::Digest digest = oci::Digest::parse("sha256:" + std::string(64, '1')).value();
  const std::string first = "/v2/team/app/referrers/" + digest.to_string();
  const auto index = [](char hex, const std::string& link) {
    Answer answer{200, R"({"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[)"
                       R"({"mediaType":"application/vnd.oci.image.manifest.v1+json","size":2,"digest":"sha256:)" +
                           std::string(64, hex) + "\"}]}"};
    if (!link.empty()) answer.headers.push_back(next(link));
    return answer;
  };
  ScriptedRegistry good(by_target({{first, index('2', "?p=2")}, {first + "?p=2", index('3', "")}}));
  EXPECT_THAT(good.client().referrers(good.caller(), "team/app", digest).value().value(), SizeIs(2));
  ScriptedRegistry broken(by_target({{first, index('2', "?p=2")}}));
  EXPECT_FALSE(broken.client().referrers(broken.caller(), "team/app", digest)) << "page 2 is missing";
  ScriptedRegistry loop(by_target({{first, index('2', first)}}));
  EXPECT_EQ(loop.client().referrers(loop.caller(), "team/app", digest).error().code(), ErrorCode::kProtocol);
  ScriptedRegistry none(by_target({}));
  EXPECT_FALSE(none.client().referrers(none.caller(), "team/app", digest).value());
}

}  // namespace
}  // namespace freightliner::registry
