#include "replicate/discovery.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "freightliner/base/text.h"

namespace freightliner::replicate {
namespace {

using transport::ImageTree;
using transport::TreeName;

bool is_below(const std::string& repository, const std::string& prefix) {
  return prefix.empty() || repository == prefix || repository.starts_with(prefix + "/");
}

Result<std::vector<std::string>> named_by_user(const TreeName& source, const std::vector<std::string>& given) {
  std::set<std::string> names;
  for (const std::string& text : given) {
    // On Docker Hub "alpine" is short for "library/alpine".
    const bool official = source.registry == "docker.io" && text.find('/') == std::string::npos;
    const std::string name = official ? "library/" + text : text;
    if (!is_below(name, source.prefix)) {
      return fail(ErrorCode::kUsage,
                  fmt::format("repository {} is not below {}: write its whole name, or leave the prefix "
                              "out of SRC",
                              printable(name, 256), printable(source.to_string(), 256)));
    }
    names.insert(name);
  }
  return std::vector<std::string>(names.begin(), names.end());
}

Unexpected no_catalog(const TreeName& source) {
  if (!source.is_registry()) {
    return fail(ErrorCode::kNotFound,
                fmt::format("there is no directory {}", printable(source.directory.native(), 4096)));
  }
  return fail(ErrorCode::kNotFound,
              fmt::format("{} has no catalog that we may read: name the repositories with --repo NAME "
                          "or --repos-file FILE, or one of them in SRC",
                          printable(source.to_string(), 256)));
}

/// A login that is refused for the catalog alone is helped by naming the repositories.
Error with_hint(Error error) {
  if (error.code() != ErrorCode::kAuthentication) return error;
  return Error(error.code(), error.describe() +
                                 "; if it is only the catalog that is refused, name the repositories with "
                                 "--repo NAME or --repos-file FILE")
      .with_http_status(error.http_status());
}

/// Fills in where the names come from.
Result<std::vector<std::string>> find_names(http::Caller& caller, ImageTree& source, const TreeSelection& selection,
                                            bool& explicitly) {
  explicitly = true;
  if (!selection.repositories.empty()) return named_by_user(source.name(), selection.repositories);
  auto listed = source.repositories(caller);
  if (!listed) return fail(with_hint(std::move(listed).error()));
  explicitly = !listed->has_value();
  if (!explicitly) return **std::move(listed);
  if (source.name().prefix.empty()) return no_catalog(source.name());
  return std::vector<std::string>{source.name().prefix};
}

/// Where a tree lies in another, if it is not the whole of it.
std::optional<std::string> strictly_in(const TreeName& inner, const TreeName& outer) {
  std::optional<std::string> place = inner.place_in(outer);
  return place == outer.prefix ? std::nullopt : place;
}

SourceOverlap find_overlap(const TreePair& trees, const std::vector<RepositoryPair>& pairs) {
  const TreeName& from = trees.source.name();
  const TreeName& to = trees.destination.name();
  SourceOverlap overlap{.prefix = strictly_in(from, to), .repositories = {}};
  // A directory inside the source's is refused before any run.
  if (to.is_registry() && to.place_in(from)) {
    for (const RepositoryPair& pair : pairs) overlap.repositories.insert(pair.source);
  }
  return overlap;
}

}  // namespace

bool SourceOverlap::holds(const std::string& repository) const {
  return repositories.contains(repository) || (prefix && is_below(repository, *prefix));
}

Result<Discovery> discover(const TreeServices& services, http::Caller& caller, const TreePair& trees,
                           const TreeSelection& selection) {
  Discovery discovery;
  FL_TRY(std::vector<std::string> names, find_names(caller, trees.source, selection, discovery.explicitly));
  const auto own = strictly_in(trees.destination.name(), trees.source.name());
  if (!discovery.explicitly && own) {
    const auto passed = std::erase_if(names, [&](const std::string& name) { return is_below(name, *own); });
    if (passed > 0) services.log.info("{} repositories below {} belong to the destination: passed over", passed, *own);
  }
  const std::size_t all = names.size();
  if (all == 0) {
    services.log.warn("there is no repository in {}: look at the name",
                      printable(trees.source.name().to_string(), 4096));
  }
  std::erase_if(names, [&](const std::string& name) { return !selection.repository_filter.decide(name).selected(); });
  discovery.skipped = all - names.size();
  FL_TRY(const std::vector<RepositoryPair> pairs, selection.map.map(names));
  for (const RepositoryPair& pair : pairs) {
    discovery.repositories.push_back(std::make_shared<const RepositoryPair>(pair));
  }
  discovery.overlap = find_overlap(trees, pairs);
  return discovery;
}

Result<std::vector<std::string>> find_abandoned(http::Caller& caller, ImageTree& destination,
                                                const TreeSelection& selection, const Discovery& discovery) {
  std::vector<std::string> abandoned;
  if (discovery.explicitly) return abandoned;
  FL_TRY(const auto listed, destination.repositories(caller));
  if (!listed) return abandoned;
  std::set<std::string> current;
  for (const auto& pair : discovery.repositories) current.insert(pair->destination);
  for (const std::string& name : *listed) {
    const auto origin = selection.map.source_of(name);
    if (!origin || current.contains(name) || discovery.overlap.holds(name)) continue;
    if (selection.repository_filter.decide(*origin).selected()) abandoned.push_back(name);
  }
  return abandoned;
}

}  // namespace freightliner::replicate
