#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "freightliner/base/guarded.h"
#include "freightliner/registry/registry_client.h"
#include "support/manual_clock.h"
#include "support/scripted_server.h"

namespace freightliner::test {

/// Keeps the lines of a level and those above it.
class CollectingLog final : public LogSink {
 public:
  void write(LogLevel /*level*/, std::string_view message) override {
    lines_.with([&](auto& lines) { lines.emplace_back(message); });
  }
  std::vector<std::string> lines() const {
    return lines_.with([](const auto& lines) { return lines; });
  }

 private:
  Guarded<std::vector<std::string>> lines_;
};

/// A registry that is a function, and a client for it over plain http that waits in no real time.
class ScriptedRegistry {
 public:
  using Answer = ScriptedServer::Answer;

  explicit ScriptedRegistry(ScriptedServer::Handler handler, std::optional<auth::Credential> credential = std::nullopt)
      : server_(std::move(handler)), credentials_(credential_options(std::move(credential)), Logger()) {
    client_ = std::make_unique<registry::RegistryClient>(options(), authenticator_, services());
  }

  // What the client is made of, for tests of its parts.
  registry::RegistryOptions options() const { return {.registry = server_.host(), .plain_http = true, .retry = {}}; }
  registry::RegistryServices services() {
    return {governor_, clock_, progress_, cleanups_, monitor_, Logger(&log_, LogLevel::kWarn)};
  }
  auth::Authenticator& authenticator() { return authenticator_; }

  registry::RegistryClient& client() { return *client_; }
  http::Caller& caller() { return caller_; }
  const ScriptedServer& server() const { return server_; }
  CollectingLog& log() { return log_; }
  const runtime::PerformanceMonitor& monitor() const { return monitor_; }
  /// "GET /v2/…" for each request, in order.
  std::vector<std::string> targets() const {
    std::vector<std::string> result;
    for (const SeenRequest& request : server_.requests()) result.push_back(request.method + " " + request.target);
    return result;
  }

 private:
  static auth::CredentialStoreOptions credential_options(std::optional<auth::Credential> credential) {
    auth::CredentialStoreOptions options;
    options.explicit_credential = std::move(credential);
    return options;
  }

  ScriptedServer server_;
  CollectingLog log_;
  ManualClock clock_;
  http::SharedCaches caches_;
  http::Session session_{http::SessionOptions{}, caches_, Logger()};
  std::stop_source stop_;
  http::Caller caller_{session_, stop_.get_token()};
  auth::CredentialStore credentials_;
  runtime::PerformanceMonitor monitor_;
  auth::Authenticator authenticator_{{server_.host(), {}}, credentials_, clock_, monitor_, Logger()};
  http::HostGovernor governor_{clock_};
  runtime::Progress progress_;
  runtime::CleanupRegistry cleanups_{clock_};
  std::unique_ptr<registry::RegistryClient> client_;
};

}  // namespace freightliner::test
