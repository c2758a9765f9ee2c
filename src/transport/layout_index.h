#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "freightliner/oci/descriptor.h"
#include "freightliner/oci/json.h"

namespace freightliner::transport {

/// The index.json of a layout (image-spec v1.1, image-layout.md): which image has which name. Members and entries that
/// we do not know stay as they are, so that nothing of another tool is lost. A value type.
class LayoutIndex {
 public:
  /// One without entries.
  LayoutIndex();
  /// `what` names the file in errors. Errors: kProtocol.
  static Result<LayoutIndex> parse(std::string_view text, std::string what);

  /// The distinct images (by digest, in order) that a tag names; there may be several, as the specification allows.
  Result<std::vector<oci::Descriptor>> tagged(const std::string& tag) const;
  /// The distinct images of the entries without a name.
  Result<std::vector<oci::Descriptor>> nameless() const;
  Result<std::vector<oci::Descriptor>> all() const;
  /// The first entry of a digest, whatever its name.
  Result<std::optional<oci::Descriptor>> find(const oci::Digest& digest) const;
  /// All names, in order.
  std::vector<std::string> tags() const;

  // The changes tell whether anything changed. What of the entry is written: media type, digest, size, and the name.

  /// Makes `tag` name the image, and nothing else. An entry that says so already keeps its other members.
  bool set_tag(const oci::Descriptor& image, const std::string& tag);
  /// Makes the image the nameless one: it takes the place of the only other nameless image. Several nameless ones
  /// (skopeo leaves such entries behind when it moves a tag) are not ours to choose from: then it is added to them.
  bool set_nameless(const oci::Descriptor& image);
  /// Adds the image without a name, where no entry has its digest.
  bool add(const oci::Descriptor& image);

  /// Compact JSON, members sorted by name: equal content gives equal bytes.
  std::string serialize() const;

 private:
  using Predicate = std::function<bool(const oci::Json& entry)>;

  explicit LayoutIndex(oci::Json document, std::string what) : document_(std::move(document)), what_(std::move(what)) {}
  const oci::Json& entries() const;
  Result<std::vector<oci::Descriptor>> select(const Predicate& wanted) const;
  /// Puts the entry in the place of the first that matches and drops the other matches; adds it where none does.
  bool replace(const Predicate& old, const oci::Json& entry);

  oci::Json document_;
  std::string what_;
};

}  // namespace freightliner::transport
