#include "registry/paging.h"

#include <fmt/format.h>

#include "freightliner/io/hasher.h"
#include "registry/link.h"

namespace freightliner::registry {

PageWalk::PageWalk(Exchange& exchange, Call first, const ListLimits& limits)
    : exchange_(exchange), call_(std::move(first)), list_(call_.what), limits_(limits) {
  call_.max_response_bytes = limits_.page_bytes;
}

Result<http::Response> PageWalk::next(http::Caller& caller, const Exchange::Attempt& attempt) {
  FL_TRY(http::Response response, attempt ? exchange_.send(caller, call_, attempt) : exchange_.send(caller, call_));
  if (!response.ok()) {
    if (count_ != 0) return fail(exchange_.error_of(response, call_.what));
    more_ = false;
    return response;
  }
  ++count_;
  bytes_ += response.body.size();
  if (bytes_ > limits_.total_bytes) {
    return fail(ErrorCode::kProtocol,
                fmt::format("{}: the list is longer than {}", list_, format_bytes(limits_.total_bytes)));
  }
  FL_CHECK(advance(response));
  return response;
}

Status PageWalk::advance(const http::Response& response) {
  const auto link = next_link(response.headers.find_all("Link"));
  more_ = link.has_value();
  if (!link) return {};
  FL_TRY(http::Url next, exchange_.resolve_target(response, link, call_.what));
  if (next.origin() != response.url.origin()) {
    return fail(ErrorCode::kProtocol,
                fmt::format("{}: the next page is on another host, {}", call_.what, next.origin().to_string()));
  }
  seen_.insert(io::digest_of(response.url.to_string()));
  if (!seen_.insert(io::digest_of(next.to_string())).second) {
    return fail(ErrorCode::kProtocol, fmt::format("{}: the pages form a loop", list_));
  }
  if (count_ == limits_.pages) {
    return fail(ErrorCode::kProtocol, fmt::format("{}: more than {} pages", list_, limits_.pages));
  }
  call_.url = std::move(next);
  call_.what = fmt::format("{}, page {}", list_, count_ + 1);
  return {};
}

Status PageWalk::check_entries(std::size_t entries) const {
  if (entries <= limits_.entries) return {};
  return fail(ErrorCode::kProtocol, fmt::format("{}: more than {} entries", list_, limits_.entries));
}

}  // namespace freightliner::registry
