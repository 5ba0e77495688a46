#pragma once
/// Replaying a stream that happened, at a multiple of real time.
///
///   auto line = std::make_shared<weir::Timeline>(weir::Timeline::Options{.speed = 3600});  // an hour a second
///   auto flights = weir::paced(weir::csv_file_source<Flight>({...}), {.timeline = line});
///   auto models = weir::paced(weir::vector_source(...), {.timeline = line});

#include <chrono>
#include <functional>
#include <limits>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

#include <weir/source.hpp>
#include <weir/time.hpp>

namespace weir {

/// Event time that follows the job's clock. Starts when the first source that shares it has a record; after a restore,
/// at the restored watermark. Thread: all methods from any thread.
class Timeline {
 public:
  static constexpr double kMaxSpeed = std::numeric_limits<double>::infinity();
  struct Options {
    double speed = 1.0;  ///< event seconds in a second of the clock; kMaxSpeed: records are never held back
    std::optional<Timestamp> start{};  ///< where the line starts; nothing: at the first record seen
  };
  explicit Timeline(Options options) : options_(options) {}

  [[nodiscard]] double speed() const noexcept { return options_.speed; }
  /// The event time that is now. Starts the line if it stands still, at `first_record` when nothing else says where.
  Timestamp now(const Clock& clock, Timestamp first_record);
  /// A source of a starting job has opened: the line stands still until it is asked for the time, and then continues
  /// from the greatest watermark restored.
  void reopen(Timestamp restored_watermark);

 private:
  const Options options_;
  std::mutex mutex_;
  // Guarded by mutex_:
  bool runs_ = false;
  Timestamp restored_ = kMinTimestamp;
  Timestamp origin_ = kMinTimestamp;  // event time ...
  std::int64_t origin_ns_ = 0;        // ... at this monotonic time
};

struct PacedOptions {
  double speed = 1.0;                    ///< as Timeline::Options; not used when `timeline` is given
  std::optional<Timestamp> start{};      ///< as Timeline::Options; not used when `timeline` is given
  std::shared_ptr<Timeline> timeline{};  ///< shared by the sources of a job that are to keep step
  Duration watermark_interval =
      std::chrono::milliseconds(10);  ///< of the clock: how often the watermark moves meanwhile
};

namespace detail {
std::unique_ptr<Operator> make_paced_source(std::unique_ptr<Operator> source, std::shared_ptr<Timeline> timeline,
                                            Duration watermark_interval);
}  // namespace detail

/// Releases each record of `source` when the time line reaches its event time, and moves the watermark along also while
/// there are no records (if the source emits watermarks at all). Records keep their order: one that is out of order
/// waits for those before it. The source must give timestamps and positions and be able to step back
/// (RewindableSource), as weir's memory and file sources are; a checkpoint holds the position of the first record not
/// released.
template <class T>
Source<T> paced(Source<T> source, PacedOptions options) {
  auto timeline = options.timeline;
  if (!timeline) timeline = std::make_shared<Timeline>(Timeline::Options{options.speed, options.start});
  if (!(timeline->speed() > 0)) source.faults.push_back("the speed of paced() must be greater than 0");
  if (options.watermark_interval <= Duration{0})
    source.faults.push_back("the watermark interval of paced() must be greater than 0");
  source.kind = "paced-" + source.kind;
  source.make_operator = [make = std::move(source.make_operator), timeline, interval = options.watermark_interval] {
    return detail::make_paced_source(make(), timeline, interval);
  };
  return source;
}

}  // namespace weir
