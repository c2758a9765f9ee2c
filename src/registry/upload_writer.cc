#include "registry/upload_writer.h"

#include <fmt/format.h>

#include <algorithm>

#include "registry/access.h"
#include "registry/blob_head.h"
#include "registry/upload_standing.h"

namespace freightliner::registry {
namespace {

/// What both ways of uploading share: the session, its cancellation, the closing answer.
class UploadWriter : public io::BlobWriter {
 public:
  UploadWriter(Exchange& exchange, http::Caller& caller, OpenUpload upload, std::function<void()> committed)
      : exchange_(exchange),
        caller_(caller),
        upload_(std::move(upload)),
        session_(upload_.session()),
        committed_(std::move(committed)) {}
  ~UploadWriter() override { undo(); }
  UploadWriter(const UploadWriter&) = delete;
  UploadWriter& operator=(const UploadWriter&) = delete;

  void abort() noexcept override { undo(); }

 protected:
  /// Opens a PUT or PATCH of `length` bytes at the session's Location.
  Status open(Call call, std::uint64_t length);
  Call call(http::Method method) const;
  Status write_all(io::Chunk chunk);
  /// Turns a failed write into the error that its cause deserves.
  Error write_error(Error error);
  Result<http::Response> finish_body();
  /// The closing PUT without a body, behind PATCH requests.
  Status close_session();
  /// Ends a PATCH, behind which the session should hold `sent` bytes; returns how many it does.
  Result<std::uint64_t> close_patch(std::uint64_t sent);
  /// The session holds what can't be put right in it.
  Error lost_count(std::uint64_t held, std::uint64_t sent) const;
  Status settle(const http::Response& response);
  Status settle_lost_answer(Error error);
  /// The closing PUT's URL.
  http::Url closing_url() const { return session_.location.with_query("digest", session_.blob.digest.to_string()); }

  Exchange& exchange_;
  http::Caller caller_;
  OpenUpload upload_;
  UploadSession& session_;
  std::unique_ptr<http::Upload> body_;

 private:
  void undo() noexcept;
  Error map(const http::Response& response);

