#include "engine/job/restore_rules.hpp"

#include <algorithm>
#include <string>

namespace weir {

Status check_restored(const LogicalGraph& graph, const CheckpointOptions& options, const RestoredJob& restored) {
  std::string unmatched;
  for (const auto& [uid, part] : restored.operators) {
    if (part.states.empty() && part.entries.empty() && part.committables.empty()) continue;
    const bool known =
        std::any_of(graph.nodes.begin(), graph.nodes.end(), [&, &name = uid](const NodeSpec& node) { return node.uid == name; });
    const auto& dropped = options.drop_uids;
    if (!known && std::find(dropped.begin(), dropped.end(), uid) == dropped.end()) unmatched += (unmatched.empty() ? "'" : ", '") + uid + "'";
  }
  if (unmatched.empty()) return {};
  return Status::failed_precondition("checkpoint " + std::to_string(restored.checkpoint_id) + " holds state of operators that the pipeline does not have: " +
                                     unmatched + "; name them in CheckpointOptions::drop_uids to lose that state");
}

Status commit_restored(const LogicalGraph& graph, const RestoredJob& restored) {
  for (const NodeSpec& node : graph.nodes) {
    const auto found = restored.operators.find(node.uid);
    if (found == restored.operators.end() || found->second.committables.empty()) continue;
    if (!node.committer)
      return Status::failed_precondition("checkpoint " + std::to_string(restored.checkpoint_id) + " has something to commit for '" + node.uid +
                                         "', which commits nothing in this pipeline");
    WEIR_RETURN_IF_ERROR(node.committer(found->second.committables).with_context("commit of '" + node.uid + "' after the restore"));
  }
  return {};
}

}  // namespace weir
