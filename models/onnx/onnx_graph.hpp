#pragma once
/// An ONNX model as a Graph: one session, shared by all threads; a Run holds the values of one thread.

#include <memory>

#include <weir/runtime_plugin.h>

#include "models/onnx/onnx_api.hpp"
#include "models/tensors/graph.hpp"

namespace weir::onnx {

/// Throws with everything that is wrong. The bytes need not live on.
std::unique_ptr<tensors::Graph> load_graph(const Api& api, const weir_load_request& request);

}  // namespace weir::onnx
