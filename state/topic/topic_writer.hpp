#pragma once
/// The one thread that writes to a topic store: everything that waits goes into one batch with one fsync.

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

#include <rocksdb/db.h>
#include <rocksdb/write_batch.h>

#include <weir/status.hpp>

namespace weir::topics {

/// Thread: submit() from any; the functions of operations run on the writer's thread, in the order of submission.
class TopicWriter {
 public:
  struct Operation {
    std::size_t bytes = 0;  ///< that it adds, about
    bool durable = true;    ///< false: it may be lost until a durable one follows
    /// Adds rows; what it adds before it fails is taken back.
    std::function<Status(rocksdb::WriteBatch&)> fill;
    /// The rows are written. Before the operations after it are told.
    std::function<void()> written;
    /// Once for each operation accepted, last; may be empty.
    std::function<void(const Status&)> done;
  };
  enum class Room : unsigned char { kRefuse, kWait };

  TopicWriter(rocksdb::DB& db, std::size_t max_waiting_bytes);
  /// What was submitted is written before it returns.
  ~TopicWriter();
  TopicWriter(const TopicWriter&) = delete;
  TopicWriter& operator=(const TopicWriter&) = delete;

  /// Takes the operation, or says why not (and calls nothing of it): kResourceExhausted when there is no room and
  /// `room` says not to wait for it; the failure of an earlier write, which is final. An operation that is larger than
  /// all the room is taken when nothing else waits.
  Status submit(Operation operation, Room room);
  /// Submits and waits for the outcome. Precondition: not on the writer's thread.
  Status run(Operation operation);
  /// From the writer's thread, for work that follows from what was written: never refused for lack of room.
  void follow_up(Operation operation);
  [[nodiscard]] bool on_thread() const noexcept { return std::this_thread::get_id() == thread_.get_id(); }

 private:
  void loop();
  void write(std::deque<Operation> group);

  rocksdb::DB& db_;
  const std::size_t max_waiting_bytes_;
  std::mutex mutex_;
  std::condition_variable work_;
  std::condition_variable room_;
  // Guarded by mutex_:
  std::deque<Operation> waiting_;
  std::size_t waiting_bytes_ = 0;
  Status failure_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace weir::topics
