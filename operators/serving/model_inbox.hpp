#pragma once
/// ModelInbox: the model log with a thread of its own, which writes what HTTP gives it and reads ahead for the source.

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <weir/model_inbox.hpp>

#include "operators/serving/model_log.hpp"

namespace weir::serving {

/// Thread: all methods from any thread.
class ModelInbox {
 public:
  struct Arrival {
    ModelRecord record;
    std::uint64_t offset = 0;
    std::uint64_t next = 0;
  };
  using Done = std::function<void(Status)>;

  explicit ModelInbox(ModelInboxOptions options) : options_(std::move(options)) {}
  /// What was appended is written before it returns.
  ~ModelInbox();
  ModelInbox(const ModelInbox&) = delete;
  ModelInbox& operator=(const ModelInbox&) = delete;

  /// Opens the log below `directory` (empty: in memory) and starts the thread; blocks on disk. A second call for the
  /// same directory does nothing.
  Status open(const std::string& directory);

  /// Calls `done` from the inbox's thread once the record is durable, or at once when it cannot be.
  void append(ModelRecord record, Done done);

  /// From now on records from `offset` on (0: the first) are read; `wake` is called when there are some. Replaces an
  /// earlier reader. kDataLoss when the log ends before `offset`.
  Status read_from(std::uint64_t offset, std::function<void()> wake);
  void stop_reading();
  /// The next record, or nothing for now. A failure (damage in the log) is final.
  Result<std::optional<Arrival>> take();

 private:
  struct Waiting {
    std::string payload;
    Done done;
  };
  void run();
  void write(std::vector<Waiting> batch);
  void read_ahead(std::unique_lock<std::mutex>& lock);
  [[nodiscard]] bool can_read() const;

  const ModelInboxOptions options_;
  std::mutex mutex_;
  std::condition_variable changed_;
  // Guarded by mutex_; the log's methods are called by the thread only, but for open() and end_.
  std::string directory_;
  std::unique_ptr<ModelLog> log_;
  std::uint64_t end_ = ModelLog::kBegin;
  std::vector<Waiting> waiting_;
  std::size_t waiting_bytes_ = 0;
  std::deque<Arrival> ready_;
  std::size_t ready_bytes_ = 0;
  Status read_failure_;
  std::uint64_t next_read_ = ModelLog::kBegin;
  std::uint64_t generation_ = 0;  // of the reader
  std::function<void()> wake_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace weir::serving
