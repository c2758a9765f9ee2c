#include "http/transfer.h"

#include <fmt/format.h>
#include <netdb.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "freightliner/base/text.h"
#include "freightliner/io/file.h"
#include "http/local_address.h"
#include "http/response_head.h"

namespace freightliner::http {
namespace {

constexpr std::size_t kMaxHeaderBytes = 64 * 1024;

// OpenSSL's words for "what came is not a TLS record"; libcurl passes on nothing but the text.
bool says_not_tls(std::string_view text) {
  return std::ranges::any_of(
      std::to_array<std::string_view>({"wrong version number", "packet length too long", "http request",
                                       "unknown protocol", "record layer failure"}),
      [&](std::string_view words) { return text.find(words) != std::string_view::npos; });
}

bool proxy_asks_for_credentials(CURL* handle) {
  long status = 0;
  curl_easy_getinfo(handle, CURLINFO_HTTP_CONNECTCODE, &status);
  return status == 407;
}

bool is_certificate_alert(std::string_view text) {
  return text.find("alert") != std::string_view::npos &&
         (text.find("certificate") != std::string_view::npos || text.find("unknown ca") != std::string_view::npos);
}

Transfer& self_of(void* self) noexcept {
  return *static_cast<Transfer*>(self);
}

/// What others may soon give back: descriptors of the process or the machine, memory of the kernel.
bool is_shortage(int error_number) noexcept {
  return error_number == EMFILE || error_number == ENFILE || error_number == ENOBUFS || error_number == ENOMEM;
}

}  // namespace

Transfer::Transfer(const Request& request, const TransferContext& context)
    : request_(request),
      options_(context.options),
      shared_(context.shared.impl()),
      sockets_(context.sockets),
      handle_(curl_easy_init()),
      response_{0, {}, {}, request.url, {}} {}

Status Transfer::prepare() {
  if (!handle_) return fail(ErrorCode::kInternal, "libcurl can't make a handle: out of memory?");
  CURL* handle = handle_.get();
  curl_easy_setopt(handle, CURLOPT_URL, request_.url.to_string().c_str());
  curl_easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(handle, CURLOPT_USERAGENT, options_.user_agent.c_str());
  curl_easy_setopt(handle, CURLOPT_ERRORBUFFER, error_text_.data());
  curl_easy_setopt(handle, CURLOPT_SHARE, shared_.share());
  curl_easy_setopt(handle, CURLOPT_PRIVATE, this);
  curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, &Transfer::write_callback);
  curl_easy_setopt(handle, CURLOPT_WRITEDATA, this);
  curl_easy_setopt(handle, CURLOPT_READFUNCTION, &Transfer::read_callback);
  curl_easy_setopt(handle, CURLOPT_READDATA, this);
  curl_easy_setopt(handle, CURLOPT_HEADERFUNCTION, &Transfer::header_callback);
  curl_easy_setopt(handle, CURLOPT_HEADERDATA, this);
  // Both look at the address: before the connection is made, and, where a kept one is used again, before the request.
  curl_easy_setopt(handle, CURLOPT_OPENSOCKETFUNCTION, &Transfer::open_socket_callback);
  curl_easy_setopt(handle, CURLOPT_OPENSOCKETDATA, this);
  curl_easy_setopt(handle, CURLOPT_PREREQFUNCTION, &Transfer::prerequest_callback);
  curl_easy_setopt(handle, CURLOPT_PREREQDATA, this);
  set_long(CURLOPT_NOSIGNAL, 1);
  set_long(CURLOPT_CONNECT_ONLY, request_.connect_only ? 1 : 0);
  set_long(CURLOPT_FOLLOWLOCATION, 0);
  set_long(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1);
  set_long(CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
  set_long(CURLOPT_HTTP09_ALLOWED, 0);
  set_long(CURLOPT_TCP_KEEPALIVE, 1);
  set_long(CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(options_.connect_timeout.count()));
  set_method();
  set_headers();
  return request_.url.is_https() ? set_tls() : Status();
}

void Transfer::set_method() {
  const Duration timeout = request_.timeout.count() > 0 ? request_.timeout : options_.request_timeout;
  set_long(CURLOPT_TIMEOUT_MS, static_cast<long>(timeout.count()));
  if (request_.method == Method::kHead) {
    set_long(CURLOPT_NOBODY, 1);
    return;
  }
  if (request_.method == Method::kGet) return;
  // libcurl adds Content-Length: 0 to an empty POST, which some registries insist on.
  set_long(CURLOPT_POST, 1);
  curl_easy_setopt(handle_.get(), CURLOPT_POSTFIELDS, request_.body.data());
  curl_easy_setopt(handle_.get(), CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request_.body.size()));
  curl_easy_setopt(handle_.get(), CURLOPT_CUSTOMREQUEST, std::string(to_string(request_.method)).c_str());
}

