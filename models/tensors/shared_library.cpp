#include "models/tensors/shared_library.hpp"

#include <cstdlib>
#include <stdexcept>
#include <string_view>

#include <dlfcn.h>

namespace weir::tensors {

bool malloc_is_libcs() {
  void* symbol = ::dlsym(RTLD_DEFAULT, "malloc");
  Dl_info where{};
  if (symbol == nullptr || ::dladdr(symbol, &where) == 0 || where.dli_fname == nullptr) return false;
  return std::string_view(where.dli_fname).find("libc.so") != std::string_view::npos;
}

void* open_library(const LibraryChoice& choice) {
  const char* variable = std::getenv(choice.variable);
  std::string path = choice.name;
  if (variable != nullptr && *variable != 0) path = variable;
  if (!choice.option.empty()) path = choice.option;
  const int deep = choice.own_symbols_first && malloc_is_libcs() ? RTLD_DEEPBIND : 0;
  if (void* handle = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL | deep)) return handle;
  const char* reason = ::dlerror();
  throw std::runtime_error(std::string(choice.product) + " is missing: " + (reason != nullptr ? reason : path) +
                           "; `./dev runtimes` fetches it, " + choice.variable + " or RuntimeOptions::library names " +
                           "another place (docs/runtimes.md)");
}

}  // namespace weir::tensors
