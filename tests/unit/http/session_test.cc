#include "freightliner/http/session.h"

#include <gtest/gtest.h>

#include <charconv>
#include <cstring>
#include <future>

#include "freightliner/io/buffer_pool.h"
#include "support/scripted_server.h"
#include "support/wire_server.h"

namespace freightliner::http {
namespace {

using test::ScriptedServer;
using test::SeenRequest;
using test::WireServer;

class SessionTest : public ::testing::Test {
 protected:
  static Request request_to(const ScriptedServer& server, Method method, const std::string& path) {
    return Request{.method = method, .url = *Url::parse(server.url(path))};
  }
  static SessionOptions options() {
    SessionOptions options;
    options.user_agent = "freightliner-test";
    options.stall_timeout = Duration(300);
    return options;
  }

  SharedCaches caches_;
  Session session_{options(), caches_, Logger()};
  std::stop_source stop_;
};

TEST_F(SessionTest, SendsMethodHeadersAndBodyAndReturnsTheAnswer) {
  const ScriptedServer server([](const SeenRequest&) {
    return ScriptedServer::Answer{201, "made", {"Location: /x", "Docker-Content-Digest: d"}};
  });
  Request request = request_to(server, Method::kPut, "/v2/a");
  request.headers.add("Content-Type", "application/test");
  request.body = "hello";
  const auto response = session_.perform(request, stop_.get_token());
  ASSERT_TRUE(response) << response.error().describe();
  EXPECT_EQ(response->status, 201);
  EXPECT_EQ(response->body, "made");
  EXPECT_EQ(response->headers.find("location"), "/x");
  EXPECT_EQ(response->remote_address, "127.0.0.1");
  const auto seen = server.requests().at(0);
  EXPECT_EQ(seen.method, "PUT");
  EXPECT_EQ(seen.body, "hello");
  EXPECT_EQ(seen.header("user-agent"), "freightliner-test");
  EXPECT_EQ(seen.header("content-type"), "application/test");
  EXPECT_EQ(seen.header("expect"), "");
}

TEST_F(SessionTest, EmptyPostCarriesContentLengthZeroAndNoFormType) {
  const ScriptedServer server([](const SeenRequest&) { return ScriptedServer::Answer{202, "", {}}; });
  ASSERT_TRUE(session_.perform(request_to(server, Method::kPost, "/uploads/"), stop_.get_token()));
  EXPECT_EQ(server.requests().at(0).header("content-length"), "0");
  EXPECT_EQ(server.requests().at(0).header("content-type"), "");
}

TEST_F(SessionTest, RedirectsAreReturnedNotFollowed) {
  const ScriptedServer server([](const SeenRequest&) {
    return ScriptedServer::Answer{307, "", {"Location: http://127.0.0.2/"}};
  });
  const auto response = session_.perform(request_to(server, Method::kGet, "/"), stop_.get_token());
  ASSERT_TRUE(response);
  EXPECT_EQ(response->status, 307);
  EXPECT_EQ(server.requests().size(), 1U);
}

TEST_F(SessionTest, AnAnswerOverTheLimitIsAnErrorButErrorTextIsCut) {
  const ScriptedServer server([](const SeenRequest& request) {
    return ScriptedServer::Answer{request.target == "/ok" ? 200 : 404, std::string(5000, 'x'), {}};
  });
  Request request = request_to(server, Method::kGet, "/ok");
  request.max_response_bytes = 1000;
  const auto large = session_.perform(request, stop_.get_token());
  ASSERT_FALSE(large);
  EXPECT_EQ(large.error().code(), ErrorCode::kProtocol);
  request.url = *Url::parse(server.url("/missing"));
  const auto missing = session_.perform(request, stop_.get_token());
  ASSERT_TRUE(missing) << missing.error().describe();
  EXPECT_EQ(missing->status, 404);
}

TEST_F(SessionTest, RefusesLocalAddressesThatARegistryNamed) {
  const ScriptedServer server([](const SeenRequest&) { return ScriptedServer::Answer{200, "secret", {}}; });
  Request request = request_to(server, Method::kGet, "/");
  request.refuse_local_addresses = true;
  const auto refused = session_.perform(request, stop_.get_token());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::kProtocol);
  EXPECT_TRUE(server.requests().empty());
  request.trusted_address = "127.0.0.1";
  EXPECT_TRUE(session_.perform(request, stop_.get_token()));
}

TEST_F(SessionTest, PlainServerOnATlsPortIsRecognised) {
  // As HTTP servers answer a TLS greeting.
  const WireServer server([](int connection) {
    char greeting[4096];
    if (recv(connection, greeting, sizeof greeting, 0) > 0)
      WireServer::say(connection, "HTTP/1.0 400 Bad Request\r\n\r\n");
  });
  const Request request{.url = *Url::parse(fmt::format("https://127.0.0.1:{}/v2/", server.port()))};
  const auto response = session_.perform(request, stop_.get_token());
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().code(), ErrorCode::kTls);
  EXPECT_EQ(response.error().reason(), ErrorReason::kNotTls);
}

