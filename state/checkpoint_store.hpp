#pragma once
/// A job's directory: checkpoints written whole or not at all, and the state the newest of them holds.
///
///   <directory>/ LOCK          flock: one process per job
///                live/         the RocksDB in use, cloned at start, thrown away at the next; never opened after a
///                crash checkpoints/chk-000042/{db/, MANIFEST}
///
/// A checkpoint exists when its MANIFEST is there and whole (see manifest.hpp); it is written last.

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <weir/checkpoint.hpp>
#include <weir/result.hpp>
#include <weir/state_table.hpp>
#include <weir/time.hpp>

namespace weir {

class Filesystem;

/// What one task of one operator adds to a checkpoint.
struct OperatorSnapshot {
  std::string uid;
  std::uint32_t task_index = 0;
  std::uint32_t parallelism = 1;
  Timestamp watermark = kMinTimestamp;
  std::vector<StateDelta> deltas;
  std::vector<std::pair<std::string, std::string>> entries;  ///< named blobs: source positions, operator state
  std::vector<std::string> committables;
  std::uint64_t records_out = 0;  ///< sources: records put out since the job's first start
};

/// Every operator with a uid takes part in every checkpoint: entries and committables are not carried over, state is.
struct CheckpointContent {
  std::uint64_t id = 0;
  std::vector<OperatorSnapshot> operators;
};

struct RestoredOperator {
  std::uint32_t parallelism = 1;
  Timestamp watermark = kMinTimestamp;                       ///< the least of its tasks
  std::vector<std::pair<std::string, std::string>> entries;  ///< of all tasks, in their order
  std::vector<std::string> committables;                     ///< of all tasks, in their order
  std::vector<StateDescriptor> states;
  std::uint64_t records_out = 0;  ///< of all tasks together
};

struct RestoredJob {
  std::uint64_t checkpoint_id = 0;
  std::uint32_t max_parallelism = 0;
  std::map<std::string, RestoredOperator> operators;  ///< by uid
  std::vector<std::string> notes;                     ///< damaged checkpoints passed over, for the log
};

class CheckpointStore {
 public:
  struct Options {
    CheckpointOptions checkpoint;
    std::string job_name{};
    std::uint32_t max_parallelism = 128;
    Filesystem* filesystem = nullptr;  ///< for tests; must outlive the store
  };

  /// Makes the directory, takes LOCK, throws away live/ and what never became a checkpoint, and clones the newest
  /// complete checkpoint. kFailedPrecondition: another process holds the job, or the checkpoint is of another job name
  /// or max parallelism. kDataLoss: there are checkpoints, and every one is damaged.
  static Result<std::unique_ptr<CheckpointStore>> open(Options options);
  ~CheckpointStore();
  CheckpointStore(const CheckpointStore&) = delete;
  CheckpointStore& operator=(const CheckpointStore&) = delete;

  /// What the newest complete checkpoint held; nothing at a first start.
  [[nodiscard]] const std::optional<RestoredJob>& restored() const noexcept;
  /// Never null; sees each checkpoint from the moment write() returns. kFailedPrecondition when the state is stored
  /// with another schema; the message names both. It may outlive the
  /// store. Thread: any.
  Result<std::shared_ptr<const StateReader>> reader(const StateDescriptor& descriptor) const;
  /// Forgets the state of an operator the pipeline does not have any more, from the next checkpoint on; also in
  /// restored(). Before the first write().
  Status drop_operator(const std::string& uid);
  /// Makes the checkpoint durable, or fails and leaves the previous one in force; after a failure the store takes no
  /// more checkpoints. Ids must grow. Thread: one at a time, the checkpoint thread.
  Result<CheckpointInfo> write(CheckpointContent&& content);
  /// Complete checkpoints, oldest first. Thread: any.
  [[nodiscard]] std::vector<CheckpointInfo> list() const;
  [[nodiscard]] const std::string& directory() const noexcept;

 private:
  class Impl;
  explicit CheckpointStore(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace weir
