#pragma once
/// Checkpoints as users configure and see them.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <weir/time.hpp>

namespace weir {

struct CheckpointOptions {
  std::string directory{};                              ///< of the job; made when missing; one process at a time
  std::chrono::milliseconds interval{5'000};            ///< from start to start; 0: only on demand
  std::size_t retained = 3;                             ///< complete checkpoints kept, at least 1
  std::chrono::milliseconds alignment_timeout{30'000};  ///< a checkpoint whose barriers take longer is declined
  std::size_t declined_limit = 5;                       ///< so many declined in a row fail the job
  /// Operators whose stored state may be dropped because the pipeline has no such uid any more. Without its name here
  /// unmatched state stops the start.
  std::vector<std::string> drop_uids{};
};

struct CheckpointInfo {
  std::uint64_t id = 0;
  Timestamp completed{};
  std::uint64_t bytes = 0;       ///< of all its files; most are shared with other checkpoints
  std::int64_t duration_ms = 0;  ///< writing it, without alignment
  std::string path;              ///< of its directory
};

}  // namespace weir
