#pragma once
/// State as the engine sees it: tables that know what changed since the last checkpoint, and readers of what is stored.
///
/// A row of a state is `[key group, u16 big-endian][Serde bytes of the key] → Serde bytes of the value`; of a MapState
/// `[key group][varint length, key bytes][map key bytes] → map value bytes`. One column family per (operator uid,
/// state).

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <weir/hash.hpp>
#include <weir/result.hpp>
#include <weir/state_listing.hpp>
#include <weir/status.hpp>

namespace weir {

/// The key an operator instance is working on; set by the operator before each record, read by its state handles.
template <class K>
struct CurrentKey {
  const K* key = nullptr;
  std::uint64_t hash = 0;
};

/// What a state is; stored with it and compared when it is restored.
struct StateDescriptor {
  enum Kind : unsigned char { kValue, kMap, kTimers };

  std::string uid;   ///< of the operator
  std::string name;  ///< unique within the operator
  Kind kind = kValue;
  std::string key_schema;
  std::string value_schema;
  bool queryable = false;  ///< answers to HTTP queries; no part of the schema

  /// `operator 'uid', state 'name'`, for messages.
  [[nodiscard]] std::string label() const;
  /// kind, key and value types in one text: `value u64 -> {i32,string}`.
  [[nodiscard]] std::string schema() const;
};

/// What one table changed since the previous checkpoint: unsorted, at most one entry per key. Moved between threads
/// whole. Kept in chunks, so that adding never copies what is there.
class StateDelta {
 public:
  StateDescriptor descriptor;

  /// Key and value are copied. Keys and values of 4 GiB or more break an invariant.
  void put(std::string_view key, std::string_view value);
  void erase(std::string_view key);

  /// The same without a copy: append the key's bytes to the string that begin() gives, call key_done(), append the
  /// value's bytes, call put_done(); or call erase_done() instead of the last two.
  std::string& begin() {
    if (chunks_.empty() || chunks_.back().entries.size() == kChunkEntries || chunks_.back().bytes.size() >= kChunkBytes)
      add_chunk();
    start_ = chunks_.back().bytes.size();
    return chunks_.back().bytes;
  }
  void key_done() noexcept { value_start_ = chunks_.back().bytes.size(); }
  void put_done() { finish(value_start_, chunks_.back().bytes.size() - value_start_); }
  void erase_done() { finish(chunks_.back().bytes.size(), kErased); }

  /// Takes everything `other` has. Precondition: no key in common.
  void append(StateDelta&& other);
  void clear() noexcept {
    chunks_.clear();
    count_ = 0;
  }

  [[nodiscard]] std::size_t entries() const noexcept { return count_; }
  [[nodiscard]] bool empty() const noexcept { return count_ == 0; }
  [[nodiscard]] std::size_t bytes() const noexcept;
  /// Calls `visit(std::string_view key, std::optional<std::string_view> value)`; no value: the key is erased.
  template <class Visitor>
  void for_each(Visitor&& visit) const {
    for (const Chunk& chunk : chunks_) {
      for (const Entry& entry : chunk.entries) {
        const char* key = chunk.bytes.data() + entry.offset;
        std::optional<std::string_view> value;
        if (entry.value_size != kErased) value.emplace(key + entry.key_size, entry.value_size);
        visit(std::string_view(key, entry.key_size), value);
      }
    }
  }

 private:
  static constexpr std::uint32_t kErased = 0xffffffff;
  static constexpr std::size_t kChunkBytes = std::size_t{256} << 10;
  static constexpr std::size_t kChunkEntries = 8192;

  struct Entry {
    std::uint64_t offset;  // of the key in the chunk; the value follows it
    std::uint32_t key_size;
    std::uint32_t value_size;
  };
  struct Chunk {
    std::string bytes;
    std::vector<Entry> entries;
  };

  void add_chunk();
  void finish(std::size_t key_end, std::size_t value_size);

  std::vector<Chunk> chunks_;
  std::size_t count_ = 0;
  std::size_t start_ = 0;
  std::size_t value_start_ = 0;
};

/// One operator instance's slice of one state. Thread: the task's, for every method. Between freeze() and committed()
/// or aborted() the table is used on as before.
class StateTable {
 public:
  static constexpr std::size_t kEvictionSteps = 16'384;

  virtual ~StateTable() = default;
  [[nodiscard]] virtual const StateDescriptor& descriptor() const noexcept = 0;

  /// O(1): what is dirty now belongs to the checkpoint. Precondition: no earlier freeze() waits for its outcome.
  virtual void freeze() = 0;
  /// Appends up to `max_entries` frozen entries, with the values they had at freeze(); true when none is left. Entries
  /// updated since were saved first (copy on write) and come with the first call.
  virtual bool drain(std::size_t max_entries, StateDelta& delta) = 0;
  /// The checkpoint of the last freeze() is durable: its entries are clean and may be evicted. Precondition: drained.
  virtual void committed() = 0;
  /// The checkpoint was declined: everything frozen, drained or not, counts as dirty again.
  virtual void aborted() = 0;

