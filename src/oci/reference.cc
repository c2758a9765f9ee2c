#include "freightliner/oci/reference.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "freightliner/base/text.h"
#include "oci/fault.h"

namespace freightliner::oci {
namespace {

constexpr std::size_t kMaxTag = 128;
constexpr std::size_t kMaxRepository = 255;
constexpr std::size_t kMaxHost = 253;  // RFC 1035, section 2.3.4, as text
constexpr std::string_view kDockerHub = "docker.io";

bool is_lower(char c) noexcept {
  return c >= 'a' && c <= 'z';
}
bool is_upper(char c) noexcept {
  return c >= 'A' && c <= 'Z';
}
bool is_digit(char c) noexcept {
  return c >= '0' && c <= '9';
}
bool is_alnum(char c) noexcept {
  return is_lower(c) || is_upper(c) || is_digit(c);
}
bool is_hex(char c) noexcept {
  return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/// A character for a message: readable, and harmless where it is not.
std::string quoted(std::string_view text, std::size_t position) {
  return fmt::format("\"{}\"", printable(text.substr(position, 1)));
}

/// inet_pton() without allocation; false also where the text is too long or holds a NUL.
bool to_address(int family, std::string_view text, void* address) noexcept {
  std::array<char, INET6_ADDRSTRLEN> buffer{};
  if (text.size() >= buffer.size() || text.find('\0') != std::string_view::npos) return false;
  std::ranges::copy(text, buffer.begin());
  return inet_pton(family, buffer.data(), address) == 1;
}

// tag := /[\w][\w.-]{0,127}/
std::optional<Fault> tag_fault(std::string_view tag) {
  if (tag.empty()) return Fault{0, "the tag is empty"};
  for (std::size_t i = 0; i < tag.size(); ++i) {
    const char c = tag[i];
    if (i == kMaxTag) return Fault{i, fmt::format("the tag is longer than {} characters", kMaxTag)};
    if (is_alnum(c) || c == '_') continue;
    if (c != '.' && c != '-') return Fault{i, fmt::format("{} can't stand in a tag", quoted(tag, i))};
    if (i == 0) return Fault{i, fmt::format("a tag can't begin with \"{}\"", c)};
  }
  return std::nullopt;
}

// path-component := [a-z0-9]+ ((\. | _ | __ | -+) [a-z0-9]+)*
std::optional<Fault> component_fault(std::string_view component) {
  const auto is_plain = [](char c) { return is_lower(c) || is_digit(c); };
  if (component.empty()) return Fault{0, "empty component in the repository name"};
  for (std::size_t i = 0; i < component.size();) {
    if (is_plain(component[i])) {
      ++i;
      continue;
    }
    if (is_upper(component[i])) {
      return Fault{i, "upper-case letter in the repository name; repository names are lower case"};
    }
    const auto end = std::min(component.find_first_not_of(component[i], i), component.size());
    const std::string_view separator = component.substr(i, end - i);
    if (separator != "." && separator != "_" && separator != "__" && separator.front() != '-') {
      const bool repeated = separator.front() == '.' || separator.front() == '_';
      return Fault{i, repeated ? fmt::format("\"{}\" can't separate parts of a repository name", separator)
                               : fmt::format("{} can't stand in a repository name", quoted(component, i))};
    }
    if (i == 0 || end == component.size() || !(is_plain(component[end]) || is_upper(component[end]))) {
      return Fault{i, fmt::format("\"{}\" must stand between letters or digits in a repository name", separator)};
    }
    i = end;
  }
  return std::nullopt;
}

std::optional<Fault> repository_fault(std::string_view name) {
  std::size_t start = 0;
  for (const std::string_view component : split(name, '/')) {
    if (auto fault = component_fault(component)) {
      fault->offset += start;
      return fault;
    }
    start += component.size() + 1;
  }
  if (name.size() > kMaxRepository) {
    return Fault{kMaxRepository, fmt::format("the repository name is longer than {} bytes", kMaxRepository)};
  }
  return std::nullopt;
}

// domain-name := label ("." label)*, where a label is [a-zA-Z0-9-]+ and neither begins nor ends with "-"
std::optional<Fault> domain_fault(std::string_view host) {
  if (host.empty()) return Fault{0, "the host is empty"};
  if (host.size() > kMaxHost) return Fault{kMaxHost, fmt::format("the host is longer than {} bytes", kMaxHost)};
  std::size_t start = 0;
  for (const std::string_view label : split(host, '.')) {
    if (label.empty()) return Fault{start, "empty label in the host name"};
    for (std::size_t i = 0; i < label.size(); ++i) {
      if (!is_alnum(label[i]) && label[i] != '-') {
        return Fault{start + i, fmt::format("{} can't stand in a host name", quoted(label, i))};
      }
    }
    if (label.front() == '-') return Fault{start, "a label of a host name can't begin with \"-\""};
    if (label.back() == '-') return Fault{start + label.size() - 1, "a label of a host name can't end with \"-\""};
    start += label.size() + 1;
  }
  return std::nullopt;
}

/// `text` begins with "[". On success `end` is the offset behind the "]".
std::optional<Fault> ipv6_fault(std::string_view text, std::size_t& end) {
  const auto close = text.find(']');
  if (close == std::string_view::npos) return Fault{0, "\"[\" without \"]\" in the host"};
  const std::string_view address = text.substr(1, close - 1);
  for (std::size_t i = 0; i < address.size(); ++i) {
    if (!is_hex(address[i]) && address[i] != ':') {
      return Fault{i + 1, fmt::format("{} can't stand in an IPv6 address", quoted(address, i))};
    }
  }
  in6_addr parsed{};
  if (!to_address(AF_INET6, address, &parsed)) return Fault{1, "not an IPv6 address"};
  end = close + 1;
  return std::nullopt;
}

std::optional<Fault> port_fault(std::string_view digits, int& port) {
  if (digits.empty()) return Fault{0, "the port is empty"};
  for (std::size_t i = 0; i < digits.size(); ++i) {
    if (!is_digit(digits[i])) return Fault{i, fmt::format("{} can't stand in a port", quoted(digits, i))};
  }
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  if (error != std::errc() || port < 1 || port > 65535) return Fault{0, "a port is a number from 1 to 65535"};
  return std::nullopt;
}

std::optional<Fault> scan_host_port(std::string_view text, HostPort& out) {
  out.ipv6 = text.starts_with('[');
  std::size_t end = 0;
  if (out.ipv6) {
    if (auto fault = ipv6_fault(text, end)) return fault;
    out.host = to_lower(text.substr(1, end - 2));
  } else {
    end = std::min(text.find(':'), text.size());
    if (auto fault = domain_fault(text.substr(0, end))) return fault;
    out.host = to_lower(text.substr(0, end));
  }
  if (end == text.size()) return std::nullopt;
  if (text[end] != ':') return Fault{end, "only a port can follow the \"]\" of a host"};
  auto fault = port_fault(text.substr(end + 1), out.port);
  if (fault) fault->offset += end + 1;
  return fault;
}

bool is_registry(std::string_view first_component) {
  return first_component.find_first_of(".:[") != std::string_view::npos ||
         equals_ignoring_case(first_component, "localhost");
}

/// `alpine`, `docker.io/alpine` and `index.docker.io/library/alpine` are one repository (distribution/reference,
/// normalize.go: splitDockerDomain).
void normalize_docker_hub(Reference& reference) {
  if (reference.registry == "index.docker.io") reference.registry = kDockerHub;
  if (reference.registry == kDockerHub && reference.repository.find('/') == std::string::npos) {
    reference.repository.insert(0, "library/");
  }
}

/// Forms that belong to other kinds of addresses, with a message that says so.
std::optional<Fault> misuse_fault(std::string_view text) {
  if (text.empty()) return Fault{0, "the reference is empty"};
  if (const auto scheme = text.find("://"); scheme != std::string_view::npos && scheme < text.find('/')) {
    return Fault{0, "a reference has no scheme; write host[:port]/repository[:tag]"};
  }
  const auto at = text.find('@');
  const auto slash = text.find('/');
  const bool digest = at != std::string_view::npos &&
                      (text.substr(at + 1).starts_with("sha256:") || text.substr(at + 1).starts_with("sha512:"));
  if (at != std::string_view::npos && slash != std::string_view::npos && at < slash && !digest) {
    return Fault{at, "a reference holds no user name or password; write host[:port]/repository[:tag]"};
  }
  const bool hex = std::ranges::all_of(text, [](char c) { return is_hex(c) && !is_upper(c); });
  if (text.size() == 64 && hex) {
    return Fault{0, "64 hex digits are an image's ID, not a repository; write repository@sha256:digest"};
  }
  return std::nullopt;
}

/// Reads `name[:tag]`, which begins at `start` of the whole text.
std::optional<Fault> scan_name(std::string_view name, Reference& out) {
  std::size_t start = 0;
  const auto slash = name.find('/');
  if (slash != std::string_view::npos && is_registry(name.substr(0, slash))) {
    HostPort host;
    if (auto fault = scan_host_port(name.substr(0, slash), host)) return fault;
    out.registry = to_lower(name.substr(0, slash));
    start = slash + 1;
  } else {
    out.registry = kDockerHub;
  }
  const std::string_view path = name.substr(start);
  const auto colon = path.find(':');
  auto fault = repository_fault(path.substr(0, colon));
  if (!fault && colon != std::string_view::npos) {
    fault = tag_fault(path.substr(colon + 1));
    if (fault) fault->offset += colon + 1;
    out.tag = path.substr(colon + 1);
  }
  if (fault) fault->offset += start;
  out.repository = path.substr(0, colon);
  return fault;
}

}  // namespace

bool is_valid_tag(std::string_view tag) noexcept {
  return !tag_fault(tag);
}

bool is_valid_repository(std::string_view name) noexcept {
  return !repository_fault(name);
}

Result<Reference> Reference::parse(std::string_view text) {
  if (const auto fault = misuse_fault(text)) return fault_error(ErrorCode::kUsage, redact_url(text), *fault);
  Reference reference;
  const auto at = text.find('@');
  if (const auto fault = scan_name(text.substr(0, at), reference)) return fault_error(ErrorCode::kUsage, text, *fault);
  if (at != std::string_view::npos) {
    const std::string_view digest = text.substr(at + 1);
    if (auto fault = digest_fault(digest)) {
      fault->offset += at + 1;
      return fault_error(ErrorCode::kUsage, text, *fault);
    }
    FL_TRY(reference.digest, Digest::parse(digest));
  }
  normalize_docker_hub(reference);
  if (reference.repository.size() > kMaxRepository) {
    return fault_error(ErrorCode::kUsage, text, {0, "with \"library/\" the repository name is longer than 255 bytes"});
  }
  if (reference.tag.empty() && !reference.digest) {
    reference.tag = "latest";
    reference.tag_defaulted = true;
  }
  return reference;
}

std::string Reference::to_string() const {
  std::string text = fmt::format("{}/{}", registry, repository);
  if (!tag.empty()) text += ':' + tag;
  if (digest) text += '@' + digest->to_string();
  return text;
}

std::string Reference::tag_or_digest() const {
  return digest ? digest->to_string() : tag;
}

Result<HostPort> parse_host_port(std::string_view text) {
  HostPort result;
  if (const auto fault = scan_host_port(text, result)) return fault_error(ErrorCode::kUsage, text, *fault);
  return result;
}

bool is_loopback_host(std::string_view host) noexcept {
  constexpr std::string_view kLocalhost = "localhost";
  if (equals_ignoring_case(host, kLocalhost)) return true;
  if (host.size() > kLocalhost.size() + 1 && host[host.size() - kLocalhost.size() - 1] == '.' &&
      equals_ignoring_case(host.substr(host.size() - kLocalhost.size()), kLocalhost)) {
    return true;  // RFC 6761, section 6.3
  }
  in_addr v4{};
  if (to_address(AF_INET, host, &v4)) return ntohl(v4.s_addr) >> 24U == 127;
  if (host.starts_with('[') && host.ends_with(']') && host.size() > 2) host = host.substr(1, host.size() - 2);
  in6_addr v6{};
  return to_address(AF_INET6, host, &v6) && IN6_IS_ADDR_LOOPBACK(&v6) != 0;
}

}  // namespace freightliner::oci
