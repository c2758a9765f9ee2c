#include "registry/response_error.h"

#include <gtest/gtest.h>

#include "registry/endpoint.h"
#include "registry/link.h"
#include "registry/self_mount.h"

namespace freightliner::registry {
namespace {

http::Response response(int status, std::string body, const char* retry_after = nullptr) {
  http::Response response{status, {}, std::move(body), *http::Url::parse("https://r.example/v2/"), {}};
  if (retry_after != nullptr) response.headers.add("Retry-After", retry_after);
  return response;
}

std::string errors(const char* code) {
  return std::string(R"({"errors":[{"code":")") + code + R"(","message":"m"}]})";
}

TEST(ResponseError, ClassFollowsTheStatusRefinedByTheCode) {
  struct Row {
    int status;
    std::string body;
    ErrorCode code;
    ErrorReason reason = ErrorReason::kNone;
  };
  for (const Row& row :
       {Row{401, "", ErrorCode::kAuthentication}, Row{403, "", ErrorCode::kDenied}, Row{404, "", ErrorCode::kNotFound},
        Row{413, "", ErrorCode::kDenied}, Row{507, "", ErrorCode::kDenied}, Row{408, "", ErrorCode::kTemporary},
        Row{429, "", ErrorCode::kTemporary}, Row{500, "", ErrorCode::kTemporary},
        Row{503, "<html>", ErrorCode::kTemporary}, Row{501, "", ErrorCode::kProtocol},
        Row{418, "", ErrorCode::kProtocol}, Row{302, "", ErrorCode::kProtocol},
        Row{400, errors("MANIFEST_INVALID"), ErrorCode::kProtocol},
        Row{400, errors("DIGEST_INVALID"), ErrorCode::kIntegrity}, Row{407, "", ErrorCode::kAuthentication},
        Row{400, errors("TAG_INVALID"), ErrorCode::kDenied}, Row{522, "", ErrorCode::kTemporary},
        Row{404, errors("MANIFEST_BLOB_UNKNOWN"), ErrorCode::kNotFound, ErrorReason::kUnknownBlob},
        Row{500, errors("MANIFEST_BLOB_UNKNOWN"), ErrorCode::kProtocol, ErrorReason::kUnknownBlob}}) {
    const Error error = response_error(response(row.status, row.body), "PUT x", {});
    EXPECT_EQ(error.code(), row.code) << row.status << row.body;
    EXPECT_EQ(error.reason(), row.reason) << row.status << row.body;
    EXPECT_EQ(error.http_status(), row.status);
  }
}

TEST(ResponseError, TextIsOneSafeLine) {
  const Error error =
      response_error(response(500, "{\"errors\":[{\"code\":\"X\",\"message\":\"a\\u001b[31m\\nb\"}]}"), "GET y", {});
  EXPECT_EQ(error.message().find('\n'), std::string::npos);
  EXPECT_EQ(error.message().find('\x1b'), std::string::npos);
  EXPECT_NE(error.message().find("GET y"), std::string::npos);
  EXPECT_NE(error.message().find("status 500"), std::string::npos);
}

TEST(ResponseError, BrokenBodiesLeaveTheStatusInCharge) {
  for (const char* body : {"", "{", "[]", "{\"errors\":1}", "{\"errors\":[1]}", "{\"errors\":[{\"code\":5}]}"}) {
    EXPECT_EQ(response_error(response(404, body), "x", {}).code(), ErrorCode::kNotFound) << body;
  }
}

TEST(ResponseError, CarriesRetryAfter) {
  EXPECT_EQ(response_error(response(429, "", "7"), "x", {}).retry_after(), Duration(7'000));
  EXPECT_FALSE(response_error(response(429, ""), "x", {}).retry_after());
}

TEST(NextLink, FindsTheNextRelation) {
  struct Row {
    std::vector<std::string> values;
    std::optional<std::string> next;
  };
  for (const Row& row :
       {Row{{"</v2/_catalog?last=b&n=2>; rel=\"next\""}, "/v2/_catalog?last=b&n=2"}, Row{{"<x>; rel=next"}, "x"},
        Row{{"<a>; rel=\"prev\", <b>; rel=\"next\""}, "b"}, Row{{"<a>; rel=\"prev next\""}, "a"},
        Row{{"<a>; rel=prev", "<b>; title=\"x\"; REL=Next"}, "b"}, Row{{"<a,b>; rel=next"}, "a,b"},
        Row{{"<a>; rel=prev"}, std::nullopt}, Row{{"<a; rel=next"}, std::nullopt}, Row{{"a>; rel=next"}, std::nullopt},
        Row{{""}, std::nullopt}, Row{{}, std::nullopt}}) {
    EXPECT_EQ(next_link(row.values), row.next) << (row.values.empty() ? "" : row.values[0]);
  }
}

TEST(Endpoint, FallsBackToHttpOnLoopbackOnly) {
  struct Row {
    const char* registry;
    const char* url;
    bool falls_back;
  };
  for (const Row& row :
       {Row{"localhost:5000", "https://localhost:5000/v2/", true},
        Row{"127.0.0.1:5000", "https://127.0.0.1:5000/v2/", true}, Row{"[::1]:5000", "https://[::1]:5000/v2/", true},
        Row{"r.example", "https://r.example/v2/", false},
        Row{"docker.io", "https://registry-1.docker.io/v2/", false}}) {
    Endpoint endpoint(row.registry, false);
    EXPECT_EQ(endpoint.url("/v2/")->to_string(), row.url);
    EXPECT_EQ(endpoint.fall_back_to_http(), row.falls_back) << row.registry;
    EXPECT_EQ(endpoint.url("/v2/")->is_https(), !row.falls_back);
  }
  EXPECT_FALSE(Endpoint("r.example", true).url("/")->is_https());
}

TEST(SelfMountKnowledge, AsksOnceAndRemembersTheAnswer) {
  const oci::Digest digest = *oci::Digest::parse("sha256:" + std::string(64, 'a'));
  SelfMountKnowledge knowledge;
  EXPECT_FALSE(knowledge.take_question("repo"));
  knowledge.saw_present("repo", digest);
  EXPECT_FALSE(knowledge.take_question("other"));
  EXPECT_EQ(knowledge.take_question("repo"), digest);
  EXPECT_FALSE(knowledge.take_question("repo"));
  knowledge.tells();
  knowledge.does_not_tell();  // a blob that vanished in between is no proof
  EXPECT_EQ(knowledge.verdict(), SelfMountKnowledge::Verdict::kTells);
}

}  // namespace
}  // namespace freightliner::registry
