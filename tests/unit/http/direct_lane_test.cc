// Bodies that move between chunks and socket without libcurl: src/http/direct_lane.h.

#include <gtest/gtest.h>

#include "freightliner/http/session.h"
#include "freightliner/io/buffer_pool.h"
#include "http/open_sockets.h"
#include "support/scripted_server.h"
#include "support/wire_server.h"

namespace freightliner::http {
namespace {

using test::ScriptedServer;
using test::SeenRequest;
using test::WireServer;

constexpr std::size_t kLarge = 20 * kMiB;
constexpr std::size_t kUntilClosed = 1'000'000'000;

std::string pattern(std::size_t size) {
  std::string text(size, '\0');
  std::uint32_t state = 1;
  for (char& byte : text) {
    state = state * 1664525 + 1013904223;
    byte = static_cast<char>(state >> 24);
  }
  return text;
}

class DirectLaneTest : public ::testing::Test {
 protected:
  static SessionOptions options() {
    SessionOptions options;
    options.stall_timeout = Duration(300);
    return options;
  }
  std::unique_ptr<Upload> begin(const std::string& url, std::uint64_t size) {
    auto upload = session_.upload(Request{.method = Method::kPut, .url = *Url::parse(url)}, size, stop_.get_token());
    EXPECT_TRUE(upload);
    return upload ? *std::move(upload) : nullptr;
  }
  Status write(Upload& upload, std::string_view body) {
    while (!body.empty()) {
      io::Chunk chunk = queue_.try_take();
      if (!chunk) return fail(ErrorCode::kInternal, "write() returned without a free chunk");
      body.remove_prefix(chunk.append(as_bytes(body)));
      FL_CHECK(upload.write(std::move(chunk)));
    }
    return {};
  }
  /// All bytes up to the end or the error.
  std::pair<std::string, std::optional<Error>> read(const std::string& url) {
    auto download = session_.open(Request{.url = *Url::parse(url)}, queue_, stop_.get_token());
    if (!download) return {"", download.error()};
    std::string body;
    for (;;) {
      auto chunk = download->body->read();
      if (!chunk) return {body, chunk.error()};
      if (!*chunk) return {body, std::nullopt};
      body.append(as_text(chunk->bytes()));
    }
  }

