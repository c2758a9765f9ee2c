#include "registry/upload_standing.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "registry/access.h"

namespace freightliner::registry {
namespace {

// "0-0" is also what a session with a single byte says.
bool agrees(std::optional<std::uint64_t> held, std::uint64_t sent) {
  return held == sent || (sent == 1 && held == 0);
}

}  // namespace

std::optional<std::uint64_t> parse_upload_range(std::string_view range) {
  constexpr std::string_view kUnit = "bytes=";
  constexpr std::string_view kStart = "0-";
  if (range.starts_with(kUnit)) range.remove_prefix(kUnit.size());
  if (!range.starts_with(kStart)) return std::nullopt;
  range.remove_prefix(kStart.size());
  std::uint64_t last = 0;
  const auto [end, error] = std::from_chars(range.data(), range.data() + range.size(), last);
  if (error != std::errc() || end != range.data() + range.size() || last == UINT64_MAX) return std::nullopt;
  return last == 0 ? 0 : last + 1;
}

Result<UploadStanding> ask_standing(Exchange& exchange, http::Caller& caller, const UploadSession& session) {
  const Call call{.url = session.location,
                  .access = push_access(session.repository),
                  .favour = true,
                  .what = fmt::format("GET upload {}@{}", session.repository, session.blob.digest.to_string())};
  FL_TRY(const http::Response response, exchange.send(caller, call));
  if (!response.ok()) return fail(exchange.error_of(response, call.what));
  FL_TRY(http::Url location, exchange.resolve_target(response, response.headers.find("Location"), call.what));
  const auto range = response.headers.find("Range");
  return UploadStanding{std::move(location), response.headers.find_number("OCI-Chunk-Min-Length").value_or(0),
                        range ? parse_upload_range(*range) : std::nullopt};
}

Result<std::uint64_t> held_after_patch(Exchange& exchange, http::Caller& caller, UploadSession& session,
                                       const http::Response& answer, std::uint64_t sent) {
  FL_TRY(session.location, exchange.resolve_target(answer, answer.headers.find("Location"), "PATCH upload"));
  const auto range = answer.headers.find("Range");
  const auto said = range ? parse_upload_range(*range) : std::nullopt;
  if (!range || agrees(said, sent)) return sent;
  auto standing = ask_standing(exchange, caller, session);
  if (!standing && standing.error().code() == ErrorCode::kCancelled) return fail(std::move(standing).error());
  if (!standing || standing->held.value_or(0) == 0) return std::max(said.value_or(sent), sent);
  session.location = std::move(standing->location);
  return agrees(standing->held, sent) ? sent : *standing->held;
}

}  // namespace freightliner::registry
