#include "replicate/repository_listing.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "freightliner/base/guarded.h"
#include "freightliner/replicate/version.h"
#include "freightliner/runtime/parallel_for.h"
#include "replicate/image_date.h"

namespace freightliner::replicate {
namespace {

using transport::ListedTag;
using Time = std::chrono::system_clock::time_point;
using TagList = Result<std::optional<std::vector<ListedTag>>>;

std::vector<std::string> names_of(const std::vector<ListedTag>& tags) {
  std::vector<std::string> names;
  names.reserve(tags.size());
  for (const ListedTag& tag : tags) names.push_back(tag.name);
  return names;
}

struct BothLists {
  TagList source = fail(ErrorCode::kInternal, "not listed");
  TagList destination = fail(ErrorCode::kInternal, "not listed");
};

BothLists list_both(http::Caller& caller, const TreeServices& services, const ListingPlaces& places,
                    const RepositoryPair& names) {
  BothLists lists;
  runtime::parallel_for(services.workers, 2, 1, [&](std::optional<std::size_t> worker, std::size_t side) {
    http::Caller mine{worker ? services.sessions.of(*worker) : caller.session, caller.stop};
    if (side == 0) {
      lists.source = places.source.tags(mine, names.source);
    } else {
      lists.destination = places.destination.tags(mine, names.destination);
    }
  });
  return lists;
}

/// When the images of a repository were made; those that could not be read go to `unjudged`.
std::map<std::string, Time> read_dates(http::Caller& caller, const TreeServices& services, const ListingPlaces& places,
                                       RepositoryListing& listing) {
  struct Dates {
    std::map<std::string, Time> read;
    std::vector<std::pair<std::string, Error>> failed;
  };
  Guarded<Dates> dates;
  const auto read_one = [&](std::optional<std::size_t> worker, std::size_t index) {
    http::Caller mine{worker ? services.sessions.of(*worker) : caller.session, caller.stop};
    const std::string& tag = listing.selected[index];
    const auto read = [&]() -> Result<Time> {
      FL_TRY(const auto image, places.source.source(listing.names->source, tag));
      return creation_date(*image, mine, services.buffers);
    };
    Result<Time> date = read();
    dates.with([&](Dates& all) {
      if (date) {
        all.read.emplace(tag, *date);
      } else {
        all.failed.emplace_back(tag, std::move(date).error().with_context("creation date"));
      }
    });
  };
  runtime::parallel_for(services.workers, listing.selected.size(), services.workers.size(), read_one);
  return dates.with([&](Dates& all) {
    listing.unjudged = std::move(all.failed);
    return std::move(all.read);
  });
}

void keep_latest_by_date(const std::map<std::string, Time>& dates, std::size_t count, std::vector<std::string>& tags) {
  if (tags.size() <= count) return;
  // Equal dates: the later name counts as newer.
  std::ranges::sort(tags, [&](const std::string& a, const std::string& b) {
    return std::pair(dates.at(a), a) < std::pair(dates.at(b), b);
  });
  tags.erase(tags.begin(), tags.end() - static_cast<std::ptrdiff_t>(count));
}

void keep_latest_by_version(std::size_t count, std::vector<std::string>& tags) {
  if (tags.size() <= count) return;
  sort_by_version(tags);
  tags.erase(tags.begin(), tags.end() - static_cast<std::ptrdiff_t>(count));
}

void select(http::Caller& caller, const TreeServices& services, const ListingPlaces& places,
            RepositoryListing& listing) {
  const TreeSelection& selection = places.selection;
  const bool needs_dates = selection.newer_than || (selection.latest && selection.latest_by == LatestBy::kCreated);
  if (needs_dates) {
    const std::map<std::string, Time> dates = read_dates(caller, services, places, listing);
    std::erase_if(listing.selected, [&](const std::string& tag) {
      const auto date = dates.find(tag);
      return date == dates.end() || (selection.newer_than && date->second <= *selection.newer_than);
    });
    if (selection.latest && selection.latest_by == LatestBy::kCreated) {
      keep_latest_by_date(dates, *selection.latest, listing.selected);
    }
  }
  if (selection.latest && selection.latest_by == LatestBy::kVersion) {
    keep_latest_by_version(*selection.latest, listing.selected);
  }
  std::ranges::sort(listing.selected);
}

Status take_destination(const TreeServices& services, BothLists& lists, RepositoryListing& listing) {
  if (lists.destination) {
    listing.destination_tags =
        lists.destination->has_value() ? names_of(**lists.destination) : std::vector<std::string>();
    std::ranges::sort(*listing.destination_tags);
    return {};
  }
  if (lists.destination.error().code() != ErrorCode::kDenied) return fail(std::move(lists.destination).error());
  services.log.warn("{}; its tags are asked for one by one", lists.destination.error().describe());
  return {};
}

}  // namespace

bool RepositoryListing::is_selected(const std::string& tag) const {
  return std::ranges::binary_search(selected, tag);
}

bool RepositoryListing::destination_has(const std::string& tag) const {
  return destination_tags && std::ranges::binary_search(*destination_tags, tag);
}

copy::DestinationKnowledge RepositoryListing::knowledge_of(const std::string& tag) const {
  if (!destination_tags) return {};
  return {.has_tag = destination_has(tag), .repository_has_no_tags = destination_tags->empty()};
}

bool passes_by_name(const TreeSelection& selection, const std::string& tag) {
  return selection.tag_filter.decide(tag).selected() && !(selection.skip_digest_tags && is_digest_tag(tag));
}

Result<RepositoryListing> list_repository(http::Caller& caller, const TreeServices& services,
                                          const ListingPlaces& places, std::shared_ptr<const RepositoryPair> names) {
  RepositoryListing listing;
  listing.names = std::move(names);
  BothLists lists = list_both(caller, services, places, *listing.names);
  if (!lists.source) return fail(std::move(lists.source).error());
  if (!*lists.source && places.must_exist) {
    return fail(ErrorCode::kNotFound, fmt::format("the source has no repository {}", listing.names->source));
  }
  listing.hidden = !lists.source->has_value();
  FL_CHECK(take_destination(services, lists, listing));
  if (*lists.source) {
    listing.tags = (*lists.source)->size();
    for (ListedTag& tag : **lists.source) {
      if (passes_by_name(places.selection, tag.name)) listing.selected.push_back(std::move(tag.name));
    }
  }
  select(caller, services, places, listing);
  listing.filtered = listing.tags - listing.selected.size() - listing.unjudged.size();
  return listing;
}

}  // namespace freightliner::replicate
