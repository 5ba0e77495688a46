#include <weir/map_table.hpp>

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <string>

#include "state/support/memory_store.hpp"
#include "state/support/table_queries.hpp"

namespace weir {
namespace {

using testing::list_now;
using testing::MemoryStore;
using testing::query_now;
using Table = MapTable<std::string, std::string, std::string>;
using Map = std::map<std::string, std::string>;

struct Fixture {
  explicit Fixture(std::shared_ptr<MemoryStore> backing = std::make_shared<MemoryStore>())
      : store(std::move(backing)),
        context(options()),
        table(context.emplace<Table>(&current, StateOptions{.name = "m"})) {}

  StateContext::Options options() {
    StateContext::Options options;
    options.uid = "op";
    options.reader = [this](const StateDescriptor&) { return store; };
    return options;
  }
  std::string& mutate(const std::string& key, const std::string& map_key) {
    return table.mutate(key, hash_key(key), map_key);
  }
  const std::string* find(const std::string& key, const std::string& map_key) {
    return table.find(key, hash_key(key), map_key);
  }
  bool remove(const std::string& key, const std::string& map_key) { return table.remove(key, hash_key(key), map_key); }
  Map all(const std::string& key) {
    Map map;
    table.for_each(key, hash_key(key),
                   [&](const std::string& map_key, const std::string& value) { map[map_key] = value; });
    return map;
  }
  std::size_t checkpoint() {
    table.freeze();
    StateDelta delta;
    while (!table.drain(1000, delta)) {
    }
    store->apply(delta);
    table.committed();
    return delta.entries();
  }

