#pragma once
/// Embedded durable topics: append-only logs of byte strings in a directory, for where no broker runs (docs/topics.md).
///
///   auto store = weir::TopicStore::open("/var/lib/weir/topics");
///   auto orders = (*store)->topic("orders");
///   auto offset = (*orders)->append({.records = {{"an order"}}});          // on disk when it returns
///   auto records = (*orders)->read(*offset);
///
/// A record is named by its offset: 0, 1, 2, ... without gaps, never used again. Records are durable (fsync) before
/// they can be seen; appends of several threads share one fsync. One process has a directory at a time; inside it
/// everybody who opens the same directory gets the same store. Pipelines read and write topics by
/// `weir/topic_source.hpp` and `weir/topic_sink.hpp`.
///
/// Thread: all methods from any thread. Those that say so block on disk: never call them on a task's thread.
/// Callbacks run on the store's thread: they must be short, must not block, and must not hold the last handle of the
/// store.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <weir/result.hpp>
#include <weir/time.hpp>

namespace weir {

/// When records may be removed: as soon as one of the two is exceeded, oldest first, but never one that a consumer
/// holds (Topic::hold). Checked at appends (by age: at most once a second), when a hold moves, and on demand; by size
/// in portions of a sixteenth of `max_bytes`.
struct TopicRetention {
  std::optional<Duration> max_age{};         ///< since it was appended; nothing: for ever
  std::optional<std::uint64_t> max_bytes{};  ///< of all payloads; nothing: any number
};

struct TopicOptions {
  TopicRetention retention{};
  /// Of all payloads: an append beyond it is refused with kResourceExhausted.
  std::uint64_t full_bytes = std::uint64_t{64} << 30;
};

struct TopicStoreOptions {
  /// Of records handed over and not yet written, all topics together.
  std::size_t max_waiting_bytes = std::size_t{512} << 20;
  std::size_t max_record_bytes = std::size_t{512} << 20;  ///< of one payload; at most 1 GiB
  std::size_t max_topics = 1024;
  const Clock* clock = nullptr;  ///< null: the system's. Must outlive the store.
};

struct NewTopicRecord {
  std::string payload;
  std::optional<Timestamp> time{};  ///< its event time; nothing: the time of the append
};

struct TopicRecord {
  std::uint64_t offset = 0;
  Timestamp time{};      ///< event time
  Timestamp appended{};  ///< wall clock; never decreases with the offset
  std::string payload;
};

/// Records that become durable together, or not at all.
struct TopicAppend {
  std::vector<NewTopicRecord> records{};
  /// Notes kept with the topic, written in the same atomic step: name and value; an empty value removes the note. With
  /// them a writer recognises what it has already appended (Topic::mark).
  std::vector<std::pair<std::string, std::string>> marks{};
};

struct TopicReadLimits {
  std::size_t records = 1024;
  std::size_t bytes = std::size_t{4} << 20;  ///< of payloads; at least one record is read
};

/// A named place in a topic.
struct TopicConsumer {
  std::string name;
  std::uint64_t position = 0;  ///< the next offset it wants
  /// By checkpoint: the offset from which a restore of that checkpoint reads. Retention leaves everything from the
  /// least of them on. Empty: holds nothing.
  std::map<std::uint64_t, std::uint64_t> holds;
};

struct TopicInfo {
  std::string name;
  std::string schema;       ///< empty: not said
  std::uint64_t begin = 0;  ///< the oldest offset kept
  std::uint64_t end = 0;    ///< the next offset
  std::uint64_t bytes = 0;  ///< of the payloads kept
  std::vector<TopicConsumer> consumers;
};

/// Records that become visible together with a checkpoint. `producer` writes transactions of growing `serial`s.
struct TopicTransaction {
  std::string producer;
  std::uint64_t serial = 0;
};

/// Keeps its store open. Get it from TopicStore::topic().
class Topic {
 public:
  virtual ~Topic() = default;
  [[nodiscard]] virtual const std::string& name() const noexcept = 0;
  [[nodiscard]] virtual std::uint64_t begin() const noexcept = 0;
  [[nodiscard]] virtual std::uint64_t end() const noexcept = 0;
  [[nodiscard]] virtual TopicInfo info() const = 0;
  /// Says what payloads are (schema_of<T>()). The first schema said is kept with the topic, durably; another one is
  /// refused with kFailedPrecondition and both named. Blocks.
  virtual Status expect_schema(const std::string& schema) = 0;

  /// Calls `done` with the offset of the first record once all are durable, or with why not. kResourceExhausted at once
  /// when max_waiting_bytes or full_bytes is reached.
  virtual void append_async(TopicAppend append, std::function<void(Result<std::uint64_t>)> done) = 0;
  /// The same, blocking; waits for room in the queue.
  virtual Result<std::uint64_t> append(TopicAppend append) = 0;
  /// The value noted under `name`; nothing when there is none. Blocks.
  [[nodiscard]] virtual Result<std::optional<std::string>> mark(const std::string& name) const = 0;
  /// All notes whose name starts with `prefix`, sorted. Blocks.
  [[nodiscard]] virtual Result<std::vector<std::pair<std::string, std::string>>> marks(
      std::string_view prefix) const = 0;

