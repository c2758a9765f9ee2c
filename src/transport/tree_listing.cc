#include "transport/tree_listing.h"

#include "freightliner/base/text.h"
#include "freightliner/oci/reference.h"

namespace freightliner::transport {
namespace {

constexpr std::size_t kMaxWarnings = 10;

}  // namespace

bool is_below(const std::string& prefix, std::string_view repository) noexcept {
  if (prefix.empty() || repository == prefix) return true;
  return repository.size() > prefix.size() && repository.starts_with(prefix) && repository[prefix.size()] == '/';
}

void PassedOver::add(std::string_view name, std::string_view reason) {
  ++count_;
  if (count_ <= kMaxWarnings) log_.warn("{}: \"{}\" is passed over: {}", where_, printable(name, 128), reason);
  if (count_ == kMaxWarnings + 1) log_.warn("{}: more names like these are passed over", where_);
}

std::vector<std::string> repositories_of(std::vector<std::string> names, const std::string& prefix,
                                         PassedOver& passed) {
  std::erase_if(names, [&](const std::string& name) {
    if (!is_below(prefix, name)) return true;
    if (oci::is_valid_repository(name)) return false;
    passed.add(name, "this is no repository name");
    return true;
  });
  std::ranges::sort(names);
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return names;
}

std::vector<ListedTag> tags_of(std::vector<ListedTag> tags, PassedOver& passed) {
  std::erase_if(tags, [&](const ListedTag& tag) {
    if (oci::is_valid_tag(tag.name)) return false;
    passed.add(tag.name, "a registry can't have such a tag");
    return true;
  });
  std::ranges::sort(tags, {}, &ListedTag::name);
  const auto same_name = [](const ListedTag& a, const ListedTag& b) { return a.name == b.name; };
  tags.erase(std::unique(tags.begin(), tags.end(), same_name), tags.end());
  return tags;
}

Status check_repository(const std::string& repository) {
  if (oci::is_valid_repository(repository)) return {};
  return fail(ErrorCode::kUsage, fmt::format("\"{}\" is no repository name", printable(repository, 256)));
}

Result<TreeImage> TreeImage::parse(const std::string& text) {
  if (const auto digest = oci::Digest::parse(text)) return TreeImage{.tag = {}, .digest = *digest};
  if (oci::is_valid_tag(text)) return TreeImage{.tag = text, .digest = std::nullopt};
  return fail(ErrorCode::kUsage, fmt::format("\"{}\" is neither tag nor digest", printable(text, 256)));
}

}  // namespace freightliner::transport
