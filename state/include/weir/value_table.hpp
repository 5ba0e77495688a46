#pragma once
/// ValueTable<K, V>: one V per key, in memory, written back at checkpoints. What ValueState stands on; operators of the
/// library use it directly.
///
/// Finding a resident value costs a few nanoseconds and no allocation. Values that were stored and are not resident are
/// read on first use, one by one, or for a whole batch at once after prefetch(). Pointers and references to values stay
/// valid until the entry is evicted; only evict() does that.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_set>
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

template <class K, class V>
struct ValueEntry {
  struct NoBytes {
    NoBytes& operator=(std::size_t /*bytes*/) noexcept { return *this; }
    operator std::size_t() const noexcept { return 0; }  // NOLINT(google-explicit-constructor)
  };
  static constexpr bool kOwnsHeap = detail::kOwnsHeap<K> || detail::kOwnsHeap<V>;

  K key{};
  V value{};
  std::uint64_t hash = 0;
  std::uint32_t epoch = 0;  // see DirtyTracker
  bool occupied = false;
  bool present = false;  // false: the key is known to have no value
  bool used = false;     // since the eviction hand passed
  [[no_unique_address]] std::conditional_t<kOwnsHeap, std::size_t, NoBytes> heap{};  // as last measured
};

}  // namespace detail

