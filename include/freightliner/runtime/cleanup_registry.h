#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "freightliner/base/clock.h"
#include "freightliner/base/log.h"
#include "freightliner/base/result.h"

namespace freightliner::runtime {

/// What a run has begun and must not leave behind, in the order in which it is undone.
enum class CleanupKind {
  kUploadSession,  ///< at a registry: cancelled by request
  kTemporaryFile,
  kLayout,  ///< an archive that is not whole yet
  kLock,
};
/// "upload session", "temporary file", "unfinished layout", "lock".
std::string_view to_string(CleanupKind kind) noexcept;
/// Network 10, files 5, locks 1: the highest goes first.
int cleanup_priority(CleanupKind kind) noexcept;

/// Knows of everything that has to be undone unless it is finished. Whoever begins such a thing adds how to undo it and
/// holds the Registration: release() when it is finished, else it is undone when the Registration goes, on whatever way
/// out: return, error, exception, or a run that was stopped. An action runs once, outside the lock, and may add and
/// drop registrations; if it fails or throws, that is counted and kept, and stops nothing. Safe from any thread;
/// outlives its registrations.
class CleanupRegistry {
 public:
  using Action = std::function<Status()>;

  /// Move-only.
  class Registration {
   public:
    Registration() noexcept = default;
    Registration(Registration&& other) noexcept : registry_(std::exchange(other.registry_, nullptr)), id_(other.id_) {}
    Registration& operator=(Registration&& other) noexcept;
    ~Registration() { run(); }
    /// Undoes it now. Where another thread is at it, waits for that. Nothing the second time.
    void run() noexcept;
    /// There is nothing to undo any more. Waits as run().
    void release() noexcept;

   private:
    friend class CleanupRegistry;
    Registration(CleanupRegistry* registry, std::uint64_t id) noexcept : registry_(registry), id_(id) {}
    CleanupRegistry* registry_ = nullptr;
    std::uint64_t id_ = 0;
  };

  /// Something that is still registered.
  struct Held {
    CleanupKind kind;
    std::string name;
    Duration age{0};
    std::string describe() const;  ///< "upload session app@sha256:…, for 2.5 s"
  };
  struct Failure {
    CleanupKind kind;
    std::string name;
    std::string reason;
  };
  struct Statistics {
    std::uint64_t registered = 0;  ///< since the start: active + finished + cleaned + failed
    std::uint64_t active = 0;      ///< held now, or being undone
    std::uint64_t finished = 0;    ///< released: nothing was to be undone
    std::uint64_t cleaned = 0;
    std::uint64_t failed = 0;
    std::vector<Failure> failures = {};  ///< the first 100
  };

  /// The clock and the log's sink outlive the registry.
  explicit CleanupRegistry(Clock& clock, Logger log = {});
  /// Undoes what is left, as run_all().
  ~CleanupRegistry();
  CleanupRegistry(const CleanupRegistry&) = delete;
  CleanupRegistry& operator=(const CleanupRegistry&) = delete;

  /// `name` is for people: printable. An action of kUploadSession runs in the thread of its Registration only (it uses
  /// that thread's connections); those of the other kinds may run in any.
  [[nodiscard]] Registration add(CleanupKind kind, std::string name, Action action);
  /// Undoes what may be undone from any thread, by priority, within one the newest first, and goes on with what is
  /// added meanwhile, until nothing is left or `limit` has passed. For the end of a run and for a run that has to leave
  /// while its threads hang. Returns how many actions it ran.
  std::size_t run_all(Duration limit) noexcept;
  /// What is registered and at least that old, in the order in which it would be undone.
  std::vector<Held> held(Duration age = Duration(0)) const;
  Statistics statistics() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace freightliner::runtime
