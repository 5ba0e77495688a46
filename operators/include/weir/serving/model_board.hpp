#pragma once
/// ModelBoard: what the tasks of a broadcast serving operator share. The task that owns a key publishes its models
/// here; every task scores with them. A model is loaded and kept once per process, however many tasks there are.
///
/// Arrival: what is published comes into use at the next barrier, on all tasks at the same cut of the streams: the
/// first task that reaches barrier n fixes the table for n, the others take the same one.
/// Event time: tasks take the latest table at once; which version a record gets is decided by its time alone.
///
/// Thread: all methods from any task's thread. Few keys are expected: a table is copied when it has changed.

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include <weir/model.hpp>
#include <weir/model_id.hpp>
#include <weir/model_record.hpp>
#include <weir/serving/serving_statistics.hpp>
#include <weir/status.hpp>
#include <weir/time.hpp>

namespace weir::serving {

/// A model on the board. Its scorer may come later: after a restart it is loaded again.
class BoardModel {
 public:
  enum class State : unsigned char { kLoading, kReady, kFailed };

  /// `record` without its bytes.
  BoardModel(ModelId id, std::uint64_t sequence, ModelRecord record)
      : id_(id), sequence_(sequence), record_(std::move(record)) {}

  [[nodiscard]] const ModelId& id() const noexcept { return id_; }
  [[nodiscard]] const ModelRecord& record() const noexcept { return record_; }
  [[nodiscard]] std::uint64_t sequence() const noexcept { return sequence_; }
  [[nodiscard]] State state() const noexcept { return state_.load(std::memory_order_acquire); }
  /// Precondition: kReady.
  [[nodiscard]] const std::shared_ptr<const Scorer>& scorer() const noexcept { return scorer_; }

  /// By the owner, once.
  void set_ready(std::shared_ptr<const Scorer> scorer) {
    scorer_ = std::move(scorer);
    state_.store(State::kReady, std::memory_order_release);
  }
  void set_failed() noexcept { state_.store(State::kFailed, std::memory_order_release); }
  /// True for the first call of all tasks.
  bool claim_first_use() noexcept { return !used_.exchange(true, std::memory_order_relaxed); }

 private:
  const ModelId id_;
  const std::uint64_t sequence_;
  const ModelRecord record_;
  std::shared_ptr<const Scorer> scorer_;
  std::atomic<State> state_{State::kLoading};
  std::atomic<bool> used_{false};
};
using BoardModelPtr = std::shared_ptr<BoardModel>;

/// From `effective_at` on the model counts (null: none). Ordered by (effective_at, sequence).
struct BoardEntry {
  Timestamp effective_at = kMinTimestamp;
  std::uint64_t sequence = 0;
  BoardModelPtr model;
};

/// What is published of one key.
struct BoardKey {
  BoardModelPtr current;                   ///< arrival; null: none
  std::vector<BoardEntry> timeline;        ///< event time
  Timestamp blocked_from = kMaxTimestamp;  ///< event time: from here on a model that is still loading may count
};

/// Immutable.
struct BoardTable {
  std::unordered_map<std::string, BoardKey> keys;  ///< by the key's text
  std::vector<Timestamp> progress;                 ///< event time: how far each owner has read the model stream
  std::uint64_t version = 0;                       ///< differs between tables that differ
};
using BoardTablePtr = std::shared_ptr<const BoardTable>;

/// A model scored its first record of all.
struct FirstUse {
  std::string key_text;
  std::uint64_t sequence = 0;
  std::uint64_t position = 0;
  Timestamp event_time = kMinTimestamp;
};

class ModelBoard {
 public:
  explicit ModelBoard(std::uint32_t tasks);

  /// Once per task, while it opens; `waker` makes the engine poll it.
  void join(std::uint32_t task, std::function<void()> waker);
  void wake_all() const;

  /// By the key's owner.
  void publish(const std::string& key_text, BoardKey key);
  void set_progress(std::uint32_t owner, Timestamp progress);
  [[nodiscard]] std::vector<FirstUse> take_first_uses(std::uint32_t owner);

  /// Arrival: the table for records before the first barrier, the same for all tasks. Once per task, when all have
  /// joined.
  BoardTablePtr initial();
  /// Arrival: the table for records behind this barrier. Barriers come in the same order on all tasks.
  BoardTablePtr at_barrier(std::uint64_t barrier);
  /// What is published now.
  BoardTablePtr latest();
  /// BoardTable::version of latest(), without a lock.
  [[nodiscard]] std::uint64_t version() const noexcept { return version_.load(std::memory_order_acquire); }
  void note_first_use(std::uint32_t owner, FirstUse use);

  /// Event time: no record at or before `watermark` will be asked for by this task. The least of all tasks'.
  void note_watermark(std::uint32_t task, Timestamp watermark);
  [[nodiscard]] Timestamp least_watermark() const;
  /// At the end of the streams: this task's models have all been resolved.
  void note_settled(std::uint32_t task);
  [[nodiscard]] bool all_settled() const;

  /// One task's share of the statistics: what it scored. Hold the lock of its own share while changing it.
  struct Share {
    /// For checkpoints. Both take the lock.
    std::string to_bytes();
    Status add_bytes(std::string_view bytes, std::size_t keep);

    std::mutex mutex;
    std::unordered_map<std::string, KeyStatistics> by_key;  // guarded by mutex; entries keep their address
  };
  [[nodiscard]] Share& share(std::uint32_t task) noexcept { return *shares_[task]; }
  /// All shares of a key together, at most `keep` versions.
  [[nodiscard]] KeyStatistics statistics_of(const std::string& key_text, std::size_t keep) const;

 private:
  BoardTablePtr latest_locked();

  const std::vector<std::unique_ptr<Share>> shares_;
  std::atomic<std::uint64_t> version_{1};

  mutable std::mutex mutex_;
  // Guarded by mutex_:
  std::vector<std::function<void()>> wakers_;
  std::unordered_map<std::string, BoardKey> keys_;
  std::vector<Timestamp> progress_;
  std::vector<Timestamp> watermarks_;
  std::vector<bool> settled_;
  std::vector<std::vector<FirstUse>> first_uses_;  // by owner
  BoardTablePtr latest_;                           // null or stale: built when asked for
  BoardTablePtr initial_;
  std::size_t initial_taken_ = 0;
  BoardTablePtr fixed_;
  std::uint64_t fixed_barrier_ = 0;
};

}  // namespace weir::serving