void Transfer::set_headers() {
  const auto append = [&](const std::string& line) {
    curl_slist* longer = curl_slist_append(header_list_.get(), line.c_str());
    if (longer == nullptr) return;
    static_cast<void>(header_list_.release());
    header_list_.reset(longer);
  };
  for (const auto& [name, value] : request_.headers.fields()) append(fmt::format("{}: {}", name, value));
  // No 100-continue round trip, and no form type that libcurl would add to a POST.
  append("Expect:");
  if (!request_.headers.find("Content-Type")) append("Content-Type:");
  curl_easy_setopt(handle_.get(), CURLOPT_HTTPHEADER, header_list_.get());
}

Status Transfer::set_tls() {
  FL_TRY(const PreparedTls* tls, shared_.tls_for(options_.tls, request_.url.origin()));
  CURL* handle = handle_.get();
  set_long(CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2);
  set_long(CURLOPT_SSL_VERIFYPEER, tls->settings.verify ? 1 : 0);
  set_long(CURLOPT_SSL_VERIFYHOST, tls->settings.verify ? 2 : 0);
  if (!shared_.system_ca_directory().empty()) {
    curl_easy_setopt(handle, CURLOPT_CAINFO, nullptr);
    curl_easy_setopt(handle, CURLOPT_CAPATH, shared_.system_ca_directory().c_str());
  }
  // libcurl leaves this variable, which OpenSSL's own tools read, to the curl program.
  if (const char* bundle = std::getenv("SSL_CERT_FILE")) curl_easy_setopt(handle, CURLOPT_CAINFO, bundle);
  if (!tls->ca_bundle.empty()) {
    curl_blob blob{const_cast<char*>(tls->ca_bundle.data()), tls->ca_bundle.size(), CURL_BLOB_NOCOPY};
    curl_easy_setopt(handle, CURLOPT_CAINFO_BLOB, &blob);
  }
  if (!tls->settings.client_certificate.empty()) {
    curl_easy_setopt(handle, CURLOPT_SSLCERT, tls->settings.client_certificate.c_str());
    curl_easy_setopt(handle, CURLOPT_SSLKEY, tls->settings.client_key.c_str());
  }
  return {};
}

std::optional<Error> Transfer::failure() const {
  if (given_up_) return given_up_;
  if (code_ == CURLE_OK) return std::nullopt;
  // The text of a refusal may be cut, by on_body() or by the server: its status is the answer all the same.
  if (headers_complete_ && response_.status >= 300) return std::nullopt;
  return classify(code_);
}

void Transfer::complete(CURLcode code) {
  code_ = code;
  done_ = true;
  char* address = nullptr;
  curl_easy_getinfo(handle_.get(), CURLINFO_PRIMARY_IP, &address);
  // Through a proxy that is the proxy's, which says nothing of the server's.
  const Origin& origin = request_.url.origin();
  if (!goes_through_proxy(origin)) {
    if (address != nullptr) response_.remote_address = address;
  } else if (is_literal_address(origin.host)) {
    response_.remote_address = origin.host;
  }
  on_done();
}

void Transfer::give_up(Error error) {
  given_up_ = std::move(error);
  done_ = true;
  on_done();
}

