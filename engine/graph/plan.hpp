#pragma once
// The plan: what a logical graph becomes to run. Nodes linked by forward edges are chained into one task each.

#include <cstdint>
#include <string>
#include <vector>

#include <weir/graph.hpp>
#include <weir/result.hpp>

namespace weir::graph {

struct PlannedEdge {
  std::size_t edge = 0;  // in LogicalGraph::edges
  std::size_t from = 0;  // vertex
  std::size_t to = 0;    // vertex
  std::size_t from_stage = 0;
  EdgeKind kind = EdgeKind::kForward;
};

// A vertex: a chain of nodes, run by `parallelism` tasks.
struct Vertex {
  std::vector<NodeId> nodes;
  // Set where a keyed edge was chained (both sides have one task): node i hashes what it gets.
  std::vector<std::shared_ptr<const KeyHasher>> hashers;
  std::uint32_t parallelism = 1;
  [[nodiscard]] std::string name(const LogicalGraph& graph) const;
};

struct Plan {
  std::vector<Vertex> vertices;  // in topological order
  std::vector<PlannedEdge> edges;
};

struct PlanOptions {
  std::uint32_t parallelism = 1;
  std::uint32_t max_parallelism = 128;
};

// Gives every node a uid and a parallelism, then checks the whole graph. All faults in one kInvalidArgument message, a
// sentence a line.
Status validate(LogicalGraph& graph, const PlanOptions& options);
// Precondition: validated.
Plan make_plan(const LogicalGraph& graph);

}  // namespace weir::graph
