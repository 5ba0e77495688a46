#pragma once
/// What HTTP handlers and other outsiders may ask of a running job. Thread: all methods from any thread.

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <weir/executor.hpp>
#include <weir/hash.hpp>
#include <weir/http.hpp>
#include <weir/operator.hpp>
#include <weir/result.hpp>
#include <weir/state_listing.hpp>
#include <weir/status.hpp>

namespace weir {

/// Which events of a job: those that agree with all that is set.
struct EventFilter {
  std::string type{};
  std::string uid{};
  std::optional<std::string> key{};
  std::string prefix{};  ///< of the key
};

class JobControl {
 public:
  virtual ~JobControl() = default;

  /// Runs `visit` on the thread of the task that holds instance `task_index` of operator `uid`, between two of its
  /// calls, so that it sees a whole state and races with nothing. `refused` is called instead (from any thread) with
  /// kNotFound (no such operator or task) or kUnavailable (starting, restoring, stopped, mailbox full). Exactly one of
  /// the two is called, once.
  virtual void visit(std::string_view uid, std::uint32_t task_index, std::function<void(Operator&)> visit,
                     std::function<void(Status)> refused) = 0;
  /// A page of what a task's state holds now, whether it may be queried or not; records wait for none of it for long.
  /// `done` is called once, from any thread; kNotFound and kUnavailable as for visit(), kUnimplemented when the state
  /// has no JSON form. Precondition: limit >= 1.
  virtual void list_state(std::string_view uid, std::uint32_t task_index, std::string_view state, PageQuery query,
                          std::function<void(Result<StatePage>)> done) = 0;
  /// Tasks of operator `uid`; 0 when there is none.
  [[nodiscard]] virtual std::uint32_t parallelism_of(std::string_view uid) const = 0;
  [[nodiscard]] virtual std::uint32_t max_parallelism() const = 0;
  /// Where the job is, as a JSON object: `{"checkpoint": 41, "watermark": "...", "sources": {...}}`. Put into answers.
  [[nodiscard]] virtual std::string position_json() const = 0;
  /// The job's directory or empty.
  [[nodiscard]] virtual const std::string& directory() const = 0;
  /// False while the job starts, restores or stops, and when it has ended.
  [[nodiscard]] virtual bool is_running() const = 0;
  /// The job's background threads, for what handlers must not do themselves. Outlives all handlers.
  [[nodiscard]] virtual Executor& executor() = 0;
  /// Server-sent events: what is published (weir/event_sink.hpp) from now on; what came after the event with the id
  /// `after`, as far as it is still kept; with "0" all that is kept. kUnavailable: too many follow, or the job has
  /// ended.
  virtual Result<std::shared_ptr<HttpStream>> follow_events(EventFilter filter, const std::string& after) = 0;
  /// A metric of operator `uid` as OperatorContext::described_metric() gives it, shown as that of task 0, for what is
  /// done for the operator outside of its tasks. Its names must be others than those of the tasks; one writer at a
  /// time.
  virtual Metric& metric(std::string_view uid, std::string_view name, const MetricInfo& info) = 0;

  /// The task of `uid` that owns a key hash.
  [[nodiscard]] std::uint32_t owner(std::string_view uid, std::uint64_t key_hash) const {
    const std::uint32_t parallelism = parallelism_of(uid);
    return parallelism == 0
               ? 0
               : owner_of_key_group(key_group_of(key_hash, max_parallelism()), parallelism, max_parallelism());
  }
};

/// The answer to a request to follow events: `text/event-stream`, from after the header `Last-Event-ID` or the query's
/// `after` on (the header goes first: a client that connects again sends both).
HttpResponse event_stream(JobControl& control, const HttpRequest& request, EventFilter filter);

}  // namespace weir
