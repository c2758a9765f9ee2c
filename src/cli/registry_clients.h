#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>

#include "cli/run_request.h"
#include "freightliner/registry/registry_client.h"

namespace freightliner::cli {

/// What it means where a registry refuses (403) to show a destination's tag.
enum class Refused {
  kIsAbsent,   ///< there is none: the write will tell otherwise
  kIsAnError,  ///< whoever must keep a tag that is there can't go on
};

/// The clients of one side of a run (source or destination), one per registry, made when first asked for and kept for
/// the run. Each side has an identity of its own, also on the same host: they may log in as different users. Safe from
/// any thread.
class RegistryClients {
 public:
  /// All of it outlives the clients. `credential`: what all registries of this side get; nullopt: what the credential
  /// files have for each.
  RegistryClients(const RunRequest& request, const std::optional<auth::Credential>& credential,
                  const registry::RegistryServices& services, std::stop_token stop);
  ~RegistryClients();
  RegistryClients(const RegistryClients&) = delete;
  RegistryClients& operator=(const RegistryClients&) = delete;

  /// `registry` as in oci::Reference::registry.
  registry::RegistryClient& of(const std::string& registry, Refused refused = Refused::kIsAbsent);

 private:
  class Identity;
  struct Side {
    const std::string& registry;
    const std::optional<auth::Credential>& credential;
    Refused refused;
  };

  const RunRequest& request_;
  const std::optional<auth::Credential>& credential_;
  const registry::RegistryServices& services_;
  const std::stop_token stop_;
  std::mutex mutex_;
  std::map<std::pair<std::string, Refused>, std::unique_ptr<Identity>> identities_;
};

}  // namespace freightliner::cli