  std::function<void()> committed_;
  Call open_call_;
  std::optional<http::Request> open_request_;
};

Call UploadWriter::call(http::Method method) const {
  Call call{.method = method,
            .url = session_.location,
            .access = push_access(session_.repository),
            .what = fmt::format("{} upload {}@{}", http::to_string(method), session_.repository,
                                session_.blob.digest.to_string())};
  call.headers.add("Content-Type", "application/octet-stream");
  return call;
}

Status UploadWriter::open(Call call, std::uint64_t length) {
  FL_CHECK(exchange_.services().governor.wait_until_open(exchange_.host(), caller_.stop));
  FL_TRY(open_request_, exchange_.prepare(caller_, call));
  open_call_ = std::move(call);
  FL_TRY(body_, caller_.session.upload(*open_request_, length, caller_.stop));
  return {};
}

// The statuses that a new session may cure: the token ran out, the session is gone, the offsets differ.
Error UploadWriter::map(const http::Response& response) {
  if (response.status == 401 && open_request_) {
    Status learnt = exchange_.learn_from_refusal(caller_, response, open_call_, *open_request_);
    if (!learnt) return std::move(learnt).error();
    return Error(ErrorCode::kTemporary, open_call_.what + ": the token was refused in mid-upload")
        .with_reason(ErrorReason::kTokenRefused);
  }
  Error error = exchange_.write_error_of(response, open_call_.what);
  // Where its Range lags behind, as ECR's does, the rest comes at the wrong place, and not everybody answers 416 then.
  if (session_.offset > 0 && error.code() == ErrorCode::kProtocol) {
    return Error(ErrorCode::kTemporary, "the registry does not go on with an earlier run's upload: " + error.message())
        .with_http_status(response.status);
  }
  if (response.status == 404 || response.status == 416 || exchange_.expired(response)) {
    return Error(ErrorCode::kTemporary, "the upload session is gone: " + error.message())
        .with_http_status(response.status);
  }
  if (error.retry_after() && *error.retry_after() <= exchange_.retry().max_retry_after)
    exchange_.services().governor.pause(exchange_.host(), *error.retry_after());
  return error;
}

Error UploadWriter::write_error(Error error) {
  if (body_ && body_->early_response()) return map(*body_->early_response());
  return std::move(error).with_context(open_call_.what);
}

Status UploadWriter::write_all(io::Chunk chunk) {
  Status written = body_->write(std::move(chunk));
  if (!written) return fail(write_error(std::move(written).error()));
  return {};
}

Result<http::Response> UploadWriter::finish_body() {
  Result<http::Response> response = body_->finish();
  body_.reset();
  if (!response) return fail(std::move(response).error().with_context(open_call_.what));
  exchange_.show_warnings(*response);
  if (!response->ok()) return fail(map(*response));
  return response;
}

Status UploadWriter::settle(const http::Response& response) {
  if (response.status == 202) {
    return fail(ErrorCode::kProtocol,
                open_call_.what + ": the registry took the last byte but did not make a blob of it (202)");
  }
  if (const auto text = response.headers.find("Docker-Content-Digest")) {
    const auto stored = oci::Digest::parse(*text);
    if (stored && stored->algorithm() == session_.blob.digest.algorithm() && *stored != session_.blob.digest) {
      return fail(ErrorCode::kIntegrity,
                  fmt::format("{}: the registry stored {}", open_call_.what, stored->to_string()));
    }
  }
  upload_.settle();
  if (committed_) committed_();
  return {};
}

// The PUT may have been applied though its answer was lost: asking is cheaper than sending it all again.
Status UploadWriter::settle_lost_answer(Error error) {
  if (!error.retryable() || error.http_status() != 0) return fail(std::move(error));
  const auto answer = exchange_.send(caller_, blob_head_call(session_.repository, session_.blob, true));
  if (!answer || answer->status != 200 || !is_of_size(*answer, session_.blob)) return fail(std::move(error));
  upload_.settle();
  if (committed_) committed_();
  return {};
}

void UploadWriter::undo() noexcept {
  body_.reset();  // closes the connection of a body that is under way
  upload_.cancel();
}

Result<std::uint64_t> UploadWriter::close_patch(std::uint64_t sent) {
  FL_TRY(const http::Response response, finish_body());
  return held_after_patch(exchange_, caller_, session_, response, sent);
}

Error UploadWriter::lost_count(std::uint64_t held, std::uint64_t sent) const {
  return Error(ErrorCode::kTemporary, fmt::format("upload {}@{}: the registry holds {} bytes where {} were sent",
                                                  session_.repository, session_.blob.digest.to_string(), held, sent));
}

/// The whole blob in the closing PUT.
class MonolithicWriter final : public UploadWriter {
 public:
  MonolithicWriter(Exchange& exchange, http::Caller& caller, OpenUpload upload, std::function<void()> committed)
      : UploadWriter(exchange, caller, std::move(upload), std::move(committed)) {
    upload_.note(0, session_.blob.size);
  }

  Status write(io::Chunk chunk) override {
    FL_CHECK(ensure_open());
    return write_all(std::move(chunk));
  }

  Status commit() override {
    FL_CHECK(ensure_open());
    Result<http::Response> response = finish_body();
    if (!response) return settle_lost_answer(std::move(response).error());
    return settle(*response);
  }

 private:
  Status ensure_open() {
    if (body_) return {};
    Call put = call(http::Method::kPut);
    put.url = closing_url();
    return open(std::move(put), session_.blob.size);
  }
};

/// PATCH requests of a fixed size from the session's offset on, then a closing PUT without a body.
class ChunkedWriter final : public UploadWriter {
 public:
  ChunkedWriter(Exchange& exchange, http::Caller& caller, OpenUpload upload, std::uint64_t chunk_size,
                std::function<void()> committed)
      : UploadWriter(exchange, caller, std::move(upload), std::move(committed)),
        chunk_size_(chunk_size),
        offset_(session_.offset),
        skip_(session_.offset) {
    note();
  }

  Status write(io::Chunk chunk) override;
  Status commit() override;

 private:
  std::uint64_t next_size() const noexcept { return std::min(chunk_size_, session_.blob.size - offset_); }
  void note() { upload_.note(offset_, offset_ + next_size()); }
  Status open_patch();
  Status end_patch();

