#pragma once
/// Frozen graphs and SavedModels as Graphs: one session, shared by all threads.

#include <memory>

#include <weir/runtime_plugin.h>

#include "models/tensorflow/tf_api.hpp"
#include "models/tensors/graph.hpp"

namespace weir::tensorflow {

/// Type TENSORFLOW: bytes of a GraphDef. `report` gets a line when inputs or outputs had to be inferred. Throws with
/// everything that is wrong.
std::unique_ptr<tensors::Graph> load_frozen(const Api& api, const weir_load_request& request,
                                            void (*report)(const char* data, std::size_t size));

/// Type TENSORFLOWSAVED: a zip or tar of a SavedModel's directory, unpacked into a temporary one while it is loaded.
std::unique_ptr<tensors::Graph> load_saved(const Api& api, const weir_load_request& request);

}  // namespace weir::tensorflow
