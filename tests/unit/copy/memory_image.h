#pragma once

#include <fmt/format.h>

#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "freightliner/io/hasher.h"
#include "freightliner/oci/media_type.h"
#include "freightliner/transport/image_destination.h"
#include "freightliner/transport/image_source.h"

namespace freightliner::test {

/// A repository in memory, with a journal of the writes in their order.
struct MemoryRepository {
  std::map<std::string, std::string> blobs;           // digest → bytes
  std::map<std::string, oci::RawManifest> manifests;  // digest → manifest
  std::map<std::string, oci::Digest> tags;
  std::vector<std::string> journal;
  mutable std::mutex mutex;
  bool indexes_subjects = false;
  int missing_blob_refusals = 0;  // so many manifest PUTs answer MANIFEST_BLOB_UNKNOWN

  oci::Descriptor add_blob(const std::string& bytes,
                           const std::string& type = "application/vnd.oci.image.layer.v1.tar") {
    const oci::Digest digest = io::digest_of(bytes);
    blobs[digest.to_string()] = bytes;
    return {.media_type = type, .digest = digest, .size = bytes.size()};
  }
  oci::RawManifest add_manifest(const std::string& bytes, std::string_view type, const std::string& tag = {}) {
    oci::RawManifest manifest(bytes, std::string(type), io::digest_of(bytes));
    manifests.insert_or_assign(manifest.digest().to_string(), manifest);
    if (!tag.empty()) tags.insert_or_assign(tag, manifest.digest());
    return manifest;
  }
  /// An image of a config (with the platform in it) and one layer.
  oci::RawManifest add_image(const std::string& architecture, const std::string& tag = {}) {
    const auto config =
        add_blob(fmt::format(R"({{"os":"linux","architecture":"{}"}})", architecture), std::string(oci::kOciConfig));
    const auto layer = add_blob("layer of " + architecture);
    return add_manifest(image_json(config, {layer}), oci::kOciManifest, tag);
  }
  static std::string image_json(const oci::Descriptor& config, const std::vector<oci::Descriptor>& layers,
                                const std::string& more = {}) {
    std::string list;
    for (const auto& layer : layers) list += (list.empty() ? "" : ",") + descriptor_json(layer);
    return fmt::format(R"({{"schemaVersion":2,"mediaType":"{}","config":{},"layers":[{}]{}}})", oci::kOciManifest,
                       descriptor_json(config), list, more);
  }
  static std::string descriptor_json(const oci::Descriptor& descriptor) {
    return fmt::format(R"({{"mediaType":"{}","digest":"{}","size":{}}})", descriptor.media_type,
                       descriptor.digest.to_string(), descriptor.size);
  }
  std::optional<oci::RawManifest> find(const std::string& tag) const {
    const std::lock_guard lock(mutex);
    const auto it = tags.find(tag);
    if (it == tags.end()) return std::nullopt;
    return manifests.at(it->second.to_string());
  }
};

class StringReader final : public io::BlobReader {
 public:
  StringReader(std::string bytes, io::ChunkQueue& queue) : bytes_(std::move(bytes)), queue_(queue) {}
  Result<io::Chunk> read() override {
    if (offset_ == bytes_.size()) return io::Chunk();
    io::Chunk chunk = queue_.try_take();
    offset_ += chunk.append(as_bytes(std::string_view(bytes_).substr(offset_)));
    return chunk;
  }
  std::optional<std::uint64_t> declared_size() const override { return bytes_.size(); }

 private:
  std::string bytes_;
  io::ChunkQueue& queue_;
  std::size_t offset_ = 0;
};

class MemorySource final : public transport::ImageSource {
 public:
  MemorySource(MemoryRepository& repository, std::string tag) : repository_(repository), tag_(std::move(tag)) {}
  std::string name() const override { return "memory:" + tag_; }
  Result<oci::Descriptor> resolve(http::Caller& caller) override {
    FL_TRY(const auto manifest, root(caller));
    return manifest.descriptor();
  }
  Result<oci::RawManifest> manifest(http::Caller&, const oci::Descriptor& descriptor) override {
    const auto it = repository_.manifests.find(descriptor.digest.to_string());
    if (it == repository_.manifests.end())
      return fail(ErrorCode::kNotFound, descriptor.digest.to_string() + " does not exist");
    return it->second;
  }
  Result<oci::RawManifest> root(http::Caller&) override {
    auto found = repository_.find(tag_);
    if (!found) return fail(ErrorCode::kNotFound, name() + " does not exist");
    return *std::move(found);
  }
  Result<std::optional<oci::RawManifest>> tagged(http::Caller&, const std::string& tag) override {
    return repository_.find(tag);
  }
  Result<std::optional<std::vector<oci::Descriptor>>> referrers(http::Caller&, const oci::Digest&) override {
    return std::nullopt;
  }
  Result<std::unique_ptr<io::BlobReader>> open_blob(http::Caller&, const oci::Descriptor& blob,
                                                    io::ChunkQueue& queue) override {
    const std::lock_guard lock(repository_.mutex);
    const auto it = repository_.blobs.find(blob.digest.to_string());
    if (it == repository_.blobs.end()) return fail(ErrorCode::kNotFound, "no such blob");
    return std::make_unique<StringReader>(it->second, queue);
  }
  Result<std::optional<registry::MountOrigin>> mount_origin() override { return std::nullopt; }

