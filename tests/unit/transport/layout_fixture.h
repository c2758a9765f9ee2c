#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "freightliner/io/hasher.h"
#include "freightliner/oci/json.h"
#include "freightliner/oci/media_type.h"
#include "freightliner/transport/layout.h"
#include "support/cleanups.h"
#include "support/temporary_directory.h"

namespace freightliner::transport {

using test::TemporaryDirectory;

/// A caller whose session is never used: layouts need no network.
class OfflineCaller {
 public:
  http::Caller& operator*() noexcept { return caller_; }
  void stop() { stop_.request_stop(); }

 private:
  http::SharedCaches caches_;
  http::Session session_{http::SessionOptions{}, caches_, Logger{}};
  std::stop_source stop_;
  http::Caller caller_{session_, stop_.get_token()};
};

inline oci::Descriptor describe_blob(std::string_view bytes) {
  return oci::Descriptor{
      .media_type = "application/octet-stream", .digest = io::digest_of(bytes), .size = bytes.size()};
}

inline oci::RawManifest manifest_of(std::string bytes, std::string_view type = oci::kOciManifest) {
  const oci::Digest digest = io::digest_of(bytes);
  return {std::move(bytes), std::string(type), digest};
}

/// An image of one config and one layer, all made from `seed`.
struct TestImage {
  explicit TestImage(const std::string& seed)
      : config(R"({"architecture":"amd64","os":"linux","x":")" + seed + "\"}"),
        layer("layer " + seed),
        manifest(manifest_of(manifest_text(config, layer))) {}

  static std::string manifest_text(const std::string& config, const std::string& layer) {
    oci::Descriptor config_blob = describe_blob(config);
    config_blob.media_type = oci::kOciConfig;
    oci::Descriptor layer_blob = describe_blob(layer);
    layer_blob.media_type = "application/vnd.oci.image.layer.v1.tar";
    const oci::Json json = {{"schemaVersion", 2},
                            {"mediaType", oci::kOciManifest},
                            {"config", config_blob.to_json()},
                            {"layers", oci::Json::array({layer_blob.to_json()})}};
    return json.dump();
  }

  std::string config;
  std::string layer;
  oci::RawManifest manifest;
};

/// Feeds `bytes` to a writer or stream in chunks of the queue, without committing it.
template <class Writer>
Status feed(Writer& writer, std::string_view bytes) {
  io::BufferPool pool;
  io::ChunkQueue queue(pool, 4 * kKiB, 3);
  while (!bytes.empty()) {
    io::Chunk chunk = queue.try_take();
    if (!chunk) return fail(ErrorCode::kInternal, "the writer kept a chunk");
    bytes.remove_prefix(chunk.append(as_bytes(bytes)));
    FL_CHECK(writer.write(std::move(chunk)));
  }
  return {};
}

/// Writes a blob as a copier does. False in the result where it was there already.
inline Result<bool> write_blob(ImageDestination& destination, http::Caller& caller, const std::string& bytes) {
  FL_TRY(registry::BlobStart start, destination.begin_blob(caller, describe_blob(bytes), std::nullopt));
  if (!start.writer) return false;
  FL_CHECK(feed(*start.writer, bytes));
  FL_CHECK(start.writer->commit());
  return true;
}

inline Status write_image(ImageDestination& destination, http::Caller& caller, const TestImage& image,
                          const std::string& tag) {
  FL_TRY([[maybe_unused]] const bool wrote_config, write_blob(destination, caller, image.config));
  FL_TRY([[maybe_unused]] const bool wrote_layer, write_blob(destination, caller, image.layer));
  FL_TRY([[maybe_unused]] const auto put, destination.put_tagged(caller, image.manifest, tag));
  return destination.finish(caller);
}

inline Result<std::string> read_blob(ImageSource& source, http::Caller& caller, const oci::Descriptor& blob) {
  io::BufferPool pool;
  io::ChunkQueue queue(pool, 4 * kKiB, 3);
  FL_TRY(const std::unique_ptr<io::BlobReader> reader, source.open_blob(caller, blob, queue));
  std::string text;
  for (;;) {
    FL_TRY(const io::Chunk chunk, reader->read());
    if (!chunk) return text;
    text += as_text(chunk.bytes());
  }
}

/// The transport by its prefix, so that one table of tests runs over both.
inline ImageName name_of(TransportKind kind, const std::filesystem::path& path, const std::string& suffix = "") {
  const std::string prefix = kind == TransportKind::kOci ? "oci:" : "oci-archive:";
  return ImageName::parse(prefix + path.string() + suffix).value();
}

inline Result<std::unique_ptr<ImageSource>> open_source(const ImageName& name) {
  return name.kind == TransportKind::kOci ? open_layout_source(name) : open_archive_source(name);
}

inline Result<std::unique_ptr<ImageDestination>> open_destination(const ImageName& name, bool create = true) {
  return name.kind == TransportKind::kOci ? open_layout_destination(name, create, test::cleanups(), Logger{})
                                          : open_archive_destination(name, create, test::cleanups(), Logger{});
}

/// Names in a directory, sorted.
inline std::vector<std::string> entries_of(const std::filesystem::path& directory) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) names.push_back(entry.path().filename());
  std::ranges::sort(names);
  return names;
}

}  // namespace freightliner::transport
