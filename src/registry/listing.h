#pragma once

#include "registry/paging.h"

namespace freightliner::registry {

/// The endpoints that list names. See RegistryClient for the contracts. A page has at most 16 MiB (registries that pass
/// over `n` send all tags at once: 100,000 of 128 bytes are 13 MiB) and 500,000 names, a list 256 MiB, 2,000,000 names
/// and 40,000 pages; no more than one page is kept as JSON.
class Listing {
 public:
  explicit Listing(Exchange& exchange) : exchange_(exchange) {}

  Result<std::optional<std::vector<std::string>>> catalog(http::Caller& caller, const std::string& prefix);
  Result<std::optional<std::vector<std::string>>> tags(http::Caller& caller, const std::string& repository, bool write);

 private:
  Exchange& exchange_;
};

}  // namespace freightliner::registry
