// libweir_onnx.so: models of type ONNX by ONNX Runtime.

#include <exception>
#include <string_view>

#include <weir/runtime_plugin.h>

#include "models/onnx/onnx_graph.hpp"
#include "models/tensors/border.hpp"

namespace weir::onnx {
namespace {

int load(void* context, const weir_load_request* request, weir_model** model, weir_text_sink error) {
  const Api& api = *static_cast<const Api*>(context);
  return tensors::load(
      *request, [&] { return load_graph(api, *request); }, model, error);
}

const weir_runtime* open(const weir_runtime_host& host) {
  static const Api& api = *new Api(tensors::to_string(host.library));  // lives as long as the process
  static const weir_runtime runtime = [] {
    weir_runtime made = tensors::border_functions();
    made.type = "ONNX";
    made.name = api.name().c_str();
    made.context = const_cast<Api*>(&api);
    made.load = load;
    return made;
  }();
  return &runtime;
}

}  // namespace
}  // namespace weir::onnx

extern "C" __attribute__((visibility("default"))) uint32_t weir_runtime_abi_version() {
  return WEIR_RUNTIME_ABI_VERSION;
}

extern "C" __attribute__((visibility("default"))) const weir_runtime* weir_runtime_open(const weir_runtime_host* host,
                                                                                        const char* type,
                                                                                        weir_text_sink error) {
  try {
    if (std::string_view(type) == "ONNX") return weir::onnx::open(*host);
    weir::tensors::put(error, "it serves ONNX only");
  } catch (const std::exception& fault) {
    weir::tensors::put(error, fault.what());
  }
  return nullptr;
}