template <class K, class V>
class ValueTable final : public detail::KeyedTable<ValueTable<K, V>, K, detail::ValueEntry<K, V>>,
                         public detail::ValueStateAccess<V> {
  using Entry = detail::ValueEntry<K, V>;
  using Base = detail::KeyedTable<ValueTable<K, V>, K, Entry>;
  friend Base;

 public:
  /// `current` and `context` must outlive the table.
  ValueTable(const StateContext& context, const CurrentKey<K>* current, StateOptions options)
      : Base(context, current,
             {context.options().uid, std::move(options.name), StateDescriptor::kValue, schema_of<K>(), schema_of<V>(),
              options.queryable}) {}

  /// The value of a key whose hash is `hash`; null when it has none.
  [[nodiscard]] const V* find(const K& key, std::uint64_t hash) {
    Entry* entry = lookup(key, hash);
    return entry != nullptr && entry->present ? &entry->value : nullptr;
  }
  /// The value, to change; V{} when the key has none. It counts as changed.
  V& mutate(const K& key, std::uint64_t hash) { return change(entry_of(key, hash)); }
  /// The same for callers that remember where the value is: `place`, 0 at first, spares the search. Of one table.
  V& mutate(const K& key, std::uint64_t hash, std::uint32_t& place) {
    Entry* entry = table_.find_at(place, key, hash);
    if (entry == nullptr) [[unlikely]] {
      entry = &entry_of(key, hash);
      place = table_.index_of(*entry);
    }
    if (!entry->used) entry->used = true;
    return change(*entry);
  }
  void clear(const K& key, std::uint64_t hash) {
    Entry* entry = table_.find(key, hash);
    if (entry == nullptr) {
      if (complete_) return;
      entry = &insert(key, hash);  // absent, and about to be erased where it is stored: no need to read it
    } else if (!entry->present) {
      return;
    }
    touch(*entry);
    if (entry->present) {
      entry->present = false;
      ++absent_;
      entry->value = V{};
    }
  }

  /// The same for the current key.
  [[nodiscard]] const V* find() { return find(*current_->key, current_->hash); }
  V& mutate() { return mutate(*current_->key, current_->hash); }
  void clear() { clear(*current_->key, current_->hash); }

  /// Reads the stored values of those keys that are not resident, all at once. keys[i] has hash hashes[i].
  void prefetch(std::span<const K* const> keys, std::span<const std::uint64_t> hashes) {
    if (complete_) return;
    std::vector<std::string> rows;
    std::vector<std::size_t> missing;
    for (std::size_t i = 0; i < keys.size(); ++i) {
      if (table_.find(*keys[i], hashes[i]) != nullptr) continue;
      rows.push_back(row(*keys[i], hashes[i]));
      missing.push_back(i);
    }
    if (rows.empty()) return;
    std::vector<std::optional<std::string>> values;
    if (Status status = reader_->get(rows, values); !status.is_ok()) return note(status);
    for (std::size_t i = 0; i < missing.size(); ++i) {
      const K& key = *keys[missing[i]];
      const std::uint64_t hash = hashes[missing[i]];
      if (table_.find(key, hash) != nullptr) continue;  // the batch has the key twice
      Entry& entry = insert(key, hash);
      if (values[i]) fill(entry, *values[i]);
    }
  }
  /// Asks the processor for the cache lines of keys soon to be used: worth it for tables much larger than its caches.
  void warm(std::span<const std::uint64_t> hashes) const noexcept {
    for (const std::uint64_t hash : hashes) table_.warm_slot(hash);
    for (const std::uint64_t hash : hashes) table_.warm_entry(hash);
  }

  /// For memory to be asked for ahead: what is at this place (see mutate()); null when there is no such place.
  [[nodiscard]] const V* at_place(std::uint32_t place) const noexcept {
    return place < table_.end_index() ? &table_.at(place).value : nullptr;
  }

  /// Calls `visit(const K&, const V&)` for every key that has a value, resident or stored, in no order. It must not
  /// change the table.
  template <class Visitor>
  Status for_each(Visitor&& visit) const {
    table_.for_each([&](const Entry& entry) {
      if (entry.present) visit(std::as_const(entry.key), std::as_const(entry.value));
    });
    return for_each_stored(visit);
  }

  // StateTable
  void freeze() override { tracker_.freeze(); }
  bool drain(std::size_t max_entries, StateDelta& delta) override {
    if (delta.empty()) delta.descriptor = descriptor_;
    if (!saved_.empty()) delta.append(std::exchange(saved_, {}));
    return tracker_.drain(
               max_entries, [](Entry* entry) -> std::uint32_t& { return entry->epoch; },
               [&](Entry* entry) {
                 measure(*entry);
                 emit(*entry, delta);
               }) &&
           saved_.empty();
  }
  void committed() override {
    tracker_.commit();
    this->look_for_clean_entries();
  }
  void aborted() override {
    tracker_.abort();
    saved_.clear();
    if (tracker_.carried() <= 2 * table_.size()) return;
    std::vector<Entry*> dirty;
    table_.for_each([&](Entry& entry) {
      if (!tracker_.is_clean(entry.epoch) && !tracker_.is_current(entry.epoch)) dirty.push_back(&entry);
    });
    tracker_.replace_carried(std::move(dirty));
  }
  [[nodiscard]] std::size_t memory_bytes() const noexcept override {
    return table_.size() * sizeof(Entry) + table_.index_bytes() + heap_bytes_;
  }
  [[nodiscard]] std::size_t dirty_bytes() const noexcept override {
    const std::size_t dirty = std::min(tracker_.dirty(), table_.size());
    return dirty == 0 ? 0 : dirty * (sizeof(Entry) + heap_bytes_ / table_.size());
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

  // KeyedTable
  static constexpr bool kHasJson = detail::JsonWritable<V>;
  [[nodiscard]] static bool has_value(const Entry& entry) noexcept { return entry.present; }
  [[nodiscard]] static std::string json_of(const Entry& entry) { return to_json(entry.value); }
  [[nodiscard]] bool is_clean(const Entry& entry) const noexcept { return tracker_.is_clean(entry.epoch); }
  void leave(Entry& entry) { remove(entry); }
  [[nodiscard]] Result<std::string> stored_json(const K& key, std::uint64_t hash, std::string_view text) const {
    WEIR_ASSIGN_OR_RETURN(const std::optional<std::string> bytes, read(key, hash));
    if (!bytes) return detail::no_such_key(descriptor_, text);
    WEIR_ASSIGN_OR_RETURN(const V value, decode(*bytes));
    return to_json(value);
  }

  // ValueStateAccess
  const V* get_current() override { return find(); }
  V& mutate_current() override { return mutate(); }
  void clear_current() override { clear(); }

  // The entry of a key, read from the store if need be; null when the key is known to have no value.
  Entry* lookup(const K& key, std::uint64_t hash) {
    Entry* entry = table_.find(key, hash);
    if (entry != nullptr) [[likely]] {
      if (!entry->used) entry->used = true;
      return entry;
    }
    return complete_ ? nullptr : load(key, hash);
  }
  Entry& entry_of(const K& key, std::uint64_t hash) {
    Entry* const entry = lookup(key, hash);
    return entry != nullptr ? *entry : insert(key, hash);
  }
  V& change(Entry& entry) {
    if (!tracker_.is_current(entry.epoch)) [[unlikely]]
      touch(entry);
    if (!entry.present) [[unlikely]] {
      entry.present = true;
      --absent_;
    }
    return entry.value;
  }
  Entry* load(const K& key, std::uint64_t hash) {
    Entry& entry = insert(key, hash);
    Result<std::optional<std::string>> bytes = read(key, hash);
    if (!bytes)
      note(bytes.status());
    else if (*bytes)
      fill(entry, **bytes);
    return &entry;
  }
  // Adds an absent entry, clean.
  Entry& insert(const K& key, std::uint64_t hash) {
    if (table_.full()) make_room();
    Entry& entry = table_.insert(key, hash);
    entry.used = true;
    ++absent_;
    measure(entry);
    return entry;
  }
  // Before the table grows: what is absent and stored as such need not be kept.
  void make_room() {
    if (absent_ * 4 < table_.size()) return;
    for (std::uint32_t index = 0; index < table_.end_index(); ++index) {
      Entry& entry = table_.at(index);
      if (entry.occupied && !entry.present && tracker_.is_clean(entry.epoch)) remove(entry);
    }
  }
  void remove(Entry& entry) {
    if (!entry.present) --absent_;
    heap_bytes_ -= entry.heap;
    table_.erase(entry);
  }
  void fill(Entry& entry, std::string_view bytes) {
    Result<V> value = decode(bytes);
    if (!value) return note(value.status());
    entry.value = std::move(*value);
    entry.present = true;
    --absent_;
    measure(entry);
  }
  void touch(Entry& entry) {
    tracker_.touch(entry.epoch, &entry, [&] { emit(entry, saved_); });
  }
  void emit(const Entry& entry, StateDelta& delta) const {
    ByteWriter writer(delta.begin());
    write_row(writer, entry.key, entry.hash);
    if (!entry.present) return delta.erase_done();
    delta.key_done();
    Serde<V>::write(writer, entry.value);
    delta.put_done();
  }
  void measure(Entry& entry) {
    if constexpr (Entry::kOwnsHeap) {
      const std::size_t bytes = detail::heap_bytes(entry.key) + detail::heap_bytes(entry.value);
      heap_bytes_ += bytes - entry.heap;
      entry.heap = bytes;
    }
  }

  void write_row(ByteWriter& writer, const K& key, std::uint64_t hash) const {
    detail::write_group(writer, key_group_of(hash, max_parallelism_));
    Serde<K>::write(writer, key);
  }
  [[nodiscard]] std::string row(const K& key, std::uint64_t hash) const {
    std::string bytes;
    ByteWriter writer(bytes);
    write_row(writer, key, hash);
    return bytes;
  }
  [[nodiscard]] Result<std::optional<std::string>> read(const K& key, std::uint64_t hash) const {
    const std::string rows[] = {row(key, hash)};
    std::vector<std::optional<std::string>> values;
    WEIR_RETURN_IF_ERROR(reader_->get(rows, values));
    return std::move(values[0]);
  }
  [[nodiscard]] Result<V> decode(std::string_view bytes) const {
    Result<V> value = deserialize<V>(bytes);
    if (!value) return value.status().with_context(descriptor_.label());
    return value;
  }
  // Stored values whose keys are not resident.
  template <class Visitor>
  Status for_each_stored(Visitor&& visit) const {
    if (complete_) return {};
    return scan_stored([&](const K& key) { return table_.find(key, hash_key(key)) == nullptr; }, visit);
  }
  // What is stored of the keys that are `wanted`.
  template <class Wanted, class Visitor>
  Status scan_stored(Wanted&& wanted, Visitor&& visit) const {
    Status fault;
    for (std::uint16_t group = groups_.first; group < groups_.end && fault.is_ok(); ++group) {
      WEIR_RETURN_IF_ERROR(
          reader_->scan(detail::group_prefix(group), [&](std::string_view key_bytes, std::string_view bytes) {
            Result<K> key = deserialize<K>(key_bytes.substr(detail::kGroupBytes));
            if (!key) {
              fault = key.status().with_context(descriptor_.label() + ": a stored key");
              return false;
            }
            if (!wanted(std::as_const(*key))) return true;
            Result<V> value = decode(bytes);
            if (!value) {
              fault = value.status();
              return false;
            }
            visit(std::as_const(*key), std::as_const(*value));
            return true;
          }));
    }
    return fault;
  }

  detail::DirtyTracker<Entry*> tracker_;
  StateDelta saved_;        // frozen values that were updated before they were drained
  std::size_t absent_ = 0;  // entries without a value
  std::size_t heap_bytes_ = 0;
};

/// For who opens an operator: adds the table to the context and gives the handle user code gets.
template <class V, class K>
ValueState<V> make_value_state(StateContext& context, const CurrentKey<K>* current, StateOptions options) {
  return ValueState<V>(context.emplace<ValueTable<K, V>>(current, std::move(options)));
}

}  // namespace weir
