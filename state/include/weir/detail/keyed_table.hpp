#pragma once
/// What ValueTable and MapTable share: entries found by key, eviction of what was not used lately, queries and
/// listings.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <weir/detail/key_page.hpp>
#include <weir/detail/row_key.hpp>
#include <weir/detail/slab_table.hpp>
#include <weir/hash.hpp>
#include <weir/json.hpp>
#include <weir/result.hpp>
#include <weir/serde.hpp>
#include <weir/state_listing.hpp>
#include <weir/state_table.hpp>
#include <weir/status.hpp>

namespace weir::detail {

/// Calls `read` until the checkpoint it read from is the same before and after, and tells which one that was. Each call
/// but the last means that a checkpoint was completed meanwhile.
template <class Read>
auto read_of_one_checkpoint(const StateReader& reader, std::uint64_t& checkpoint, Read&& read) {
  while (true) {
    checkpoint = reader.checkpoint();
    auto result = read();
    if (reader.checkpoint() == checkpoint) return result;
  }
}

Status no_such_key(const StateDescriptor& descriptor, std::string_view key_text);
Status no_json_form(const StateDescriptor& descriptor);
Status no_checkpoints(const StateDescriptor& descriptor);

/// The listing of a table with keys K. First the keys in memory come by, then those stored (a key moves from memory to
/// the store at any time, and back only when it stays stored), which gives the page's keys; then their values, from
/// memory or, what is not there, from the store: it has not changed since.
template <class K>
class KeyedListing final : public StateListing {
 public:
  enum class Phase : std::uint8_t { kResidentKeys, kStoredKeys, kResidentValues, kStoredValues };
  struct Candidate {
    K key;
    bool has_value = false;
    std::string json{};  // empty: to be read from the store
  };

  explicit KeyedListing(PageQuery query) : page(std::move(query)) {}

  void go_on(Phase phase, Place place) noexcept {
    phase_ = phase;
    next_ = place;
  }
  [[nodiscard]] Phase phase() const noexcept { return phase_; }
  void begin_values() {
    position = page.begin();
    go_on(Phase::kResidentValues, Place::kTask);
  }
  // All values are there. A page whose keys have all gone meanwhile makes room for the next one.
  void finish() {
    std::string next_cursor = page.next_cursor();
    JsonWriter json;
    json.begin_array();
    bool is_empty = true;
    for (const auto& [text, candidate] : page) {
      if (!candidate.has_value) continue;
      write_entry(json, text, candidate.json);
      is_empty = false;
    }
    json.end_array();
    if (is_empty && !next_cursor.empty()) {
      page.turn();
      index = 0;
      return go_on(Phase::kResidentKeys, Place::kTask);
    }
    page_ = {.entries = json.take(), .next_cursor = std::move(next_cursor)};
    next_ = Place::kDone;
  }

  KeyPage<Candidate> page;
  std::uint32_t index = 0;                                         // kResidentKeys: of the next entry to look at
  decltype(std::declval<KeyPage<Candidate>&>().begin()) position;  // kResidentValues: the next candidate

 private:
  Phase phase_ = Phase::kResidentKeys;
};

/// A Table derives from this and gives
///   kHasJson                              whether its values have a JSON form
///   has_value(entry), json_of(entry)      of an entry in memory
///   is_clean(entry), leave(entry)         may it leave memory; takes it out
///   stored_json(key, hash, text)          the stored value; kNotFound. Thread: any
///   scan_stored(wanted, visit)            what is stored of the keys that are wanted(key). Thread: any
template <class Table, class K, class Entry>
class KeyedTable : public StateTable {
  static_assert(HashableKey<K>, "a key type needs `std::uint64_t hash_key(const K&)`");

 public:
  /// Keys resident, those known to have no value included.
  [[nodiscard]] std::size_t resident() const noexcept { return table_.size(); }

