#pragma once
/// DenseCells: memory for small objects that live long and of which there may be very many.
///
/// From the general heap such an object lies among whatever else was made with it, so that a hundred thousand of them
/// are spread over as many pages, and finding each costs the processor a walk through the page tables. Here they lie
/// side by side. A type uses it by its own operator new and operator delete.

#include <array>
#include <cstddef>
#include <memory>
#include <mutex>
#include <new>
#include <vector>

namespace weir::detail {

/// Cells of one size, shared by the process. Thread: any; takes a lock, so not for the record path. What is given back
/// is used again for cells of the same size, and never returned to the system.
template <std::size_t kSize, std::size_t kAlignment>
class DenseCells {
  static_assert(kSize % kAlignment == 0 && kSize >= sizeof(void*));

 public:
  static void* take() {
#ifdef __SANITIZE_ADDRESS__
    return ::operator new (kSize, std::align_val_t{kAlignment});  // each object's end is watched
#else
    Shared& shared = Shared::instance();
    const std::lock_guard lock(shared.mutex);
    if (shared.free != nullptr) {
      Cell* const cell = shared.free;
      shared.free = cell->next;
      return cell;
    }
    if (shared.unused == 0) {
      shared.slabs.push_back(std::make_unique_for_overwrite<Slab>());
      shared.unused = kCells;
    }
    return &(*shared.slabs.back())[kCells - shared.unused--];
#endif
  }
  static void give(void* memory) noexcept {
#ifdef __SANITIZE_ADDRESS__
    ::operator delete (memory, std::align_val_t{kAlignment});
#else
    Shared& shared = Shared::instance();
    const std::lock_guard lock(shared.mutex);
    shared.free = ::new (memory) Cell{shared.free};
#endif
  }

 private:
  // Beyond malloc's threshold for pages of its own: what is not used of a slab takes no memory.
  static constexpr std::size_t kSlabBytes = std::size_t{1} << 20;
  static constexpr std::size_t kCells = kSlabBytes / kSize;
  union alignas(kAlignment) Cell {
    Cell* next;
    std::byte bytes[kSize];
  };
  using Slab = std::array<Cell, kCells>;
  struct Shared {
    std::mutex mutex;
    // Guarded by mutex:
    Cell* free = nullptr;
    std::size_t unused = 0;  // at the end of the last slab
    std::vector<std::unique_ptr<Slab>> slabs;

    // Never destroyed: objects may outlive what is static.
    static Shared& instance() {
      static Shared& shared = *new Shared;
      return shared;
    }
  };
};

}  // namespace weir::detail
