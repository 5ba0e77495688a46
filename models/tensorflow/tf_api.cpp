#include "models/tensorflow/tf_api.hpp"

#include <cstdlib>

#include <dlfcn.h>

#include "models/tensors/shared_library.hpp"

namespace weir::tensorflow {

Api::Api(const std::string& library) {
  // Read once, when the library is opened. Without oneDNN a small model takes a third of the time; what a user has set
  // stays.
  ::setenv("TF_ENABLE_ONEDNN_OPTS", "0", /*replace=*/0);
  ::setenv("TF_CPP_MIN_LOG_LEVEL", "2", /*replace=*/0);
  // It brings a protobuf of its own: its symbols first, for itself only.
  void* handle = tensors::open_library(
      {library, "WEIR_TENSORFLOW_LIBRARY", "libtensorflow_cc.so.2", "TensorFlow", /*own_symbols_first=*/true});
  // Looks in the library and in those it needs: some functions are in libtensorflow_framework.so.2.
  std::string missing;
  const auto find = [&](const char* function) {
    void* symbol = ::dlsym(handle, function);
    if (symbol == nullptr) missing += (missing.empty() ? "" : ", ") + std::string(function);
    return symbol;
  };
#define WEIR_TENSORFLOW_FIND(function) function = reinterpret_cast<decltype(function)>(find(#function));
  WEIR_TENSORFLOW_FUNCTIONS(WEIR_TENSORFLOW_FIND)
#undef WEIR_TENSORFLOW_FIND
  if (!missing.empty()) throw std::runtime_error("the library is not TensorFlow, or too old: it lacks " + missing);
  name_ = std::string("TensorFlow ") + TF_Version();
}

}  // namespace weir::tensorflow