  SharedCaches caches_;
  Session session_{options(), caches_, Logger()};
  std::stop_source stop_;
  io::BufferPool pool_;
  io::ChunkQueue queue_{pool_, 64 * kKiB, 8};
};

TEST_F(DirectLaneTest, ALargeUploadArrivesWholeChunksBeforeViews) {
  const ScriptedServer server([](const SeenRequest&) { return ScriptedServer::Answer{201, "", {}}; });
  const std::string body = pattern(3 * kMiB + 77);
  const auto upload = begin(server.url("/upload"), body.size() + 4);
  ASSERT_TRUE(write(*upload, body));
  ASSERT_TRUE(upload->write_view(as_bytes("tail")));
  const auto response = upload->finish();
  ASSERT_TRUE(response) << response.error().describe();
  EXPECT_EQ(response->status, 201);
  EXPECT_TRUE(server.requests().at(0).body == body + "tail");
}

TEST_F(DirectLaneTest, TheConnectionServesTheNextUpload) {
  const WireServer server([](int connection) {
    for (int i = 0; i < 2; ++i) {
      WireServer::hear(connection, kMiB - WireServer::hear_head(connection));
      WireServer::say(connection, "HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n");
    }
  });
  const std::string body = pattern(kMiB);
  for (int i = 0; i < 2; ++i) {
    const auto upload = begin(server.url("/upload"), body.size());
    ASSERT_TRUE(write(*upload, body));
    const auto response = upload->finish();
    ASSERT_TRUE(response) << response.error().describe();
  }
  EXPECT_EQ(server.connections(), 1);
}

TEST_F(DirectLaneTest, AnAnswerInTheMiddleOfAnUploadEndsIt) {
  const WireServer server([](int connection) {
    WireServer::hear_head(connection);
    WireServer::say(connection, "HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\nConnection: close\r\n\r\nbig");
    WireServer::hear(connection, kUntilClosed);
  });
  const std::string part = pattern(kMiB);
  const auto upload = begin(server.url("/upload"), 1024 * part.size());
  Status written;
  for (int i = 0; written && i < 1024; ++i) written = write(*upload, part);
  ASSERT_FALSE(written);
  ASSERT_TRUE(upload->early_response()) << written.error().describe();
  EXPECT_EQ(upload->early_response()->status, 413);
}

// libcurl sends a request again where a kept connection turns out to be closed; what we have sent it does not have.
TEST_F(DirectLaneTest, AKeptConnectionThatDiesUnderAnUploadIsNotReplaced) {
  const std::string body = pattern(kLarge);
  for (const std::size_t heard : {kMiB, body.size()}) {
    const WireServer server([heard](int connection) {
      WireServer::hear_head(connection);
      WireServer::say(connection, "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n");
      WireServer::hear(connection, heard - WireServer::hear_head(connection));
    });
    ASSERT_TRUE(session_.perform(Request{.method = Method::kPost, .url = *Url::parse(server.url("/uploads/"))},
                                 stop_.get_token()));
    const auto upload = begin(server.url("/upload"), body.size());
    Status outcome = write(*upload, body);
    if (outcome) {
      if (const auto response = upload->finish(); !response) outcome = fail(response.error());
    }
    ASSERT_FALSE(outcome);
    EXPECT_EQ(outcome.error().code(), ErrorCode::kTemporary);
    EXPECT_NE(outcome.error().describe().find("closed during the upload"), std::string::npos)
        << outcome.error().describe();
    EXPECT_FALSE(upload->early_response());
  }
}

TEST_F(DirectLaneTest, AnUploadThatNobodyReadsStalls) {
  const WireServer server([&](int connection) {
    WireServer::hear_head(connection);
    while (!stop_.stop_requested()) std::this_thread::sleep_for(Duration(5));
  });
  const std::string part = pattern(kMiB);
  const auto upload = begin(server.url("/upload"), 1024 * part.size());
  Status written;
  for (int i = 0; written && i < 1024; ++i) written = write(*upload, part);
  ASSERT_FALSE(written);
  EXPECT_NE(written.error().describe().find("stalled"), std::string::npos) << written.error().describe();
  stop_.request_stop();
}

TEST_F(DirectLaneTest, ALargeDownloadArrivesWhole) {
  const std::string body = pattern(kLarge + 4711);
  const ScriptedServer server([&](const SeenRequest&) { return ScriptedServer::Answer{200, body, {}}; });
  const auto [received, error] = read(server.url("/blob"));
  EXPECT_FALSE(error);
  EXPECT_TRUE(received == body);
  EXPECT_EQ(pool_.statistics().bytes_in_use, 8 * 64 * kKiB);
}

TEST_F(DirectLaneTest, NothingIsReadBeyondTheLength) {
  const std::string body = pattern(kLarge);
  const WireServer server([&](int connection) {
    WireServer::hear_head(connection);
    WireServer::say(connection, fmt::format("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.size()));
    WireServer::say(connection, body);
    WireServer::say(connection, "and more");
  });
  const auto [received, error] = read(server.url("/blob"));
  EXPECT_FALSE(error);
  EXPECT_TRUE(received == body);
}

TEST_F(DirectLaneTest, ADownloadThatBreaksOffIsTemporaryBehindTheBytesThatCame) {
  const std::string body = pattern(kLarge - 3 * kMiB);
  const WireServer server([&](int connection) {
    WireServer::hear_head(connection);
    WireServer::say(connection, fmt::format("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", kLarge));
    WireServer::say(connection, body);
  });
  const auto [received, error] = read(server.url("/blob"));
  ASSERT_TRUE(error);
  EXPECT_EQ(error->code(), ErrorCode::kTemporary);
  EXPECT_NE(error->describe().find("bytes remaining"), std::string::npos) << error->describe();
  EXPECT_TRUE(received == body);
}

TEST_F(DirectLaneTest, ADownloadThatStopsStalls) {
  const WireServer server([&](int connection) {
    WireServer::hear_head(connection);
    WireServer::say(connection, fmt::format("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\nabc", kLarge));
    WireServer::hear(connection, kUntilClosed);
  });
  const auto [received, error] = read(server.url("/blob"));
  ASSERT_TRUE(error);
  EXPECT_NE(error->describe().find("stalled"), std::string::npos) << error->describe();
  EXPECT_EQ(received, "abc");
}

TEST(OpenSocketsTest, FindsAConnectionByItsEndsAndDropsWhatIsClosed) {
  const WireServer server([](int connection) { WireServer::hear(connection, kUntilClosed); });
  const auto url = *Url::parse(server.url("/"));
  sockaddr_in name = {};
  name.sin_family = AF_INET;
  name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  name.sin_port = htons(static_cast<std::uint16_t>(url.origin().port));
  const int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  ASSERT_EQ(connect(descriptor, reinterpret_cast<sockaddr*>(&name), sizeof name), 0);
  sockaddr_in own = {};
  socklen_t length = sizeof own;
  ASSERT_EQ(getsockname(descriptor, reinterpret_cast<sockaddr*>(&own), &length), 0);
  const Endpoints ends{"127.0.0.1", ntohs(own.sin_port), "127.0.0.1", url.origin().port};
  OpenSockets sockets;
  EXPECT_EQ(sockets.find(ends), -1);
  sockets.opened(descriptor);
  sockets.opened(descriptor);
  EXPECT_EQ(sockets.find(ends), descriptor);
  EXPECT_EQ(sockets.find({"127.0.0.1", ends.local_port, "127.0.0.2", ends.remote_port}), -1);
  EXPECT_EQ(sockets.find({"127.0.0.1", ends.local_port, "127.0.0.1", ends.remote_port + 1}), -1);
  close(descriptor);
  EXPECT_EQ(sockets.find(ends), -1);
}

}  // namespace
}  // namespace freightliner::http
