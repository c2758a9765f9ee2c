#include "registry/upload_resume.h"

#include <fmt/format.h>

#include <algorithm>

#include "registry/upload_standing.h"

namespace freightliner::registry {
namespace {

std::optional<SavedUpload> take_saved(Exchange& exchange, const std::string& repository, const oci::Descriptor& blob) {
  UploadJournal* const journal = exchange.services().uploads;
  return journal == nullptr ? std::nullopt : journal->take(repository, blob);
}

}  // namespace

Result<std::optional<OpenUpload>> resume_upload(Exchange& exchange, http::Caller& caller, const std::string& repository,
                                                const oci::Descriptor& blob) {
  const auto saved = take_saved(exchange, repository, blob);
  if (!saved) return std::optional<OpenUpload>();
  const Logger& log = exchange.services().log;
  const std::string what = fmt::format("upload {}@{}", repository, blob.digest.to_string());
  const auto begin_anew = [&](std::string_view reason) {
    log.info("{}: {}; uploading from the start", what, reason);
    return std::optional<OpenUpload>();
  };
  auto noted = exchange.saved_target(saved->location);
  if (!noted) return begin_anew(noted.error().message());
  auto standing =
      ask_standing(exchange, caller, {.repository = repository, .blob = blob, .location = *std::move(noted)});
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
    log.info("{}: the registry has {} of {} bytes; going on from there", what, held, blob.size);
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
