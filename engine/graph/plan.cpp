#include "engine/graph/plan.hpp"

#include <algorithm>
#include <map>
#include <set>

namespace weir::graph {
namespace {

std::string label(const NodeSpec& node) { return node.kind + " '" + node.uid + "'"; }

bool is_plain_name(const std::string& uid) {
  return !uid.empty() && uid.size() <= 128 && std::all_of(uid.begin(), uid.end(), [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '-' || c == '_' || c == '.';
  });
}

void name_nodes(LogicalGraph& graph, const PlanOptions& options, std::vector<std::string>& faults) {
  std::map<std::string, int> made_up;
  std::set<std::string> taken;
  for (const NodeSpec& node : graph.nodes) {
    if (node.uid.empty()) continue;
    if (!is_plain_name(node.uid))
      faults.push_back("uid '" + node.uid + "' of a " + node.kind + " must be 1 to 128 of A-Z a-z 0-9 - _ .");
    if (!taken.insert(node.uid).second)
      faults.push_back("uid '" + node.uid + "' is given to two operators (the second is a " + node.kind +
                       "); uids are unique");
  }
  for (NodeSpec& node : graph.nodes) {
    if (node.parallelism == 0) node.parallelism = options.parallelism;
    if (node.max_parallelism_limit != 0) node.parallelism = std::min(node.parallelism, node.max_parallelism_limit);
    if (!node.uid.empty()) continue;
    std::string uid;
    do {
      uid = node.kind + "-" + std::to_string(++made_up[node.kind]);
    } while (taken.contains(uid));
    taken.insert(uid);
    node.uid = uid;
    if (node.stateful)
      faults.push_back("a " + node.kind +
                       " keeps state and has no uid; give it one with .uid(\"...\") so that its state is found again");
  }
}

void check_nodes(const LogicalGraph& graph, const PlanOptions& options, std::vector<std::string>& faults) {
  for (NodeId id = 0; id < graph.nodes.size(); ++id) {
    const NodeSpec& node = graph.nodes[id];
    for (const std::string& fault : node.faults) faults.push_back(label(node) + ": " + fault);
    if (node.parallelism > options.max_parallelism)
      faults.push_back(label(node) + " has parallelism " + std::to_string(node.parallelism) +
                       ", above the job's max_parallelism of " + std::to_string(options.max_parallelism));
    std::vector<bool> fed(node.inputs, false);
    bool consumed = false;
    for (const EdgeSpec& edge : graph.edges) {
      if (edge.to == id) fed[edge.to_input] = true;
      if (edge.from == id) consumed = true;
    }
    for (std::uint32_t input = 0; input < node.inputs; ++input)
      if (!fed[input]) faults.push_back(label(node) + ": nothing feeds input " + std::to_string(input));
    if (!consumed && !node.is_sink)
      faults.push_back(label(node) + ": its results go nowhere; end the stream with sink_to(...)");
  }
}

void check_edges(const LogicalGraph& graph, std::vector<std::string>& faults) {
  std::map<std::pair<NodeId, std::uint32_t>, int> consumers;
  for (const EdgeSpec& edge : graph.edges) ++consumers[{edge.from, edge.from_output}];
  for (const EdgeSpec& edge : graph.edges) {
    const NodeSpec& from = graph.nodes[edge.from];
    const bool copies = consumers[{edge.from, edge.from_output}] > 1 || edge.kind == EdgeKind::kBroadcast;
    if (copies && !from.outputs[edge.from_output].copyable)
      faults.push_back(label(from) +
                       ": its records cannot be copied, so they can have one consumer only and no broadcast");
  }
  if (graph.nodes.empty()) faults.emplace_back("the pipeline is empty; start it with from_source(...)");
}

}  // namespace

Status validate(LogicalGraph& graph, const PlanOptions& options) {
  std::vector<std::string> faults;
  if (options.parallelism == 0) faults.emplace_back("parallelism must be at least 1");
  if (options.max_parallelism == 0 || options.max_parallelism > 32768)
    faults.push_back("max_parallelism is " + std::to_string(options.max_parallelism) + "; it must be 1 to 32768");
  name_nodes(graph, options, faults);
  check_nodes(graph, options, faults);
  check_edges(graph, faults);
  if (faults.empty()) return {};
  std::string message =
      "the pipeline has " + std::to_string(faults.size()) + (faults.size() == 1 ? " fault:" : " faults:");
  for (const std::string& fault : faults) message += "\n  - " + fault;
  return Status::invalid_argument(std::move(message));
}

std::string Vertex::name(const LogicalGraph& graph) const {
  std::string text;
  for (const NodeId node : nodes) {
    if (!text.empty()) text += " > ";
    text += graph.nodes[node].uid;
  }
  return text;
}

Plan make_plan(const LogicalGraph& graph) {
  const std::size_t count = graph.nodes.size();
  std::vector<std::size_t> edges_in(count, 0);
  std::map<std::pair<NodeId, std::uint32_t>, int> consumers;
  for (const EdgeSpec& edge : graph.edges) {
    ++edges_in[edge.to];
    ++consumers[{edge.from, edge.from_output}];
  }
  const auto chained = [&](const EdgeSpec& edge) {
    const NodeSpec& from = graph.nodes[edge.from];
    const NodeSpec& to = graph.nodes[edge.to];
    const bool straight = edge.kind == EdgeKind::kForward || (edge.kind == EdgeKind::kHash && to.parallelism == 1);
    return straight && from.parallelism == to.parallelism && to.inputs == 1 && edges_in[edge.to] == 1 &&
           edge.from_output == 0 && consumers[{edge.from, 0}] == 1 && !to.start_new_chain;
  };
  Plan plan;
  std::vector<std::size_t> vertex_of(count, 0);
  std::vector<std::size_t> stage_of(count, 0);
  // The DSL adds a node after those that feed it, so ids are a topological order.
  for (NodeId id = 0; id < count; ++id) {
    const auto edge = std::find_if(graph.edges.begin(), graph.edges.end(),
                                   [&](const EdgeSpec& candidate) { return candidate.to == id && chained(candidate); });
    if (edge == graph.edges.end()) {
      vertex_of[id] = plan.vertices.size();
      plan.vertices.push_back({{id}, {nullptr}, graph.nodes[id].parallelism});
      continue;
    }
    Vertex& vertex = plan.vertices[vertex_of[edge->from]];
    vertex_of[id] = vertex_of[edge->from];
    stage_of[id] = vertex.nodes.size();
    vertex.nodes.push_back(id);
    vertex.hashers.push_back(edge->kind == EdgeKind::kHash ? edge->hasher : nullptr);
  }
  for (std::size_t index = 0; index < graph.edges.size(); ++index) {
    const EdgeSpec& edge = graph.edges[index];
    if (chained(edge)) continue;
    EdgeKind kind = edge.kind;
    if (kind == EdgeKind::kForward && graph.nodes[edge.from].parallelism != graph.nodes[edge.to].parallelism)
      kind = EdgeKind::kRebalance;
    plan.edges.push_back({index, vertex_of[edge.from], vertex_of[edge.to], stage_of[edge.from], kind});
  }
  return plan;
}

}  // namespace weir::graph
