#pragma once
/// KeySlots: finds what belongs to a key by its hash, once per record.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

namespace weir::serving {

/// `Slot` has `key` and `hash`. Slots keep their address and are never removed. A lookup costs two loads and two
/// comparisons as a rule. Keys of equal hash are told apart.
template <class Slot, class K>
class KeySlots {
 public:
  KeySlots() : table_(kInitial) {}
  KeySlots(const KeySlots&) = delete;
  KeySlots& operator=(const KeySlots&) = delete;
  ~KeySlots() {
    for (Slot& slot : *this) std::destroy_at(&slot);
  }

  /// Null when there is none.
  Slot* find(std::uint64_t hash, const K& key) const noexcept {
    for (std::size_t at = place(hash);; at = (at + 1) & (table_.size() - 1)) {
      const Entry& entry = table_[at];
      if (entry.slot == nullptr) return nullptr;
      if (entry.hash == hash && entry.slot->key == key) [[likely]]
        return entry.slot;
    }
  }
  /// A guess what find() will give, without a look at the slot: right unless keys share a hash.
  [[nodiscard]] Slot* guess(std::uint64_t hash) const noexcept {
    for (std::size_t at = place(hash); table_[at].slot != nullptr; at = (at + 1) & (table_.size() - 1))
      if (table_[at].hash == hash) return table_[at].slot;
    return nullptr;
  }
  /// Asks the processor for the memory that guess() reads.
  void warm(std::uint64_t hash) const noexcept { __builtin_prefetch(&table_[place(hash)]); }

  /// Made of hash, key and `more`. Precondition: there is none yet.
  template <class... More>
  Slot& add(std::uint64_t hash, const K& key, More&&... more) {
    if (2 * (size_ + 1) > table_.size()) grow();
    if (size_ == chunks_.size() * kChunk) chunks_.push_back(std::make_unique_for_overwrite<Chunk>());
    Slot& slot = *std::construct_at(address(size_), hash, key, std::forward<More>(more)...);
    ++size_;
    insert(slot);
    return slot;
  }

  [[nodiscard]] std::size_t size() const noexcept { return size_; }

  /// The slots, in the order they were added in.
  class Iterator {
   public:
    Iterator(const KeySlots& slots, std::size_t index) : slots_(&slots), index_(index) {}
    Slot& operator*() const noexcept { return *slots_->address(index_); }
    Iterator& operator++() noexcept {
      ++index_;
      return *this;
    }
    bool operator==(const Iterator& other) const noexcept { return index_ == other.index_; }

   private:
    const KeySlots* slots_;
    std::size_t index_;
  };
  [[nodiscard]] Iterator begin() const noexcept { return {*this, 0}; }
  [[nodiscard]] Iterator end() const noexcept { return {*this, size_}; }

 private:
  struct Entry {
    std::uint64_t hash = 0;
    Slot* slot = nullptr;
  };
  // Slots lie side by side: many share a page.
  static constexpr std::size_t kChunk = 64;
  struct Chunk {
    alignas(Slot) std::byte slots[kChunk][sizeof(Slot)];
  };
  static constexpr std::size_t kInitial = 1024;  // so large that few keys hardly ever collide

  [[nodiscard]] Slot* address(std::size_t index) const noexcept {
    return reinterpret_cast<Slot*>(chunks_[index / kChunk]->slots[index % kChunk]);
  }
  // The low bits decide the key group: on one task they differ little.
  [[nodiscard]] std::size_t place(std::uint64_t hash) const noexcept { return (hash >> 16) & (table_.size() - 1); }
  void insert(Slot& slot) {
    std::size_t at = place(slot.hash);
    while (table_[at].slot != nullptr) at = (at + 1) & (table_.size() - 1);
    table_[at] = {slot.hash, &slot};
  }
  void grow() {
    table_.assign(2 * table_.size(), Entry{});
    for (Slot& slot : *this) insert(slot);
  }

  std::vector<Entry> table_;
  std::vector<std::unique_ptr<Chunk>> chunks_;
  std::size_t size_ = 0;
};

}  // namespace weir::serving
