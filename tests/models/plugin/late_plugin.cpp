// A plug-in whose library is there only when it is asked a second time; its models cannot be bound.
#include <cstring>

#include <weir/runtime_plugin.h>

namespace {

char model_of_nothing;
int load(void*, const weir_load_request*, weir_model** model, weir_text_sink) {
  *model = reinterpret_cast<weir_model*>(&model_of_nothing);
  return 1;
}
void free_model(weir_model*) {}
void describe(const weir_model*, weir_model_description* description) {
  std::memset(description, 0, sizeof *description);
}

constexpr weir_runtime kLate{"LATE", "late 1.0", nullptr, load, free_model, describe, nullptr, nullptr, nullptr};
int asked = 0;

}  // namespace

#define WEIR_EXPORT extern "C" __attribute__((visibility("default")))
WEIR_EXPORT uint32_t weir_runtime_abi_version() { return WEIR_RUNTIME_ABI_VERSION; }
WEIR_EXPORT const weir_runtime* weir_runtime_open(const weir_runtime_host*, const char*, weir_text_sink error) {
  if (asked++ > 0) return &kLate;
  return error.put(error.context, "libfoo is missing", 17), nullptr;
}
