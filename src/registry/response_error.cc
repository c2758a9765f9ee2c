#include "registry/response_error.h"

#include <fmt/format.h>

#include <algorithm>

#include "freightliner/base/text.h"
#include "freightliner/http/retry_policy.h"
#include "freightliner/oci/json.h"

namespace freightliner::registry {
namespace {

struct RegistryError {
  std::string code;
  std::string message;
};

std::string text_member(const oci::Json& object, const char* name) {
  const auto it = object.find(name);
  return it != object.end() && it->is_string() ? it->get<std::string>() : std::string();
}

std::vector<RegistryError> parse_errors(const http::Response& response) {
  std::vector<RegistryError> errors;
  const auto json = oci::parse_json(response.body, "error body", {.max_bytes = http::kMaxSmallBodyBytes});
  if (!json || !json->is_object()) return errors;
  const auto list = json->find("errors");
  if (list == json->end() || !list->is_array()) return errors;
  for (const auto& entry : *list) {
    if (entry.is_object()) errors.push_back({text_member(entry, "code"), text_member(entry, "message")});
  }
  return errors;
}

ErrorCode class_of(int status) noexcept {
  switch (status) {
    case 401:
    case 407:
      return ErrorCode::kAuthentication;
    case 403:
    case 413:
    case 507:
      return ErrorCode::kDenied;
    case 404:
      return ErrorCode::kNotFound;
    case 408:
    case 429:
      return ErrorCode::kTemporary;
    case 501:
    case 505:
      return ErrorCode::kProtocol;
    // 502 to 504 and what content networks add to them (520 to 526).
    default:
      return status >= 500 ? ErrorCode::kTemporary : ErrorCode::kProtocol;
  }
}

std::string describe(const http::Response& response, const std::vector<RegistryError>& errors) {
  std::string text = fmt::format("status {}", response.status);
  for (const RegistryError& error : errors) {
    text += fmt::format(" {}{}{}", error.code, error.message.empty() ? "" : ": ", error.message);
  }
  if (errors.empty() && response.body.find('<') != std::string::npos &&
      response.body.find("html") != std::string::npos) {
    text += " with an HTML page (is a proxy or a login page in the way?)";
  }
  return printable(text, 400);
}

}  // namespace

Error response_error(const http::Response& response, std::string_view what, std::chrono::system_clock::time_point now) {
  const auto errors = parse_errors(response);
  const auto has = [&](std::string_view code) {
    return std::ranges::any_of(errors, [&](const RegistryError& error) { return error.code == code; });
  };
  Error error(class_of(response.status),
              fmt::format("{} answered {}: {}", response.url.origin().to_string(), what, describe(response, errors)));
  error = std::move(error).with_http_status(response.status);
  if (const auto value = response.headers.find("Retry-After")) {
    if (const auto delay = http::parse_retry_after(*value, now)) error = std::move(error).with_retry_after(*delay);
  }
  // docker-registry answers 500 where a manifest names foreign layers that it does not allow: trying again can't help.
  if (has("MANIFEST_BLOB_UNKNOWN") || has("BLOB_UNKNOWN")) {
    const ErrorCode code = response.status >= 500 ? ErrorCode::kProtocol : error.code();
    return Error(code, error.message()).with_http_status(response.status).with_reason(ErrorReason::kUnknownBlob);
  }
  // How ECR says that a tag is immutable.
  if (response.status == 400 && has("TAG_INVALID")) {
    return Error(ErrorCode::kDenied, error.message()).with_http_status(response.status);
  }
  if (response.status == 400 && has("DIGEST_INVALID")) {
    return Error(ErrorCode::kIntegrity, error.message()).with_http_status(response.status);
  }
  return error;
}

}  // namespace freightliner::registry