 private:
  MemoryRepository& repository_;
  std::string tag_;
};

class MemoryDestination final : public transport::ImageDestination {
 public:
  MemoryDestination(MemoryRepository& repository, std::string tag) : repository_(repository), tag_(std::move(tag)) {}
  std::string name() const override { return "memory:" + tag_; }
  std::string place() const override { return "memory"; }
  const std::string& tag() const override { return tag_; }
  const std::optional<oci::Digest>& pinned_digest() const override { return pinned_; }
  void pin(const oci::Digest& digest) { pinned_ = digest; }

  Result<std::optional<oci::Descriptor>> resolve(http::Caller&, const std::string& tag) override {
    const auto found = repository_.find(tag);
    if (!found) return std::nullopt;
    return found->descriptor();
  }
  Result<std::optional<oci::RawManifest>> tagged(http::Caller&, const std::string& tag) override {
    return repository_.find(tag);
  }
  Result<bool> has_closure(http::Caller&, const oci::Digest& digest) override {
    const std::lock_guard lock(repository_.mutex);
    return repository_.manifests.contains(digest.to_string());
  }
  Result<bool> has_blob(http::Caller&, const oci::Descriptor& blob) override {
    const std::lock_guard lock(repository_.mutex);
    return repository_.blobs.contains(blob.digest.to_string());
  }

  Result<registry::BlobStart> begin_blob(http::Caller&, const oci::Descriptor& blob,
                                         const std::optional<registry::MountOrigin>&) override {
    const std::lock_guard lock(repository_.mutex);
    if (repository_.blobs.contains(blob.digest.to_string())) return registry::BlobStart{};
    return registry::BlobStart{registry::BlobStart::State::kUploading, std::make_unique<Writer>(repository_, blob)};
  }
  Result<std::unique_ptr<io::BlobStream>> begin_stream(http::Caller&, const oci::Descriptor& origin) override {
    const std::lock_guard lock(repository_.mutex);
    repository_.journal.push_back("stream " + origin.digest.to_string());
    return std::make_unique<Stream>(repository_);
  }
  Result<registry::PutManifestResult> put_manifest(http::Caller&, const oci::RawManifest& manifest) override {
    return put(manifest, "manifest " + manifest.digest().to_string());
  }
  Result<registry::PutManifestResult> put_tagged(http::Caller&, const oci::RawManifest& manifest,
                                                 const std::string& tag) override {
    auto result = put(manifest, "tag " + tag);
    const std::lock_guard lock(repository_.mutex);
    if (result) repository_.tags.insert_or_assign(tag, manifest.digest());
    return result;
  }
  Status finish(http::Caller&) override {
    const std::lock_guard lock(repository_.mutex);
    repository_.journal.emplace_back("finish");
    return {};
  }

 private:
  class Writer final : public io::BlobWriter {
   public:
    Writer(MemoryRepository& repository, const oci::Descriptor& blob) : repository_(repository), blob_(blob) {}
    Status write(io::Chunk chunk) override {
      bytes_.append(as_text(chunk.bytes()));
      return {};
    }
    Status commit() override {
      const std::lock_guard lock(repository_.mutex);
      repository_.blobs[blob_.digest.to_string()] = bytes_;
      repository_.journal.push_back("blob " + blob_.digest.to_string());
      return {};
    }
    void abort() noexcept override {}

   private:
    MemoryRepository& repository_;
    oci::Descriptor blob_;
    std::string bytes_;
  };

  class Stream final : public io::BlobStream {
   public:
    explicit Stream(MemoryRepository& repository) : repository_(repository) {}
    Status write(io::Chunk chunk) override {
      bytes_.append(as_text(chunk.bytes()));
      return {};
    }
    Status commit(const oci::Descriptor& blob) override {
      const std::lock_guard lock(repository_.mutex);
      repository_.blobs[blob.digest.to_string()] = bytes_;
      return {};
    }
    void abort() noexcept override {}

   private:
    MemoryRepository& repository_;
    std::string bytes_;
  };

  Result<registry::PutManifestResult> put(const oci::RawManifest& manifest, std::string entry) {
    const std::lock_guard lock(repository_.mutex);
    if (repository_.missing_blob_refusals > 0) {
      --repository_.missing_blob_refusals;
      repository_.blobs.clear();
      return fail(Error(ErrorCode::kNotFound, "MANIFEST_BLOB_UNKNOWN").with_reason(ErrorReason::kUnknownBlob));
    }
    repository_.manifests.insert_or_assign(manifest.digest().to_string(), manifest);
    repository_.journal.push_back(std::move(entry));
    return registry::PutManifestResult{repository_.indexes_subjects};
  }

  MemoryRepository& repository_;
  std::string tag_;
  std::optional<oci::Digest> pinned_;
};

}  // namespace freightliner::test
