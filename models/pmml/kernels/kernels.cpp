#include "models/pmml/kernels/kernels.hpp"

#include <atomic>

#include "models/pmml/kernels/forms.hpp"

namespace weir::pmml {
namespace {

const Kernels* best(VectorUnit most) noexcept {
#if defined(__x86_64__)
  if (most >= VectorUnit::kAvx512 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("fma"))
    return &avx512_kernels();
  if (most >= VectorUnit::kAvx2 && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
    return &avx2_kernels();
#else
  static_cast<void>(most);
#endif
  return &plain_kernels();
}

std::atomic<const Kernels*>& chosen() noexcept {
  static std::atomic<const Kernels*> kernels{best(VectorUnit::kAvx512)};
  return kernels;
}

}  // namespace

const Kernels& kernels() noexcept { return *chosen().load(std::memory_order_relaxed); }

VectorUnit limit_vector_unit(VectorUnit most) noexcept {
  chosen().store(best(most), std::memory_order_relaxed);
  return kernels().unit;
}

}  // namespace weir::pmml
