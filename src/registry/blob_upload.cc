#include "registry/blob_upload.h"

#include <fmt/format.h>

#include "registry/access.h"
#include "registry/blob_head.h"
#include "registry/upload_resume.h"
#include "registry/upload_writer.h"

namespace freightliner::registry {
namespace {

// A registry that asks for larger chunks than this gets the blob in one piece.
constexpr std::uint64_t kMaxMinimumChunk = 1ULL << 40;

// A stopped run waits this long for the Location of a session that it has asked for: without it the session can't be
// cancelled.
constexpr Duration kSessionGrace{1'000};

}  // namespace

Result<bool> BlobUploads::has(http::Caller& caller, const std::string& repository, const oci::Descriptor& blob,
                              bool write) {
  const Call call = blob_head_call(repository, blob, write);
  FL_TRY(const http::Response response, exchange_.send(caller, call));
  // 405: can't be asked. 403 for what a push may create: Artifactory's "not there".
  if (response.status == 404 || response.status == 405 || (write && response.status == 403)) return false;
  if (!response.ok()) return fail(exchange_.error_of(response, call.what));
  const bool present = is_of_size(response, blob);
  if (present && write) self_mount_.saw_present(repository, blob.digest);
  return present;
}

Result<OpenUpload> BlobUploads::session_of(http::Caller& caller, const http::Response& response, const Call& call,
                                           const std::string& repository, const oci::Descriptor& blob) const {
  FL_TRY(http::Url location, exchange_.resolve_target(response, response.headers.find("Location"), call.what));
  const std::uint64_t minimum = response.headers.find_number("OCI-Chunk-Min-Length").value_or(0);
  return OpenUpload(exchange_, caller,
                    {repository, blob, std::move(location), minimum > kMaxMinimumChunk ? blob.size : minimum});
}

Result<BlobUploads::MountAnswer> BlobUploads::mount(http::Caller& caller, const std::string& repository,
                                                    const oci::Descriptor& blob, const oci::Digest& digest,
                                                    const std::string& from) {
  const Call call{.method = http::Method::kPost,
                  .operation = runtime::Operation::kMount,
                  .path = fmt::format("/v2/{}/blobs/uploads/?mount={}&from={}", repository,
                                      http::percent_encode(digest.to_string()), http::percent_encode(from)),
                  .access = from == repository ? push_access(repository) : mount_access(repository, from),
                  .favour = true,
                  .stop_grace = kSessionGrace,
                  .what = fmt::format("POST mount {}@{} from {}", repository, digest.to_string(), from)};
  Result<http::Response> response = exchange_.send(caller, call);
  if (!response) {
    // A mount is a favour: what it fails with (no access to the other repository, say) is not the copy's failure.
    if (response.error().code() == ErrorCode::kCancelled || response.error().code() == ErrorCode::kTls) {
      return fail(std::move(response).error());
    }
    exchange_.services().log.debug("{}", response.error().describe());
  } else if (response->status == 201) {
    return MountAnswer{true, std::nullopt};
  }
  if (!response || response->status != 202) {
    refused_mounts_.with([&](auto& refused) { refused.insert(from); });
    return MountAnswer{};
  }
  FL_TRY(OpenUpload session, session_of(caller, *response, call, repository, blob));
  return MountAnswer{false, std::move(session)};
}

Result<OpenUpload> BlobUploads::start(http::Caller& caller, const std::string& repository,
                                      const oci::Descriptor& blob) {
  const Call call{.method = http::Method::kPost,
                  .operation = runtime::Operation::kUploadStart,
                  .path = fmt::format("/v2/{}/blobs/uploads/", repository),
                  .access = push_access(repository),
                  .stop_grace = kSessionGrace,
                  .what = fmt::format("POST upload {}@{}", repository, blob.digest.to_string())};
  FL_TRY(const http::Response response, exchange_.send(caller, call));
  if (response.status == 202) return session_of(caller, response, call, repository, blob);
  Error error = exchange_.write_error_of(response, call.what);
  // A quota (Harbor answers 403), a missing right, or a registry that is read only (405): the next blob will fare no
  // better.
  if (response.status == 405) {
    error = Error(ErrorCode::kDenied, error.message() + " (it takes no pushes)").with_http_status(response.status);
  }
  if (response.status == 403 || response.status == 405) {
    error = std::move(error).with_reason(ErrorReason::kRefusesUploads);
  }
  return fail(std::move(error));
}

Result<BlobStart> BlobUploads::upload(http::Caller& caller, const std::string& repository, const oci::Descriptor& blob,
                                      std::optional<OpenUpload> session) {
  FL_TRY(std::optional<OpenUpload> earlier, resume_upload(exchange_, caller, repository, blob));
  if (earlier) {
    session = std::move(earlier);  // the one that a mount brought is cancelled
  } else if (!session) {
    FL_TRY(session, start(caller, repository, blob));
  }
  const auto committed = [this, repository, digest = blob.digest] { self_mount_.saw_present(repository, digest); };
  return BlobStart{BlobStart::State::kUploading,
                   make_upload_writer(exchange_, caller, *std::move(session), chunk_size_, committed)};
}

Result<BlobStart> BlobUploads::begin_after_head(http::Caller& caller, const std::string& repository,
                                                const oci::Descriptor& blob, std::optional<OpenUpload> session) {
  Result<bool> present = has(caller, repository, blob, true);
  if (!present || *present) {
    session.reset();  // cancelled
    FL_CHECK(present ? Status() : Status(fail(std::move(present).error())));
    return BlobStart{BlobStart::State::kPresent};
  }
  return upload(caller, repository, blob, std::move(session));
}

Result<BlobStart> BlobUploads::begin_where_mounts_tell(http::Caller& caller, const std::string& repository,
                                                       const oci::Descriptor& blob) {
  FL_TRY(MountAnswer answer, mount(caller, repository, blob, blob.digest, repository));
  if (answer.mounted) return BlobStart{BlobStart::State::kPresent};
  if (answer.session) return upload(caller, repository, blob, std::move(answer.session));
  return begin_after_head(caller, repository, blob, std::nullopt);
}

Result<BlobStart> BlobUploads::begin(http::Caller& caller, const std::string& repository, const oci::Descriptor& blob,
                                     const std::optional<std::string>& mount_from) {
  FL_TRY(BlobStart start, find_or_begin(caller, repository, blob, mount_from));
  if (start.state != BlobStart::State::kUploading) drop_saved_upload(exchange_, caller, repository, blob);
  return start;
}

Result<BlobStart> BlobUploads::find_or_begin(http::Caller& caller, const std::string& repository,
                                             const oci::Descriptor& blob,
                                             const std::optional<std::string>& mount_from) {
  std::optional<OpenUpload> session;
  const bool may_mount = mount_from && *mount_from != repository &&
                         !refused_mounts_.with([&](const auto& refused) { return refused.contains(*mount_from); });
  if (may_mount) {
    FL_TRY(MountAnswer answer, mount(caller, repository, blob, blob.digest, *mount_from));
    if (answer.mounted) return BlobStart{BlobStart::State::kMounted};
    session = std::move(answer.session);
  } else {
    if (self_mount_.verdict() == SelfMountKnowledge::Verdict::kUnknown) {
      if (const auto known = self_mount_.take_question(repository)) {
        FL_TRY(MountAnswer answer, mount(caller, repository, blob, *known, repository));
        answer.mounted ? self_mount_.tells() : self_mount_.does_not_tell();
        session = std::move(answer.session);
      }
    }
    if (!session && self_mount_.verdict() == SelfMountKnowledge::Verdict::kTells) {
      return begin_where_mounts_tell(caller, repository, blob);
    }
  }
  // A session that a refused mount brought is as good as a new one, but first it must be known that it is needed.
  return begin_after_head(caller, repository, blob, std::move(session));
}

Result<std::unique_ptr<io::BlobStream>> BlobUploads::begin_stream(http::Caller& caller, const std::string& repository,
                                                                  const oci::Descriptor& origin) {
  FL_TRY(OpenUpload upload, start(caller, repository, origin));
  return make_upload_stream(exchange_, caller, std::move(upload), chunk_size_);
}

}  // namespace freightliner::registry