void Transfer::before_round(TimePoint /*now*/) {}
bool Transfer::stalled(TimePoint /*now*/) {
  return false;
}
void Transfer::restart_stall_guard(TimePoint /*now*/) {}

std::size_t Transfer::on_body(ByteSpan bytes) {
  if (response_.body.size() + bytes.size() > request_.max_response_bytes) {
    // The error text of a failed request may be cut; an answer that somebody asked for may not.
    if (response_.ok()) {
      given_up_ =
          Error(ErrorCode::kProtocol, fmt::format("the answer from {} is larger than the limit of {}",
                                                  request_.url.redacted(), format_bytes(request_.max_response_bytes)));
    }
    return 0;
  }
  response_.body.append(as_text(bytes));
  return bytes.size();
}

std::size_t Transfer::on_read(MutableByteSpan /*buffer*/) {
  return 0;
}

bool Transfer::on_request(const Endpoints& /*endpoints*/) {
  if (!request_.once || !std::exchange(went_out_, true)) return true;
  given_up_ = Error(ErrorCode::kTemporary,
                    request_.url.origin().to_string() + ": the connection was closed before an answer came");
  return false;
}

void Transfer::on_header(std::string_view line) {
  if (headers_complete_) return;  // trailers
  headers_complete_ = take_head_line(line, response_);
}

// The first line is counted when it is complete. That an answer has begun is known before, but not where a body is
// sent: libcurl says so of that as well.
bool Transfer::headers_have_begun() const {
  if (header_bytes_ > 0) return true;
  if (request_.method == Method::kPut || request_.method == Method::kPatch) return false;
  curl_off_t first_byte = 0;
  return curl_easy_getinfo(handle_.get(), CURLINFO_STARTTRANSFER_TIME_T, &first_byte) == CURLE_OK && first_byte > 0;
}

Error Transfer::classify(CURLcode code) const {
  const std::string detail = error_text_[0] != '\0' ? printable(error_text_.data()) : curl_easy_strerror(code);
  const std::string where = request_.url.origin().to_string();
  if (address_refused_) code = CURLE_ABORTED_BY_CALLBACK;
  if (is_shortage(socket_error_) && code == CURLE_COULDNT_CONNECT) {
    return io::errno_error(socket_error_, where + ": open a socket").with_reason(ErrorReason::kShortage);
  }
  switch (code) {
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_INVALIDCERTSTATUS:
      return {ErrorCode::kTls, fmt::format("{}: {} (use --ca-file for a private CA)", where, detail)};
    case CURLE_SSL_CONNECT_ERROR:
      if (says_not_tls(detail)) {
        return Error(ErrorCode::kTls, fmt::format("{} does not speak TLS (use --plain-http {} if that is intended)",
                                                  where, request_.url.origin().host))
            .with_reason(ErrorReason::kNotTls);
      }
      // A connection that breaks in the handshake is a network fault; an alert is an answer.
      if (detail.find("unexpected eof") != std::string::npos ||
          (detail.find("alert") == std::string::npos && detail.find("error:") == std::string::npos)) {
        return {ErrorCode::kTemporary, fmt::format("{}: {}", where, detail)};
      }
      return {ErrorCode::kTls, fmt::format("{}: {}", where, detail)};
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_URL_MALFORMAT:
      return {ErrorCode::kProtocol, fmt::format("{}: {}", where, detail)};
    case CURLE_ABORTED_BY_CALLBACK:
      return {
          ErrorCode::kProtocol,
          fmt::format("refused to contact {}: the registry named a loopback, link-local or metadata address", where)};
    case CURLE_OUT_OF_MEMORY:
      // libcurl's answer to a header line that outgrows its buffer, too.
      if (headers_have_begun() && !headers_complete_) {
        return {ErrorCode::kProtocol, fmt::format("{}: a header line is too long", where)};
      }
      return {ErrorCode::kInternal, fmt::format("{}: out of memory", where)};
    default:
      if (proxy_asks_for_credentials(handle_.get())) {
        return {ErrorCode::kAuthentication, fmt::format("{}: the proxy asks for other credentials (407)", where)};
      }
      // TLS 1.3: a server refuses our certificate, or misses one, only when the handshake is over for us.
      if (is_certificate_alert(detail)) return {ErrorCode::kTls, fmt::format("{}: {}", where, detail)};
      return {ErrorCode::kTemporary, fmt::format("{}: {}", where, detail)};
  }
}

