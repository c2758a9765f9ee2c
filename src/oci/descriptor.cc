#include "freightliner/oci/descriptor.h"

#include <fmt/format.h>

#include "freightliner/oci/media_type.h"
#include "oci/member_reader.h"
#include "oci/ordered_json.h"

namespace freightliner::oci {
namespace {

Result<Platform> read_platform(const Json& json, std::string_view where) {
  FL_TRY(const MemberReader reader, MemberReader::of(json, where));
  Platform platform;
  FL_CHECK(reader.read("architecture", platform.architecture));
  FL_CHECK(reader.read("os", platform.os));
  FL_CHECK(reader.read("os.version", platform.os_version));
  FL_CHECK(reader.read("os.features", platform.os_features));
  FL_CHECK(reader.read("variant", platform.variant));
  return platform;
}

Result<Digest> read_digest(const MemberReader& reader) {
  std::string text;
  FL_CHECK(reader.read_required("digest", text));
  auto digest = Digest::parse(text);
  if (!digest) return reader.wrong("digest", digest.error().message());
  return digest;
}

OrderedJson ordered_json(const Platform& platform) {
  OrderedJson json = OrderedJson::object();
  json["architecture"] = platform.architecture;
  json["os"] = platform.os;
  if (!platform.os_version.empty()) json["os.version"] = platform.os_version;
  if (!platform.os_features.empty()) json["os.features"] = platform.os_features;
  if (!platform.variant.empty()) json["variant"] = platform.variant;
  return json;
}

}  // namespace

bool Descriptor::is_foreign() const noexcept {
  return !urls.empty() || is_foreign_layer_type(media_type);
}

Result<Descriptor> Descriptor::from_json(const Json& json, std::string_view where) {
  FL_TRY(const MemberReader reader, MemberReader::of(json, where));
  FL_TRY(const Digest digest, read_digest(reader));
  Descriptor descriptor{.media_type = {}, .digest = digest};
  FL_CHECK(reader.read_required("mediaType", descriptor.media_type));
  FL_CHECK(reader.read_required("size", descriptor.size));
  if (const Json* const platform = reader.find("platform")) {
    FL_TRY(descriptor.platform, read_platform(*platform, fmt::format("{}.platform", where)));
  }
  FL_CHECK(reader.read("annotations", descriptor.annotations));
  FL_CHECK(reader.read("urls", descriptor.urls));
  FL_CHECK(reader.read("artifactType", descriptor.artifact_type));
  return descriptor;
}

OrderedJson ordered_json(const Descriptor& descriptor) {
  OrderedJson json = OrderedJson::object();
  json["mediaType"] = descriptor.media_type;
  json["digest"] = descriptor.digest.to_string();
  json["size"] = descriptor.size;
  if (descriptor.platform) json["platform"] = ordered_json(*descriptor.platform);
  if (!descriptor.artifact_type.empty()) json["artifactType"] = descriptor.artifact_type;
  if (!descriptor.urls.empty()) json["urls"] = descriptor.urls;
  if (!descriptor.annotations.empty()) json["annotations"] = descriptor.annotations;
  return json;
}

std::string dump_compact(const OrderedJson& json) {
  return json.dump(-1, ' ', false, OrderedJson::error_handler_t::replace);
}

Json Descriptor::to_json() const {
  return Json(ordered_json(*this));
}

std::string Descriptor::serialize() const {
  return dump_compact(ordered_json(*this));
}

}  // namespace freightliner::oci
