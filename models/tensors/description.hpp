#pragma once
/// What a graph takes and gives, as weir's fields: shapes are checked, outputs get names.

#include <string>
#include <vector>

#include <weir/runtime_plugin.h>

#include "models/tensors/graph.hpp"

namespace weir::tensors {

/// One number or text of a row: a column of an output tensor.
struct OutputField {
  std::string name;
  std::size_t tensor = 0;
  std::size_t column = 0;
};

struct Description {
  std::vector<weir_input> inputs;  // point into input_texts and the graph
  std::vector<std::string> input_texts;
  std::vector<OutputField> fields;
  std::vector<weir_output> outputs;  // point into fields
  std::vector<std::int64_t> output_widths;
  /// Shapes of outputs that a run has shown to be [rows, as the others]; else empty.
  std::vector<std::vector<std::int64_t>> run_shapes;
  std::string summary;
  bool one_row_at_a_time = false;  ///< the graph's batch axis is fixed to 1
};

/// Throws Refusal with everything that is wrong.
void describe_inputs(const Graph& graph, Description& out);
/// Elements of each input in a row, where open ones get `open_width`.
std::vector<std::size_t> widths_of(const Graph& graph, std::size_t open_width);
/// Runs the graph over empty rows to see the shapes of its outputs, then names their columns. Throws Refusal.
void describe_outputs(const Graph& graph, const std::vector<std::string>& classes, Description& out);

}  // namespace weir::tensors
