#pragma once

#include <map>
#include <memory>
#include <string>

#include "freightliner/base/guarded.h"
#include "freightliner/base/result.h"

namespace freightliner::transport {

/// One shared object for each repository, made by whoever asks first; others wait for that repository alone. When
/// `max_idle` are there, those that nobody uses are forgotten. Safe from any thread.
template <class T>
class PerRepository {
 public:
  explicit PerRepository(std::size_t max_idle) : max_idle_(max_idle) {}

  /// `make` returns a Result<std::shared_ptr<T>>; a null one is not kept.
  template <class Make>
  Result<std::shared_ptr<T>> get(const std::string& repository, Make&& make) {
    const std::shared_ptr<Slot> slot = slot_of(repository);
    return slot->with([&](std::shared_ptr<T>& value) -> Result<std::shared_ptr<T>> {
      if (!value) {
        FL_TRY(value, make());
      }
      return value;
    });
  }
  void put(const std::string& repository, std::shared_ptr<T> value) {
    slot_of(repository)->with([&](std::shared_ptr<T>& old) { old = std::move(value); });
  }

 private:
  using Slot = Guarded<std::shared_ptr<T>>;

  std::shared_ptr<Slot> slot_of(const std::string& repository) {
    return slots_.with([&](auto& slots) {
      if (slots.size() >= max_idle_ && !slots.contains(repository)) {
        // Who holds no slot can't get at the object but by one given out before: nobody else looks at it now.
        std::erase_if(slots, [](const auto& entry) {
          const std::shared_ptr<Slot>& slot = entry.second;
          return slot.use_count() == 1 &&
                 slot->with([](const std::shared_ptr<T>& value) { return value.use_count() <= 1; });
        });
      }
      std::shared_ptr<Slot>& slot = slots[repository];
      if (!slot) slot = std::make_shared<Slot>();
      return slot;
    });
  }

  const std::size_t max_idle_;
  Guarded<std::map<std::string, std::shared_ptr<Slot>>> slots_;
};

}  // namespace freightliner::transport
