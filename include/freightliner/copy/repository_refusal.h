#pragma once

#include <optional>

#include "freightliner/base/guarded.h"
#include "freightliner/base/result.h"

namespace freightliner::copy {

/// What copies into one repository of the destination tell each other: that it takes no more blobs. Safe from any
/// thread.
class RepositoryRefusal {
 public:
  /// Remembers the first failure with kRefusesUploads; passes over all others.
  void note(const Error& failure) {
    if (failure.reason() != ErrorReason::kRefusesUploads) return;
    first_.with([&](std::optional<Error>& first) {
      if (!first) first = failure;
    });
  }
  /// Errors: that of the first refusal, as a copy that was not tried.
  Status check() const {
    return first_.with([](const std::optional<Error>& first) -> Status {
      if (!first) return {};
      return fail(Error(*first).with_context("not tried, as the destination's repository takes no more uploads"));
    });
  }

 private:
  Guarded<std::optional<Error>> first_;
};

}  // namespace freightliner::copy