  // StateTable
  [[nodiscard]] const StateDescriptor& descriptor() const noexcept final { return descriptor_; }
  [[nodiscard]] Status fault() const final { return fault_; }
  void evict(std::size_t target_bytes) final {
    if (reader_ == nullptr) return;
    // Second chance: the hand clears marks in one round and takes what is still unmarked in the next. After two rounds
    // without a find everything is dirty, and only a commit changes that.
    for (std::size_t steps = kEvictionSteps; steps > 0 && this->memory_bytes() > target_bytes; --steps) {
      if (fruitless_ >= 2ULL * table_.end_index()) return;
      if (hand_ >= table_.end_index()) hand_ = 0;
      Entry& entry = table_.at(hand_++);
      ++fruitless_;
      if (!entry.occupied || !self().is_clean(entry) || std::exchange(entry.used, false)) continue;
      self().leave(entry);
      complete_ = false;
      fruitless_ = 0;
    }
  }

  [[nodiscard]] Result<std::optional<std::string>> query_json(std::string_view text) const final {
    if constexpr (Table::kHasJson) {
      WEIR_ASSIGN_OR_RETURN(const K key, parse_key<K>(text));
      const std::uint64_t hash = hash_key(key);
      // What another task owns is stored too, but only that task knows what it is by now.
      if (!owns(hash)) return no_such_key(descriptor_, text);
      if (const Entry* entry = table_.find(key, hash)) {
        if (!Table::has_value(*entry)) return no_such_key(descriptor_, text);
        return std::optional(Table::json_of(*entry));
      }
      if (complete_) return no_such_key(descriptor_, text);
      return std::optional<std::string>();
    } else {
      return no_json_form(descriptor_);
    }
  }
  [[nodiscard]] Result<std::string> query_stored_json(std::string_view text, std::uint64_t& checkpoint) const final {
    if constexpr (Table::kHasJson) {
      if (reader_ == nullptr) return no_checkpoints(descriptor_);
      WEIR_ASSIGN_OR_RETURN(const K key, parse_key<K>(text));
      const std::uint64_t hash = hash_key(key);
      if (!owns(hash)) return no_such_key(descriptor_, text);
      return read_of_one_checkpoint(*reader_, checkpoint, [&] { return self().stored_json(key, hash, text); });
    } else {
      return no_json_form(descriptor_);
    }
  }

  [[nodiscard]] Result<std::unique_ptr<StateListing>> list(PageQuery query) const final {
    if constexpr (is_listable()) {
      return std::unique_ptr<StateListing>(std::make_unique<KeyedListing<K>>(std::move(query)));
    } else {
      return no_json_form(descriptor_);
    }
  }
  Status list_step(StateListing& listing) const final {
    if constexpr (is_listable()) {
      return step(static_cast<KeyedListing<K>&>(listing));
    } else {
      return no_json_form(descriptor_);
    }
  }
  [[nodiscard]] Result<StatePage> list_stored(PageQuery query) const final {
    if constexpr (is_listable()) {
      if (reader_ == nullptr) return no_checkpoints(descriptor_);
      KeyPage<std::string> keys(std::move(query));
      StatePage page;
      WEIR_RETURN_IF_ERROR(read_of_one_checkpoint(*reader_, page.checkpoint, [&] {
        keys.clear();
        return self().scan_stored([&](const K& key) { return keys.wants(key_text(key)); },
                                  [&](const K& key, const auto& value) { keys.add(key_text(key), to_json(value)); });
      }));
      JsonWriter json;
      json.begin_array();
      for (const auto& [text, value] : keys) write_entry(json, text, value);
      json.end_array();
      page.entries = json.take();
      page.next_cursor = keys.next_cursor();
      return page;
    } else {
      return no_json_form(descriptor_);
    }
  }

 protected:
  /// `current` and `context` must outlive the table.
  KeyedTable(const StateContext& context, const CurrentKey<K>* current, StateDescriptor descriptor)
      : current_(current),
        groups_(context.options().groups),
        max_parallelism_(context.options().max_parallelism),
        descriptor_(std::move(descriptor)),
        reader_(context.reader(descriptor_)),
        complete_(reader_ == nullptr || reader_->empty()) {}

  void note(const Status& status) {
    if (fault_.is_ok()) fault_ = status.with_context(descriptor_.label());
  }
  /// A checkpoint has made entries clean: eviction may find some again.
  void look_for_clean_entries() noexcept { fruitless_ = 0; }