  [[nodiscard]] virtual std::size_t memory_bytes() const noexcept = 0;
  [[nodiscard]] virtual std::size_t dirty_bytes() const noexcept = 0;
  /// Clean entries not used lately leave until memory_bytes() <= target_bytes; no-op without a reader. A call looks at
  /// kEvictionSteps entries at most and the next one goes on from there. Pointers into the table become invalid.
  virtual void evict(std::size_t target_bytes) = 0;
  /// The first failure to read or decode stored state. The table then goes on as if the key had no value, so the task
  /// must fail before its next checkpoint.
  [[nodiscard]] virtual Status fault() const = 0;

  /// The value of a key as JSON, from memory; kNotFound when it has none, or is another task's. Nothing: it is not in
  /// memory, and what query_stored_json() gives from now on is its value until the task uses the key again.
  [[nodiscard]] virtual Result<std::optional<std::string>> query_json(std::string_view key_text) const = 0;
  /// The same as the last completed checkpoint has it, whatever has changed since; then `checkpoint` is its id.
  /// kFailedPrecondition without checkpoints. Thread: any, while the table lives; may read from disk.
  [[nodiscard]] virtual Result<std::string> query_stored_json(std::string_view key_text,
                                                              std::uint64_t& checkpoint) const = 0;
  /// Begins a page of what is live. kUnimplemented when keys or values have no JSON form. Precondition: limit >= 1.
  [[nodiscard]] virtual Result<std::unique_ptr<StateListing>> list(PageQuery query) const = 0;
  /// Takes the next step of a listing that this table began, or the table that was in its place before a restart.
  /// Thread: where listing.next() says; elsewhere than on the task it may read from disk. All steps together are O(keys
  /// of the table), one step on the task is O(1). After a failure there are no further steps.
  virtual Status list_step(StateListing& listing) const = 0;
  /// A page as the last completed checkpoint has it. O(stored keys of the table), from disk. kFailedPrecondition
  /// without checkpoints. Thread: any, while the table lives. Precondition: limit >= 1.
  [[nodiscard]] virtual Result<StatePage> list_stored(PageQuery query) const = 0;
};

/// Reads one state as the last completed checkpoint has it. Thread: all methods from any thread; they may block on
/// disk.
class StateReader {
 public:
  virtual ~StateReader() = default;
  /// True when nothing was stored at the time of the call: then there is nothing to look up.
  [[nodiscard]] virtual bool empty() const = 0;
  /// The checkpoint whose rows are read now; 0: none was completed.
  [[nodiscard]] virtual std::uint64_t checkpoint() const = 0;
  /// values[i]: what keys[i] holds, or nothing.
  virtual Status get(std::span<const std::string> keys, std::vector<std::optional<std::string>>& values) const = 0;
  /// Calls `visit` for each row whose key starts with `prefix`, in byte order, until it gives false.
  virtual Status scan(std::string_view prefix,
                      const std::function<bool(std::string_view key, std::string_view value)>& visit) const = 0;
};

/// The keyed state of one operator instance. Owned by the engine; tables register themselves while the operator opens.
class StateContext {
 public:
  struct Options {
    std::string uid;
    KeyGroupRange groups{0, 128};
    std::uint32_t max_parallelism = 128;
    std::size_t memory_bytes = std::size_t{256} << 20;  ///< budget of all tables together; for who calls evict()
    /// What is stored of a state; a null function or null result means that nothing is and that nothing can be evicted.
    std::function<std::shared_ptr<const StateReader>(const StateDescriptor&)> reader{};
  };

  StateContext() = default;
  explicit StateContext(Options options) : options_(std::move(options)) {}
  StateContext(const StateContext&) = delete;
  StateContext& operator=(const StateContext&) = delete;

  [[nodiscard]] const Options& options() const noexcept { return options_; }
  [[nodiscard]] std::shared_ptr<const StateReader> reader(const StateDescriptor& descriptor) const {
    return options_.reader ? options_.reader(descriptor) : nullptr;
  }
  /// Two states of one name in one operator break an invariant.
  void add(std::unique_ptr<StateTable> table);
  template <class Table, class... Args>
  Table& emplace(Args&&... args) {
    auto table = std::make_unique<Table>(*this, std::forward<Args>(args)...);
    Table& reference = *table;
    add(std::move(table));
    return reference;
  }
  [[nodiscard]] std::span<const std::unique_ptr<StateTable>> tables() const noexcept { return tables_; }
  [[nodiscard]] StateTable* find(std::string_view name) const noexcept;
  [[nodiscard]] std::size_t memory_bytes() const noexcept;
  [[nodiscard]] std::size_t dirty_bytes() const noexcept;
  /// The first table's fault, with its label.
  [[nodiscard]] Status fault() const;
  /// Evicts from every table, by its share, when together they use more than the budget. For between two batches.
  void keep_to_budget();

 private:
  Options options_;
  std::vector<std::unique_ptr<StateTable>> tables_;
};

}  // namespace weir
