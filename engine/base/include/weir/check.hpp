#pragma once
/// Assertions about weir's own invariants. They stay on in release builds; `WEIR_DCHECK` is for hot loops only.

namespace weir {

/// Prints the failed condition with its place and calls std::abort().
[[noreturn]] void check_failed(const char* condition, const char* message, const char* file, int line) noexcept;

}  // namespace weir

#define WEIR_CHECK(condition, message)                               \
  do {                                                               \
    if (!(condition)) [[unlikely]]                                   \
      ::weir::check_failed(#condition, message, __FILE__, __LINE__); \
  } while (false)

#ifdef NDEBUG
#define WEIR_DCHECK(condition, message) \
  do {                                  \
  } while (false)
#else
#define WEIR_DCHECK(condition, message) WEIR_CHECK(condition, message)
#endif
