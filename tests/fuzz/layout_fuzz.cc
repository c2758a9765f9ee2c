// The input is an oci-layout file in its first line, and an index.json behind it.

#include <map>

#include "freightliner/io/hasher.h"
#include "fuzz_target.h"
#include "transport/layout_files.h"

using namespace freightliner;

namespace {

class FilesInMemory final : public transport::LayoutFiles {
 public:
  void add(const std::string& name, std::string_view bytes) {
    files_[name] = {std::make_shared<const io::UniqueFd>(fuzz::in_memory(bytes)), 0, bytes.size()};
  }
  Result<std::optional<transport::FileRange>> find(const std::string& name) const override {
    const auto found = files_.find(name);
    if (found == files_.end()) return std::optional<transport::FileRange>();
    return std::optional<transport::FileRange>(found->second);
  }
  std::string describe(const std::string& name) const override { return name; }

 private:
  std::map<std::string, transport::FileRange> files_;
};

void check_look_ups(const transport::LayoutIndex& index) {
  const std::size_t count = index.entries().size();
  const transport::IndexSnapshot images(index);
  const auto tags = images.tags();
  fuzz::require(tags.size() <= count, "each tag has an entry");
  for (const auto& tag : tags) {
    const auto named = images.tagged(tag.name);
    fuzz::require(!tag.digest || (named && named->size() == 1 && named->front().digest == *tag.digest),
                  "a tag that the list gives a digest names that image alone");
    fuzz::require(!named || !named->empty(), "a tag that is listed names an image");
  }
  for (const auto& entry : index.entries()) {
    fuzz::require(entry.error || entry.digest, "what is no error has a digest");
    fuzz::require(!entry.error || fuzz::is_harmless(entry.error->describe()), "an error shows no control characters");
  }
  static_cast<void>(images.nameless());
  static_cast<void>(images.all());
}

void check_changes(transport::LayoutIndex index, const oci::Digest& digest) {
  const oci::Descriptor image{.media_type = "application/vnd.oci.image.manifest.v1+json", .digest = digest, .size = 7};
  index.set_tag(image, "fuzz");
  fuzz::require(!index.set_tag(image, "fuzz"), "a tag that is set is set");
  index.add(image);
  fuzz::require(!index.add(image), "an image that is there is there");
  const auto again = transport::LayoutIndex::parse(index.serialize(), "index.json");
  fuzz::require(again.has_value(), "an index that was changed can be read");
  const auto tagged = transport::IndexSnapshot(*again).tagged("fuzz");
  fuzz::require(tagged && tagged->size() == 1 && tagged->front().digest == digest, "the tag names the image");
  index.remove_tag("fuzz");
  index.remove_image(digest);
  const auto left = transport::IndexSnapshot(index).find(digest);
  fuzz::require(left && !*left, "what was removed is gone");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto [version, json] = fuzz::split_once(fuzz::text_of(data, size), '\n');
  FilesInMemory files;
  files.add(transport::kVersionFile, version);
  files.add(transport::kIndexFile, json);
  static_cast<void>(transport::has_version(files));
  const auto index = transport::read_index(files);
  if (!index) {
    fuzz::require(fuzz::is_harmless(index.error().describe()), "an error shows no control characters");
    return 0;
  }
  const std::string text = (*index)->serialize();
  const auto again = transport::LayoutIndex::parse(text, "index.json");
  fuzz::require(again && again->serialize() == text, "an index is written as it was read");
  fuzz::require(again->entries().size() == (*index)->entries().size(), "no entry is lost");
  check_look_ups(**index);
  check_changes(**index, io::digest_of("fuzz"));
  return 0;
}
