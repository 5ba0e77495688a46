#pragma once
/// Sinks as definitions: small copyable values that say how to make the operator of each task.
///
/// A sink is an Operator without outputs. One that must be exactly-once puts what a checkpoint is to make visible into
/// SnapshotBuilder::add_committable; `committer` gets it when the checkpoint is durable, and again after a restore, so
/// it must be idempotent.

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <weir/operator.hpp>

namespace weir {

template <class T>
struct Sink {
  using Record = T;
  std::string kind{};  ///< `file-sink`, for people
  std::function<std::unique_ptr<Operator>()> make_operator{};
  /// Runs on the checkpoint's thread, see NodeSpec::committer; may be empty.
  std::function<Status(std::span<const std::string>)> committer{};
  std::uint32_t max_parallelism = 0;  ///< 0: any
  std::vector<std::string> faults{};  ///< wrong options; reported by validation
};

}  // namespace weir
