#pragma once
/// KeyMemory: asks the processor for the memory that the records of a batch will need, where keys are too many for its
/// caches.
///
/// Scoring a record follows pointers: table, slot, version, scorer; and statistics. One after the other they
/// would be a dozen waits for memory. Here each step is made for many records, so that the waits overlap.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include <weir/serving/batch_scorer.hpp>
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

  /// What finding and scoring the records of a batch reads.
  void warm(const KeySlots<Slot, K>& slots, std::span<const std::uint64_t> hashes) {
    guessed_.resize(hashes.size());
    for (const std::uint64_t hash : hashes) slots.warm(hash);
    for (std::size_t i = 0; i < hashes.size(); ++i) __builtin_prefetch(guessed_[i] = slots.guess(hashes[i]));
    for (const Slot* slot : guessed_)
      if (slot != nullptr) ask_for(slot->current, sizeof(ModelVersion));
    for (const Slot* slot : guessed_)
      if (slot != nullptr && slot->current != nullptr) ask_for(slot->current->scorer.get(), kScorer);
  }

  /// Calls `visit(groups)` for some of the groups after others, whose statistics it may change: the memory of the next
  /// ones is on its way meanwhile.
  template <class Visit>
  static void by_steps(std::span<const ScoredGroup> groups, const ValueTable<K, KeyStatistics>& statistics,
                       const Visit& visit) {
    const auto step = [](std::span<const ScoredGroup> of) { return of.first(std::min<std::size_t>(of.size(), 32)); };
    warm(step(groups), statistics);
    while (!groups.empty()) {
      const auto now = step(groups);
      groups = groups.subspan(now.size());
      warm(step(groups), statistics);
      visit(now);
    }
  }

 private:
  static constexpr std::size_t kLine = 64;
  static constexpr std::size_t kScorer = 128;  // of those that are small
  static constexpr std::size_t kBehind = 24;   // what a table keeps behind a value; in front of it is the key
  static void warm(std::span<const ScoredGroup> groups, const ValueTable<K, KeyStatistics>& statistics) {
    for (const ScoredGroup& group : groups)
      if (const KeyStatistics* of_key = statistics.at_place(static_cast<const Slot*>(group.slot)->statistics_place))
        ask_for(of_key, sizeof *of_key + kBehind, sizeof(K));
  }
  static void ask_for(const void* memory, std::size_t bytes, std::size_t before = 0) noexcept {
    const char* const first = static_cast<const char*>(memory) - before;
    const char* const end = first + before + bytes;
    for (const char* at = first - reinterpret_cast<std::uintptr_t>(first) % kLine; at < end; at += kLine)
      __builtin_prefetch(at);
    asm volatile("");  // g++ leaves out calls of functions that do nothing but ask for memory
  }

  std::vector<const Slot*> guessed_;
};

}  // namespace weir::serving
