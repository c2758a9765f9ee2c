#pragma once

#include <condition_variable>
#include <cstddef>
#include <map>
#include <mutex>
#include <set>
#include <stop_token>
#include <string>
#include <utility>

#include "freightliner/base/result.h"
#include "freightliner/oci/digest.h"

namespace freightliner::copy {

/// Who is changing which list of referrers (fallback tag "sha256-<hex>") at a destination: one copy at a time, as a
/// list is read, added to and written, and as the tag may be copied as a tag, too. One per destination and run, beside
/// the BlobLedger. Who holds a claim waits for no other one, and for no closure, but for blobs. Safe from any thread.
class ReferrerLists {
 public:
  /// What is remembered of what became of a list.
  enum class Memory {
    kRun,   ///< all, as long as this lives: for a run that tells of all its tags at its end
    kNone,  ///< nothing: for copies that are told of one by one
  };
  class Claim;

  explicit ReferrerLists(Memory memory = Memory::kRun) noexcept : memory_(memory) {}
  ReferrerLists(const ReferrerLists&) = delete;
  ReferrerLists& operator=(const ReferrerLists&) = delete;

  /// Waits while another thread has the list: the tag in that place (a repository, a layout). Errors: kCancelled.
  Result<Claim> claim(const std::string& place, const std::string& tag, const std::stop_token& stop);

 private:
  struct Entry {
    bool held = false;
    std::size_t users = 0;  // who holds it and who waits
    bool copied = false;
    std::set<oci::Digest> added = {};
  };
  using Entries = std::map<std::pair<std::string, std::string>, Entry>;
  void leave(Entries::iterator at);  // under the lock
  void release(Entries::iterator at) noexcept;

  const Memory memory_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  Entries entries_;
};

/// The right to change a list, and what this run has made of it before. Given up on destruction. Move-only; of one
/// thread at a time; what it was claimed from outlives it.
class ReferrerLists::Claim {
 public:
  Claim(Claim&& other) noexcept : lists_(std::exchange(other.lists_, nullptr)), at_(other.at_) {}
  Claim& operator=(Claim&&) = delete;
  ~Claim() {
    if (lists_ != nullptr) lists_->release(at_);
  }

  /// True where the tag was copied as a tag: it has to stay what it is at the source.
  bool is_copied() const noexcept { return at_->second.copied; }
  void note_copied() noexcept { at_->second.copied = true; }
  /// The entries that were written into the list one by one.
  const std::set<oci::Digest>& added() const noexcept { return at_->second.added; }
  void note_added(const oci::Digest& entry) { at_->second.added.insert(entry); }

 private:
  friend class ReferrerLists;
  Claim(ReferrerLists& lists, Entries::iterator at) noexcept : lists_(&lists), at_(at) {}

  ReferrerLists* lists_;
  Entries::iterator at_;
};

}  // namespace freightliner::copy
