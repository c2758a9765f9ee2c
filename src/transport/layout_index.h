#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "freightliner/base/bytes.h"
#include "freightliner/oci/descriptor.h"
#include "freightliner/oci/json.h"

namespace freightliner::transport {

/// A larger index.json is neither read nor written.
inline constexpr std::size_t kMaxIndexBytes = 32 * kMiB;

/// An element of `manifests`: what look-ups need of it, and its text. Copies share what is large.
struct IndexEntry {
  std::string tag = {};                    ///< empty where it has no name
  std::optional<oci::Digest> digest = {};  ///< also where it is no valid descriptor otherwise
  std::uint64_t size = 0;
  std::shared_ptr<const std::string> media_type = nullptr;
  std::shared_ptr<const Error> error = nullptr;       ///< why it is no valid descriptor; null where it is one
  std::shared_ptr<const std::string> text = nullptr;  ///< compact JSON
};

/// The index.json of a layout (image-spec v1.1, image-layout.md) to be changed: which image has which name. Members and
/// entries that we do not know stay as they are, so that nothing of another tool is lost. An entry takes some 200 bytes
/// and its text. IndexSnapshot looks things up. A value type.
class LayoutIndex {
 public:
  /// One without entries.
  LayoutIndex();
  /// `what` names the file in errors. Errors: kProtocol.
  static Result<LayoutIndex> parse(std::string text, const std::string& what);

  const std::vector<IndexEntry>& entries() const& noexcept { return entries_; }
  std::vector<IndexEntry> entries() && noexcept { return std::move(entries_); }

  // The changes tell whether anything changed. What of the entry is written: media type, digest, size, and the name.

  /// Makes `tag` name the image, and nothing else. An entry that says so already keeps its other members.
  bool set_tag(const oci::Descriptor& image, const std::string& tag);
  /// Makes the image the nameless one: it takes the place of the only other nameless image. Several nameless ones
  /// (skopeo leaves such entries behind when it moves a tag) are not ours to choose from: then it is added to them.
  bool set_nameless(const oci::Descriptor& image);
  /// Adds the image without a name, where no entry has its digest.
  bool add(const oci::Descriptor& image);
  /// Removes the entries of a tag.
  bool remove_tag(const std::string& tag);
  /// Removes all entries of a digest, with their names.
  bool remove_image(const oci::Digest& digest);

  /// Compact JSON, members sorted by name: equal content gives equal bytes. It comes in pieces of about a MiB.
  Status write_to(const std::function<Status(std::string_view piece)>& sink) const;
  std::string serialize() const;

 private:
  using Predicate = std::function<bool(const IndexEntry& entry)>;

  explicit LayoutIndex(oci::Json frame) : frame_(std::move(frame)) {}
  void append(const oci::Json& json, const std::string& where);
  std::shared_ptr<const std::string> shared_type(const std::string& media_type) const;
  IndexEntry entry_for(const oci::Descriptor& image, const std::string& tag) const;
  /// Puts the entry in the place of the first that matches and drops the other matches; adds it where none does.
  void replace(const Predicate& old, IndexEntry entry);

  oci::Json frame_;  // the document with an empty list `manifests`
  std::vector<IndexEntry> entries_;
};

}  // namespace freightliner::transport
