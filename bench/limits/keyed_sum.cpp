#include <algorithm>
#include <array>
#include <cstddef>
#include <vector>

#include "bench/limits/limits.hpp"
#include "bench/support/readings.hpp"

namespace weir::bench {
namespace {

// The finaliser of splitmix64: keys come from users, so the table may not rely on their being spread.
std::uint64_t spread(std::uint64_t value) noexcept {
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9ULL;
  value = (value ^ (value >> 27)) * 0x94d049bb133111ebULL;
  return value ^ (value >> 31);
}

/// Linear probing, at most half full, grows by doubling.
class SumTable {
 public:
  double& at(std::int64_t key) {
    for (std::uint64_t at = spread(static_cast<std::uint64_t>(key));; ++at) {
      Slot& slot = slots_[at & mask_];
      if (slot.used && slot.key == key) return slot.sum;
      if (!slot.used) {
        if (2 * ++used_ > slots_.size()) [[unlikely]] {
          --used_;
          grow();
          return this->at(key);
        }
        slot.used = true;
        slot.key = key;
        return slot.sum;
      }
    }
  }

 private:
  struct Slot {
    std::int64_t key = 0;
    double sum = 0;
    bool used = false;
  };

  void grow() {
    std::vector<Slot> old(2 * slots_.size());
    old.swap(slots_);
    mask_ = slots_.size() - 1;
    used_ = 0;
    for (const Slot& slot : old) {
      if (slot.used) at(slot.key) = slot.sum;
    }
  }

  std::vector<Slot> slots_ = std::vector<Slot>(16);
  std::uint64_t mask_ = 15;
  std::size_t used_ = 0;
};

}  // namespace

Measured keyed_sum_limit(std::uint64_t records, unsigned key_bits) {
  SumTable table;
  std::array<Reading, kLimitBatch> made;
  std::array<Reading, kLimitBatch> sums;
  std::uint64_t checksum = 0;

  const double start = now_seconds();
  for (std::uint64_t first = 0; first < records; first += kLimitBatch) {
    const std::size_t count = std::min<std::uint64_t>(kLimitBatch, records - first);
    for (std::size_t i = 0; i < count; ++i) made[i] = reading_at(first + i, key_bits);
    for (std::size_t i = 0; i < count; ++i) sums[i] = {made[i].key, table.at(made[i].key) += made[i].value};
    for (std::size_t i = 0; i < count; ++i) checksum += fingerprint(sums[i]);
  }
  return {records, now_seconds() - start, checksum};
}

}  // namespace weir::bench
