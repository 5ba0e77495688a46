#include <weir/time.hpp>

#include <cstdio>

namespace weir {
namespace {

class SystemClock final : public Clock {
 public:
  [[nodiscard]] std::int64_t monotonic_ns() const noexcept override {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch())
        .count();
  }
  [[nodiscard]] Timestamp now() const noexcept override {
    return std::chrono::time_point_cast<Duration>(std::chrono::system_clock::now());
  }
};

}  // namespace

const Clock& system_clock() noexcept {
  static const SystemClock kClock;
  return kClock;
}

std::string format_timestamp(Timestamp time) {
  if (time == kMinTimestamp) return "min";
  if (time == kMaxTimestamp) return "max";
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date{day};
  const std::chrono::hh_mm_ss clock{time - day};
  char text[64];
  int length = std::snprintf(text, sizeof text, "%04d-%02u-%02uT%02d:%02d:%02d", static_cast<int>(date.year()),
                             static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                             static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()),
                             static_cast<int>(clock.seconds().count()));
  std::string result(text, static_cast<std::size_t>(length));
  if (clock.subseconds().count() != 0) {
    length = std::snprintf(text, sizeof text, ".%06d", static_cast<int>(clock.subseconds().count()));
    result.append(text, static_cast<std::size_t>(length));
  }
  return result + "Z";
}

}  // namespace weir
