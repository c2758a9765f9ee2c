#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "freightliner/base/log.h"
#include "freightliner/transport/image_tree.h"

namespace freightliner::transport {

/// True for the repository of the prefix's very name and those below it.
bool is_below(const std::string& prefix, std::string_view repository) noexcept;

/// Warns of names that a listing passes over: of the first ten each, and once that there are more. One thread.
class PassedOver {
 public:
  /// `where` names the listing.
  PassedOver(Logger log, std::string where) : log_(log), where_(std::move(where)) {}
  void add(std::string_view name, std::string_view reason);

 private:
  const Logger log_;
  const std::string where_;
  std::size_t count_ = 0;
};

/// Sorts names, leaves each in once, and passes over those that no repository of the prefix, or no tag, can have.
std::vector<std::string> repositories_of(std::vector<std::string> names, const std::string& prefix, PassedOver& passed);
std::vector<ListedTag> tags_of(std::vector<ListedTag> tags, PassedOver& passed);

/// Errors: kUsage.
Status check_repository(const std::string& repository);
/// The image of a repository as a tree is asked for it: by tag or by the text of a digest. Errors: kUsage.
struct TreeImage {
  std::string tag;
  std::optional<oci::Digest> digest;

  static Result<TreeImage> parse(const std::string& text);
};

}  // namespace freightliner::transport
