#pragma once

#include "replicate/result_book.h"

namespace freightliner::replicate {

/// What the copies of a run share; outlives them.
struct CopyPlaces {
  transport::ImageTree& source;
  transport::ImageTree& destination;
  const TreeOptions& options;
};

/// Settles a tag without any request where checkpoint or lists already tell that nothing is to be done.
std::optional<ReferenceResult> settle_without_request(const TreeServices& services, const TreeOptions& options,
                                                      const RepositoryListing& listing, const std::string& tag);

/// Copies one tag and enters what became of it. Never throws.
void copy_reference(http::Caller& caller, const TreeServices& services, const CopyPlaces& places,
                    const RepositoryListing& listing, const std::string& tag, ResultBook& book);

}  // namespace freightliner::replicate
