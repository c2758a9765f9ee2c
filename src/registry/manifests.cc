#include "registry/manifests.h"

#include <fmt/format.h>

#include "freightliner/base/text.h"
#include "freightliner/io/hasher.h"
#include "freightliner/oci/media_type.h"
#include "freightliner/oci/reference.h"
#include "registry/access.h"
#include "registry/paging.h"
#include "registry/response_error.h"

namespace freightliner::registry {
namespace {

constexpr ListLimits kReferrerLimits = {
    .page_bytes = http::kMaxManifestBytes, .total_bytes = 64 * kMiB, .entries = 100'000, .pages = 10'000};

runtime::Operation operation_of(http::Method method) noexcept {
  if (method == http::Method::kPut) return runtime::Operation::kManifestPut;
  return method == http::Method::kGet ? runtime::Operation::kManifestGet : runtime::Operation::kHead;
}

Call manifest_call(http::Method method, const std::string& repository, const std::string& reference, bool write) {
  Call call{.method = method,
            .operation = operation_of(method),
            .path = fmt::format("/v2/{}/manifests/{}", repository, reference),
            .max_response_bytes = http::kMaxManifestBytes,
            .access = access_for(repository, write),
            .what = fmt::format("{} manifest {}:{}", http::to_string(method), repository, reference)};
  if (method != http::Method::kPut) call.headers.add("Accept", oci::kManifestAccept);
  // Bytes are what the digest is of: no encoding on the way.
  if (method == http::Method::kGet) call.headers.add("Accept-Encoding", "identity");
  return call;
}

std::optional<oci::Descriptor> descriptor_from_headers(const http::Response& response) {
  const auto digest = oci::Digest::parse(response.headers.find("Docker-Content-Digest").value_or(""));
  const auto size = response.headers.find_number("Content-Length");
  const std::string type = oci::bare_media_type(response.headers.find("Content-Type").value_or(""));
  if (!digest || !size || *size == 0 || type.empty()) return std::nullopt;
  return oci::Descriptor{.media_type = type, .digest = *digest, .size = *size};
}

}  // namespace

// 403 for what a push may create is Artifactory's "not there"; the PUT will tell where it is meant as a refusal.
bool Manifests::is_absent(int status, bool write) const noexcept {
  return status == 404 || (status == 403 && write && exchange_.refused_is_absent());
}

std::unique_ptr<AskedAhead> Manifests::head_ahead(http::Caller& caller, const std::string& repository,
                                                  const std::string& reference, bool write) {
  return exchange_.ask_ahead(caller, manifest_call(http::Method::kHead, repository, reference, write));
}

Result<std::optional<oci::Descriptor>> Manifests::head(http::Caller& caller, const std::string& repository,
                                                       const std::string& reference, bool write,
                                                       std::unique_ptr<AskedAhead> ahead) {
  const Call call = manifest_call(http::Method::kHead, repository, reference, write);
  FL_TRY(const http::Response response, exchange_.send(caller, call, std::move(ahead)));
  return read_head(caller, repository, reference, write, response);
}

Result<std::optional<oci::Descriptor>> Manifests::read_head(http::Caller& caller, const std::string& repository,
                                                            const std::string& reference, bool write,
                                                            const http::Response& response) {
  const std::string what = fmt::format("HEAD manifest {}:{}", repository, reference);
  if (is_absent(response.status, write)) return std::nullopt;
  if (response.ok()) {
    auto descriptor = descriptor_from_headers(response);
    const auto pinned = oci::Digest::parse(reference);
    // The pin beats the header (GHSA-qv35-3gw6-8q4j).
    if (pinned && descriptor && descriptor->digest != *pinned) {
      return fail(ErrorCode::kIntegrity,
                  fmt::format("{}: the registry says that it is {}", what, descriptor->digest.to_string()));
    }
    if (descriptor) return descriptor;
  } else if (response.status != 405) {
    return fail(exchange_.error_of(response, what));
  }
  // HEAD is not supported, or tells too little: the content tells.
  const Result<std::optional<oci::RawManifest>> manifest = get(caller, repository, reference, write);
  if (!manifest) {
    if (is_absent(manifest.error().http_status(), write)) return std::nullopt;
    return fail(manifest.error());
  }
  if (!*manifest) return std::nullopt;
  return (*manifest)->descriptor();
}

Result<std::optional<oci::RawManifest>> Manifests::get(http::Caller& caller, const std::string& repository,
                                                       const std::string& reference, bool write) {
  const Call call = manifest_call(http::Method::kGet, repository, reference, write);
  FL_TRY(http::Response response, exchange_.send(caller, call));
  if (response.status == 404) return std::nullopt;
  // Whoever asks for the content builds on it (a list that is added to): there a refusal is no "not there".
  if (!response.ok()) return fail(exchange_.error_of(response, call.what));
  if (const auto encoding = response.headers.find("Content-Encoding"); encoding && *encoding != "identity") {
    return fail(ErrorCode::kProtocol, fmt::format("{}: the registry sent Content-Encoding {}, which nobody asked for",
                                                  call.what, printable(*encoding, 40)));
  }
  const auto pinned = oci::Digest::parse(reference);
  const auto header_text = response.headers.find("Docker-Content-Digest");
  const auto header = header_text ? oci::Digest::parse(*header_text) : oci::Digest::parse({});
  const auto algorithm = pinned ? pinned->algorithm() : header ? header->algorithm() : oci::DigestAlgorithm::kSha256;
  const oci::Digest digest = io::digest_of(response.body, algorithm);
  if (pinned && digest != *pinned) {
    return fail(ErrorCode::kIntegrity,
                fmt::format("{}: the registry sent other bytes, with digest {}", call.what, digest.to_string()));
  }
  if (pinned && header && *header != digest) {
    return fail(ErrorCode::kIntegrity,
                fmt::format("{}: the registry says that it is {}", call.what, header->to_string()));
  }
  if (header && *header != digest) {
    exchange_.services().log.warn("{}: the registry's Docker-Content-Digest {} is wrong, the content has {}", call.what,
                                  header->to_string(), digest.to_string());
  }
  auto media_type = oci::detect_media_type(response.headers.find("Content-Type").value_or(""), response.body);
  if (!media_type) return fail(std::move(media_type).error().with_context(call.what));
  return oci::RawManifest(std::move(response.body), *std::move(media_type), digest);
}

Result<PutManifestResult> Manifests::put(http::Caller& caller, const std::string& repository,
                                         const std::string& reference, const oci::RawManifest& manifest) {
  Call call = manifest_call(http::Method::kPut, repository, reference, true);
  call.max_response_bytes = http::kMaxSmallBodyBytes;
  call.headers.add("Content-Type", manifest.media_type());
  call.body = manifest.bytes();
  // What is written by digest may be written twice. A tag may have been moved meanwhile, by whoever saw it written.
  bool written = false;
  if (oci::is_valid_tag(reference)) {
    call.has_taken_effect = [&](http::Caller& mine) {
      return written = names(mine, repository, reference, manifest.digest());
    };
  }
  const Result<http::Response> response = exchange_.send(caller, call);
  if (written) return PutManifestResult{};
  if (!response) return fail(response.error());
  if (response->status != 201 && response->status != 200) {
    return refused(caller, repository, reference, manifest, *response);
  }
  FL_TRY(const std::optional<oci::Digest> stored, stored_digest(caller, repository, reference, *response));
  if (stored && stored->algorithm() == manifest.digest().algorithm() && *stored != manifest.digest()) {
    return fail(ErrorCode::kIntegrity, fmt::format("{}: sent {}, the registry stored {}", call.what,
                                                   manifest.digest().to_string(), stored->to_string()));
  }
  return PutManifestResult{.subject_indexed = response->headers.find("OCI-Subject").has_value()};
}

bool Manifests::names(http::Caller& caller, const std::string& repository, const std::string& tag,
                      const oci::Digest& digest) {
  Call call = manifest_call(http::Method::kHead, repository, tag, true);
  call.favour = true;
  const auto response = exchange_.send(caller, call);
  if (!response) return false;
  const auto found = read_head(caller, repository, tag, true, *response);
  return found && *found && (*found)->digest == digest;
}

// What a PUT has made: the answer says it, or, for a tag, a look at it.
Result<std::optional<oci::Digest>> Manifests::stored_digest(http::Caller& caller, const std::string& repository,
                                                            const std::string& reference,
                                                            const http::Response& response) {
  if (const auto text = response.headers.find("Docker-Content-Digest")) {
    if (const auto digest = oci::Digest::parse(*text)) return *digest;
  }
  if (!oci::is_valid_tag(reference)) return std::nullopt;
  FL_TRY(const http::Response seen,
         exchange_.send(caller, manifest_call(http::Method::kHead, repository, reference, true)));
  // Who may write is not always shown what there is. But where there is nothing, a proxy has answered, say.
  if (seen.status == 404) {
    return fail(ErrorCode::kTemporary, fmt::format("PUT manifest {}:{}: the registry answered {}, and does not have it",
                                                   repository, reference, response.status));
  }
  FL_TRY(const auto found, read_head(caller, repository, reference, true, seen));
  if (!found) return std::nullopt;
  return found->digest;
}

// An immutable tag is refused in many ways (400, 409, 412). Where it names what we wanted to write, all is well.
Result<PutManifestResult> Manifests::refused(http::Caller& caller, const std::string& repository,
                                             const std::string& reference, const oci::RawManifest& manifest,
                                             const http::Response& response) {
  const std::string what = fmt::format("PUT manifest {}:{}", repository, reference);
  Error error = exchange_.write_error_of(response, what);
  const bool conflict = response.status == 400 || response.status == 409 || response.status == 412;
  if (!conflict || !oci::is_valid_tag(reference) || error.reason() != ErrorReason::kNone) return fail(std::move(error));
  FL_TRY(const auto existing, head(caller, repository, reference, true));
  if (existing && existing->digest == manifest.digest()) return PutManifestResult{};
  if (!existing || response.status == 400) return fail(std::move(error));
  return fail(Error(ErrorCode::kDenied, fmt::format("{}; the tag names {} and can't be moved", error.message(),
                                                    existing->digest.to_string()))
                  .with_http_status(response.status));
}

// quay.io fails the whole token request over an action "delete" and takes "push" for it; distribution asks for the
// former. Deleting twice does what deleting once does.
Result<http::Response> Manifests::send_delete(http::Caller& caller, Call call, const std::string& repository) {
  if (!delete_needs_push_) {
    call.access = delete_access(repository);
    auto response = exchange_.send(caller, call);
    if (response) return response;
    const ErrorCode code = response.error().code();
    if (code != ErrorCode::kProtocol && code != ErrorCode::kAuthentication) return response;
  }
  call.access = push_access(repository);
  FL_TRY(http::Response response, exchange_.send(caller, call));
  delete_needs_push_ = true;
  return response;
}

Result<DeleteOutcome> Manifests::remove(http::Caller& caller, const std::string& repository,
                                        const std::string& reference) {
  const bool by_tag = oci::is_valid_tag(reference);
  const Call call{.method = http::Method::kDelete,
                  .operation = runtime::Operation::kDelete,
                  .path = fmt::format("/v2/{}/manifests/{}", repository, reference),
                  .what = fmt::format("DELETE manifest {}{}{}", repository, by_tag ? ':' : '@', reference)};
  FL_TRY(const http::Response response, send_delete(caller, call, repository));
  if (response.ok()) return DeleteOutcome::kDeleted;
  if (response.status == 404) {
    // Some that can't delete by tag don't have the route either: only what does not answer any more is gone.
    FL_TRY(const auto found, head(caller, repository, reference, true));
    return found ? DeleteOutcome::kUnsupported : DeleteOutcome::kAbsent;
  }
  if (response.status == 405 || response.status == 501 || (by_tag && response.status == 400)) {
    exchange_.services().log.debug("{}", exchange_.error_of(response, call.what).message());
    return DeleteOutcome::kUnsupported;
  }
  return fail(exchange_.error_of(response, call.what));
}

Result<std::optional<std::vector<oci::Descriptor>>> Manifests::referrers(http::Caller& caller,
                                                                         const std::string& repository,
                                                                         const oci::Digest& digest) {
  Call call{.operation = runtime::Operation::kReferrers,
            .path = fmt::format("/v2/{}/referrers/{}", repository, digest.to_string()),
            .access = pull_access(repository),
            .what = fmt::format("GET referrers {}@{}", repository, digest.to_string())};
  call.headers.add("Accept", std::string(oci::kOciIndex));
  PageWalk pages(exchange_, std::move(call), kReferrerLimits);
  std::vector<oci::Descriptor> all;
  while (pages.more()) {
    const std::string what = pages.what();
    FL_TRY(http::Response response, pages.next(caller));
    // Registries without the endpoint answer 404, some 400 or 405; an empty list is 200 (distribution-spec v1.1).
    if (response.status == 404 || response.status == 400 || response.status == 405) return std::nullopt;
    if (!response.ok()) return fail(exchange_.error_of(response, what));
    const oci::RawManifest raw(std::move(response.body), std::string(oci::kOciIndex), digest);
    auto content = oci::parse_manifest(raw);
    if (!content) return fail(std::move(content).error().with_context(what));
    const std::size_t before = all.size();
    for (oci::Descriptor& child : oci::children_of(*content)) all.push_back(std::move(child));
    exchange_.services().monitor.add_items(pages.operation(), all.size() - before);
    FL_CHECK(pages.check_entries(all.size()));
  }
  return all;
}

}  // namespace freightliner::registry