  std::uint64_t chunk_size_;
  std::uint64_t offset_;          // bytes in completed PATCH requests, those of an earlier run included
  std::uint64_t skip_;            // bytes that are there already and still come from the source
  std::uint64_t patch_left_ = 0;  // bytes that the open PATCH still takes
  std::uint64_t patch_size_ = 0;
};

Status ChunkedWriter::open_patch() {
  patch_size_ = next_size();
  patch_left_ = patch_size_;
  Call patch = call(http::Method::kPatch);
  // Inclusive, and without "bytes" in front: the distribution spec's own form, not RFC 9110's.
  patch.headers.add("Content-Range", fmt::format("{}-{}", offset_, offset_ + patch_size_ - 1));
  return open(std::move(patch), patch_size_);
}

// A registry that kept a part of the PATCH gets the rest from there. One that holds more than was sent has bytes in it
// that we don't know, and one that has lost what it had confirmed may do so for ever: both are left for a new session.
Status ChunkedWriter::end_patch() {
  const std::uint64_t sent = offset_ + patch_size_;
  FL_TRY(const std::uint64_t held, close_patch(sent));
  if (held > sent || held < offset_) return fail(lost_count(held, sent));
  offset_ = held;
  note();
  if (held == sent) return {};
  session_.offset = held;
  skip_ = held;
  return fail(lost_count(held, sent).with_reason(ErrorReason::kSetBack));
}

Status ChunkedWriter::write(io::Chunk chunk) {
  const auto known = static_cast<std::size_t>(std::min<std::uint64_t>(skip_, chunk.size()));
  chunk.consume(known);
  skip_ -= known;
  while (chunk.size() > 0) {
    if (!body_) FL_CHECK(open_patch());
    if (chunk.size() < patch_left_) {
      patch_left_ -= chunk.size();
      return write_all(std::move(chunk));
    }
    // The chunk reaches over the end of this PATCH: its first part goes out from where it lies.
    const auto part = static_cast<std::size_t>(patch_left_);
    if (Status sent = body_->write_view(chunk.bytes().first(part)); !sent)
      return fail(write_error(std::move(sent).error()));
    chunk.consume(part);
    patch_left_ = 0;
    FL_CHECK(end_patch());
  }
  return {};
}

Status ChunkedWriter::commit() {
  return close_session();
}

Status UploadWriter::close_session() {
  Call put = call(http::Method::kPut);
  put.url = closing_url();
  FL_CHECK(open(std::move(put), 0));
  Result<http::Response> response = finish_body();
  if (!response) return settle_lost_answer(std::move(response).error());
  return settle(*response);
}

/// PATCH requests whose lengths show as they end.
class StreamedWriter final : public UploadWriter, public io::BlobStream {
 public:
  StreamedWriter(Exchange& exchange, http::Caller& caller, OpenUpload upload, std::uint64_t limit)
      : UploadWriter(exchange, caller, std::move(upload), nullptr), limit_(limit) {}

  Status write(io::Chunk chunk) override {
    if (!body_) {
      patch_begin_ = sent_;
      FL_CHECK(open(call(http::Method::kPatch), http::kUnknownLength));
    }
    sent_ += chunk.size();
    FL_CHECK(write_all(std::move(chunk)));
    if (limit_ > 0 && sent_ - patch_begin_ >= limit_) FL_CHECK(end_patch());
    return {};
  }

  Status commit() override {
    if (body_) FL_CHECK(end_patch());
    return close_session();
  }

  Status commit(const oci::Descriptor& blob) override {
    session_.blob = blob;
    return commit();
  }

  void abort() noexcept override { UploadWriter::abort(); }

 private:
  // The bytes are made on the way: what the registry did not keep is not there any more.
  Status end_patch() {
    FL_TRY(const std::uint64_t held, close_patch(sent_));
    return held == sent_ ? Status() : Status(fail(lost_count(held, sent_)));
  }

  std::uint64_t limit_;            // 0: none
  std::uint64_t sent_ = 0;         // in all
  std::uint64_t patch_begin_ = 0;  // of the PATCH that is open
};

}  // namespace

std::unique_ptr<io::BlobStream> make_upload_stream(Exchange& exchange, http::Caller& caller, OpenUpload upload,
                                                   std::uint64_t chunk_size) {
  const std::uint64_t limit = chunk_size == 0 ? 0 : std::max(chunk_size, upload.session().minimum_chunk);
  return std::make_unique<StreamedWriter>(exchange, caller, std::move(upload), limit);
}

std::unique_ptr<io::BlobWriter> make_upload_writer(Exchange& exchange, http::Caller& caller, OpenUpload upload,
                                                   std::uint64_t chunk_size, std::function<void()> committed) {
  const UploadSession& session = upload.session();
  if (session.blob.size == 0 || (chunk_size == 0 && session.offset == 0)) {
    return std::make_unique<MonolithicWriter>(exchange, caller, std::move(upload), std::move(committed));
  }
  const std::uint64_t chunk = chunk_size == 0 ? session.blob.size : std::max(chunk_size, session.minimum_chunk);
  return std::make_unique<ChunkedWriter>(exchange, caller, std::move(upload), chunk, std::move(committed));
}

}  // namespace freightliner::registry
