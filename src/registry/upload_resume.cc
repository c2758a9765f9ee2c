#include "registry/upload_resume.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "registry/access.h"

namespace freightliner::registry {
namespace {

std::optional<SavedUpload> take_saved(Exchange& exchange, const std::string& repository, const oci::Descriptor& blob) {
  UploadJournal* const journal = exchange.services().uploads;
  return journal == nullptr ? std::nullopt : journal->take(repository, blob);
}

/// Where a session stands.
struct Standing {
  http::Url location;
  std::uint64_t minimum_chunk = 0;
  std::optional<std::uint64_t> held;  // nullopt: the registry does not tell
};

// Asked once: what the registry does not answer now is not worth a wait, for a new session always helps. The answer's
// Location is the one to go on at; the noted one may be out of date.
Result<Standing> ask(Exchange& exchange, http::Caller& caller, const Call& call) {
  FL_TRY(const http::Response response, exchange.send(caller, call));
  if (!response.ok()) return fail(exchange.error_of(response, call.what));
  FL_TRY(http::Url location, exchange.resolve_target(response, response.headers.find("Location"), call.what));
  const auto range = response.headers.find("Range");
  return Standing{std::move(location), response.headers.find_number("OCI-Chunk-Min-Length").value_or(0),
                  range ? parse_upload_range(*range) : std::nullopt};
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

Result<std::optional<OpenUpload>> resume_upload(Exchange& exchange, http::Caller& caller, const std::string& repository,
                                                const oci::Descriptor& blob) {
  const auto saved = take_saved(exchange, repository, blob);
  if (!saved) return std::optional<OpenUpload>();
  const Logger& log = exchange.services().log;
  Call call{.access = push_access(repository),
            .favour = true,
            .what = fmt::format("GET upload {}@{}", repository, blob.digest.to_string())};
  const auto begin_anew = [&](std::string_view reason) {
    log.info("{}: {}; uploading from the start", call.what, reason);
    return std::optional<OpenUpload>();
  };
  auto noted = exchange.saved_target(saved->location);
  if (!noted) return begin_anew(noted.error().message());
  call.url = *std::move(noted);
  auto standing = ask(exchange, caller, call);
  if (!standing) {
    if (standing.error().code() == ErrorCode::kCancelled) return fail(std::move(standing).error());
    return begin_anew(standing.error().message());
  }
  OpenUpload upload(exchange, caller,
                    {.repository = repository,
                     .blob = blob,
                     .location = std::move(standing->location),
                     .minimum_chunk = std::min(standing->minimum_chunk, blob.size),
                     .offset = standing->held.value_or(0),
                     .noted = true});
  const std::uint64_t held = upload.session().offset;
  if (held > 0 && held <= std::min(saved->reach, blob.size)) {
    log.info("{}: the registry has {} of {} bytes; going on from there", call.what, held, blob.size);
    return std::optional(std::move(upload));
  }
  upload.cancel();
  return begin_anew(held == 0 ? "the registry does not tell that it holds anything"
                              : "the registry claims to hold more than was sent");
}

void drop_saved_upload(Exchange& exchange, http::Caller& caller, const std::string& repository,
                       const oci::Descriptor& blob) {
  const auto saved = take_saved(exchange, repository, blob);
  if (!saved) return;
  auto location = exchange.saved_target(saved->location);
  if (!location) return;
  OpenUpload(exchange, caller,
             {.repository = repository, .blob = blob, .location = *std::move(location), .noted = true})
      .cancel();
}

}  // namespace freightliner::registry
