// A plug-in of another version of the border.
#include <weir/runtime_plugin.h>

#define WEIR_EXPORT extern "C" __attribute__((visibility("default")))
WEIR_EXPORT uint32_t weir_runtime_abi_version() { return 99; }
WEIR_EXPORT const weir_runtime* weir_runtime_open(const weir_runtime_host*, const char*, weir_text_sink) {
  __builtin_trap();  // must never be called
}
