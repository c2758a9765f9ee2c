#include "replicate/image_date.h"

#include <optional>
#include <string>

#include "freightliner/base/date.h"
#include "freightliner/copy/small_blob.h"
#include "freightliner/oci/json.h"

namespace freightliner::replicate {
namespace {

using Time = std::chrono::system_clock::time_point;

constexpr const char* kCreatedAnnotation = "org.opencontainers.image.created";
// Deeper indexes than this hold no image that anybody dates.
constexpr int kMaxDepth = 4;

std::string text_member(const oci::Json& object, const char* name) {
  const auto found = object.is_object() ? object.find(name) : object.end();
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

Time annotated_date(const oci::RawManifest& manifest) {
  const auto json = oci::parse_json(manifest.bytes(), "manifest");
  if (!json || !json->is_object() || !json->contains("annotations")) return Time{};
  return parse_date(text_member((*json)["annotations"], kCreatedAnnotation)).value_or(Time{});
}

const oci::Descriptor* first_image(const oci::ImageIndex& index) {
  for (const oci::Descriptor& child : index.manifests) {
    // BuildKit's attestations stand beside the images, for a platform that is none.
    if (!child.platform || child.platform->os != "unknown") return &child;
  }
  return nullptr;
}

class DateReader {
 public:
  DateReader(transport::ImageSource& source, http::Caller& caller, io::BufferPool& buffers)
      : source_(source), caller_(caller), buffers_(buffers) {}

  Result<Time> read(const oci::RawManifest& manifest, int depth) {
    FL_TRY(const oci::ManifestContent content, oci::parse_manifest(manifest));
    if (const auto* index = std::get_if<oci::ImageIndex>(&content)) {
      const oci::Descriptor* const image = first_image(*index);
      if (image == nullptr || depth == kMaxDepth) return annotated_date(manifest);
      FL_TRY(const oci::RawManifest child, source_.manifest(caller_, *image));
      return read(child, depth + 1);
    }
    if (const auto* image = std::get_if<oci::ImageManifest>(&content)) {
      FL_TRY(const std::string config, copy::read_small_blob(source_, caller_, buffers_, image->config));
      const auto json = oci::parse_json(config, "image config");
      const auto date = json ? parse_date(text_member(*json, "created")) : std::nullopt;
      if (date) return *date;
    }
    return annotated_date(manifest);
  }

 private:
  transport::ImageSource& source_;
  http::Caller& caller_;
  io::BufferPool& buffers_;
};

}  // namespace

Result<Time> creation_date(transport::ImageSource& source, http::Caller& caller, io::BufferPool& buffers) {
  FL_TRY(const oci::RawManifest root, source.root(caller));
  return DateReader(source, caller, buffers).read(root, 0);
}

}  // namespace freightliner::replicate
