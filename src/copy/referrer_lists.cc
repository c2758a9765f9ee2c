#include "freightliner/copy/referrer_lists.h"

namespace freightliner::copy {

Result<ReferrerLists::Claim> ReferrerLists::claim(const std::string& place, const std::string& tag,
                                                  const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  const Entries::iterator at = entries_.try_emplace({place, tag}).first;  // stays valid while it has users
  Entry& entry = at->second;
  ++entry.users;
  if (!changed_.wait(lock, stop, [&] { return !entry.held; })) {
    leave(at);
    return fail(ErrorCode::kCancelled, "stopped");
  }
  entry.held = true;
  return Claim(*this, at);
}

void ReferrerLists::leave(Entries::iterator at) {
  if (--at->second.users == 0 && memory_ == Memory::kNone) entries_.erase(at);
}

void ReferrerLists::release(Entries::iterator at) noexcept {
  {
    const std::lock_guard lock(mutex_);
    at->second.held = false;
    if (memory_ == Memory::kNone) {
      at->second.copied = false;
      at->second.added.clear();
    }
    leave(at);
  }
  changed_.notify_all();
}

}  // namespace freightliner::copy
