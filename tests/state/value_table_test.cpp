#include <weir/value_table.hpp>

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <string>

#include "state/support/table_queries.hpp"
#include "state/support/value_table_fixture.hpp"

namespace weir {
namespace {

using testing::MemoryStore;
using testing::over;
using testing::query_now;

template <class K, class V>
using Fixture = testing::ValueTableFixture<K, V>;

struct Reading {
  int sensor = 0;
  std::string place;
  friend bool operator==(const Reading&, const Reading&) = default;
};

TEST(ValueTable, FindsWhatWasPutAndNothingElse) {
  Fixture<std::string, Reading> state;
  EXPECT_EQ(state.find("a"), nullptr);
  state.mutate("a").sensor = 7;
  ASSERT_NE(state.find("a"), nullptr);
  EXPECT_EQ(state.find("a")->sensor, 7);
  EXPECT_EQ(state.find("b"), nullptr);
  state.clear("a");
  EXPECT_EQ(state.find("a"), nullptr);
  EXPECT_EQ(state.mutate("a"), Reading{}) << "a cleared value does not come back";
}

TEST(ValueTable, AddressesTheCurrentKeyThroughHandles) {
  StateContext context(over(nullptr));
  CurrentKey<std::uint64_t> current;
  const ValueState<std::int64_t> count = make_value_state<std::int64_t>(context, &current, {.name = "count"});
  const std::uint64_t keys[] = {1, 2};
  for (const std::uint64_t key : {0, 1, 0}) {
    current = {&keys[key], hash_key(keys[key])};
    ++count.mutate();
  }
  EXPECT_EQ(*count.get(), 2);
  count.set(10);
  EXPECT_EQ(*count.get(), 10);
  count.clear();
  EXPECT_FALSE(count.has_value());
  current = {&keys[1], hash_key(keys[1])};
  EXPECT_EQ(*count.get(), 1);
}

TEST(ValueTable, KeepsKeysApartThatShareAHash) {
  StateContext context(over(nullptr));
  CurrentKey<std::string> current;
  auto& table = context.emplace<ValueTable<std::string, int>>(&current, StateOptions{.name = "v"});
  table.mutate("a", 42) = 1;
  table.mutate("b", 42) = 2;
  EXPECT_EQ(*table.find("a", 42), 1);
  EXPECT_EQ(*table.find("b", 42), 2);
  EXPECT_EQ(table.find("c", 42), nullptr);
  EXPECT_EQ(table.find("a", 42 + (std::uint64_t{1} << 63)), nullptr);
}

TEST(ValueTable, KeepsPointersValidWhileItGrows) {
  Fixture<std::uint64_t, std::uint64_t> state;
  std::uint64_t& first = state.mutate(0);
  first = 11;
  for (std::uint64_t key = 1; key < 10'000; ++key) state.mutate(key) = key;
  EXPECT_EQ(&first, &state.mutate(0));
  EXPECT_EQ(first, 11U);
}

TEST(ValueTable, DrainsOnlyWhatChangedSinceTheLastCheckpoint) {
  Fixture<std::string, int> state;
  state.mutate("a") = 1;
  state.mutate("b") = 2;
  EXPECT_EQ(state.checkpoint(), 2U);
  EXPECT_EQ(state.checkpoint(), 0U);
  state.mutate("b") = 3;
  (void)state.find("a");
  EXPECT_EQ(state.checkpoint(), 1U);
  state.clear("a");
  state.clear("never there");
  EXPECT_EQ(state.checkpoint(), 1U);
  EXPECT_EQ(state.store->rows.size(), 1U);
}

TEST(ValueTable, GivesACheckpointTheValuesOfItsBarrier) {
  Fixture<std::string, int> state;
  state.mutate("updated") = 1;
  state.mutate("cleared") = 1;
  state.mutate("left") = 1;
  state.table.freeze();
  state.mutate("updated") = 2;
  state.clear("cleared");
  state.mutate("new") = 2;
  state.mutate("updated") = 3;
  const StateDelta delta = state.drain();
  EXPECT_EQ(delta.entries(), 3U);
  state.store->apply(delta);
  state.table.committed();

  Fixture<std::string, int> restored(state.store);
  for (const char* key : {"updated", "cleared", "left"}) EXPECT_EQ(*restored.find(key), 1) << key;
  EXPECT_EQ(restored.find("new"), nullptr);
  EXPECT_EQ(state.checkpoint(), 3U) << "what changed during the checkpoint belongs to the next";
  Fixture<std::string, int> later(state.store);
  EXPECT_EQ(*later.find("updated"), 3);
  EXPECT_EQ(later.find("cleared"), nullptr);
  EXPECT_EQ(*later.find("new"), 2);
}

TEST(ValueTable, DrainsInBoundedSteps) {
  Fixture<std::uint64_t, int> state;
  for (std::uint64_t key = 0; key < 1000; ++key) state.mutate(key) = 1;
  state.table.freeze();
  StateDelta delta;
  for (std::size_t calls = 1; calls <= 10; ++calls) {
    EXPECT_FALSE(state.table.drain(99, delta));
    EXPECT_EQ(delta.entries(), calls * 99);
  }
  EXPECT_TRUE(state.table.drain(99, delta));
  EXPECT_EQ(delta.entries(), 1000U);
}

TEST(ValueTable, TakesEverythingBackWhenACheckpointIsDeclined) {
  for (const std::size_t drained : {0, 1, 3}) {
    Fixture<std::string, int> state;
    for (const char* key : {"a", "b", "c"}) state.mutate(key) = 1;
    state.table.freeze();
    StateDelta lost;
    if (drained > 0) (void)state.table.drain(drained, lost);
    state.mutate("b") = 2;
    state.mutate("d") = 2;
    state.table.aborted();
    EXPECT_EQ(state.checkpoint(), 4U);
    Fixture<std::string, int> restored(state.store);
    EXPECT_EQ(*restored.find("a"), 1);
    EXPECT_EQ(*restored.find("b"), 2);
    EXPECT_EQ(*restored.find("c"), 1);
    EXPECT_EQ(*restored.find("d"), 2);
  }
}

TEST(ValueTable, StaysBoundedWhenEveryCheckpointIsDeclined) {
  Fixture<std::uint64_t, int> state;
  for (int round = 0; round < 1000; ++round) {
    for (std::uint64_t key = 0; key < 10; ++key) state.mutate(key) = round;
    state.table.freeze();
    state.table.aborted();
    EXPECT_LE(state.table.dirty_bytes(), state.table.memory_bytes());
  }
  EXPECT_EQ(state.checkpoint(), 10U);
}

TEST(ValueTable, EvictsCleanEntriesAndReadsThemAgain) {
  Fixture<std::uint64_t, std::string> state;
  const std::string large(1000, 'x');
  for (std::uint64_t key = 0; key < 500; ++key) state.mutate(key) = large + std::to_string(key);
  const std::size_t full = state.table.memory_bytes();
  state.table.evict(0);
  EXPECT_EQ(state.table.resident(), 500U) << "what is dirty stays";
  state.checkpoint();
  EXPECT_GT(state.table.memory_bytes(), 500'000U);
  state.mutate(3) = "dirty";
  state.table.evict(0);
  EXPECT_EQ(state.table.resident(), 1U);
  EXPECT_LT(state.table.memory_bytes(), full);
  for (std::uint64_t key = 0; key < 500; ++key) {
    ASSERT_NE(state.find(key), nullptr) << key;
    EXPECT_EQ(*state.find(key), key == 3 ? "dirty" : large + std::to_string(key));
  }
  EXPECT_EQ(state.store->gets, 499U);
  EXPECT_TRUE(state.table.fault().is_ok());
}

TEST(ValueTable, KeepsWhatWasUsedLatelyWhenItEvicts) {
  Fixture<std::uint64_t, int> state;
  for (std::uint64_t key = 0; key < 1000; ++key) state.mutate(key) = 1;
  state.checkpoint();
  const std::size_t full = state.table.memory_bytes();
  state.table.evict(full * 9 / 10);  // clears every mark on its way
  for (std::uint64_t key = 900; key < 950; ++key) (void)state.find(key);
  const std::size_t gets = state.store->gets;
  state.table.evict(full * 7 / 10);
  for (std::uint64_t key = 900; key < 950; ++key) EXPECT_NE(state.find(key), nullptr);
  EXPECT_EQ(state.store->gets, gets) << "keys used since the last round are resident";
}

TEST(ValueTable, PrefetchesABatchWithOneRead) {
  const auto store = std::make_shared<MemoryStore>();
  {
    Fixture<std::string, int> state(store);
    for (int i = 0; i < 100; ++i) state.mutate("k" + std::to_string(i)) = i;
    state.checkpoint();
  }
  Fixture<std::string, int> state(store);
  std::vector<std::string> keys;
  for (int i = 0; i < 120; i += 3) keys.push_back("k" + std::to_string(i));
  keys.push_back("k0");  // twice
  std::vector<const std::string*> pointers;
  std::vector<std::uint64_t> hashes;
  for (const std::string& key : keys) {
    pointers.push_back(&key);
    hashes.push_back(hash_key(key));
  }
  state.table.prefetch(pointers, hashes);
  state.table.warm(hashes);
  EXPECT_EQ(store->gets, 1U);
  for (int i = 0; i < 120; i += 3) {
    const int* value = state.find("k" + std::to_string(i));
    ASSERT_EQ(value != nullptr, i < 100) << i;
    if (value != nullptr) {
      EXPECT_EQ(*value, i);
    }
  }
  EXPECT_EQ(store->gets, 1U) << "what is known to be absent is not read again";
}

TEST(ValueTable, DoesNotReadAnEmptyStore) {
  Fixture<std::string, int> state;
  for (int i = 0; i < 100; ++i) state.mutate(std::to_string(i)) = i;
  EXPECT_EQ(state.store->gets, 0U);
}

TEST(ValueTable, DropsKeysWithoutAValueOnceThatIsStored) {
  Fixture<std::uint64_t, int> state;
  for (std::uint64_t key = 0; key < 100'000; ++key) {
    state.mutate(key) = 1;
    state.clear(key);
    if (key % 100 == 99) state.checkpoint();
  }
  EXPECT_LT(state.table.resident(), 1000U);
  EXPECT_TRUE(state.store->rows.empty());
}

TEST(ValueTable, ReportsReadFailuresAndGoesOnAsIfAbsent) {
  const auto store = std::make_shared<MemoryStore>();
  {
    Fixture<std::string, int> state(store);
    state.mutate("a") = 1;
    state.checkpoint();
  }
  Fixture<std::string, int> state(store);
  store->failure = Status::io_error("read sector 5");
  EXPECT_EQ(state.find("a"), nullptr);
  EXPECT_EQ(state.table.fault().code(), StatusCode::kIoError);
  EXPECT_NE(state.context.fault().message().find("operator 'op', state 'v': read sector 5"), std::string::npos);
}

TEST(ValueTable, ReportsStoredBytesThatAreNoValue) {
  const auto store = std::make_shared<MemoryStore>();
  {
    Fixture<std::string, Reading> state(store);
    state.mutate("a").place = "here";
    state.checkpoint();
  }
  store->rows.begin()->second.pop_back();
  Fixture<std::string, Reading> state(store);
  EXPECT_EQ(state.find("a"), nullptr);
  EXPECT_EQ(state.table.fault().code(), StatusCode::kDataLoss);
}

TEST(ValueTable, AnswersQueriesFromMemoryAndStore) {
  const auto store = std::make_shared<MemoryStore>();
  {
    Fixture<std::string, Reading> state(store);
    state.mutate("stored") = {1, "x"};
    state.mutate("gone") = {2, "y"};
    state.checkpoint();
  }
  Fixture<std::string, Reading> state(store);
  state.mutate("fresh") = {3, "z\"\n"};
  state.clear("gone");
  EXPECT_EQ(*query_now(state.table, "stored"), R"([1,"x"])");
  EXPECT_EQ(*query_now(state.table, "fresh"), R"([3,"z\"\n"])");
  EXPECT_EQ(query_now(state.table, "gone").status().code(), StatusCode::kNotFound);
  EXPECT_EQ(query_now(state.table, "never").status().code(), StatusCode::kNotFound);
  EXPECT_EQ(state.table.resident(), 2U) << "a query changes nothing";
}

TEST(ValueTable, RefusesQueriesForWhatIsNoKey) {
  Fixture<std::int32_t, int> state;
  state.mutate(-5) = 1;
  EXPECT_EQ(*query_now(state.table, "-5"), "1");
  for (const char* text : {"", "5x", " 5", "99999999999", "abc"})
    EXPECT_EQ(query_now(state.table, text).status().code(), StatusCode::kInvalidArgument) << text;
  Fixture<std::pair<int, int>, int> pairs;
  EXPECT_EQ(query_now(pairs.table, "[1,2]").status().code(), StatusCode::kUnimplemented);
}

TEST(ValueTable, SharesItsBudgetWithTheOtherTablesOfTheOperator) {
  const auto store = std::make_shared<MemoryStore>();
  StateContext::Options options = over(store);
  options.memory_bytes = 40'000;
  StateContext context(std::move(options));
  CurrentKey<std::uint64_t> current;
  auto& table = context.emplace<ValueTable<std::uint64_t, int>>(&current, StateOptions{.name = "v"});
  for (std::uint64_t key = 0; key < 2000; ++key) table.mutate(key, hash_key(key)) = 1;
  context.keep_to_budget();
  EXPECT_EQ(table.resident(), 2000U);
  table.freeze();
  StateDelta delta;
  ASSERT_TRUE(table.drain(10'000, delta));
  store->apply(delta);
  table.committed();
  context.keep_to_budget();
  EXPECT_LE(context.memory_bytes(), 40'000U);
  EXPECT_EQ(context.dirty_bytes(), 0U);
}

// Random operations, checkpoints that complete or are declined, evictions and restarts, against std::map.
template <class K, class V, class MakeKey, class MakeValue>
void run_against_model(std::uint32_t seed, MakeKey&& make_key, MakeValue&& make_value) {
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  const auto below = [&](std::uint32_t bound) { return static_cast<std::uint32_t>(random() % bound); };
  auto store = std::make_shared<MemoryStore>();
  auto state = std::make_unique<Fixture<K, V>>(store);
  std::map<K, V> model, frozen, stored;
  enum { kRunning, kDraining, kDrained } phase = kRunning;
  StateDelta delta;
  for (int step = 0; step < 4000; ++step) {
    const K key = make_key(below(60));
    switch (below(24)) {
      case 0:
      case 1:
      case 2:
      case 3:
      case 4:
      case 5: {
        const V* value = state->find(key);
        const auto expected = model.find(key);
        ASSERT_EQ(value != nullptr, expected != model.end()) << "step " << step;
        if (value != nullptr) {
          ASSERT_EQ(*value, expected->second) << "step " << step;
        }
        break;
      }
      case 6:
      case 7:
      case 8:
      case 9:
      case 10:
      case 11:
      case 12:
      case 13: {
        const V value = make_value(random());
        V& slot = state->mutate(key);
        const auto expected = model.find(key);
        ASSERT_EQ(slot, expected == model.end() ? V{} : expected->second) << "step " << step;
        slot = value;
        model[key] = value;
        break;
      }
      case 14:
      case 15:
      case 16:
        state->clear(key);
        model.erase(key);
        break;
      case 17: {
        std::vector<K> keys;
        for (std::uint32_t i = below(20); i > 0; --i) keys.push_back(make_key(below(60)));
        std::vector<const K*> pointers;
        std::vector<std::uint64_t> hashes;
        for (const K& each : keys) {
          pointers.push_back(&each);
          hashes.push_back(hash_key(each));
        }
        state->table.prefetch(pointers, hashes);
        break;
      }
      case 18:
        if (phase != kRunning) break;
        state->table.freeze();
        frozen = model;
        delta.clear();
        phase = kDraining;
        break;
      case 19:
      case 20:
        if (phase == kDraining && state->table.drain(1 + below(30), delta)) phase = kDrained;
        break;
      case 21:
        if (phase == kDrained) {
          store->apply(delta);
          state->table.committed();
          stored = frozen;
          phase = kRunning;
          ASSERT_EQ(store->rows.size(), stored.size()) << "step " << step;
        } else if (phase == kDraining && below(4) == 0) {
          state->table.aborted();
          phase = kRunning;
        }
        break;
      case 22: state->table.evict(below(2) == 0 ? 0 : state->table.memory_bytes() / 2); break;
      case 23:
        if (below(40) != 0) break;
        state = std::make_unique<Fixture<K, V>>(store);
        model = stored;
        phase = kRunning;
        break;
    }
    ASSERT_TRUE(state->table.fault().is_ok());
  }
  std::map<K, V> all;
  ASSERT_TRUE(state->table.for_each([&](const K& key, const V& value) { all.emplace(key, value); }).is_ok());
  EXPECT_EQ(all, model);
}

TEST(ValueTable, AgreesWithAMapOfNumbers) {
  for (std::uint32_t seed = 1; seed <= 40; ++seed)
    run_against_model<std::uint64_t, std::int64_t>(
        seed, [](std::uint32_t i) { return std::uint64_t{i}; }, [](std::uint32_t bits) { return std::int64_t{bits}; });
}

TEST(ValueTable, AgreesWithAMapOfStructs) {
  for (std::uint32_t seed = 1; seed <= 40; ++seed)
    run_against_model<std::string, Reading>(
        seed, [](std::uint32_t i) { return "key-" + std::to_string(i); },
        [](std::uint32_t bits) {
          return Reading{static_cast<int>(bits % 1000), std::string(bits % 50, 'p')};
        });
}

}  // namespace
}  // namespace weir
