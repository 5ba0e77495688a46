#pragma once
/// Event time and clocks.
///
/// Event time is microseconds since 1970-01-01 UTC without leap seconds (`std::chrono::sys_time`).
/// A clock is always passed in, so that a test can own it; durations are measured with `monotonic_ns` only.

#include <chrono>
#include <cstdint>
#include <limits>
#include <string>

namespace weir {

using Duration = std::chrono::microseconds;
using Timestamp = std::chrono::sys_time<std::chrono::microseconds>;

/// Before every record: the watermark of a stream that has not spoken yet.
inline constexpr Timestamp kMinTimestamp{Duration{std::numeric_limits<std::int64_t>::min()}};
/// After every record: the watermark of a stream that has ended.
inline constexpr Timestamp kMaxTimestamp{Duration{std::numeric_limits<std::int64_t>::max()}};

/// Thread: all methods from any thread.
class Clock {
 public:
  virtual ~Clock() = default;
  /// Nanoseconds of a clock that never goes back; the origin is arbitrary.
  [[nodiscard]] virtual std::int64_t monotonic_ns() const noexcept = 0;
  /// Wall-clock time, for processing-time timers and time stamps a person reads.
  [[nodiscard]] virtual Timestamp now() const noexcept = 0;
};

/// The operating system's clocks. Lives for ever.
const Clock& system_clock() noexcept;

/// `2013-07-04T10:00:00Z`, with microseconds when there are any; `min` and `max` for the two limits.
std::string format_timestamp(Timestamp time);

}  // namespace weir
