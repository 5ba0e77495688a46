#pragma once
/// KeySlots: finds what belongs to a key by its hash, once per record.

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <utility>
#include <vector>

namespace weir::serving {

/// `Slot` has `key` and `hash`. Slots keep their address and are never removed. A lookup of a key seen lately costs one
/// load and a comparison; others probe an open-addressed table. Keys of equal hash are told apart.
template <class Slot, class K>
class KeySlots {
 public:
  KeySlots() : table_(kInitial) {}

  /// Null when there is none.
  Slot* find(std::uint64_t hash, const K& key) noexcept {
    Slot*& recent = recent_[(hash >> 40) % recent_.size()];
    if (recent != nullptr && recent->hash == hash && recent->key == key) [[likely]]
      return recent;
    for (std::size_t at = place(hash); table_[at] != nullptr; at = (at + 1) & (table_.size() - 1)) {
      if (table_[at]->hash == hash && table_[at]->key == key) return recent = table_[at];
    }
    return nullptr;
  }

  /// Made of hash, key and `more`. Precondition: there is none yet.
  template <class... More>
  Slot& add(std::uint64_t hash, const K& key, More&&... more) {
    if (2 * (slots_.size() + 1) > table_.size()) grow();
    Slot& slot = slots_.emplace_back(hash, key, std::forward<More>(more)...);
    insert(slot);
    return slot;
  }

  [[nodiscard]] std::size_t size() const noexcept { return slots_.size(); }
  auto begin() noexcept { return slots_.begin(); }
  auto end() noexcept { return slots_.end(); }

 private:
  static constexpr std::size_t kInitial = 64;

  // The low bits decide the key group: on one task they differ little.
  [[nodiscard]] std::size_t place(std::uint64_t hash) const noexcept { return (hash >> 16) & (table_.size() - 1); }
  void insert(Slot& slot) {
    std::size_t at = place(slot.hash);
    while (table_[at] != nullptr) at = (at + 1) & (table_.size() - 1);
    table_[at] = &slot;
  }
  void grow() {
    table_.assign(2 * table_.size(), nullptr);
    for (Slot& slot : slots_) insert(slot);
  }

  std::array<Slot*, 256> recent_{};
  std::vector<Slot*> table_;
  std::deque<Slot> slots_;
};

}  // namespace weir::serving
