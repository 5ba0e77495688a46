// libweir_tensorflow.so: models of type TENSORFLOW and TENSORFLOWSAVED by TensorFlow.

#include <exception>
#include <string_view>

#include <weir/runtime_plugin.h>

#include "models/tensorflow/tf_graph.hpp"
#include "models/tensors/border.hpp"

namespace weir::tensorflow {
namespace {

/// Lives as long as the process.
struct Plugin {
  explicit Plugin(const weir_runtime_host& host) : api(tensors::to_string(host.library)), report(host.log) {
    for (weir_runtime* runtime : {&frozen, &saved}) {
      *runtime = tensors::border_functions();
      runtime->name = api.name().c_str();
      runtime->context = this;
    }
    frozen.type = "TENSORFLOW";
    frozen.load = [](void* context, const weir_load_request* request, weir_model** model, weir_text_sink error) {
      const Plugin& plugin = *static_cast<const Plugin*>(context);
      return tensors::load(
          *request, [&] { return load_frozen(plugin.api, *request, plugin.report); }, model, error);
    };
    saved.type = "TENSORFLOWSAVED";
    saved.load = [](void* context, const weir_load_request* request, weir_model** model, weir_text_sink error) {
      const Plugin& plugin = *static_cast<const Plugin*>(context);
      return tensors::load(
          *request, [&] { return load_saved(plugin.api, *request); }, model, error);
    };
  }
  Api api;
  void (*report)(const char* data, std::size_t size);
  weir_runtime frozen;
  weir_runtime saved;
};

const weir_runtime* open(const weir_runtime_host& host, std::string_view type, weir_text_sink error) {
  const bool is_frozen = type == "TENSORFLOW";
  if (!is_frozen && type != "TENSORFLOWSAVED") {
    tensors::put(error, "it serves TENSORFLOW and TENSORFLOWSAVED only");
    return nullptr;
  }
  static const Plugin& plugin = *new Plugin(host);
  return is_frozen ? &plugin.frozen : &plugin.saved;
}

}  // namespace
}  // namespace weir::tensorflow

extern "C" __attribute__((visibility("default"))) uint32_t weir_runtime_abi_version() {
  return WEIR_RUNTIME_ABI_VERSION;
}

extern "C" __attribute__((visibility("default"))) const weir_runtime* weir_runtime_open(const weir_runtime_host* host,
                                                                                        const char* type,
                                                                                        weir_text_sink error) {
  try {
    return weir::tensorflow::open(*host, type, error);
  } catch (const std::exception& fault) {
    weir::tensors::put(error, fault.what());
    return nullptr;
  }
}
