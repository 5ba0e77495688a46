#pragma once
/// Result<T>: a value, or the Status that says why there is none.

#include <optional>
#include <utility>

#include <weir/check.hpp>
#include <weir/status.hpp>

namespace weir {

template <class T>
class [[nodiscard]] Result {
 public:
  using value_type = T;

  Result(T value) : value_(std::move(value)) {}  // NOLINT(google-explicit-constructor): `return value;` reads well
  Result(Status status) : status_(std::move(status)) {  // NOLINT(google-explicit-constructor)
    WEIR_CHECK(!status_.is_ok(), "a Result without a value needs a Status that is not OK");
  }

  [[nodiscard]] bool is_ok() const noexcept { return value_.has_value(); }
  explicit operator bool() const noexcept { return is_ok(); }
  [[nodiscard]] const Status& status() const noexcept { return status_; }

  /// Precondition: is_ok().
  [[nodiscard]] T& value() & {
    require();
    return *value_;
  }
  [[nodiscard]] const T& value() const& {
    require();
    return *value_;
  }
  [[nodiscard]] T&& value() && {
    require();
    return std::move(*value_);
  }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

 private:
  void require() const {
    if (!value_) [[unlikely]]
      check_failed("result.has_value()", status_.to_string().c_str(), __FILE__, __LINE__);
  }
  std::optional<T> value_;
  Status status_;
};

}  // namespace weir

#define WEIR_CONCAT_INNER(a, b) a##b
#define WEIR_CONCAT(a, b) WEIR_CONCAT_INNER(a, b)
/// `WEIR_ASSIGN_OR_RETURN(auto bytes, read_file(path));` declares `bytes`, or returns the Status.
#define WEIR_ASSIGN_OR_RETURN(declaration, expression) \
  WEIR_ASSIGN_OR_RETURN_IMPL(WEIR_CONCAT(weir_result_, __LINE__), declaration, expression)
#define WEIR_ASSIGN_OR_RETURN_IMPL(result, declaration, expression) \
  auto result = (expression);                                       \
  if (!result.is_ok()) return result.status();                      \
  declaration = std::move(result).value()
