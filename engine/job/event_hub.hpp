#pragma once
// The events of a job: the last ones in a ring, and those who listen, each with a place in the ring of its own.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include <weir/event_sink.hpp>
#include <weir/http.hpp>
#include <weir/job_control.hpp>
#include <weir/result.hpp>

namespace weir {

// Thread: any. On the wire an event is (server-sent events, HTML Living Standard §9.2):
//
//   id: EPOCH-NUMBER     EPOCH differs between starts of the process, NUMBER counts from 1
//   event: TYPE
//   data: {"uid":…, …}
//
// and before them `event: missed` when some that were asked for are no longer kept.
class EventHub final : public EventSink {
 public:
  struct Options {
    std::size_t max_events = 4096;
    std::size_t max_bytes = std::size_t{8} << 20;         // of all events kept
    std::size_t max_event_bytes = std::size_t{64} << 10;  // a longer one is cut to its type and uid
    std::size_t max_subscribers = 32;
    std::string epoch = "0";
  };
  explicit EventHub(Options options);
  ~EventHub() override;

  void publish(JobEvent event) override;
  // What comes from now on; with `after`, an id, what came after it; with "0" what is kept. kUnavailable: too many
  // listen, or the job has ended; kInvalidArgument: `after` is no id.
  Result<std::shared_ptr<HttpStream>> subscribe(EventFilter filter, const std::string& after);
  // No event comes any more: streams end when they have given what there is.
  void close();

  [[nodiscard]] std::size_t subscribers() const;
  // Sent away because they fell behind the ring.
  [[nodiscard]] std::uint64_t dropped() const;

 private:
  class Subscription;
  struct Shared;
  std::shared_ptr<Shared> shared_;
};

}  // namespace weir
