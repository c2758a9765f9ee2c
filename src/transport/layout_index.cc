#include "transport/layout_index.h"

#include <fmt/format.h>

#include <algorithm>

#include "freightliner/oci/media_type.h"

namespace freightliner::transport {
namespace {

using oci::Json;

constexpr char kManifests[] = "manifests";
constexpr std::size_t kPiece = kMiB;
// Layouts with tens of thousands of tags exist; a descriptor with its name takes about 250 bytes and is six values.
constexpr oci::JsonLimits kIndexLimits = {.max_bytes = kMaxIndexBytes, .max_depth = 64, .max_values = 1'000'000};

std::string_view text_member(const Json& object, std::string_view name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? std::string_view(found->get_ref<const std::string&>())
                                                     : std::string_view();
}

std::string_view tag_of(const Json& entry) {
  const auto annotations = entry.find("annotations");
  if (annotations == entry.end() || !annotations->is_object()) return {};
  return text_member(*annotations, oci::kRefNameAnnotation);
}

bool is_nameless(const IndexEntry& entry) {
  return entry.tag.empty();
}

bool describes(const IndexEntry& entry, const oci::Descriptor& image) {
  return !entry.error && entry.digest == image.digest && entry.size == image.size &&
         *entry.media_type == image.media_type;
}

}  // namespace

LayoutIndex::LayoutIndex()
    : LayoutIndex(Json{{"schemaVersion", 2}, {"mediaType", oci::kOciIndex}, {kManifests, Json::array()}}) {}

Result<LayoutIndex> LayoutIndex::parse(std::string text, const std::string& what) {
  const auto bad = [&](std::string_view reason) {
    return fail(ErrorCode::kProtocol, fmt::format("{} is no index of an OCI layout: {}", what, reason));
  };
  LayoutIndex index;
  // One by one: the tree of all of them would be several times as large as what is kept.
  const oci::JsonElements elements{kManifests, [&](Json&& entry) -> Status {
                                     if (!entry.is_object()) return bad("an element of manifests is no object");
                                     index.append(entry, what);
                                     return {};
                                   }};
  FL_TRY(index.frame_, oci::parse_json(text, what, kIndexLimits, elements));
  std::string().swap(text);
  Json& frame = index.frame_;
  if (!frame.is_object()) return bad("it is no JSON object");
  const auto version = frame.find("schemaVersion");
  if (version == frame.end() || *version != 2) return bad("its schemaVersion is not 2");
  if (frame.contains("mediaType") && text_member(frame, "mediaType") != oci::kOciIndex) {
    return bad("its mediaType is another one");
  }
  // Tools in Go write an empty list as null.
  Json& manifests = frame[kManifests];
  if (manifests.is_null()) manifests = Json::array();
  if (!manifests.is_array()) return bad("its member manifests is no array");
  return index;
}

void LayoutIndex::append(const Json& json, const std::string& what) {
  IndexEntry entry{.tag = std::string(tag_of(json)), .text = std::make_shared<const std::string>(json.dump())};
  auto image = oci::Descriptor::from_json(json, fmt::format("{}: manifests[{}]", what, entries_.size()));
  if (image) {
    entry.digest = image->digest;
    entry.size = image->size;
    entry.media_type = shared_type(image->media_type);
  } else {
    if (const auto digest = oci::Digest::parse(text_member(json, "digest"))) entry.digest = *digest;
    entry.error = std::make_shared<const Error>(std::move(image).error());
  }
  entries_.push_back(std::move(entry));
}

// Neighbours mostly have the same.
std::shared_ptr<const std::string> LayoutIndex::shared_type(const std::string& media_type) const {
  if (!entries_.empty() && !entries_.back().error && *entries_.back().media_type == media_type) {
    return entries_.back().media_type;
  }
  return std::make_shared<const std::string>(media_type);
}

IndexEntry LayoutIndex::entry_for(const oci::Descriptor& image, const std::string& tag) const {
  Json json = {{"mediaType", image.media_type}, {"digest", image.digest.to_string()}, {"size", image.size}};
  if (!tag.empty()) json["annotations"] = {{std::string(oci::kRefNameAnnotation), tag}};
  return {.tag = tag,
          .digest = image.digest,
          .size = image.size,
          .media_type = shared_type(image.media_type),
          .error = nullptr,
          .text = std::make_shared<const std::string>(json.dump())};
}

void LayoutIndex::replace(const Predicate& old, IndexEntry entry) {
  const auto first = std::ranges::find_if(entries_, old);
  if (first == entries_.end()) {
    entries_.push_back(std::move(entry));
    return;
  }
  *first = std::move(entry);
  entries_.erase(std::remove_if(first + 1, entries_.end(), old), entries_.end());
}

bool LayoutIndex::set_tag(const oci::Descriptor& image, const std::string& tag) {
  const auto has_tag = [&](const IndexEntry& entry) { return entry.tag == tag; };
  const auto is_done = [&](const IndexEntry& entry) { return has_tag(entry) && describes(entry, image); };
  const auto named = std::ranges::count_if(entries_, has_tag);
  if (named == 1 && std::ranges::any_of(entries_, is_done)) return false;
  replace(has_tag, entry_for(image, tag));
  return true;
}

bool LayoutIndex::set_nameless(const oci::Descriptor& image) {
  const auto is_done = [&](const IndexEntry& entry) { return is_nameless(entry) && describes(entry, image); };
  if (std::ranges::any_of(entries_, is_done)) return false;
  const bool is_only = std::ranges::count_if(entries_, is_nameless) == 1;
  replace([&](const IndexEntry& entry) { return is_only && is_nameless(entry); }, entry_for(image, ""));
  return true;
}

bool LayoutIndex::add(const oci::Descriptor& image) {
  if (std::ranges::any_of(entries_, [&](const IndexEntry& entry) { return describes(entry, image); })) return false;
  entries_.push_back(entry_for(image, ""));
  return true;
}

bool LayoutIndex::remove_tag(const std::string& tag) {
  return std::erase_if(entries_, [&](const IndexEntry& entry) { return entry.tag == tag; }) != 0;
}

bool LayoutIndex::remove_image(const oci::Digest& digest) {
  return std::erase_if(entries_, [&](const IndexEntry& entry) { return entry.digest == digest; }) != 0;
}

Status LayoutIndex::write_to(const std::function<Status(std::string_view piece)>& sink) const {
  std::string piece;
  char before = '{';
  for (const auto& [key, value] : frame_.items()) {
    piece += before + Json(key).dump() + ':';
    before = ',';
    if (key != kManifests) {
      piece += value.dump();
      continue;
    }
    piece += '[';
    for (std::size_t i = 0; i < entries_.size(); ++i) {
      if (i != 0) piece += ',';
      piece += *entries_[i].text;
      if (piece.size() < kPiece) continue;
      FL_CHECK(sink(piece));
      piece.clear();
    }
    piece += ']';
  }
  return sink(piece + '}');
}

std::string LayoutIndex::serialize() const {
  std::string text;
  const auto append_piece = [&](std::string_view piece) {
    text += piece;
    return Status();
  };
  static_cast<void>(write_to(append_piece));  // which has no error of its own
  return text;
}

}  // namespace freightliner::transport
