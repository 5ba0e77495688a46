#pragma once
/// The C functions of weir/runtime_plugin.h over a Graph: descriptions, binding, gathering, scoring, errors.

#include <functional>
#include <memory>
#include <stdexcept>
#include <string>

#include <weir/runtime_plugin.h>

#include "models/tensors/graph.hpp"

namespace weir::tensors {

/// Why a model is refused: what `load` functions of the plug-ins throw.
class Refusal : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Fills all of a weir_runtime but type, name, context and load.
weir_runtime border_functions() noexcept;

/// The body of a plug-in's load function: `load_graph` makes the graph or throws; its inputs and outputs are checked, a
/// first run of one and of three empty rows shows the shapes that the file leaves open. Returns 0 with a reason.
int load(const weir_load_request& request, const std::function<std::unique_ptr<Graph>()>& load_graph,
         weir_model** model, weir_text_sink error) noexcept;

void put(weir_text_sink sink, std::string_view text) noexcept;
std::string to_string(weir_text text);

}  // namespace weir::tensors
