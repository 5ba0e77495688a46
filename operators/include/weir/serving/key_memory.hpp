#pragma once
/// KeyMemory: asks the processor for the memory that the records of a batch will need, where keys are too many for its
/// caches.
///
/// Scoring a record follows pointers: table, slot, version, scorer; and table, statistics, histogram. One after the
/// other they would be a dozen waits for memory. Here each step is made for the whole batch, so that the waits overlap.

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include <weir/serving/key_slots.hpp>
#include <weir/serving/model_slot.hpp>
#include <weir/serving/serving_statistics.hpp>
#include <weir/value_table.hpp>

namespace weir::serving {

/// Thread: one task's.
template <class Slot, class K>
class KeyMemory {
 public:
  /// So many keys are beyond the caches.
  static constexpr std::size_t kManyKeys = 1024;

  void warm(const KeySlots<Slot, K>& slots, std::span<const std::uint64_t> hashes,
            const ValueTable<K, KeyStatistics>& statistics) {
    guessed_.resize(hashes.size());
    for (const std::uint64_t hash : hashes) slots.warm(hash);
    for (std::size_t i = 0; i < hashes.size(); ++i) __builtin_prefetch(guessed_[i] = slots.guess(hashes[i]));
    statistics.warm(hashes);
    for (const Slot* slot : guessed_)
      if (slot != nullptr) __builtin_prefetch(slot->current);
    for (const std::uint64_t hash : hashes)
      if (const KeyStatistics* of_key = statistics.guess(hash)) of_key->warm();
    for (const Slot* slot : guessed_)
      if (slot != nullptr && slot->current != nullptr) __builtin_prefetch(slot->current->scorer.get());
    for (std::size_t i = 0; i < hashes.size(); ++i) {
      const KeyStatistics* const of_key = statistics.guess(hashes[i]);
      if (of_key != nullptr && guessed_[i] != nullptr && guessed_[i]->current != nullptr)
        of_key->warm_latency(guessed_[i]->current->expected_ns);
    }
  }

 private:
  std::vector<const Slot*> guessed_;
};

}  // namespace weir::serving
