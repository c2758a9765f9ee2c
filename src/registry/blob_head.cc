#include "registry/blob_head.h"

#include <fmt/format.h>

#include "registry/access.h"

namespace freightliner::registry {

Call blob_head_call(const std::string& repository, const oci::Descriptor& blob, bool write) {
  return {.method = http::Method::kHead,
          .operation = runtime::Operation::kHead,
          .path = fmt::format("/v2/{}/blobs/{}", repository, blob.digest.to_string()),
          .access = access_for(repository, write),
          .what = fmt::format("HEAD blob {}@{}", repository, blob.digest.to_string())};
}

bool is_of_size(const http::Response& answer, const oci::Descriptor& blob) {
  return answer.headers.find_number("Content-Length").value_or(blob.size) == blob.size;
}

}  // namespace freightliner::registry
