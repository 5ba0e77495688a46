#pragma once
/// Opens a runtime's own library from within a plug-in.

#include <string>

namespace weir::tensors {

struct LibraryChoice {
  std::string option;      ///< path from RuntimeOptions::library, or empty
  const char* variable;    ///< environment variable with a path
  const char* name;        ///< else this name: beside the plug-in, then where the dynamic linker looks
  const char* product;     ///< for messages: `ONNX Runtime 1.21.0`
  bool own_symbols_first;  ///< RTLD_DEEPBIND, where the process allows it
};

/// The handle; never closed. Throws std::runtime_error that says what is missing and how to install it.
void* open_library(const LibraryChoice& choice);

/// RTLD_DEEPBIND makes a library call its own malloc's neighbours past whoever replaced malloc: sanitizers and
/// preloaded allocators refuse it or crash.
bool malloc_is_libcs();

}  // namespace weir::tensors
