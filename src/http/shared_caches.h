#pragma once

#include <curl/curl.h>

#include <array>
#include <atomic>
#include <map>
#include <mutex>
#include <string>

#include "freightliner/base/guarded.h"
#include "freightliner/http/session.h"

namespace freightliner::http {

/// TLS settings of one origin in the form that libcurl takes.
struct PreparedTls {
  HostTls settings;
  std::string ca_bundle;  // all ca_files in one PEM text; empty where there are none
};

/// libcurl's share handle with its locks, and what was read from certificate files, once per origin.
class SharedCaches::Impl {
 public:
  Impl();
  ~Impl();
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  CURLSH* share() const noexcept { return share_; }
  Result<const PreparedTls*> tls_for(const TlsOptions& options, const Origin& origin);
  /// The directory with hashed links to the system's certificates, where there is one: certificates are then read one
  /// by one as needed, not 140 at once (which costs each connection milliseconds and the process megabytes).
  const std::string& system_ca_directory() const noexcept { return system_ca_directory_; }

  void count(std::uint64_t opened, std::uint64_t requests) noexcept {
    opened_.fetch_add(opened, std::memory_order_relaxed);
    requests_.fetch_add(requests, std::memory_order_relaxed);
  }
  ConnectionStatistics connections() const noexcept {
    return {opened_.load(std::memory_order_relaxed), requests_.load(std::memory_order_relaxed)};
  }

 private:
  static void lock(CURL*, curl_lock_data data, curl_lock_access, void* self) noexcept;
  static void unlock(CURL*, curl_lock_data data, void* self) noexcept;

  std::array<std::mutex, CURL_LOCK_DATA_LAST> mutexes_;
  CURLSH* share_ = nullptr;
  Guarded<std::map<std::string, PreparedTls>> tls_;  // a map: addresses stay valid
  std::string system_ca_directory_;
  std::atomic<std::uint64_t> opened_{0};
  std::atomic<std::uint64_t> requests_{0};
};

}  // namespace freightliner::http
