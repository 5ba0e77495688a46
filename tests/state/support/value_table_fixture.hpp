#pragma once
/// A ValueTable over a store in memory.

#include <cstddef>
#include <memory>
#include <utility>

#include <weir/value_table.hpp>

#include "state/support/memory_store.hpp"

namespace weir::testing {

inline StateContext::Options over(const std::shared_ptr<MemoryStore>& store) {
  StateContext::Options options;
  options.uid = "op";
  if (store != nullptr) options.reader = [store](const StateDescriptor&) { return store; };
  return options;
}

// A table over a store, with the checkpoint procedure of the engine.
template <class K, class V>
struct ValueTableFixture {
  explicit ValueTableFixture(std::shared_ptr<MemoryStore> backing = std::make_shared<MemoryStore>())
      : store(std::move(backing)),
        context(over(store)),
        table(context.emplace<ValueTable<K, V>>(&current, StateOptions{.name = "v"})) {}

  const V* find(const K& key) { return table.find(key, hash_key(key)); }
  V& mutate(const K& key) { return table.mutate(key, hash_key(key)); }
  void clear(const K& key) { table.clear(key, hash_key(key)); }
  StateDelta drain(std::size_t max_entries = 1000) {
    StateDelta delta;
    while (!table.drain(max_entries, delta)) {
    }
    return delta;
  }
  std::size_t checkpoint() {
    table.freeze();
    const StateDelta delta = drain();
    store->apply(delta);
    table.committed();
    return delta.entries();
  }

  std::shared_ptr<MemoryStore> store;
  StateContext context;
  CurrentKey<K> current;
  ValueTable<K, V>& table;
};

}  // namespace weir::testing
