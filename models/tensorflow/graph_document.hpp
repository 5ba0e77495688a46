#pragma once
/// What weir itself reads of TensorFlow's files before the runtime sees them. Field numbers are those of graph.proto,
/// meta_graph.proto and saved_model.proto (TensorFlow 2.15).

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace weir::tensorflow {

struct GraphFacts {
  std::size_t nodes = 0;
  bool has_control_flow = false;  ///< Switch, Merge, ...: not for the single-threaded executor
};

/// Throws tensors::Refusal: no whole GraphDef; constants larger than `max_bytes` in all; operations that reach out of
/// the process. `is_saved`: those a SavedModel needs to restore itself are allowed.
GraphFacts check_graph(std::string_view graph_def, bool is_saved, std::uint64_t max_bytes);

/// A named tensor of a signature.
struct SignatureTensor {
  std::string name;    ///< in the signature
  std::string tensor;  ///< in the graph: `serving_default_x:0`
  std::vector<std::int64_t> shape;
  bool has_shape = false;
};
struct Signature {
  std::string name;
  std::vector<SignatureTensor> inputs;  ///< by name
  std::vector<SignatureTensor> outputs;
};

/// Checks every graph of saved_model.pb; the facts of the one with these tags. Refuses when there is none, naming those
/// that are there.
GraphFacts check_saved_model(std::string_view saved_model, std::string_view tag, std::uint64_t max_bytes);

/// The signatures of a MetaGraphDef, by name.
std::vector<Signature> read_signatures(std::string_view meta_graph);

}  // namespace weir::tensorflow
