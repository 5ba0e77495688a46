#pragma once
/// The logical graph: what a pipeline says, before anything runs. The DSL (`weir/stream.hpp`) builds it; the engine
/// validates it as a whole, plans it into tasks and runs it. Building does no I/O and never fails; faults are
/// collected.
///
/// Thread: one thread builds; a graph handed to a Job is not changed any more.

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <weir/http.hpp>
#include <weir/operator.hpp>
#include <weir/status.hpp>

namespace weir {

class JobControl;

using NodeId = std::uint32_t;

/// Computes the key hashes of a batch (one call per batch, a tight loop inside).
class KeyHasher {
 public:
  virtual ~KeyHasher() = default;
  virtual void hash(BatchBase& batch) const = 0;  ///< fills batch.hashes, replacing what was there
};

enum class EdgeKind : unsigned char {
  kForward,    ///< task i to task i; needs equal parallelism, else becomes kRebalance
  kHash,       ///< by key group of the key hash
  kRebalance,  ///< whole batches, round-robin
  kBroadcast,  ///< every record to every task
};

struct OutputSpec {
  std::string name;  ///< empty for the main output
  std::function<BatchPtr()> make_batch;
  bool copyable = true;
};

struct NodeSpec {
  std::string uid;                ///< mandatory for stateful operators, sources and sinks; made up (`map-3`) for others
  std::string name;               ///< for people; defaults to `kind`
  std::string kind;               ///< `map`, `source`, ...
  std::uint32_t parallelism = 0;  ///< 0: the pipeline's
  std::uint32_t inputs = 1;       ///< 0 for sources
  bool stateful = false;          ///< needs a uid given by the user
  bool is_sink = false;
  bool start_new_chain = false;
  std::uint32_t max_parallelism_limit = 0;  ///< 0: none; 1 for operators that cannot be parallel
  std::vector<OutputSpec> outputs;
  /// One operator instance per task; called on the thread that starts the job.
  std::function<std::unique_ptr<Operator>()> make_operator;
  /// Commits what a checkpoint prepared (idempotent: repeated after a restore). Runs on the checkpoint thread.
  std::function<Status(std::span<const std::string>)> committer;
  /// HTTP paths this operator adds; the first argument is its uid.
  std::function<std::vector<HttpRoute>(const std::string&, JobControl&)> routes;
  std::vector<std::string> faults;  ///< found while building; reported together at validation
};

struct EdgeSpec {
  NodeId from = 0;
  std::uint32_t from_output = 0;
  NodeId to = 0;
  std::uint32_t to_input = 0;
  EdgeKind kind = EdgeKind::kForward;
  std::shared_ptr<const KeyHasher> hasher;  ///< kHash only
};

struct LogicalGraph {
  std::vector<NodeSpec> nodes;
  std::vector<EdgeSpec> edges;

  NodeId add(NodeSpec node) {
    nodes.push_back(std::move(node));
    return static_cast<NodeId>(nodes.size() - 1);
  }
};

}  // namespace weir
