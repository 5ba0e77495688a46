#pragma once
// What must hold, and be done, before operators open on a restored checkpoint.

#include <weir/checkpoint.hpp>
#include <weir/graph.hpp>
#include <weir/status.hpp>

#include "state/checkpoint_store.hpp"

namespace weir {

// State of operators that the pipeline does not have is refused, unless named in drop_uids: then it is dropped.
Status check_restored(const LogicalGraph& graph, const CheckpointOptions& options, CheckpointStore& store);
// Commits again what the checkpoint had prepared: the process may have died between manifest and commit.
Status commit_restored(const LogicalGraph& graph, const RestoredJob& restored);

}  // namespace weir
