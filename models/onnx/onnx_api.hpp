#pragma once
/// ONNX Runtime's C functions, from a library opened at run time.

#include <stdexcept>
#include <string>

#include <onnxruntime_c_api.h>

namespace weir::onnx {

class Api {
 public:
  /// Opens the library and makes the environment. Throws std::runtime_error with how to install it.
  explicit Api(const std::string& library);

  const OrtApi* operator->() const noexcept { return api_; }
  [[nodiscard]] OrtEnv* environment() const noexcept { return environment_; }
  /// `ONNX Runtime 1.21.0`.
  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  /// The message of a failed call, freed with it; empty when it did not fail.
  [[nodiscard]] std::string message(OrtStatus* status) const;
  void check(OrtStatus* status) const {
    if (status != nullptr) throw std::runtime_error(message(status));
  }

 private:
  const OrtApi* api_ = nullptr;
  OrtEnv* environment_ = nullptr;
  std::string name_;
};

}  // namespace weir::onnx