  /// Records from `from` on, as many as the limits allow; none at the end. kDataLoss when `from` was removed already or
  /// lies behind the end, or a record is damaged. Blocks.
  [[nodiscard]] virtual Result<std::vector<TopicRecord>> read(std::uint64_t from,
                                                              TopicReadLimits limits = {}) const = 0;
  /// The first offset whose record was appended at `appended` or later; end() when there is none. Blocks.
  [[nodiscard]] virtual Result<std::uint64_t> offset_at(Timestamp appended) const = 0;
  /// `wake` is called after each time end() grew. Gives a number for unlisten(), after which it is not called any more.
  virtual std::uint64_t listen(std::function<void()> wake) = 0;
  virtual void unlisten(std::uint64_t listener) = 0;

  /// Notes, durably, where a consumer is. It holds nothing. Blocks.
  virtual Status set_position(const std::string& consumer, std::uint64_t offset) = 0;
  /// A checkpoint of the job that is this consumer needs everything from `offset` on. Holds of checkpoints that
  /// `retained` does not list any more are let go; null: all but this one. `retained` runs on the store's thread and
  /// may read directories. Blocks.
  virtual Status hold(const std::string& consumer, std::uint64_t checkpoint, std::uint64_t offset,
                      std::function<std::vector<std::uint64_t>()> retained) = 0;
  /// The same without waiting; when it cannot be done, everything stays held as before.
  virtual void hold_async(const std::string& consumer, std::uint64_t checkpoint, std::uint64_t offset,
                          std::function<std::vector<std::uint64_t>()> retained) = 0;
  [[nodiscard]] virtual std::optional<TopicConsumer> consumer(const std::string& name) const = 0;
  /// Forgets a consumer and what it holds. Blocks.
  virtual Status forget(const std::string& consumer) = 0;
  /// Removes what retention allows to remove, now. Blocks.
  virtual Status apply_retention() = 0;

  // Transactions: stage() any number of times, the last one durable, then commit(). All block.

  /// Puts records aside, from number `sequence` of the transaction on; invisible until commit(). `durable`: with fsync,
  /// this and all that was staged before.
  virtual Status stage(const TopicTransaction& transaction, std::uint64_t sequence, std::vector<NewTopicRecord> records,
                       bool durable) = 0;
  /// Appends the `records` staged, in order. Idempotent: what was committed before, partly or wholly, is recognised.
  /// kDataLoss when they are not there and were never committed.
  virtual Status commit(const TopicTransaction& transaction, std::uint64_t records) = 0;
  /// Removes what a producer staged and did not commit.
  virtual Status discard(const std::string& producer) = 0;
  /// Greater than that of every transaction the producer has committed or staged.
  [[nodiscard]] virtual Result<std::uint64_t> next_serial(const std::string& producer) const = 0;
  /// Producers that have something staged and whose name starts with `prefix`, in no particular order.
  [[nodiscard]] virtual Result<std::vector<std::string>> staging(std::string_view prefix) const = 0;
};

/// Stays open as long as somebody has it or one of its topics.
class TopicStore {
 public:
  virtual ~TopicStore() = default;

  /// Opens or makes the store in a directory; one that this process has open already is given once more (`options` of
  /// the first count). kFailedPrecondition when another process has it; kDataLoss when it is damaged: nothing is
  /// repaired silently. What a crash left half written was never acknowledged and is dropped. Blocks.
  static Result<std::shared_ptr<TopicStore>> open(const std::string& directory, TopicStoreOptions options = {});
  /// A store that ends with the process.
  static Result<std::shared_ptr<TopicStore>> in_memory(TopicStoreOptions options = {});

  /// The topic of this name, made when there is none: 1 to 128 letters, digits, `-`, `_` and `.`. Options given here
  /// replace those given before, by anyone; without them they stay as they are. Blocks.
  virtual Result<std::shared_ptr<Topic>> topic(const std::string& name, std::optional<TopicOptions> options = {}) = 0;
  /// Names, sorted.
  [[nodiscard]] virtual std::vector<std::string> topics() const = 0;
  /// Empty: in memory.
  [[nodiscard]] virtual const std::string& directory() const noexcept = 0;
};

/// What is wrong with a name; empty: nothing.
std::string topic_name_fault(std::string_view name);

/// Ids of the checkpoints in a job's directory, whole or not: those a restart may begin with. Blocks.
std::vector<std::uint64_t> retained_checkpoints(const std::string& job_directory);

}  // namespace weir
