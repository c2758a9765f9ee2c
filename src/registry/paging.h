#pragma once

#include <unordered_set>

#include "registry/exchange.h"

namespace freightliner::registry {

/// What a list may take up before it is refused: a registry does not fill our memory.
struct ListLimits {
  std::uint64_t page_bytes = 0;
  std::uint64_t total_bytes = 0;
  std::size_t entries = 0;
  int pages = 0;
};

/// Reads a list page by page along its `Link: <…>; rel="next"` (distribution-spec v1.1, "Listing Tags"). The target is
/// taken as it stands, relative or absolute, with its opaque query; it must be on the host that named it, and pages
/// that come back to an earlier one are a loop. The end is where no Link is: a short page is not. One walk, one thread.
class PageWalk {
 public:
  /// `first` asks for the first page.
  PageWalk(Exchange& exchange, Call first, const ListLimits& limits);

  /// The next page. What is no 2xx is returned of the first page alone, where it may mean that there is no list; later
  /// it is an error, so that no list ends early in silence. Errors: kProtocol for loops, other hosts and exceeded
  /// limits.
  Result<http::Response> next(http::Caller& caller, const Exchange::Attempt& attempt = {});
  /// False after the last page.
  bool more() const noexcept { return more_; }
  /// How many pages were read.
  int count() const noexcept { return count_; }
  /// Refuses a list that has grown to more entries than it may.
  Status check_entries(std::size_t entries) const;
  const std::string& what() const noexcept { return call_.what; }
  runtime::Operation operation() const noexcept { return call_.operation; }

 private:
  Status advance(const http::Response& response);

  Exchange& exchange_;
  Call call_;
  const std::string list_;  // what is read, for errors
  const ListLimits limits_;
  std::unordered_set<oci::Digest> seen_;  // digests of URLs, which may be long
  std::uint64_t bytes_ = 0;
  int count_ = 0;
  bool more_ = true;
};

}  // namespace freightliner::registry
