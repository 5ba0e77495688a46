#include "models/onnx/onnx_api.hpp"

#include <dlfcn.h>

#include "models/tensors/shared_library.hpp"

namespace weir::onnx {

Api::Api(const std::string& library) {
  // It exports two functions only: no symbol of it meets ours.
  void* handle = tensors::open_library({library, "WEIR_ONNXRUNTIME_LIBRARY", "libonnxruntime.so.1.21.0", "ONNX Runtime",
                                        /*own_symbols_first=*/false});
  const auto base = reinterpret_cast<decltype(&OrtGetApiBase)>(::dlsym(handle, "OrtGetApiBase"));
  if (base == nullptr) throw std::runtime_error("the library is not ONNX Runtime: it does not export OrtGetApiBase");
  name_ = std::string("ONNX Runtime ") + base()->GetVersionString();
  api_ = base()->GetApi(ORT_API_VERSION);
  if (api_ == nullptr) {
    throw std::runtime_error(name_ + " is too old: version " + std::to_string(ORT_API_VERSION) +
                             " of its C API is needed");
  }
  // What goes wrong comes back as a status.
  check(api_->CreateEnv(ORT_LOGGING_LEVEL_FATAL, "weir", &environment_));
  check(api_->DisableTelemetryEvents(environment_));
}

std::string Api::message(OrtStatus* status) const {
  if (status == nullptr) return {};
  std::string text = api_->GetErrorMessage(status);
  api_->ReleaseStatus(status);
  return text.empty() ? "ONNX Runtime gave no reason" : text;
}

}  // namespace weir::onnx
