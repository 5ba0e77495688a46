#pragma once
/// MapTable<K, MK, MV>: a std::map<MK, MV> per key, in memory, written back at checkpoints entry by entry. What
/// MapState stands on; operators of the library use it directly.
///
/// A key's whole map is read when the key is first used. Pointers and references to values stay valid until their entry
/// is removed or their key evicted (only evict() does that).

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <weir/detail/dirty_tracker.hpp>
#include <weir/detail/heap_bytes.hpp>
#include <weir/detail/keyed_table.hpp>
#include <weir/detail/row_key.hpp>
#include <weir/json.hpp>
#include <weir/serde.hpp>
#include <weir/state.hpp>
#include <weir/state_table.hpp>

namespace weir {

namespace detail {

template <class MV>
struct MapCell {
  MV value{};
  std::uint32_t epoch = 0;  // see DirtyTracker
  bool present = false;     // false: removed, and kept until that is stored
  std::uint32_t heap = 0;   // as last measured
};

template <class K, class MK, class MV>
struct MapEntry {
  K key{};
  std::map<MK, MapCell<MV>> cells;
  std::uint64_t hash = 0;
  std::size_t absent = 0;    // cells without a value
  std::size_t tidy_at = 16;  // look for removed cells to drop when there are so many
  std::uint32_t epoch = 0;   // the last of its cells'
  bool occupied = false;
  bool used = false;  // since the eviction hand passed
};

}  // namespace detail

template <class K, class MK, class MV>
class MapTable final : public detail::KeyedTable<MapTable<K, MK, MV>, K, detail::MapEntry<K, MK, MV>>,
                       public detail::MapStateAccess<MK, MV> {
  using Cell = detail::MapCell<MV>;
  using Cells = std::map<MK, Cell>;
  using Entry = detail::MapEntry<K, MK, MV>;
  using Base = detail::KeyedTable<MapTable<K, MK, MV>, K, Entry>;
  friend Base;

 public:
  /// `current` and `context` must outlive the table.
  MapTable(const StateContext& context, const CurrentKey<K>* current, StateOptions options)
      : Base(context, current,
             {context.options().uid, std::move(options.name), StateDescriptor::kMap, schema_of<K>(),
              schema_of<std::map<MK, MV>>(), options.queryable}) {}

  [[nodiscard]] const MV* find(const K& key, std::uint64_t hash, const MK& map_key) {
    Entry* entry = lookup(key, hash);
    if (entry == nullptr) return nullptr;
    const auto cell = entry->cells.find(map_key);
    return cell != entry->cells.end() && cell->second.present ? &cell->second.value : nullptr;
  }
  MV& mutate(const K& key, std::uint64_t hash, const MK& map_key) {
    Entry& entry = lookup_or_insert(key, hash);
    const auto [cell, added] = entry.cells.try_emplace(map_key);
    if (added) {
      ++entry.absent;
      ++cells_;
    }
    touch(entry, *cell);
    if (!cell->second.present) {
      cell->second.present = true;
      --entry.absent;
    }
    return cell->second.value;
  }
  /// True when there was such an entry.
  bool remove(const K& key, std::uint64_t hash, const MK& map_key) {
    Entry* entry = lookup(key, hash);
    if (entry == nullptr) return false;
    const auto cell = entry->cells.find(map_key);
    if (cell == entry->cells.end() || !cell->second.present) return false;
    erase(*entry, *cell);
    tidy(*entry);
    return true;
  }
  void clear(const K& key, std::uint64_t hash) {
    Entry* entry = lookup(key, hash);
    if (entry == nullptr) return;
    for (auto& cell : entry->cells)
      if (cell.second.present) erase(*entry, cell);
    tidy(*entry);
  }
  [[nodiscard]] std::size_t size(const K& key, std::uint64_t hash) {
    const Entry* entry = lookup(key, hash);
    return entry == nullptr ? 0 : entry->cells.size() - entry->absent;
  }
  /// Calls `visit(const MK&, const MV&)` in order. It must not change the table.
  template <class Visitor>
  void for_each(const K& key, std::uint64_t hash, Visitor&& visit) {
    if (const Entry* entry = lookup(key, hash)) visit_cells(entry->cells.begin(), entry->cells.end(), visit);
  }
  /// Entries from `first` (inclusive) to `last` (exclusive), in order, until `visit(const MK&, const MV&)` gives false.
  template <class Visitor>
  void for_range(const K& key, std::uint64_t hash, const MK& first, const MK& last, Visitor&& visit) {
    const Entry* entry = lookup(key, hash);
    if (entry == nullptr) return;
    for (auto cell = entry->cells.lower_bound(first); cell != entry->cells.end() && cell->first < last; ++cell)
      if (cell->second.present && !visit(cell->first, std::as_const(cell->second.value))) return;
  }

  /// The same for the current key.
  [[nodiscard]] const MV* find(const MK& map_key) { return find(*current_->key, current_->hash, map_key); }
  MV& mutate(const MK& map_key) { return mutate(*current_->key, current_->hash, map_key); }
  bool remove(const MK& map_key) { return remove(*current_->key, current_->hash, map_key); }
  void clear() { clear(*current_->key, current_->hash); }
  [[nodiscard]] std::size_t size() { return size(*current_->key, current_->hash); }
  template <class Visitor>
  void for_each(Visitor&& visit) {
    for_each(*current_->key, current_->hash, std::forward<Visitor>(visit));
  }

  /// Calls `visit(const K&, const std::map<MK, MV>&)` for every key that has entries, resident or stored, in no order.
  template <class Visitor>
  Status for_each_key(Visitor&& visit) const {
    table_.for_each([&](const Entry& entry) {
      if (has_value(entry)) visit(std::as_const(entry.key), plain_map(entry));
    });
    return for_each_stored(visit);
  }

  // StateTable
  void freeze() override { tracker_.freeze(); }
  bool drain(std::size_t max_entries, StateDelta& delta) override {
    if (delta.empty()) delta.descriptor = descriptor_;
    if (!saved_.empty()) delta.append(std::exchange(saved_, {}));
    return tracker_.drain(
        max_entries, [](const Reference& at) -> std::uint32_t& { return at.cell->second.epoch; },
        [&](const Reference& at) { emit(*at.entry, *at.cell, delta); });
  }
  void committed() override {
    tracker_.commit();
    this->look_for_clean_entries();
  }
  void aborted() override {
    tracker_.abort();
    saved_.clear();
    if (tracker_.carried() <= 2 * cells_) return;
    std::vector<Reference> dirty;
    table_.for_each([&](Entry& entry) {
      for (auto& cell : entry.cells)
        if (!tracker_.is_clean(cell.second.epoch) && !tracker_.is_current(cell.second.epoch))
          dirty.push_back({&entry, &cell});
    });
    tracker_.replace_carried(std::move(dirty));
  }
  [[nodiscard]] std::size_t memory_bytes() const noexcept override {
    return table_.size() * sizeof(Entry) + table_.index_bytes() + cells_ * kCellBytes + heap_bytes_;
  }
  [[nodiscard]] std::size_t dirty_bytes() const noexcept override {
    const std::size_t dirty = std::min(tracker_.dirty(), cells_);
    return dirty == 0 ? 0 : dirty * (kCellBytes + heap_bytes_ / cells_);
  }

 private:
  using Base::complete_;
  using Base::current_;
  using Base::descriptor_;
  using Base::groups_;
  using Base::max_parallelism_;
  using Base::note;
  using Base::reader_;
  using Base::table_;

  struct Reference {
    Entry* entry;
    typename Cells::value_type* cell;
  };
  static constexpr std::size_t kCellBytes = sizeof(typename Cells::value_type) + 48;

  // KeyedTable
  static constexpr bool kHasJson = detail::JsonWritable<MK> && detail::JsonWritable<MV>;
  [[nodiscard]] static bool has_value(const Entry& entry) noexcept { return entry.cells.size() != entry.absent; }
  [[nodiscard]] static std::string json_of(const Entry& entry) { return to_json(plain_map(entry)); }
  [[nodiscard]] bool is_clean(const Entry& entry) const noexcept { return tracker_.is_clean(entry.epoch); }
  void leave(Entry& entry) { drop(entry); }
  [[nodiscard]] Result<std::string> stored_json(const K& key, std::uint64_t hash, std::string_view text) const {
    std::map<MK, MV> map;
    WEIR_RETURN_IF_ERROR(
        read(key, hash, [&](MK map_key, MV value) { map.emplace(std::move(map_key), std::move(value)); }));
    if (map.empty()) return detail::no_such_key(descriptor_, text);
    return to_json(map);
  }

  // MapStateAccess
  const MV* get_current(const MK& key) override { return find(key); }
  MV& mutate_current(const MK& key) override { return mutate(key); }
  bool remove_current(const MK& key) override { return remove(key); }
  void clear_current() override { clear(); }
  std::size_t size_current() override { return size(); }
  void visit_current(detail::EntryVisitor<MK, MV>& visitor) override {
    for_each([&](const MK& key, const MV& value) { visitor.visit(key, value); });
  }

  // The entry of a key, read from the store if need be; null when the key is known to have no map.
  Entry* lookup(const K& key, std::uint64_t hash) {
    Entry* entry = table_.find(key, hash);
    if (entry == nullptr) [[unlikely]]
      return complete_ ? nullptr : &load(key, hash);
    entry->used = true;
    return entry;
  }
  Entry& lookup_or_insert(const K& key, std::uint64_t hash) {
    Entry* entry = lookup(key, hash);
    return entry != nullptr ? *entry : insert(key, hash);
  }
  Entry& load(const K& key, std::uint64_t hash) {
    Entry& entry = insert(key, hash);
    const Status status = read(key, hash, [&](MK map_key, MV value) {
      Cell& cell = entry.cells.try_emplace(entry.cells.end(), std::move(map_key))->second;
      cell.value = std::move(value);
      cell.present = true;
      ++cells_;
    });
    if (!status.is_ok()) note(status);
    for (auto& cell : entry.cells) measure(cell);
    return entry;
  }
  Entry& insert(const K& key, std::uint64_t hash) {
    if (table_.full()) make_room();
    Entry& entry = table_.insert(key, hash);
    entry.used = true;
    if constexpr (detail::kOwnsHeap<K>) heap_bytes_ += detail::heap_bytes(entry.key);
    return entry;
  }
  // Before the table grows: keys without a map, stored as such, need not be kept.
  void make_room() {
    for (std::uint32_t index = 0; index < table_.end_index(); ++index) {
      Entry& entry = table_.at(index);
      if (entry.occupied && entry.cells.size() == entry.absent && tracker_.is_clean(entry.epoch)) drop(entry);
    }
  }
  void drop(Entry& entry) {
    for (const auto& cell : entry.cells) heap_bytes_ -= cell.second.heap;
    if constexpr (detail::kOwnsHeap<K>) heap_bytes_ -= detail::heap_bytes(entry.key);
    cells_ -= entry.cells.size();
    table_.erase(entry);
  }

  void touch(Entry& entry, typename Cells::value_type& cell) {
    if (tracker_.is_current(cell.second.epoch)) return;
    tracker_.touch(cell.second.epoch, Reference{&entry, &cell}, [&] { emit(entry, cell, saved_); });
    entry.epoch = cell.second.epoch;
  }
  void erase(Entry& entry, typename Cells::value_type& cell) {
    touch(entry, cell);
    cell.second.present = false;
    cell.second.value = MV{};
    measure(cell);
    ++entry.absent;
  }
  // Removed cells whose removal is stored go when they are many.
  void tidy(Entry& entry) {
    if (entry.absent < entry.tidy_at || entry.absent * 2 < entry.cells.size()) return;
    std::erase_if(entry.cells, [&](const auto& cell) {
      const bool gone = !cell.second.present && tracker_.is_clean(cell.second.epoch);
      if (gone) {
        heap_bytes_ -= cell.second.heap;
        --cells_;
        --entry.absent;
      }
      return gone;
    });
    entry.tidy_at = std::max<std::size_t>(16, entry.absent * 2);  // those left are not stored yet
  }
  void emit(const Entry& entry, typename Cells::value_type& cell, StateDelta& delta) {
    measure(cell);
    ByteWriter writer(delta.begin());
    write_prefix(writer, entry.key, entry.hash);
    Serde<MK>::write(writer, cell.first);
    if (!cell.second.present) return delta.erase_done();
    delta.key_done();
    Serde<MV>::write(writer, cell.second.value);
    delta.put_done();
  }
  void measure(typename Cells::value_type& cell) {
    if constexpr (detail::kOwnsHeap<MK> || detail::kOwnsHeap<MV>) {
      const std::size_t bytes = detail::heap_bytes(cell.first) + detail::heap_bytes(cell.second.value);
      const auto measured = static_cast<std::uint32_t>(std::min<std::size_t>(bytes, 0xffffffff));
      heap_bytes_ += measured - std::size_t{cell.second.heap};
      cell.second.heap = measured;
    }
  }

  template <class Visitor>
  static void visit_cells(typename Cells::const_iterator first, typename Cells::const_iterator last, Visitor&& visit) {
    for (; first != last; ++first)
      if (first->second.present) visit(first->first, first->second.value);
  }
  static std::map<MK, MV> plain_map(const Entry& entry) {
    std::map<MK, MV> map;
    visit_cells(entry.cells.begin(), entry.cells.end(),
                [&](const MK& key, const MV& value) { map.emplace_hint(map.end(), key, value); });
    return map;
  }

  void write_prefix(ByteWriter& writer, const K& key, std::uint64_t hash) const {
    detail::write_group(writer, key_group_of(hash, max_parallelism_));
    std::string bytes = serialize(key);
    writer.sized(bytes);
  }
  template <class Add>
  Status read(const K& key, std::uint64_t hash, Add&& add) const {
    std::string prefix;
    ByteWriter writer(prefix);
    write_prefix(writer, key, hash);
    Status fault;
    WEIR_RETURN_IF_ERROR(reader_->scan(prefix, [&](std::string_view row, std::string_view bytes) {
      fault = decode(row.substr(prefix.size()), bytes, add);
      return fault.is_ok();
    }));
    return fault;
  }
  template <class Add>
  Status decode(std::string_view key_bytes, std::string_view value_bytes, Add&& add) const {
    Result<MK> key = deserialize<MK>(key_bytes);
    if (!key) return key.status().with_context(descriptor_.label() + ": a stored map key");
    Result<MV> value = deserialize<MV>(value_bytes);
    if (!value) return value.status().with_context(descriptor_.label());
    add(std::move(*key), std::move(*value));
    return {};
  }
  // Stored maps whose keys are not resident.
  template <class Visitor>
  Status for_each_stored(Visitor&& visit) const {
    if (complete_) return {};
    return scan_stored([&](const K& key) { return table_.find(key, hash_key(key)) == nullptr; }, visit);
  }
  // What is stored of the keys that are `wanted`.
  template <class Wanted, class Visitor>
  Status scan_stored(Wanted&& wanted, Visitor&& visit) const {
    Status fault;
    for (std::uint16_t group = groups_.first; group < groups_.end; ++group) {
      std::string key_bytes;  // of the map being put together
      std::map<MK, MV> map;
      const auto finish = [&] {
        if (map.empty()) return;
        Result<K> key = deserialize<K>(key_bytes);
        if (!key)
          fault = key.status().with_context(descriptor_.label() + ": a stored key");
        else if (wanted(std::as_const(*key)))
          visit(std::as_const(*key), std::as_const(map));
        map.clear();
      };
      WEIR_RETURN_IF_ERROR(
          reader_->scan(detail::group_prefix(group), [&](std::string_view row, std::string_view bytes) {
            ByteReader reader(row.substr(detail::kGroupBytes));
            const std::string_view next = reader.sized();
            if (!reader.ok()) fault = Status::data_loss(descriptor_.label() + ": a stored row has a malformed key");
            if (next != key_bytes) {
              finish();
              key_bytes = next;
            }
            if (!fault.is_ok()) return false;
            fault = decode(row.substr(row.size() - reader.remaining()), bytes,
                           [&](MK key, MV value) { map.emplace(std::move(key), std::move(value)); });
            return fault.is_ok();
          }));
      WEIR_RETURN_IF_ERROR(fault);
      finish();
      WEIR_RETURN_IF_ERROR(fault);
    }
    return {};
  }

  detail::DirtyTracker<Reference> tracker_;
  StateDelta saved_;       // frozen values that were updated before they were drained
  std::size_t cells_ = 0;  // in all maps, absent ones included
  std::size_t heap_bytes_ = 0;
};

/// For who opens an operator: adds the table to the context and gives the handle user code gets.
template <class MK, class MV, class K>
MapState<MK, MV> make_map_state(StateContext& context, const CurrentKey<K>* current, StateOptions options) {
  return MapState<MK, MV>(context.emplace<MapTable<K, MK, MV>>(current, std::move(options)));
}

}  // namespace weir
