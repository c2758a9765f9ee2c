#pragma once

#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "freightliner/base/result.h"
#include "freightliner/http/url.h"

namespace freightliner::http {

/// How one host's certificate is checked and which certificate we show it.
struct HostTls {
  std::vector<std::filesystem::path> ca_files;  // besides the system's store
  std::filesystem::path client_certificate;
  std::filesystem::path client_key;
  bool verify = true;
};

/// TLS settings of a run. Verification is switched off only by naming a host. Immutable after construction: safe from
/// any thread.
struct TlsOptions {
  std::filesystem::path ca_file;
  /// Directories in the form of containers-certs.d(5): `<dir>/<host[:port]>/{*.crt,*.cert,*.key}`; all that exist
  /// count.
  std::vector<std::filesystem::path> certificate_directories;
  /// `host` or `host:port` for which certificates are not verified.
  std::set<std::string> insecure_hosts;

  /// The settings for an origin. Errors: kLocalIo for a directory that can't be read, kUsage for a .cert without .key.
  Result<HostTls> for_origin(const Origin& origin) const;
};

/// True where `hosts` names the origin, as `host` (any port) or `host:port`.
bool names_origin(const std::set<std::string>& hosts, const Origin& origin);

}  // namespace freightliner::http