std::size_t Transfer::write_callback(char* data, std::size_t size, std::size_t count, void* self) noexcept {
  try {
    Transfer& transfer = self_of(self);
    const std::size_t bytes = size * count;
    const std::size_t taken = transfer.on_body(as_bytes({data, bytes}));
    if (taken == bytes) transfer.count_moved(bytes);
    return taken;
  } catch (const std::bad_alloc&) {
    return 0;  // libcurl reports a write error
  }
}

std::size_t Transfer::read_callback(char* data, std::size_t size, std::size_t count, void* self) noexcept {
  Transfer& transfer = self_of(self);
  const std::size_t bytes = transfer.on_read(std::as_writable_bytes(std::span(data, size * count)));
  if (bytes != CURL_READFUNC_PAUSE && bytes != CURL_READFUNC_ABORT) transfer.count_moved(bytes);
  return bytes;
}

std::size_t Transfer::header_callback(char* data, std::size_t size, std::size_t count, void* self) noexcept {
  try {
    Transfer& transfer = self_of(self);
    const std::size_t bytes = size * count;
    transfer.header_bytes_ += bytes;
    if (transfer.header_bytes_ > kMaxHeaderBytes) {
      transfer.given_up_ = Error(
          ErrorCode::kProtocol, fmt::format("{} sent more than {} of headers",
                                            transfer.request_.url.origin().to_string(), format_bytes(kMaxHeaderBytes)));
      return 0;
    }
    transfer.on_header({data, bytes});
    return bytes;
  } catch (const std::bad_alloc&) {
    return 0;
  }
}

bool Transfer::is_refused(const std::string& address) const {
  if (!request_.refuse_local_addresses) return false;
  // Through a proxy the address is the proxy's: there only a literal address in the URL can be judged.
  const Origin& origin = request_.url.origin();
  const std::string judged = goes_through_proxy(origin) ? origin.host : address;
  return is_literal_address(judged) && judged != request_.trusted_address && is_local_address(judged);
}

curl_socket_t Transfer::open_socket_callback(void* self, curlsocktype, curl_sockaddr* address) noexcept {
  Transfer& transfer = self_of(self);
  try {
    std::array<char, NI_MAXHOST> text{};
    const bool named =
        getnameinfo(&address->addr, address->addrlen, text.data(), text.size(), nullptr, 0, NI_NUMERICHOST) == 0;
    if (!named || transfer.is_refused(text.data())) {
      transfer.address_refused_ = true;
      return CURL_SOCKET_BAD;
    }
    const int descriptor = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
    if (descriptor < 0) transfer.socket_error_ = errno;
    if (descriptor >= 0) transfer.sockets_.opened(descriptor);
    return descriptor;
  } catch (const std::bad_alloc&) {
    return CURL_SOCKET_BAD;
  }
}

// Connected, and about to send: again where libcurl found that a kept connection had been closed.
void Transfer::count_request() noexcept {
  long connects = 0;
  curl_easy_getinfo(handle_.get(), CURLINFO_NUM_CONNECTS, &connects);
  const long fresh = std::max(connects - std::exchange(connects_, connects), 0L);
  shared_.count(static_cast<std::uint64_t>(fresh), request_.connect_only ? 0 : 1);
}

int Transfer::prerequest_callback(void* self, char* remote, char* local, int remote_port, int local_port) noexcept {
  try {
    Transfer& transfer = self_of(self);
    const bool allowed = !transfer.is_refused(remote) && transfer.on_request({local, local_port, remote, remote_port});
    if (allowed) transfer.count_request();
    return allowed ? CURL_PREREQFUNC_OK : CURL_PREREQFUNC_ABORT;
  } catch (const std::bad_alloc&) {
    return CURL_PREREQFUNC_ABORT;
  }
}

}  // namespace freightliner::http