  std::shared_ptr<MemoryStore> store;
  StateContext context;
  CurrentKey<std::string> current;
  Table& table;
};

TEST(MapTable, KeepsAMapPerKeyInOrder) {
  StateContext context;
  CurrentKey<std::string> current;
  const MapState<int, std::string> names = make_map_state<int, std::string>(context, &current, {.name = "names"});
  const std::string keys[] = {"a", "b"};
  current = {&keys[0], hash_key(keys[0])};
  EXPECT_TRUE(names.empty());
  names.put(10, "ten");
  names.put(-3, "minus three");
  names.mutate(5) += "five";
  std::vector<int> order;
  names.for_each([&](int key, const std::string&) { order.push_back(key); });
  EXPECT_EQ(order, (std::vector<int>{-3, 5, 10}));
  current = {&keys[1], hash_key(keys[1])};
  EXPECT_FALSE(names.contains(5));
  EXPECT_EQ(names.size(), 0U);
  current = {&keys[0], hash_key(keys[0])};
  EXPECT_EQ(*names.get(5), "five");
  EXPECT_TRUE(names.remove(5));
  EXPECT_FALSE(names.remove(5));
  EXPECT_EQ(names.size(), 2U);
  names.clear();
  EXPECT_TRUE(names.empty());
  EXPECT_EQ(names.mutate(10), "") << "a removed value does not come back";
}

TEST(MapTable, StoresOnlyTheEntriesThatChanged) {
  Fixture state;
  for (int i = 0; i < 100; ++i) state.mutate("k", std::to_string(i)) = "v";
  EXPECT_EQ(state.checkpoint(), 100U);
  state.mutate("k", "7") = "w";
  EXPECT_TRUE(state.remove("k", "8"));
  EXPECT_EQ(state.checkpoint(), 2U);
  EXPECT_EQ(state.store->rows.size(), 99U);
  Fixture restored(state.store);
  EXPECT_EQ(restored.all("k"), state.all("k"));
  EXPECT_EQ(restored.store->scans, 1U);
}

TEST(MapTable, DoesNotMixKeysThatStartAlike) {
  Fixture state;
  state.mutate("a", "b") = "1";
  state.mutate("ab", "") = "2";
  state.mutate("", "ab") = "3";
  state.checkpoint();
  Fixture restored(state.store);
  EXPECT_EQ(restored.all("a"), (Map{{"b", "1"}}));
  EXPECT_EQ(restored.all("ab"), (Map{{"", "2"}}));
  EXPECT_EQ(restored.all(""), (Map{{"ab", "3"}}));
}

TEST(MapTable, VisitsARangeUntilToldToStop) {
  Fixture state;
  for (const char* key : {"a", "b", "c", "d", "e"}) state.mutate("k", key) = key;
  EXPECT_TRUE(state.remove("k", "c"));
  std::string seen;
  state.table.for_range("k", hash_key(std::string_view("k")), "b", "e",
                        [&](const std::string& key, const std::string&) {
                          seen += key;
                          return true;
                        });
  EXPECT_EQ(seen, "bd");
}

TEST(MapTable, ForgetsRemovedEntriesOnceThatIsStored) {
  Fixture state;
  for (int i = 0; i < 20'000; ++i) {
    state.mutate("k", std::to_string(i)) = "v";
    EXPECT_TRUE(state.remove("k", std::to_string(i)));
    if (i % 50 == 49) state.checkpoint();
  }
  EXPECT_LT(state.table.memory_bytes(), 200'000U);
  EXPECT_TRUE(state.store->rows.empty());
}

TEST(MapTable, EvictsKeysWithoutChangesAndReadsThemAgain) {
  Fixture state;
  for (int key = 0; key < 50; ++key)
    for (int i = 0; i < 10; ++i) state.mutate(std::to_string(key), std::to_string(i)) = std::string(100, 'v');
  state.checkpoint();
  state.mutate("7", "new") = "x";
  state.table.evict(0);
  EXPECT_EQ(state.table.resident(), 1U);
  for (int key = 0; key < 50; ++key) EXPECT_EQ(state.all(std::to_string(key)).size(), key == 7 ? 11U : 10U);
}

TEST(MapTable, AnswersQueriesAndListsFromMemoryAndStore) {
  const auto store = std::make_shared<MemoryStore>();
  {
    Fixture state(store);
    state.mutate("a", "1") = "x";
    state.mutate("b", "2") = "y";
    state.mutate("c", "3") = "z";
    state.checkpoint();
  }
  Fixture state(store);
  state.mutate("b", "4") = "w";
  EXPECT_TRUE(state.remove("c", "3"));
  EXPECT_EQ(*query_now(state.table, "a"), R"({"1":"x"})");
  EXPECT_EQ(*query_now(state.table, "b"), R"({"2":"y","4":"w"})");
  EXPECT_EQ(query_now(state.table, "c").status().code(), StatusCode::kNotFound);
  EXPECT_EQ(query_now(state.table, "d").status().code(), StatusCode::kNotFound);
  const Result<StatePage> page = list_now(state.table, {.limit = 10});
  ASSERT_TRUE(page.is_ok());
  EXPECT_EQ(page->entries, R"([{"key":"a","value":{"1":"x"}},{"key":"b","value":{"2":"y","4":"w"}}])");
  EXPECT_TRUE(page->next_cursor.empty());
}

TEST(MapTable, ReportsReadFailuresAndDamagedRows) {
  const auto store = std::make_shared<MemoryStore>();
  {
    Fixture state(store);
    state.mutate("a", "1") = "x";
    state.checkpoint();
  }
  {
    Fixture state(store);
    store->failure = Status::io_error("read");
    EXPECT_EQ(state.find("a", "1"), nullptr);
    EXPECT_EQ(state.table.fault().code(), StatusCode::kIoError);
    store->failure = {};
  }
  store->rows.begin()->second = "\x05";
  Fixture state(store);
  EXPECT_EQ(state.find("a", "1"), nullptr);
  EXPECT_EQ(state.table.fault().code(), StatusCode::kDataLoss);
}

TEST(MapTable, AgreesWithAMapOfMaps) {
  for (std::uint32_t seed = 1; seed <= 40; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937 random(seed);
    const auto below = [&](std::uint32_t bound) { return static_cast<std::uint32_t>(random() % bound); };
    auto store = std::make_shared<MemoryStore>();
    auto state = std::make_unique<Fixture>(store);
    std::map<std::string, Map> model, frozen, stored;
    enum { kRunning, kDraining, kDrained } phase = kRunning;
    StateDelta delta;
    for (int step = 0; step < 4000; ++step) {
      const std::string key = std::to_string(below(12));
      const std::string map_key = std::to_string(below(30));
      switch (below(24)) {
        case 0:
        case 1:
        case 2:
        case 3: {
          const std::string* value = state->find(key, map_key);
          ASSERT_EQ(value != nullptr, model[key].contains(map_key)) << "step " << step;
          if (value != nullptr) {
            ASSERT_EQ(*value, model[key][map_key]) << "step " << step;
          }
          break;
        }
        case 4:
        case 5:
          ASSERT_EQ(state->all(key), model[key]) << "step " << step;
          ASSERT_EQ(state->table.size(key, hash_key(key)), model[key].size()) << "step " << step;
          break;
        case 6:
        case 7:
        case 8:
        case 9:
        case 10:
        case 11: {
          const std::string value(random() % 40, 'v');
          ASSERT_EQ(state->mutate(key, map_key), model[key][map_key]) << "step " << step;
          state->mutate(key, map_key) = model[key][map_key] = value;
          break;
        }
        case 12:
        case 13:
        case 14:
        case 15:
        case 16: ASSERT_EQ(state->remove(key, map_key), model[key].erase(map_key) == 1) << "step " << step; break;
        case 17:
          state->table.clear(key, hash_key(key));
          model[key].clear();
          break;
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
          } else if (phase == kDraining && below(4) == 0) {
            state->table.aborted();
            phase = kRunning;
          }
          break;
        case 22: state->table.evict(below(2) == 0 ? 0 : state->table.memory_bytes() / 2); break;
        case 23:
          if (below(40) != 0) break;
          state = std::make_unique<Fixture>(store);
          model = stored;
          phase = kRunning;
          break;
      }
      ASSERT_TRUE(state->table.fault().is_ok());
    }
    std::map<std::string, Map> all;
    ASSERT_TRUE(
        state->table.for_each_key([&](const std::string& key, const Map& map) { all.emplace(key, map); }).is_ok());
    std::erase_if(model, [](const auto& each) { return each.second.empty(); });
    EXPECT_EQ(all, model);
  }
}

}  // namespace
}  // namespace weir
