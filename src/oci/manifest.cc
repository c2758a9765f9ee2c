#include "freightliner/oci/manifest.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "freightliner/base/text.h"
#include "freightliner/oci/media_type.h"
#include "oci/member_reader.h"
#include "oci/ordered_json.h"

namespace freightliner::oci {
namespace {

constexpr std::string_view kWhat = "manifest";

Unexpected refuse(std::string_view reason) {
  return fail(ErrorCode::kProtocol, fmt::format("{}: {}", kWhat, reason));
}

/// True where the object has the member with something in it. `layers: null` and `manifests: null` are how some tools
/// write an empty slice, of a member that they may not mean at all.
bool has_content(const Json& json, std::string_view key) {
  const auto it = json.find(key);
  return it != json.end() && !(it->is_null() && (key == "layers" || key == "manifests"));
}

Result<Json> parse_object(std::string_view bytes) {
  FL_TRY(Json json, parse_json(bytes, kWhat));
  if (!json.is_object()) return refuse(fmt::format("must be a JSON object, not {}", json.type_name()));
  return Result<Json>(std::move(json));
}

/// False for the types that servers give to any JSON or any bytes: they say nothing about which manifest it is.
bool names_manifest_type(std::string_view bare_type) {
  return is_valid_media_type(bare_type) && (bare_type.starts_with("application/vnd.") || bare_type.ends_with("+json"));
}

/// The body's own mediaType; empty where it has none.
Result<std::string> body_media_type(const Json& json) {
  const auto it = json.find("mediaType");
  if (it == json.end()) return std::string();
  if (!it->is_string()) return refuse(fmt::format("mediaType: must be a string, not {}", it->type_name()));
  std::string type = bare_media_type(it->get_ref<const std::string&>());
  if (type.empty()) return type;  // Go tools write "" for a member that is not set
  // It becomes a header of our requests: nothing but the characters of a media type may pass.
  if (!is_valid_media_type(type)) return refuse(fmt::format("mediaType: \"{}\" is no media type", printable(type, 64)));
  return type;
}

/// `named` is the type from outside the body, or empty.
Status refuse_schema1(const Json& json, std::string_view named, std::string_view in_body) {
  const std::string_view type = named.empty() ? in_body : named;
  const bool may_be_unmarked = type.empty() || is_manifest_type(type) || is_index_type(type);
  const auto version = json.find("schemaVersion");
  const bool marked = version != json.end() && version->is_number_integer() && *version == 1;
  if (!is_schema1_type(named) && !is_schema1_type(in_body) && !(may_be_unmarked && marked)) return {};
  return refuse(
      "Docker schema 1 is obsolete and can't be copied: its digest is over a signed re-serialisation, not over these "
      "bytes; push the image again in a current format (pull it with an old docker and push it with a new one)");
}

Status refuse_other_type(std::string_view named, std::string_view in_body) {
  if (named.empty() || in_body.empty() || named == in_body) return {};
  return refuse(fmt::format("its mediaType is {}, but it was served as {}; one of the two is wrong",
                            printable(in_body, 128), printable(named, 128)));
}

Result<std::string> type_from_shape(const Json& json) {
  const bool index = has_content(json, "manifests");
  if (index && (has_content(json, "config") || has_content(json, "layers"))) {
    return refuse("it has both \"manifests\" and \"config\" or \"layers\": neither an index nor an image");
  }
  if (index) return std::string(kOciIndex);
  if (json.contains("config") && json.contains("layers")) return std::string(kOciManifest);
  if (json.contains("manifests")) return std::string(kOciIndex);
  return refuse(
      "no Content-Type and no mediaType names its type, and it has the shape of neither an image nor an index");
}

Result<std::string> type_of(std::string_view content_type, const Json& json) {
  FL_TRY(std::string in_body, body_media_type(json));
  std::string named = bare_media_type(content_type);
  if (!names_manifest_type(named)) named.clear();
  FL_CHECK(refuse_schema1(json, named, in_body));
  FL_CHECK(refuse_other_type(named, in_body));
  if (!named.empty()) return named;
  if (!in_body.empty()) return in_body;
  return type_from_shape(json);
}

/// CVE-2021-41190: a document that one reader takes for an image and another for an index. Go's decoder also takes
/// members in any case, so `Layers` would be seen by some readers and not by others.
Status refuse_mixed_shapes(const Json& json, bool index) {
  static constexpr std::array<std::string_view, 7> kKnown = {"manifests", "config",    "layers",       "fsLayers",
                                                             "history",   "mediaType", "schemaVersion"};
  for (const auto& [key, value] : json.items()) {
    for (const std::string_view known : kKnown) {
      if (key != known && equals_ignoring_case(key, known)) {
        return refuse(
            fmt::format("the member \"{}\" is \"{}\" in other letters; readers differ on what it means", key, known));
      }
    }
  }
  const auto foreign = [&](std::string_view key) {
    return refuse(fmt::format("it is {}, but has the member \"{}\" of another kind of manifest",
                              index ? "an index" : "an image manifest", key));
  };
  if (index && has_content(json, "config")) return foreign("config");
  if (index && has_content(json, "layers")) return foreign("layers");
  if (!index && has_content(json, "manifests")) return foreign("manifests");
  for (const std::string_view key : {"fsLayers", "history"}) {
    if (has_content(json, key)) return foreign(key);
  }
  const auto version = json.find("schemaVersion");
  if (version != json.end() && !(version->is_number_integer() && *version == 2)) {
    return refuse("schemaVersion: must be 2");
  }
  return {};
}

Result<std::vector<Descriptor>> read_descriptors(const MemberReader& reader, std::string_view key) {
  std::vector<Descriptor> result;
  const Json* const list = reader.find(key);
  if (list == nullptr) return reader.wrong(key, "missing");
  if (list->is_null()) return result;
  if (!list->is_array()) return reader.wrong_type(key, "an array");
  if (list->size() > kMaxDescriptors) {
    return reader.wrong(key, fmt::format("{} descriptors, more than the limit of {}", list->size(), kMaxDescriptors));
  }
  result.reserve(list->size());
  for (std::size_t i = 0; i < list->size(); ++i) {
    FL_TRY(Descriptor descriptor, Descriptor::from_json((*list)[i], fmt::format("{}.{}[{}]", kWhat, key, i)));
    result.push_back(std::move(descriptor));
  }
  return result;
}

Result<std::optional<Descriptor>> read_subject(const MemberReader& reader) {
  const Json* const subject = reader.find("subject");
  if (subject == nullptr) return std::optional<Descriptor>();
  FL_TRY(Descriptor descriptor, Descriptor::from_json(*subject, "manifest.subject"));
  return std::optional(std::move(descriptor));
}

Result<ManifestContent> parse_image(const Json& json) {
  FL_CHECK(refuse_mixed_shapes(json, false));
  FL_TRY(const MemberReader reader, MemberReader::of(json, kWhat));
  const Json* const config = reader.find("config");
  if (config == nullptr) return reader.wrong("config", "missing");
  FL_TRY(Descriptor config_descriptor, Descriptor::from_json(*config, "manifest.config"));
  ImageManifest image{.config = std::move(config_descriptor)};
  FL_TRY(image.layers, read_descriptors(reader, "layers"));
  FL_TRY(image.subject, read_subject(reader));
  FL_CHECK(reader.read("artifactType", image.artifact_type));
  return ManifestContent(std::move(image));
}

Result<ManifestContent> parse_index(const Json& json) {
  FL_CHECK(refuse_mixed_shapes(json, true));
  FL_TRY(const MemberReader reader, MemberReader::of(json, kWhat));
  ImageIndex index;
  FL_TRY(index.manifests, read_descriptors(reader, "manifests"));
  FL_TRY(index.subject, read_subject(reader));
  FL_CHECK(reader.read("artifactType", index.artifact_type));
  FL_CHECK(reader.read("annotations", index.annotations));
  return ManifestContent(std::move(index));
}

/// Adds what has the form of a descriptor: an unknown manifest may mean anything else by these names.
void collect(const Json& value, std::vector<Descriptor>& out) {
  if (auto descriptor = Descriptor::from_json(value, kWhat)) out.push_back(*std::move(descriptor));
}

ManifestContent parse_unknown(const Json& json) {
  UnknownManifest unknown;
  const auto collect_all = [&](std::string_view key, std::vector<Descriptor>& out) {
    const auto it = json.find(key);
    if (it == json.end() || !it->is_array()) return;
    for (const Json& element : *it) collect(element, out);
  };
  if (const auto config = json.find("config"); config != json.end()) collect(*config, unknown.blobs);
  collect_all("layers", unknown.blobs);
  collect_all("blobs", unknown.blobs);
  collect_all("manifests", unknown.manifests);
  if (const auto subject = json.find("subject"); subject != json.end()) {
    if (auto descriptor = Descriptor::from_json(*subject, kWhat)) unknown.subject = *std::move(descriptor);
  }
  return unknown;
}

Status check_descriptors(const ManifestContent& content) {
  std::vector<std::pair<Digest, std::uint64_t>> sizes;
  const auto add = [&](const Descriptor& descriptor) { sizes.emplace_back(descriptor.digest, descriptor.size); };
  std::ranges::for_each(blobs_of(content), add);
  std::ranges::for_each(children_of(content), add);
  if (const auto subject = subject_of(content)) add(*subject);
  if (sizes.size() > kMaxDescriptors) {
    return refuse(fmt::format("{} descriptors, more than the limit of {}", sizes.size(), kMaxDescriptors));
  }
  std::ranges::sort(sizes);
  const auto twice = std::ranges::adjacent_find(
      sizes, [](const auto& a, const auto& b) { return a.first == b.first && a.second != b.second; });
  if (twice == sizes.end()) return {};
  return fail(ErrorCode::kIntegrity, fmt::format("{}: {} stands with two sizes, {} and {}", kWhat,
                                                 twice->first.to_string(), twice->second, (twice + 1)->second));
}

}  // namespace

Descriptor RawManifest::descriptor() const {
  return Descriptor{.media_type = media_type_, .digest = digest_, .size = size()};
}

Result<std::string> detect_media_type(std::string_view content_type, std::string_view bytes) {
  FL_TRY(const Json json, parse_object(bytes));
  return type_of(content_type, json);
}

Result<ManifestContent> parse_manifest(const RawManifest& manifest) {
  FL_TRY(const Json json, parse_object(manifest.bytes()));
  FL_TRY(const std::string type, type_of(manifest.media_type(), json));
  auto content = is_index_type(type)      ? parse_index(json)
                 : is_manifest_type(type) ? parse_image(json)
                                          : Result<ManifestContent>(parse_unknown(json));
  if (content) FL_CHECK(check_descriptors(*content));
  return content;
}

std::vector<Descriptor> blobs_of(const ManifestContent& content) {
  if (const auto* const unknown = std::get_if<UnknownManifest>(&content)) return unknown->blobs;
  const auto* const image = std::get_if<ImageManifest>(&content);
  if (image == nullptr) return {};
  std::vector<Descriptor> blobs = {image->config};
  blobs.insert(blobs.end(), image->layers.begin(), image->layers.end());
  return blobs;
}

std::vector<Descriptor> children_of(const ManifestContent& content) {
  if (const auto* const index = std::get_if<ImageIndex>(&content)) return index->manifests;
  if (const auto* const unknown = std::get_if<UnknownManifest>(&content)) return unknown->manifests;
  return {};
}

std::optional<Descriptor> subject_of(const ManifestContent& content) {
  return std::visit([](const auto& manifest) { return manifest.subject; }, content);
}

std::string serialize_index(std::string_view media_type, const std::vector<Descriptor>& manifests,
                            const std::map<std::string, std::string>& annotations) {
  OrderedJson list = OrderedJson::array();
  for (const Descriptor& manifest : manifests) list.push_back(ordered_json(manifest));
  OrderedJson json = OrderedJson::object();
  json["schemaVersion"] = 2;
  json["mediaType"] = media_type;
  json["manifests"] = std::move(list);
  if (!annotations.empty()) json["annotations"] = annotations;
  return dump_compact(json);
}

}  // namespace freightliner::oci
