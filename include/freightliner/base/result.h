#pragma once

#include <type_traits>
#include <utility>
#include <variant>

#include "freightliner/base/error.h"

namespace freightliner {

/// Marks an error on its way into a Result. The interface is std::unexpected's (C++23).
class Unexpected {
 public:
  explicit Unexpected(Error error) : error_(std::move(error)) {}
  Error& error() noexcept { return error_; }

 private:
  Error error_;
};

/// A value or an Error: std::expected<T, Error>'s interface (C++23), which libstdc++ 12 does not have.
/// Expected absence is Result<std::optional<T>>, never an error.
template <class T>
class [[nodiscard]] Result {
 public:
  using value_type = T;

  // Implicit from a value and from Unexpected, as std::expected is: `return value;` must read naturally.
  template <class U = T>
  requires(std::is_constructible_v<T, U&&> && !std::is_same_v<std::remove_cvref_t<U>, Result> &&
           !std::is_same_v<std::remove_cvref_t<U>, Unexpected>) Result(U&& value)
      : state_(std::in_place_index<0>, std::forward<U>(value)) {}  // NOLINT(google-explicit-constructor)
  Result(Unexpected unexpected)                                    // NOLINT(google-explicit-constructor)
      : state_(std::in_place_index<1>, std::move(unexpected.error())) {}

  bool has_value() const noexcept { return state_.index() == 0; }
  explicit operator bool() const noexcept { return has_value(); }

  T& value() & { return std::get<0>(state_); }
  const T& value() const& { return std::get<0>(state_); }
  T&& value() && { return std::get<0>(std::move(state_)); }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

  Error& error() & { return std::get<1>(state_); }
  const Error& error() const& { return std::get<1>(state_); }
  Error&& error() && { return std::get<1>(std::move(state_)); }

  template <class U>
  T value_or(U&& fallback) && {
    return has_value() ? std::move(*this).value() : static_cast<T>(std::forward<U>(fallback));
  }

 private:
  std::variant<T, Error> state_;
};

/// Success without a value, or an Error.
template <>
class [[nodiscard]] Result<void> {
 public:
  using value_type = void;

  Result() = default;
  Result(Unexpected unexpected) : error_(std::move(unexpected.error())) {}  // NOLINT(google-explicit-constructor)

  bool has_value() const noexcept { return !error_.has_value(); }
  explicit operator bool() const noexcept { return has_value(); }
  Error& error() & { return *error_; }
  const Error& error() const& { return *error_; }
  Error&& error() && { return *std::move(error_); }

 private:
  std::optional<Error> error_;
};

using Status = Result<void>;

inline Unexpected fail(ErrorCode code, std::string message) {
  return Unexpected(Error(code, std::move(message)));
}
inline Unexpected fail(Error error) {
  return Unexpected(std::move(error));
}

}  // namespace freightliner

#define FL_CONCAT_IMPL(a, b) a##b
#define FL_CONCAT(a, b) FL_CONCAT_IMPL(a, b)

/// `FL_TRY(auto x, expression);` — declares x as the value, or returns the error to the caller.
#define FL_TRY(declaration, ...)                                                           \
  auto FL_CONCAT(fl_result_, __LINE__) = (__VA_ARGS__);                                    \
  if (!FL_CONCAT(fl_result_, __LINE__))                                                    \
    return ::freightliner::Unexpected(std::move(FL_CONCAT(fl_result_, __LINE__)).error()); \
  declaration = *std::move(FL_CONCAT(fl_result_, __LINE__))

/// `FL_CHECK(status_expression);` — returns the error to the caller, if there is one.
#define FL_CHECK(...)                                                                                                \
  do {                                                                                                               \
    if (auto fl_status = (__VA_ARGS__); !fl_status) return ::freightliner::Unexpected(std::move(fl_status).error()); \
  } while (false)
