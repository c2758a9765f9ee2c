#include "http/shared_caches.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "freightliner/io/file.h"

namespace freightliner::http {
namespace {

constexpr std::size_t kMaxCertificateFile = 4 * 1024 * 1024;

std::string find_system_ca_directory() {
  // The user's own bundle takes the place of the directory.
  if (std::getenv("SSL_CERT_FILE") != nullptr) return {};
  const char* chosen = std::getenv("SSL_CERT_DIR");
  const std::filesystem::path directory = chosen != nullptr ? chosen : "/etc/ssl/certs";
  const auto names = io::list_directory(directory);
  const bool is_hashed =
      names && std::ranges::any_of(*names, [](const std::string& name) { return name.ends_with(".0"); });
  return is_hashed ? directory.string() : std::string();
}

}  // namespace

SharedCaches::Impl::Impl() : system_ca_directory_(find_system_ca_directory()) {
  curl_global_init(CURL_GLOBAL_DEFAULT);
  share_ = curl_share_init();
  curl_share_setopt(share_, CURLSHOPT_LOCKFUNC, &Impl::lock);
  curl_share_setopt(share_, CURLSHOPT_UNLOCKFUNC, &Impl::unlock);
  curl_share_setopt(share_, CURLSHOPT_USERDATA, this);
  curl_share_setopt(share_, CURLSHOPT_SHARE, CURL_LOCK_DATA_DNS);
  curl_share_setopt(share_, CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION);
}

SharedCaches::Impl::~Impl() {
  curl_share_cleanup(share_);
  curl_global_cleanup();
}

void SharedCaches::Impl::lock(CURL*, curl_lock_data data, curl_lock_access, void* self) noexcept {
  static_cast<Impl*>(self)->mutexes_[data].lock();
}

void SharedCaches::Impl::unlock(CURL*, curl_lock_data data, void* self) noexcept {
  static_cast<Impl*>(self)->mutexes_[data].unlock();
}

Result<const PreparedTls*> SharedCaches::Impl::tls_for(const TlsOptions& options, const Origin& origin) {
  return tls_.with([&](auto& known) -> Result<const PreparedTls*> {
    const std::string key = origin.to_string();
    if (const auto it = known.find(key); it != known.end()) return &it->second;
    FL_TRY(HostTls settings, options.for_origin(origin));
    PreparedTls prepared{std::move(settings), {}};
    for (const auto& file : prepared.settings.ca_files) {
      FL_TRY(const std::string pem, io::read_small_file(file, kMaxCertificateFile));
      if (pem.find("-----BEGIN") == std::string::npos) {
        return fail(ErrorCode::kUsage, fmt::format("{} holds no PEM certificate", file.string()));
      }
      prepared.ca_bundle += pem + "\n";
    }
    return &known.emplace(key, std::move(prepared)).first->second;
  });
}

SharedCaches::SharedCaches() : impl_(std::make_unique<Impl>()) {}
SharedCaches::~SharedCaches() = default;

ConnectionStatistics SharedCaches::connections() const noexcept {
  return impl_->connections();
}

}  // namespace freightliner::http
