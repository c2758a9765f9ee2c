#include "freightliner/auth/challenge.h"

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

namespace freightliner::auth {
namespace {

using Parameters = std::map<std::string, std::string>;

// "bearer{realm=x;service=y} basic{}": one line for a whole result.
std::string render(const std::vector<Challenge>& challenges) {
  std::string text;
  for (const Challenge& challenge : challenges) {
    if (!text.empty()) text += ' ';
    text += challenge.scheme + '{';
    bool first = true;
    for (const auto& [name, value] : challenge.parameters) {
      if (!first) text += ';';
      first = false;
      text += name;
      text += '=';
      text += value;
    }
    text += '}';
  }
  return text;
}

struct Case {
  std::vector<std::string> headers;
  std::string expected;
};

TEST(ParseChallenges, Table) {
  const Case cases[] = {
      // what registries send
      {{R"(Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:a/b:pull,push")"},
       "bearer{realm=https://auth.docker.io/token;scope=repository:a/b:pull,push;service=registry.docker.io}"},
      {{R"(Basic realm="Registry Realm")"}, "basic{realm=Registry Realm}"},
      {{R"(BEARER Realm="r")"}, "bearer{realm=r}"},
      {{R"(Bearer realm="r",error="insufficient_scope")"}, "bearer{error=insufficient_scope;realm=r}"},
      // several in one header, several headers
      {{R"(Basic realm="a", Bearer realm="b", service="s")"}, "basic{realm=a} bearer{realm=b;service=s}"},
      {{R"(Basic realm="a")", R"(Bearer realm="b")"}, "basic{realm=a} bearer{realm=b}"},
      {{"Negotiate", R"(Basic realm="a")"}, "negotiate{} basic{realm=a}"},
      {{R"(Negotiate, Bearer realm="b")"}, "negotiate{} bearer{realm=b}"},
      {{R"(Negotiate abc==, Bearer realm="b")"}, "negotiate{token68=abc==} bearer{realm=b}"},
      {{"NTLM TlRMTVNTUAAB"}, "ntlm{token68=TlRMTVNTUAAB}"},
      // quoting
      {{R"(Bearer realm="a\"b\\c,d", service="x")"}, R"(bearer{realm=a"b\c,d;service=x})"},
      {{R"(Bearer realm="")"}, "bearer{realm=}"},
      {{R"(Bearer realm="a, Basic realm=b")"}, "bearer{realm=a, Basic realm=b}"},
      // sloppy servers
      {{R"(Bearer realm=https://auth.example.com/token,service=reg)"},
       "bearer{realm=https://auth.example.com/token;service=reg}"},
      {{R"(Bearer realm = "a" , service = "b")"}, "bearer{realm=a;service=b}"},
      {{R"(Bearer realm="a" service="b")"}, "bearer{realm=a;service=b}"},
      {{R"(,, Bearer ,realm="a",,service="b",)"}, "bearer{realm=a;service=b}"},
      {{"Bearer\trealm=\"a\""}, "bearer{realm=a}"},
      {{R"(Bearer realm="a",realm="b")"}, "bearer{realm=a}"},
      // garbage
      {{}, ""},
      {{""}, ""},
      {{"   "}, ""},
      {{R"(realm="a")"}, ""},
      {{R"("Bearer realm=a")"}, ""},
      {{R"(Bearer realm="a)"}, "bearer{}"},
      {{R"(Bearer realm="a\)"}, "bearer{}"},
      {{R"(Bearer service="s", realm="a)", R"(Basic realm="b")"}, "bearer{service=s} basic{realm=b}"},
      {{R"(@@@ "x, Bearer realm=y", Basic realm="z")"}, "basic{realm=z}"},
      {{R"(Bearer: realm="a")"}, ""},
      {{"Bearer =,="}, ""},
      {{"\x01\x02\xff"}, ""},
  };
  for (const Case& item : cases) {
    EXPECT_EQ(render(parse_challenges(item.headers)), item.expected)
        << (item.headers.empty() ? "no header" : item.headers.front());
  }
}

TEST(ParseChallenges, AParameterDoesNotReachAcrossHeaders) {
  EXPECT_EQ(render(parse_challenges({"Bearer", R"(realm="a")"})), "bearer{}");
}

TEST(ParseChallenges, IsBounded) {
  std::string many;
  for (int i = 0; i < 1000; ++i) many += "Scheme" + std::to_string(i) + ", ";
  EXPECT_EQ(parse_challenges({many}).size(), 32U);
  EXPECT_EQ(parse_challenges(std::vector<std::string>(1000, "Basic")).size(), 32U);

  std::string wide = "Bearer ";
  for (int i = 0; i < 1000; ++i) wide += "p" + std::to_string(i) + "=x, ";
  const auto challenges = parse_challenges({wide});
  ASSERT_EQ(challenges.size(), 1U);
  EXPECT_EQ(challenges.front().parameters.size(), 64U);
}

TEST(ParseChallenges, StopsOnEveryPrefixOfAHeader) {
  const std::string header = R"(Negotiate abc==, Bearer realm="a\"b", service=x , Basic realm="c")";
  for (std::size_t length = 0; length <= header.size(); ++length) {
    EXPECT_LE(parse_challenges({header.substr(0, length)}).size(), 3U) << length;
  }
}

}  // namespace
}  // namespace freightliner::auth