  const CurrentKey<K>* current_;
  KeyGroupRange groups_;
  std::uint32_t max_parallelism_;
  StateDescriptor descriptor_;
  std::shared_ptr<const StateReader> reader_;
  bool complete_;  // every value there is is resident: a key not found has none
  SlabTable<Entry> table_;

 private:
  using Place = StateListing::Place;
  using Phase = typename KeyedListing<K>::Phase;

  [[nodiscard]] static constexpr bool is_listable() { return Table::kHasJson && JsonWritable<K>; }
  static constexpr std::uint32_t kKeysPerStep = 1024;
  static constexpr std::size_t kValuesPerStep = 64;

  [[nodiscard]] Table& self() noexcept { return static_cast<Table&>(*this); }
  [[nodiscard]] const Table& self() const noexcept { return static_cast<const Table&>(*this); }
  [[nodiscard]] bool owns(std::uint64_t hash) const noexcept {
    const std::uint16_t group = key_group_of(hash, max_parallelism_);
    return group >= groups_.first && group < groups_.end;
  }

  Status step(KeyedListing<K>& listing) const {
    switch (listing.phase()) {
      case Phase::kResidentKeys: list_resident_keys(listing); return {};
      case Phase::kStoredKeys: return list_stored_keys(listing);
      case Phase::kResidentValues: list_resident_values(listing); return {};
      case Phase::kStoredValues: return list_stored_values(listing);
    }
    return Status::internal("list " + descriptor_.label() + ": an unknown step");
  }
  void list_resident_keys(KeyedListing<K>& listing) const {
    const std::uint32_t end = table_.end_index();
    const std::uint32_t stop = listing.index + std::min(kKeysPerStep, end - std::min(end, listing.index));
    for (; listing.index < stop; ++listing.index) {
      const Entry& entry = table_.at(listing.index);
      if (!entry.occupied || !Table::has_value(entry)) continue;
      std::string text = key_text(entry.key);
      if (listing.page.wants(text)) listing.page.add(std::move(text), {entry.key});
    }
    if (listing.index < end) return;
    if (complete_)
      listing.begin_values();
    else
      listing.go_on(Phase::kStoredKeys, Place::kAnywhere);
  }
  Status list_stored_keys(KeyedListing<K>& listing) const {
    WEIR_RETURN_IF_ERROR(self().scan_stored(
        [&](const K& key) {
          std::string text = key_text(key);
          if (listing.page.wants(text)) listing.page.add(std::move(text), {key});
          return false;  // its value may not be the one it has
        },
        [](const K&, const auto&) {}));
    listing.begin_values();
    return {};
  }
  void list_resident_values(KeyedListing<K>& listing) const {
    bool reads = false;
    for (std::size_t values = 0; listing.position != listing.page.end(); ++listing.position) {
      if (values++ == kValuesPerStep) return;
      auto& candidate = listing.position->second;
      if (const Entry* entry = table_.find(candidate.key, hash_key(candidate.key))) {
        candidate.has_value = Table::has_value(*entry);
        if (candidate.has_value) candidate.json = Table::json_of(*entry);
      } else {
        candidate.has_value = !complete_;
      }
    }
    for (const auto& [text, candidate] : listing.page) reads = reads || (candidate.has_value && candidate.json.empty());
    if (reads)
      listing.go_on(Phase::kStoredValues, Place::kAnywhere);
    else
      listing.finish();
  }
  Status list_stored_values(KeyedListing<K>& listing) const {
    for (auto& [text, candidate] : listing.page) {
      if (!candidate.has_value || !candidate.json.empty()) continue;
      Result<std::string> json = self().stored_json(candidate.key, hash_key(candidate.key), text);
      candidate.has_value = json.is_ok();
      if (json.is_ok())
        candidate.json = std::move(json).value();
      else if (json.status().code() != StatusCode::kNotFound)
        return json.status();
    }
    listing.finish();
    return {};
  }

  std::uint32_t hand_ = 0;       // of the eviction clock
  std::uint64_t fruitless_ = 0;  // its steps since it last found something to evict
  Status fault_;
};

}  // namespace weir::detail