TEST_F(SessionTest, NobodyListeningIsTemporary) {
  std::string url;
  {
    const ScriptedServer gone([](const SeenRequest&) { return ScriptedServer::Answer{}; });
    url = gone.url("/");
  }
  const auto response = session_.perform(Request{.url = *Url::parse(url)}, stop_.get_token());
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().code(), ErrorCode::kTemporary);
}

TEST_F(SessionTest, AStoppedCallerGetsCancelled) {
  const ScriptedServer server([](const SeenRequest&) { return ScriptedServer::Answer{}; });
  stop_.request_stop();
  const auto response = session_.perform(request_to(server, Method::kGet, "/"), stop_.get_token());
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().code(), ErrorCode::kCancelled);
}

// A POST that opens an upload session: who stops before the answer has come can't cancel the session.
TEST_F(SessionTest, AnAnswerIsWaitedForThroughAStopWhereThatWasAsked) {
  for (const Duration grace : {Duration(0), Duration(10'000)}) {
    std::stop_source stop;
    const ScriptedServer server([&](const SeenRequest&) {
      stop.request_stop();  // while the client waits for this answer
      std::this_thread::sleep_for(Duration(50));
      return ScriptedServer::Answer{202, "", {"Location: /session"}};
    });
    Request request = request_to(server, Method::kPost, "/uploads/");
    request.stop_grace = grace;
    const auto response = session_.perform(request, stop.get_token());
    EXPECT_EQ(response.has_value(), grace > Duration(0));
    if (!response) {
      EXPECT_EQ(response.error().code(), ErrorCode::kCancelled);
    }
  }
}

TEST_F(SessionTest, WhatWasBegunIsUnderWayWhileAnotherIsWaitedFor) {
  std::promise<void> asked;
  const ScriptedServer early([&](const SeenRequest&) {
    asked.set_value();
    return ScriptedServer::Answer{200, "early", {}};
  });
  std::future_status order = std::future_status::timeout;
  const ScriptedServer late([&](const SeenRequest&) {
    order = asked.get_future().wait_for(std::chrono::seconds(10));
    return ScriptedServer::Answer{200, "late", {}};
  });
  const auto pending = session_.begin(request_to(early, Method::kGet, "/"));
  ASSERT_TRUE(pending) << pending.error().describe();
  EXPECT_EQ(session_.perform(request_to(late, Method::kGet, "/"), stop_.get_token())->body, "late");
  EXPECT_EQ(order, std::future_status::ready);
  EXPECT_EQ((*pending)->wait(stop_.get_token())->body, "early");
}

TEST_F(SessionTest, WhatWasBegunMayBeGivenUp) {
  const ScriptedServer server([](const SeenRequest&) { return ScriptedServer::Answer{200, "here", {}}; });
  ASSERT_TRUE(session_.begin(request_to(server, Method::kGet, "/")));
  EXPECT_EQ(session_.perform(request_to(server, Method::kGet, "/"), stop_.get_token())->body, "here");
}

class StreamTest : public SessionTest {
 protected:
  static std::string pattern(std::size_t size) {
    std::string text(size, '\0');
    for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>('a' + i * 7 % 23);
    return text;
  }
  io::BufferPool pool_;
  io::ChunkQueue queue_{pool_, 16 * kKiB, 3};
};

TEST_F(StreamTest, BodyArrivesInChunksWithinTheQueue) {
  const std::string body = pattern(300'001);
  const ScriptedServer server([&](const SeenRequest&) { return ScriptedServer::Answer{200, body, {}}; });
  auto download = session_.open(request_to(server, Method::kGet, "/blob"), queue_, stop_.get_token());
  ASSERT_TRUE(download);
  ASSERT_TRUE(download->body);
  EXPECT_EQ(download->body->declared_size(), body.size());
  std::string received;
  for (;;) {
    auto chunk = download->body->read();
    ASSERT_TRUE(chunk) << chunk.error().describe();
    if (!*chunk) break;
    received.append(as_text(chunk->bytes()));
  }
  EXPECT_EQ(received, body);
  EXPECT_EQ(pool_.statistics().bytes_in_use, 3 * 16 * kKiB);
}

TEST_F(StreamTest, AnErrorStatusHasItsBodyInTheHead) {
  const ScriptedServer server([](const SeenRequest&) { return ScriptedServer::Answer{404, "{\"errors\":[]}", {}}; });
  const auto download = session_.open(request_to(server, Method::kGet, "/blob"), queue_, stop_.get_token());
  ASSERT_TRUE(download);
  EXPECT_FALSE(download->body);
  EXPECT_EQ(download->head.status, 404);
  EXPECT_EQ(download->head.body, "{\"errors\":[]}");
}

TEST_F(StreamTest, ShortBodyIsTemporaryBehindTheBytesThatCame) {
  const ScriptedServer server([](const SeenRequest&) {
    // The second Content-Length, which libcurl believes, claims more than is sent.
    return ScriptedServer::Answer{200, std::string(1000, 'x'), {"Content-Length: 5000"}};
  });
  auto download = session_.open(request_to(server, Method::kGet, "/blob"), queue_, stop_.get_token());
  ASSERT_TRUE(download);
  std::size_t received = 0;
  for (;;) {
    auto chunk = download->body->read();
    if (!chunk) {
      EXPECT_EQ(chunk.error().code(), ErrorCode::kTemporary);
      break;
    }
    ASSERT_TRUE(*chunk) << "the end was reported as a good one";
    received += chunk->size();
  }
  EXPECT_EQ(received, 1000U);
}

TEST_F(StreamTest, UploadSendsChunksAndViewsInOrder) {
  const ScriptedServer server([](const SeenRequest&) { return ScriptedServer::Answer{201, "", {}}; });
  const std::string body = pattern(100'000);
  auto upload = session_.upload(request_to(server, Method::kPut, "/upload"), body.size() + 4, stop_.get_token());
  ASSERT_TRUE(upload);
  for (std::size_t sent = 0; sent < body.size();) {
    io::Chunk chunk = queue_.try_take();
    ASSERT_TRUE(chunk) << "write() returned without a free chunk";
    sent += chunk.append(as_bytes(std::string_view(body).substr(sent)));
    ASSERT_TRUE((*upload)->write(std::move(chunk)));
  }
  ASSERT_TRUE((*upload)->write_view(as_bytes("tail")));
  const auto response = (*upload)->finish();
  ASSERT_TRUE(response) << response.error().describe();
  EXPECT_EQ(response->status, 201);
  EXPECT_EQ(server.requests().at(0).body, body + "tail");
}

TEST_F(StreamTest, FinishingTooEarlyIsABugNotAShortBlob) {
  const ScriptedServer server([](const SeenRequest&) { return ScriptedServer::Answer{201, "", {}}; });
  auto upload = session_.upload(request_to(server, Method::kPut, "/upload"), 10, stop_.get_token());
  ASSERT_TRUE(upload);
  const auto response = (*upload)->finish();
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().code(), ErrorCode::kInternal);
}

std::string without_chunk_sizes(std::string_view body) {
  std::string plain;
  for (;;) {
    std::size_t size = 0;
    const auto line = body.find("\r\n");
    if (line == std::string_view::npos) return "no chunks";
    std::from_chars(body.data(), body.data() + line, size, 16);
    if (size == 0) return plain;
    plain += body.substr(line + 2, size);
    body.remove_prefix(line + 2 + size + 2);
  }
}

TEST_F(StreamTest, ABodyOfUnknownLengthEndsWhenItIsFinished) {
  const ScriptedServer server([](const SeenRequest&) { return ScriptedServer::Answer{202, "", {}}; });
  for (const std::size_t size : {0, 1, 100'000}) {
    const std::string body = pattern(size);
    auto upload = session_.upload(request_to(server, Method::kPatch, "/upload"), kUnknownLength, stop_.get_token());
    ASSERT_TRUE(upload);
    for (std::size_t sent = 0; sent < body.size();) {
      io::Chunk chunk = queue_.try_take();
      ASSERT_TRUE(chunk);
      sent += chunk.append(as_bytes(std::string_view(body).substr(sent)));
      ASSERT_TRUE((*upload)->write(std::move(chunk)));
    }
    const auto response = (*upload)->finish();
    ASSERT_TRUE(response) << response.error().describe();
    EXPECT_EQ(response->status, 202);
    const SeenRequest seen = server.requests().back();
    EXPECT_EQ(seen.header("transfer-encoding"), "chunked");
    EXPECT_EQ(seen.header("content-length"), "");
    EXPECT_EQ(without_chunk_sizes(seen.body), body) << size;
  }
}

}  // namespace
}  // namespace freightliner::http
