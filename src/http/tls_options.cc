#include "freightliner/http/tls_options.h"

#include <fmt/format.h>

#include <algorithm>
#include <system_error>

#include "freightliner/io/file.h"

namespace freightliner::http {
namespace {

namespace fs = std::filesystem;

// containers-certs.d(5): *.crt are authorities, X.cert with X.key is a client certificate.
Status add_directory(const fs::path& directory, HostTls& tls) {
  auto names = io::list_directory(directory);
  if (!names && names.error().code() == ErrorCode::kNotFound) return {};
  if (!names) return fail(std::move(names).error());
  std::ranges::sort(*names);
  for (const std::string& name : *names) {
    const fs::path file = directory / name;
    if (file.extension() == ".crt") tls.ca_files.push_back(file);
    if (file.extension() != ".cert") continue;
    fs::path key = file;
    key.replace_extension(".key");
    if (std::error_code error; !fs::exists(key, error)) {
      return fail(ErrorCode::kUsage, fmt::format("client certificate {} has no key beside it: put {} there",
                                                 file.string(), key.filename().string()));
    }
    tls.client_certificate = file;
    tls.client_key = key;
  }
  return {};
}

std::string host_port(const Origin& origin) {
  const bool v6 = origin.host.find(':') != std::string::npos;
  return fmt::format("{}{}{}:{}", v6 ? "[" : "", origin.host, v6 ? "]" : "", origin.port);
}

}  // namespace

bool names_origin(const std::set<std::string>& hosts, const Origin& origin) {
  if (hosts.empty()) return false;
  const std::string bracketed = origin.host.find(':') != std::string::npos ? "[" + origin.host + "]" : origin.host;
  return hosts.contains(origin.host) || hosts.contains(bracketed) || hosts.contains(host_port(origin));
}

Result<HostTls> TlsOptions::for_origin(const Origin& origin) const {
  HostTls tls;
  if (!ca_file.empty()) tls.ca_files.push_back(ca_file);
  tls.verify = !names_origin(insecure_hosts, origin);
  for (const fs::path& directory : certificate_directories) {
    FL_CHECK(add_directory(directory / host_port(origin), tls));
    if (origin.port == 443) FL_CHECK(add_directory(directory / origin.host, tls));
  }
  return tls;
}

}  // namespace freightliner::http
