#pragma once
/// SlowLane: one slow member on one task. Requests wait here, in the task; few at a time are handed to threads of the
/// member's own, so that a request nobody waits for any more can be withdrawn, and a call that hangs holds up nobody
/// else.

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <weir/decision_policy.hpp>
#include <weir/model.hpp>
#include <weir/operator.hpp>
#include <weir/serving/model_slot.hpp>

namespace weir::speculation {

struct KeySlot;

/// What a request is about; comes back with its score.
struct SlowSubject {
  std::uint64_t id = 0;  ///< of the record
  KeySlot* slot = nullptr;
  Timestamp event_time = kMinTimestamp;
  std::uint64_t position = 0;
  std::int64_t started_ns = 0;
};

struct SlowRequest {
  SlowSubject subject;
  std::shared_ptr<const Scorer> scorer;
  ModelId model;
  std::uint32_t number_outputs = 0;
  std::uint32_t text_outputs = 0;
  // The record's features, owned: the record may be gone before the call is over.
  std::vector<double> numbers;
  std::vector<std::optional<std::string>> texts;
};

/// What is asked of `version` about one row of features; it copies them.
SlowRequest request_of(const SlowSubject& subject, const serving::ModelVersion& version, const FeatureSchema& schema,
                       const double* numbers, const std::string_view* texts);

struct SlowScore {
  SlowSubject subject;
  MemberScore score;  ///< without its order
  std::int64_t ended_ns = 0;
};

/// Thread: the task's, but for the calls, which share nothing with it but a locked mailbox.
class SlowLane {
 public:
  using IsWanted = std::function<bool(std::uint64_t id)>;

  SlowLane(const SpeculationMember& member, OperatorContext& context);

  /// Requests that may still be added before the queue is full; `is_wanted` tells which of those waiting count.
  std::size_t room(const IsWanted& is_wanted);
  /// False once nothing has been heard for SpeculationMember::unresponsive_after of calls under way.
  [[nodiscard]] bool responds(std::int64_t now_ns) const noexcept {
    return calls_ == 0 || now_ns < unresponsive_at_ns();
  }
  [[nodiscard]] std::int64_t unresponsive_at_ns() const noexcept {
    return last_heard_ns_ + std::chrono::nanoseconds(member_.unresponsive_after).count();
  }
  /// Waits for a thread; beyond the queue's bound too, for records that were there before a restart.
  void ask(SlowRequest request) { waiting_.push_back(std::move(request)); }
  /// Hands on what waits, as far as there are threads. True when the executor refused and would not call again.
  bool pump(std::int64_t now_ns, const IsWanted& is_wanted);
  /// The scores made since the last call.
  std::vector<SlowScore> take(std::int64_t now_ns);
  [[nodiscard]] std::size_t waiting() const noexcept { return waiting_.size(); }

 private:
  struct Mailbox {
    std::mutex mutex;
    std::vector<std::vector<SlowScore>> finished;  // guarded by mutex; a call's scores each
  };

  SpeculationMember member_;
  const Clock& clock_;
  std::function<void()> waker_;
  std::shared_ptr<Mailbox> mailbox_ = std::make_shared<Mailbox>();
  std::deque<SlowRequest> waiting_;
  std::size_t calls_ = 0;           // handed on and not heard of
  std::int64_t last_heard_ns_ = 0;  // or begun to listen
  std::unique_ptr<Executor> threads_;
};

/// Writes what a call says of one row: a vote, or an abstention because there is no value.
void fill_score(MemberScore& score, const ModelId& model, const double* numbers, std::size_t number_count,
                const std::string* texts, std::size_t text_count, std::int64_t latency_ns);
void fill_failure(MemberScore& score, const ModelId& model, std::string_view reason, std::int64_t latency_ns);
/// Why a row failed, of what a call said.
std::string_view reason_of_row(const ScoreErrors& errors, std::size_t row);

}  // namespace weir::speculation
