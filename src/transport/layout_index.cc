#include "transport/layout_index.h"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_set>

#include "freightliner/oci/media_type.h"

namespace freightliner::transport {
namespace {

using oci::Json;

// Layouts with tens of thousands of tags exist; a descriptor with its name takes about 250 bytes.
constexpr oci::JsonLimits kIndexLimits = {.max_bytes = 32 * 1024 * 1024, .max_depth = 64};

std::string_view text_member(const Json& object, std::string_view name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? std::string_view(found->get_ref<const std::string&>())
                                                     : std::string_view();
}

// Empty where the entry has no name.
std::string_view tag_of(const Json& entry) {
  const auto annotations = entry.find("annotations");
  if (annotations == entry.end() || !annotations->is_object()) return {};
  return text_member(*annotations, oci::kRefNameAnnotation);
}

bool describes(const Json& entry, const oci::Descriptor& image) {
  const auto size = entry.find("size");
  return text_member(entry, "digest") == image.digest.to_string() &&
         text_member(entry, "mediaType") == image.media_type && size != entry.end() && size->is_number_unsigned() &&
         *size == image.size;
}

Json entry_for(const oci::Descriptor& image, const std::string& tag) {
  Json entry = {{"mediaType", image.media_type}, {"digest", image.digest.to_string()}, {"size", image.size}};
  if (!tag.empty()) entry["annotations"] = {{std::string(oci::kRefNameAnnotation), tag}};
  return entry;
}

}  // namespace

LayoutIndex::LayoutIndex()
    : LayoutIndex(Json{{"schemaVersion", 2}, {"mediaType", oci::kOciIndex}, {"manifests", Json::array()}},
                  "index.json") {}

Result<LayoutIndex> LayoutIndex::parse(std::string_view text, std::string what) {
  FL_TRY(Json document, oci::parse_json(text, what, kIndexLimits));
  const auto bad = [&](std::string_view reason) {
    return fail(ErrorCode::kProtocol, fmt::format("{} is no index of an OCI layout: {}", what, reason));
  };
  if (!document.is_object()) return bad("it is no JSON object");
  const auto version = document.find("schemaVersion");
  if (version == document.end() || *version != 2) return bad("its schemaVersion is not 2");
  if (document.contains("mediaType") && text_member(document, "mediaType") != oci::kOciIndex) {
    return bad("its mediaType is another one");
  }
  // Tools in Go write an empty list as null.
  Json& entries = document["manifests"];
  if (entries.is_null()) entries = Json::array();
  if (!entries.is_array()) return bad("its member manifests is no array");
  if (!std::ranges::all_of(entries, [](const Json& entry) { return entry.is_object(); })) {
    return bad("an element of manifests is no object");
  }
  return LayoutIndex(std::move(document), std::move(what));
}

const Json& LayoutIndex::entries() const {
  return *document_.find("manifests");
}

Result<std::vector<oci::Descriptor>> LayoutIndex::select(const Predicate& wanted) const {
  std::vector<oci::Descriptor> result;
  std::unordered_set<oci::Digest> seen;
  std::size_t position = 0;
  for (const Json& entry : entries()) {
    const std::size_t here = position++;
    if (!wanted(entry)) continue;
    FL_TRY(oci::Descriptor image, oci::Descriptor::from_json(entry, fmt::format("{}: manifests[{}]", what_, here)));
    if (seen.insert(image.digest).second) result.push_back(std::move(image));
  }
  return result;
}

Result<std::vector<oci::Descriptor>> LayoutIndex::tagged(const std::string& tag) const {
  return select([&](const Json& entry) { return tag_of(entry) == tag; });
}

Result<std::vector<oci::Descriptor>> LayoutIndex::nameless() const {
  return select([](const Json& entry) { return tag_of(entry).empty(); });
}

Result<std::vector<oci::Descriptor>> LayoutIndex::all() const {
  return select([](const Json&) { return true; });
}

Result<std::optional<oci::Descriptor>> LayoutIndex::find(const oci::Digest& digest) const {
  const std::string wanted = digest.to_string();
  FL_TRY(auto found, select([&](const Json& entry) { return text_member(entry, "digest") == wanted; }));
  if (found.empty()) return std::optional<oci::Descriptor>();
  return std::optional<oci::Descriptor>(std::move(found.front()));
}

std::vector<std::string> LayoutIndex::tags() const {
  std::vector<std::string> result;
  std::unordered_set<std::string_view> seen;
  for (const Json& entry : entries()) {
    const std::string_view tag = tag_of(entry);
    if (!tag.empty() && seen.insert(tag).second) result.emplace_back(tag);
  }
  return result;
}

bool LayoutIndex::replace(const Predicate& old, const Json& entry) {
  Json kept = Json::array();
  bool placed = false;
  for (const Json& other : entries()) {
    if (!old(other)) {
      kept.push_back(other);
    } else if (!placed) {
      kept.push_back(entry);
      placed = true;
    }
  }
  if (!placed) kept.push_back(entry);
  document_["manifests"] = std::move(kept);
  return true;
}

bool LayoutIndex::set_tag(const oci::Descriptor& image, const std::string& tag) {
  const auto has_tag = [&](const Json& entry) { return tag_of(entry) == tag; };
  const auto is_done = [&](const Json& entry) { return has_tag(entry) && describes(entry, image); };
  const auto named = std::ranges::count_if(entries(), has_tag);
  if (named == 1 && std::ranges::any_of(entries(), is_done)) return false;
  return replace(has_tag, entry_for(image, tag));
}

bool LayoutIndex::set_nameless(const oci::Descriptor& image) {
  const auto is_nameless = [](const Json& entry) { return tag_of(entry).empty(); };
  const auto is_done = [&](const Json& entry) { return is_nameless(entry) && describes(entry, image); };
  if (std::ranges::any_of(entries(), is_done)) return false;
  const bool is_only = std::ranges::count_if(entries(), is_nameless) == 1;
  return replace([&](const Json& entry) { return is_only && is_nameless(entry); }, entry_for(image, ""));
}

bool LayoutIndex::add(const oci::Descriptor& image) {
  if (std::ranges::any_of(entries(), [&](const Json& entry) { return describes(entry, image); })) return false;
  return replace([](const Json&) { return false; }, entry_for(image, ""));
}

std::string LayoutIndex::serialize() const {
  return document_.dump();
}

}  // namespace freightliner::transport
