#include "freightliner/replicate/repository_map.h"

#include <fmt/format.h>

#include <string_view>
#include <unordered_map>
#include <utility>

#include "freightliner/base/text.h"
#include "freightliner/oci/reference.h"

namespace freightliner::replicate {
namespace {

/// One side of a rule: the text before and after its `*`.
struct Side {
  std::string before;
  std::string after;
  bool wildcard = false;
};

// No text in the place of the "*" makes a name of what is none with a letter there.
bool can_be_name(const Side& side) {
  return oci::is_valid_repository(side.before + (side.wildcard ? "x" : "") + side.after);
}

Side split_side(std::string_view text) {
  const auto star = text.find('*');
  if (star == std::string_view::npos) return {std::string(text), std::string(), false};
  return {std::string(text.substr(0, star)), std::string(text.substr(star + 1)), true};
}

std::string joined(const std::string& prefix, std::string_view relative) {
  if (prefix.empty()) return std::string(relative);
  return relative.empty() ? prefix : fmt::format("{}/{}", prefix, relative);
}

/// The name relative to the prefix, empty for the prefix itself; nullopt for what stands elsewhere.
std::optional<std::string_view> below(std::string_view name, std::string_view prefix) {
  if (prefix.empty()) return name;
  if (!name.starts_with(prefix)) return std::nullopt;
  name.remove_prefix(prefix.size());
  if (name.empty()) return name;
  if (name.front() != '/') return std::nullopt;
  return name.substr(1);
}

std::string_view last_component(std::string_view name) {
  return name.substr(name.rfind('/') + 1);
}

}  // namespace

Result<RepositoryMap> RepositoryMap::create(std::string source_prefix, std::string destination_prefix,
                                            const std::vector<std::string>& rules) {
  RepositoryMap result;
  result.source_prefix_ = std::move(source_prefix);
  result.destination_prefix_ = std::move(destination_prefix);
  for (const std::string& rule : rules) {
    const auto refuse = [&](std::string_view reason) {
      return fail(ErrorCode::kUsage,
                  fmt::format("\"{}\": {}; write it as in \"team/*=mirror/*\"", printable(rule, 600), reason));
    };
    const auto equals = rule.find('=');
    if (equals == std::string::npos) return refuse("it has no \"=\" between the two names");
    Side from = split_side(std::string_view(rule).substr(0, equals));
    Side to = split_side(std::string_view(rule).substr(equals + 1));
    if (from.after.find('*') != std::string::npos || to.after.find('*') != std::string::npos) {
      return refuse("each side may have one \"*\" at most");
    }
    if (from.wildcard != to.wildcard) return refuse("a \"*\" must stand on both sides or on none");
    if (!can_be_name(from)) return refuse("no repository name can look like its left side");
    if (!can_be_name(to)) return refuse("no repository name can look like its right side");
    result.rules_.push_back(
        {std::move(from.before), std::move(from.after), std::move(to.before), std::move(to.after), from.wildcard});
  }
  return result;
}

std::optional<std::string> RepositoryMap::Rule::renamed(std::string_view name) const {
  if (!wildcard) return name == from_before ? std::optional(to_before) : std::nullopt;
  if (name.size() < from_before.size() + from_after.size() || !name.starts_with(from_before) ||
      !name.ends_with(from_after)) {
    return std::nullopt;
  }
  const std::size_t length = name.size() - from_before.size() - from_after.size();
  return fmt::format("{}{}{}", to_before, name.substr(from_before.size(), length), to_after);
}

Result<std::string> RepositoryMap::destination_of(const std::string& source) const {
  const auto relative = below(source, source_prefix_);
  if (!relative) {
    return fail(ErrorCode::kUsage, fmt::format("the repository {} is not below the source's prefix {}",
                                               printable(source), printable(source_prefix_)));
  }
  std::string result;
  if (relative->empty()) {
    result = destination_prefix_.empty() ? std::string(last_component(source)) : destination_prefix_;
  } else {
    std::optional<std::string> renamed;
    for (auto rule = rules_.begin(); !renamed && rule != rules_.end(); ++rule) renamed = rule->renamed(*relative);
    result = joined(destination_prefix_, renamed ? std::string_view(*renamed) : *relative);
  }
  if (oci::is_valid_repository(result)) return result;
  return fail(ErrorCode::kUsage,
              fmt::format("the repository {} would be named \"{}\" at the destination, which is no repository name: "
                          "give it another one with --map, or leave it out with --exclude-repo",
                          printable(source), printable(result, 600)));
}

std::optional<std::string> RepositoryMap::source_of(const std::string& destination) const {
  if (!rules_.empty()) return std::nullopt;
  const auto relative = below(destination, destination_prefix_);
  if (!relative) return std::nullopt;
  if (relative->empty()) return source_prefix_.empty() ? std::nullopt : std::optional(source_prefix_);
  // Two sources get this name: the prefix itself, and the one of its last component below it.
  const bool ambiguous =
      destination_prefix_.empty() && !source_prefix_.empty() && *relative == last_component(source_prefix_);
  return ambiguous ? std::nullopt : std::optional(joined(source_prefix_, *relative));
}

Result<std::vector<RepositoryPair>> RepositoryMap::map(const std::vector<std::string>& sources) const {
  std::vector<RepositoryPair> result;
  result.reserve(sources.size());
  std::unordered_map<std::string_view, std::string_view> taken;  // destination → source, of texts that outlive it
  std::vector<std::string> names;
  names.reserve(sources.size());  // so that the views stay valid
  for (const std::string& source : sources) {
    FL_TRY(std::string destination, destination_of(source));
    const std::string& name = names.emplace_back(std::move(destination));
    const auto [entry, inserted] = taken.emplace(name, source);
    if (!inserted && entry->second == source) continue;
    if (!inserted) {
      return fail(ErrorCode::kUsage,
                  fmt::format("the repositories {} and {} would both be named {} at the destination: change --map, or "
                              "leave one out with --exclude-repo",
                              printable(entry->second), printable(source), name));
    }
    result.push_back({source, name});
  }
  return result;
}

}  // namespace freightliner::replicate
