#include "registry/listing.h"

#include <fmt/format.h>

#include <algorithm>
#include <initializer_list>

#include "freightliner/oci/json.h"
#include "registry/access.h"

namespace freightliner::registry {
namespace {

using Names = std::vector<std::string>;

constexpr ListLimits kNameLimits = {
    .page_bytes = 16 * kMiB, .total_bytes = 256 * kMiB, .entries = 2'000'000, .pages = 40'000};
constexpr oci::JsonLimits kPageLimits = {.max_bytes = 16 * kMiB, .max_depth = 64, .max_values = 500'000};

Call list_call(runtime::Operation operation, std::string path, auth::Access access, std::string what) {
  // 1,000 is the most that ECR takes.
  Call call{.operation = operation,
            .path = std::move(path) + "?n=1000",
            .access = std::move(access),
            .what = std::move(what)};
  call.headers.add("Accept", "application/json");
  return call;
}

/// Adds the names that a page holds in `member`; null is an empty list, as tools in Go write it.
Status add_names(http::Response page, const char* member, std::string_view what, Names& names) {
  FL_TRY(oci::Json json, oci::parse_json(page.body, what, kPageLimits));
  std::string().swap(page.body);
  const auto bad = [&](std::string_view reason) {
    return fail(ErrorCode::kProtocol, fmt::format("{}: \"{}\" {}", what, member, reason));
  };
  if (!json.is_object()) return bad("is asked for, and the answer is no JSON object");
  const auto list = json.find(member);
  if (list == json.end()) return bad("is missing in the answer");
  if (list->is_null()) return {};
  if (!list->is_array()) return bad("is no array in the answer");
  for (oci::Json& name : *list) {
    if (!name.is_string()) return bad("holds something that is no text");
    names.push_back(std::move(name.get_ref<std::string&>()));
  }
  return {};
}

/// nullopt where the first page is answered with one of the statuses `absent`.
Result<std::optional<Names>> read_names(Exchange& exchange, http::Caller& caller, PageWalk& pages, const char* member,
                                        std::initializer_list<int> absent, const Exchange::Attempt& attempt = {}) {
  Names names;
  while (pages.more()) {
    const std::string what = pages.what();
    FL_TRY(http::Response page, pages.next(caller, attempt));
    if (!page.ok()) {
      if (std::ranges::find(absent, page.status) != absent.end()) return std::optional<Names>();
      return fail(exchange.error_of(page, what));
    }
    const std::size_t before = names.size();
    FL_CHECK(add_names(std::move(page), member, what, names));
    exchange.services().monitor.add_items(pages.operation(), names.size() - before);
    FL_CHECK(pages.check_entries(names.size()));
  }
  return std::optional<Names>(std::move(names));
}

}  // namespace

Result<std::optional<Names>> Listing::catalog(http::Caller& caller, const std::string& prefix) {
  // Docker Hub and others give a token for the catalog and then refuse it: that is an answer to the question whether we
  // may read it. A login that fails is not.
  bool token_refused = false;
  const Exchange::Attempt attempt = [&](const http::Request& request) {
    Result<http::Response> response = caller.session.perform(request, caller.stop);
    const auto authorization = request.headers.find("Authorization");
    token_refused = response && response->status == 401 && authorization && authorization->starts_with("Bearer ");
    return response;
  };
  PageWalk pages(exchange_,
                 list_call(runtime::Operation::kCatalog, "/v2/_catalog", catalog_access(prefix), "GET catalog"),
                 kNameLimits);
  auto names = read_names(exchange_, caller, pages, "repositories", {403, 404, 405, 501}, attempt);
  if (!names && token_refused && pages.count() == 0 && names.error().code() == ErrorCode::kAuthentication) {
    return std::optional<Names>();
  }
  return names;
}

Result<std::optional<Names>> Listing::tags(http::Caller& caller, const std::string& repository, bool write) {
  PageWalk pages(exchange_,
                 list_call(runtime::Operation::kTagList, fmt::format("/v2/{}/tags/list", repository),
                           access_for(repository, write), fmt::format("GET tags of {}", repository)),
                 kNameLimits);
  return read_names(exchange_, caller, pages, "tags", {404});
}

}  // namespace freightliner::registry
