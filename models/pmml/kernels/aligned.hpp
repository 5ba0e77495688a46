#pragma once
/// Memory for kernels: it begins at a cache line, so that no vector that is loaded lies across two.

#include <cstddef>
#include <new>
#include <vector>

namespace weir::pmml {

template <class T>
struct CacheLineAllocator {
  using value_type = T;
  static constexpr std::align_val_t kCacheLine{64};
  CacheLineAllocator() = default;
  template <class Other>
  explicit CacheLineAllocator(const CacheLineAllocator<Other>&) noexcept {}
  T* allocate(std::size_t count) { return static_cast<T*>(::operator new(count * sizeof(T), kCacheLine)); }
  void deallocate(T* memory, std::size_t) noexcept { ::operator delete(memory, kCacheLine); }
  friend bool operator==(const CacheLineAllocator&, const CacheLineAllocator&) noexcept { return true; }
};

using AlignedDoubles = std::vector<double, CacheLineAllocator<double>>;

}  // namespace weir::pmml
