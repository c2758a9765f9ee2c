#pragma once

#include <optional>
#include <string>

#include "freightliner/base/guarded.h"
#include "freightliner/oci/digest.h"

namespace freightliner::registry {

/// What a run has learnt of how a registry answers a mount of a blob from the repository itself. docker-registry and
/// distribution answer 201 where the blob is there and 202, an upload session, where it is not: one request is
/// existence check and upload start. Others (go-containerregistry's) answer 202 always, so a 202 proves absence only on
/// a host that has answered 201 in this run. Safe from any thread.
class SelfMountKnowledge {
 public:
  enum class Verdict { kUnknown, kTells, kDoesNotTell };

  Verdict verdict() const {
    return state_.with([](const State& state) { return state.verdict; });
  }
  void tells() {
    state_.with([](State& state) { state.verdict = Verdict::kTells; });
  }
  void does_not_tell() {
    state_.with([](State& state) {
      if (state.verdict == Verdict::kUnknown) state.verdict = Verdict::kDoesNotTell;
    });
  }
  /// Notes a blob that is in the repository for certain: mounting it from there is a question with a known answer.
  void saw_present(const std::string& repository, const oci::Digest& digest) {
    state_.with([&](State& state) {
      if (state.verdict == Verdict::kUnknown) state.present = Present{repository, digest};
    });
  }
  /// A blob to ask about in that repository; given out once, so that one thread asks.
  std::optional<oci::Digest> take_question(const std::string& repository) {
    return state_.with([&](State& state) -> std::optional<oci::Digest> {
      if (state.verdict != Verdict::kUnknown || !state.present || state.present->repository != repository)
        return std::nullopt;
      const oci::Digest digest = state.present->digest;
      state.present.reset();
      return digest;
    });
  }

 private:
  struct Present {
    std::string repository;
    oci::Digest digest;
  };
  struct State {
    Verdict verdict = Verdict::kUnknown;
    std::optional<Present> present;
  };
  Guarded<State> state_;
};

}  // namespace freightliner::registry
