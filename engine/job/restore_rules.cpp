#include "engine/job/restore_rules.hpp"

#include <algorithm>
#include <string>

#include "engine/checkpoint/guarded.hpp"

namespace weir {

Status check_restored(const LogicalGraph& graph, const CheckpointOptions& options, CheckpointStore& store) {
  const RestoredJob& restored = *store.restored();
  std::string unmatched;
  std::vector<std::string> dropped;  // dropping changes what is walked over
  for (const auto& [uid, part] : restored.operators) {
    if (part.states.empty() && part.entries.empty() && part.committables.empty()) continue;
    const bool known = std::any_of(graph.nodes.begin(), graph.nodes.end(),
                                   [&, &name = uid](const NodeSpec& node) { return node.uid == name; });
    if (known) continue;
    if (std::find(options.drop_uids.begin(), options.drop_uids.end(), uid) != options.drop_uids.end())
      dropped.push_back(uid);
    else
      unmatched += (unmatched.empty() ? "'" : ", '") + uid + "'";
  }
  if (unmatched.empty()) {
    for (const std::string& uid : dropped) WEIR_RETURN_IF_ERROR(store.drop_operator(uid));
    return {};
  }
  return Status::failed_precondition("checkpoint " + std::to_string(restored.checkpoint_id) +
                                     " holds state of operators that the pipeline does not have: " + unmatched +
                                     "; name them in CheckpointOptions::drop_uids to lose that state");
}

Status commit_restored(const LogicalGraph& graph, const RestoredJob& restored) {
  for (const NodeSpec& node : graph.nodes) {
    const auto found = restored.operators.find(node.uid);
    if (found == restored.operators.end() || found->second.committables.empty()) continue;
    if (!node.committer)
      return Status::failed_precondition("checkpoint " + std::to_string(restored.checkpoint_id) +
                                         " has something to commit for '" + node.uid +
                                         "', which commits nothing in this pipeline");
    WEIR_RETURN_IF_ERROR(checkpoint::guarded("commit of '" + node.uid + "' after the restore",
                                             [&] { return node.committer(found->second.committables); }));
  }
  return {};
}

}  // namespace weir
