#pragma once
/// A hash table for state entries: open addressing over 8-byte slots, entries in slabs that never move.
///
/// The upper half of the given key hash places an entry (the lower half chose the task and is alike within one).
/// Growing moves slots only. An Entry has `key`, `hash` and `occupied`, and K{} and V{} for what is free.

#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace weir::detail {

template <class Entry>
class SlabTable {
 public:
  SlabTable() : slots_(kFirstSlots), mask_(kFirstSlots - 1) {}

  template <class K>
  [[nodiscard]] Entry* find(const K& key, std::uint64_t hash) const noexcept {
    const std::uint32_t tag = tag_of(hash);
    for (std::size_t position = tag & mask_;; position = (position + 1) & mask_) {
      const Slot slot = slots_[position];
      if (slot.index == 0) return nullptr;
      if (slot.tag == tag) {
        Entry& entry = at(slot.index - 1);
        if (entry.hash == hash && entry.key == key) [[likely]]
          return &entry;
      }
    }
  }

  /// The entry, when it is at this index: where it was found before. Null: look for it.
  template <class K>
  [[nodiscard]] Entry* find_at(std::uint32_t index, const K& key, std::uint64_t hash) const noexcept {
    if (index >= used_) return nullptr;
    Entry& entry = at(index);
    return entry.occupied && entry.hash == hash && entry.key == key ? &entry : nullptr;
  }
  /// Precondition: it is in the table.
  [[nodiscard]] std::uint32_t index_of(const Entry& entry) const noexcept {
    std::size_t position = tag_of(entry.hash) & mask_;
    while (&at(slots_[position].index - 1) != &entry) position = (position + 1) & mask_;
    return slots_[position].index - 1;
  }

  /// Room for one more without growing? A table that fits the caches is kept sparse: a search that ends at the first
  /// slot is one the processor foresees.
  [[nodiscard]] bool full() const noexcept {
    return (size_ + 1) * (slots_.size() <= kSparseSlots ? 4 : 2) > slots_.size();
  }
  void grow() { rehash(slots_.size() * 2); }

  /// Precondition: the key is not in the table. The entry is as Entry{} but for key, hash and occupied.
  template <class K>
  Entry& insert(const K& key, std::uint64_t hash) {
    if (full()) grow();
    std::uint32_t index;
    if (!free_.empty()) {
      index = free_.back();
      free_.pop_back();
    } else {
      if (used_ == slabs_.size() * kSlabEntries) slabs_.push_back(std::make_unique<Slab>());
      index = used_++;
    }
    Entry& entry = at(index);
    entry.key = key;
    entry.hash = hash;
    entry.occupied = true;
    place({tag_of(hash), index + 1});
    ++size_;
    return entry;
  }

  /// Takes an entry out; its memory is reused. Pointers to other entries stay valid.
  void erase(Entry& entry) {
    std::size_t position = tag_of(entry.hash) & mask_;
    while (&at(slots_[position].index - 1) != &entry) position = (position + 1) & mask_;
    free_.push_back(slots_[position].index - 1);
    entry = Entry{};
    --size_;
    // What follows in the run moves up, so that searches never need grave markers.
    std::size_t hole = position;
    for (std::size_t next = (hole + 1) & mask_; slots_[next].index != 0; next = (next + 1) & mask_) {
      const std::size_t home = slots_[next].tag & mask_;
      if (((next - home) & mask_) >= ((next - hole) & mask_)) {
        slots_[hole] = slots_[next];
        hole = next;
      }
    }
    slots_[hole] = {};
  }

  /// Asks the processor to fetch where `hash` would be found.
  void warm_slot(std::uint64_t hash) const noexcept { ask_for(&slots_[tag_of(hash) & mask_]); }
  void warm_entry(std::uint64_t hash) const noexcept {
    if (const Entry* entry = guess(hash)) ask_for(entry);
  }

  /// A guess what find() will give for some key of this hash, without a look at the entry: wrong when keys share half
  /// of a hash; null: there is none.
  [[nodiscard]] const Entry* guess(std::uint64_t hash) const noexcept {
    const std::uint32_t tag = tag_of(hash);
    for (std::size_t position = tag & mask_; slots_[position].index != 0; position = (position + 1) & mask_)
      if (slots_[position].tag == tag) return &at(slots_[position].index - 1);
    return nullptr;
  }

  /// Entries by index; indices run to end_index(), with gaps (`occupied` is false).
  [[nodiscard]] Entry& at(std::uint32_t index) const noexcept {
    return slabs_[index / kSlabEntries]->entries[index % kSlabEntries];
  }
  [[nodiscard]] std::uint32_t end_index() const noexcept { return used_; }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] std::size_t index_bytes() const noexcept { return slots_.size() * sizeof(Slot); }

  template <class Visitor>
  void for_each(Visitor&& visit) const {
    for (std::uint32_t index = 0; index < used_; ++index) {
      Entry& entry = at(index);
      if (entry.occupied) visit(entry);
    }
  }

 private:
  struct Slot {
    std::uint32_t tag = 0;
    std::uint32_t index = 0;  // of the entry, plus one; 0: free
  };
  static constexpr std::size_t kFirstSlots = 64;
  static constexpr std::size_t kSparseSlots = 2048;
  static constexpr std::size_t kSlabEntries = 256;

  // Entries that fill cache lines begin at one.
  struct alignas(sizeof(Entry) % 64 == 0 ? 64 : alignof(Entry)) Slab {
    Entry entries[kSlabEntries];
  };

  static void ask_for(const void* memory) noexcept {
    __builtin_prefetch(memory);
    asm volatile("");  // g++ leaves out calls of functions that do nothing but ask for memory
  }
  static std::uint32_t tag_of(std::uint64_t hash) noexcept { return static_cast<std::uint32_t>(hash >> 32); }
  void place(Slot slot) noexcept {
    std::size_t position = slot.tag & mask_;
    while (slots_[position].index != 0) position = (position + 1) & mask_;
    slots_[position] = slot;
  }
  void rehash(std::size_t slots) {
    std::vector<Slot> old(slots);
    old.swap(slots_);
    mask_ = slots - 1;
    for (const Slot slot : old)
      if (slot.index != 0) place(slot);
  }

  std::vector<Slot> slots_;
  std::size_t mask_;
  std::size_t size_ = 0;
  std::uint32_t used_ = 0;
  std::vector<std::unique_ptr<Slab>> slabs_;
  std::vector<std::uint32_t> free_;
};

}  // namespace weir::detail
