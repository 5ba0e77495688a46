#include "models/tensors/shared_library.hpp"

#include <cstdlib>
#include <stdexcept>
#include <string_view>

#include <dlfcn.h>
#include <unistd.h>

namespace weir::tensors {

namespace {

/// The file of that name in the directory of the plug-in that this is a part of, when there is one. An rpath of
/// `$ORIGIN` would do the same, were it not for sanitizers: their dlopen has the rpath of the program only.
std::string beside_plugin(const char* name) {
  static const char here = 0;
  Dl_info where{};
  if (::dladdr(&here, &where) == 0 || where.dli_fname == nullptr) return name;
  const std::string_view plugin = where.dli_fname;
  const std::string path = std::string(plugin.substr(0, plugin.rfind('/') + 1)) + name;
  return ::access(path.c_str(), F_OK) == 0 ? path : name;
}

}  // namespace

bool malloc_is_libcs() {
  void* symbol = ::dlsym(RTLD_DEFAULT, "malloc");
  Dl_info where{};
  if (symbol == nullptr || ::dladdr(symbol, &where) == 0 || where.dli_fname == nullptr) return false;
  return std::string_view(where.dli_fname).find("libc.so") != std::string_view::npos;
}

void* open_library(const LibraryChoice& choice) {
  const char* variable = std::getenv(choice.variable);
  std::string path = beside_plugin(choice.name);
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
