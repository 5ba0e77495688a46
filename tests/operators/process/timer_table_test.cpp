// Timers as state: order, checkpoints, declined checkpoints, damaged rows.

#include <weir/detail/timer_table.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>

#include <weir/serde.hpp>

namespace weir::detail {
namespace {

class Rows final : public StateReader {
 public:
  [[nodiscard]] bool empty() const override { return rows.empty(); }
  [[nodiscard]] std::uint64_t checkpoint() const override { return 0; }
  Status get(std::span<const std::string>, std::vector<std::optional<std::string>>&) const override { return {}; }
  Status scan(std::string_view prefix,
              const std::function<bool(std::string_view, std::string_view)>& visit) const override {
    for (auto row = rows.lower_bound(std::string(prefix)); row != rows.end() && row->first.starts_with(prefix); ++row)
      if (!visit(row->first, row->second)) break;
    return {};
  }
  void apply(const StateDelta& delta) {
    delta.for_each([&](std::string_view key, std::optional<std::string_view> value) {
      if (value)
        rows[std::string(key)] = std::string(*value);
      else
        rows.erase(std::string(key));
    });
  }
  std::map<std::string, std::string> rows;
};

StateContext::Options over(const std::shared_ptr<Rows>& rows, KeyGroupRange groups = {0, 128}) {
  StateContext::Options options;
  options.uid = "op";
  options.groups = groups;
  options.reader = [rows](const StateDescriptor&) { return rows; };
  return options;
}

TimerTable::Timer timer(std::int64_t us, std::uint16_t group, std::string key) {
  return {Timestamp{Duration{us}}, group, std::move(key)};
}

std::vector<TimerTable::Timer> all_of(TimerTable& table, TimerKind kind) {
  std::vector<TimerTable::Timer> timers;
  while (table.first(kind) != nullptr) timers.push_back(table.pop(kind));
  return timers;
}

TEST(TimerTable, GivesTimersByTimeAlsoBelowTheEpochAndComesBackWhole) {
  auto rows = std::make_shared<Rows>();
  std::vector<TimerTable::Timer> event{timer(-5, 3, "b"), timer(0, 3, "a"), timer(0, 100, std::string("\0x", 2)),
                                       timer(7, 1, "")};
  {
    const StateContext context(over(rows));
    TimerTable table(context, "string");
    for (const auto& one : {event[3], event[1], event[0], event[2]}) table.add(TimerKind::kEventTime, one);
    table.add(TimerKind::kEventTime, event[0]);
    table.add(TimerKind::kProcessingTime, timer(1, 2, "p"));
    table.freeze();
    StateDelta delta;
    while (!table.drain(1, delta)) {
    }
    table.committed();
    rows->apply(delta);
    EXPECT_EQ(all_of(table, TimerKind::kEventTime), event);
  }
  const StateContext context(over(rows));
  TimerTable table(context, "string");
  ASSERT_TRUE(table.fault().is_ok());
  EXPECT_EQ(table.size(), 5U);
  EXPECT_EQ(all_of(table, TimerKind::kEventTime), event);
  EXPECT_EQ(all_of(table, TimerKind::kProcessingTime), std::vector{timer(1, 2, "p")});
  const StateContext some(over(rows, {3, 64}));
  TimerTable part(some, "string");
  EXPECT_EQ(all_of(part, TimerKind::kEventTime), (std::vector{event[0], event[1]})) << "only its key groups";
}

TEST(TimerTable, SaysWhenARowIsDamaged) {
  auto rows = std::make_shared<Rows>();
  rows->rows[std::string("\0\1\0", 3)] = "";
  const StateContext context(over(rows));
  const TimerTable table(context, "string");
  EXPECT_EQ(table.fault().code(), StatusCode::kDataLoss);
}

// Random adds, removes, pops, checkpoints that complete or are declined: what is stored is what was there at the
// freeze.
TEST(TimerTable, StoresWhatWasThereAtTheFreeze) {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937_64 random(seed);
    auto rows = std::make_shared<Rows>();
    const StateContext context(over(rows));
    TimerTable table(context, "string");
    std::set<TimerTable::Timer> model;
    std::set<TimerTable::Timer> frozen;
    bool under_way = false;
    bool drained = false;
    StateDelta delta;
    for (int step = 0; step < 300; ++step) {
      const auto any = timer(static_cast<std::int64_t>(random() % 8), static_cast<std::uint16_t>(random() % 3),
                             std::string(random() % 3, 'k'));
      switch (random() % 6) {
        case 0:
        case 1:
          table.add(TimerKind::kEventTime, any);
          model.insert(any);
          break;
        case 2:
          table.remove(TimerKind::kEventTime, any);
          model.erase(any);
          break;
        case 3:
          if (!model.empty()) {
            ASSERT_EQ(table.pop(TimerKind::kEventTime), *model.begin());
            model.erase(model.begin());
          }
          break;
        case 4:
          if (!under_way) {
            table.freeze();
            frozen = model;
            delta.clear();
            under_way = true;
            drained = false;
          } else {
            drained = table.drain(1 + random() % 4, delta);
          }
          break;
        default:
          if (!under_way) break;
          if (random() % 2 == 0) {
            table.aborted();
          } else {
            while (!drained) drained = table.drain(2, delta);
            table.committed();
            rows->apply(delta);
            const StateContext again(over(rows));
            TimerTable restored(again, "string");
            const auto timers = all_of(restored, TimerKind::kEventTime);
            ASSERT_EQ(std::set(timers.begin(), timers.end()), frozen);
          }
          under_way = false;
      }
    }
  }
}

}  // namespace
}  // namespace weir::detail
