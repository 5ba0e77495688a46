#pragma once
/// TensorFlow's C functions, from libraries opened at run time.

#include <memory>
#include <stdexcept>
#include <string>

#include <tensorflow/c/c_api.h>

namespace weir::tensorflow {

// The functions used, one a line: each becomes a member of Api with the name of the function.
#define WEIR_TENSORFLOW_FUNCTIONS(F) \
  F(TF_Version)                      \
  F(TF_NewStatus)                    \
  F(TF_DeleteStatus)                 \
  F(TF_GetCode)                      \
  F(TF_Message)                      \
  F(TF_NewGraph)                     \
  F(TF_DeleteGraph)                  \
  F(TF_NewSessionOptions)            \
  F(TF_DeleteSessionOptions)         \
  F(TF_SetConfig)                    \
  F(TF_NewSession)                   \
  F(TF_CloseSession)                 \
  F(TF_DeleteSession)                \
  F(TF_SessionRun)                   \
  F(TF_LoadSessionFromSavedModel)    \
  F(TF_NewBuffer)                    \
  F(TF_NewBufferFromString)          \
  F(TF_DeleteBuffer)                 \
  F(TF_NewImportGraphDefOptions)     \
  F(TF_DeleteImportGraphDefOptions)  \
  F(TF_GraphImportGraphDef)          \
  F(TF_GraphOperationByName)         \
  F(TF_GraphNextOperation)           \
  F(TF_GraphGetTensorNumDims)        \
  F(TF_GraphGetTensorShape)          \
  F(TF_OperationName)                \
  F(TF_OperationOpType)              \
  F(TF_OperationNumOutputs)          \
  F(TF_OperationOutputType)          \
  F(TF_OperationOutputNumConsumers)  \
  F(TF_AllocateTensor)               \
  F(TF_DeleteTensor)                 \
  F(TF_TensorData)                   \
  F(TF_TensorByteSize)               \
  F(TF_TensorType)                   \
  F(TF_NumDims)                      \
  F(TF_Dim)                          \
  F(TF_StringInit)                   \
  F(TF_StringCopy)                   \
  F(TF_StringDealloc)                \
  F(TF_StringGetDataPointer)         \
  F(TF_StringGetSize)

class Api {
 public:
  /// Opens the libraries. Throws std::runtime_error with how to install them.
  explicit Api(const std::string& library);
  /// `TensorFlow 2.15.1`.
  [[nodiscard]] const std::string& name() const noexcept { return name_; }

#define WEIR_TENSORFLOW_MEMBER(function) decltype(&::function) function = nullptr;
  WEIR_TENSORFLOW_FUNCTIONS(WEIR_TENSORFLOW_MEMBER)
#undef WEIR_TENSORFLOW_MEMBER

 private:
  std::string name_;
};

/// What is freed by a function of Api.
template <class T>
class Owned {
 public:
  Owned(T* value, void (*free)(T*)) : value_(value), release_(free) {}
  ~Owned() {
    if (value_ != nullptr) release_(value_);
  }
  Owned(const Owned&) = delete;
  Owned& operator=(const Owned&) = delete;
  [[nodiscard]] T* get() const noexcept { return value_; }

 private:
  T* value_;
  void (*release_)(T*);
};

/// A TF_Status that throws.
class CallStatus {
 public:
  explicit CallStatus(const Api& api) : api_(api), status_(api.TF_NewStatus()) {}
  ~CallStatus() { api_.TF_DeleteStatus(status_); }
  CallStatus(const CallStatus&) = delete;
  CallStatus& operator=(const CallStatus&) = delete;
  operator TF_Status*() const noexcept { return status_; }  // NOLINT(google-explicit-constructor): it is passed as one
  [[nodiscard]] bool is_ok() const { return api_.TF_GetCode(status_) == TF_OK; }
  [[nodiscard]] std::string message() const {
    const std::string text = api_.TF_Message(status_);
    return text.empty() ? "TensorFlow gave no reason" : text;
  }
  void check() const {
    if (!is_ok()) throw std::runtime_error(message());
  }

 private:
  const Api& api_;
  TF_Status* status_;
};

}  // namespace weir::tensorflow
