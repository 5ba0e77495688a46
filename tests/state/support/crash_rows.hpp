#pragma once
/// What checkpoint_crash_child writes and checkpoint_crash_test expects.

#include <map>
#include <string>

#include "state/checkpoint_store.hpp"

namespace weir::testing {

inline CheckpointStore::Options crash_options(const std::string& directory, Filesystem* filesystem) {
  CheckpointStore::Options options;
  options.checkpoint.directory = directory;
  options.checkpoint.retained = 1;
  options.job_name = "crash";
  options.filesystem = filesystem;
  return options;
}

inline StateDescriptor crash_state(std::string name) {
  return {"op", std::move(name), StateDescriptor::kValue, "string", "string", false};
}

/// Two states that must move together, each with 2,000 rows that all say the checkpoint's id.
inline CheckpointContent crash_content(std::uint64_t id) {
  CheckpointContent content;
  content.id = id;
  OperatorSnapshot& snapshot = content.operators.emplace_back();
  snapshot.uid = "op";
  snapshot.entries = {{"position", std::to_string(id)}};
  for (const char* name : {"left", "right"}) {
    StateDelta& delta = snapshot.deltas.emplace_back();
    delta.descriptor = crash_state(name);
    for (int i = 0; i < 2000; ++i) delta.put("key-" + std::to_string(i), std::to_string(id));
  }
  return content;
}

}  // namespace weir::testing
