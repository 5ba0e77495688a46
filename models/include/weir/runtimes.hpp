#pragma once
/// Model runtimes in plug-in libraries: ONNX Runtime, TensorFlow, your own.
///
/// A plug-in (weir/runtime_plugin.h is its border) is opened when the first model of its type is loaded, off the
/// workers, with RTLD_LOCAL, and stays open. While it cannot be opened every model of its type is refused with
/// kFailedPrecondition and a message that says what is missing and how to get it; each load tries again.
/// docs/runtimes.md is the guide.

#include <memory>
#include <string>

#include <weir/model.hpp>

namespace weir {

struct RuntimeOptions {
  /// Path of the plug-in. Empty: the directories in the environment variable WEIR_RUNTIME_PATH (separated by `:`), then
  /// where the dynamic linker looks (rpath of the program, LD_LIBRARY_PATH, the system's), then `lib/weir` below the
  /// prefix that weir was configured for.
  std::string plugin = {};
  /// Path of the runtime's own library, for the plug-in. Empty: the plug-in's environment variable
  /// (WEIR_ONNXRUNTIME_LIBRARY, WEIR_TENSORFLOW_LIBRARY), then its rpath, then where the dynamic linker looks. What was
  /// opened first counts for the whole process.
  std::string library = {};
  /// A row's answers have the same bits in a batch of any size, so that answers can be made again, at any speed and
  /// parallelism. Costs little in batches, and more for a row alone: docs/runtimes.md has the figures. False: the last
  /// digits may depend on the batch.
  bool same_bits = true;
};

/// Type `ONNX`, by libweir_onnx.so and ONNX Runtime.
std::shared_ptr<const ModelRuntime> onnx_runtime(RuntimeOptions options = {});
/// Type `TENSORFLOW`, frozen graphs, by libweir_tensorflow.so and TensorFlow.
std::shared_ptr<const ModelRuntime> tensorflow_runtime(RuntimeOptions options = {});
/// Type `TENSORFLOWSAVED`, SavedModels as zip or tar, by the same library.
std::shared_ptr<const ModelRuntime> tensorflow_saved_runtime(RuntimeOptions options = {});
/// PMML and these three: what `ServeModel` may be given when models of any kind come.
ModelRuntimes all_runtimes();

/// A runtime of your own: models of `type` by the plug-in of that file name (`libweir_toy.so`), which is looked for as
/// said above unless options.plugin is its path.
std::shared_ptr<const ModelRuntime> plugin_runtime(std::string type, std::string file_name,
                                                   RuntimeOptions options = {});

}  // namespace weir
