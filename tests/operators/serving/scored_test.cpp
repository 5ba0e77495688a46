#include <cmath>
#include <map>
#include <random>

#include <gtest/gtest.h>

#include <weir/scored.hpp>
#include <weir/serving/serving_statistics.hpp>

#include "operators/serving/serving_rig.hpp"

namespace weir::test {
namespace {

Scored<Event> scored(std::size_t numbers, const std::vector<std::string>& texts) {
  Scored<Event> result;
  result.record = {"k", 2.5, 9};
  result.key = "k";
  result.event_time = at(1'000'000);
  result.position = 4;
  result.model = {intern_model_name("delay"), 3, {}};
  result.model.digest[0] = 0xab;
  const std::vector<double> values(numbers, 0.5);
  result.numbers = ScoreNumbers(values.data(), values.size());
  result.texts = ScoreTexts(texts.data(), texts.size());
  result.latency_ns = 12;
  result.status = ScoreStatus::kOk;
  result.path = ScorePath::kCurrent;
  return result;
}

void expect_same(const Scored<Event>& left, const Scored<Event>& right) {
  EXPECT_EQ(left.record, right.record);
  EXPECT_EQ(left.key, right.key);
  EXPECT_EQ(left.event_time, right.event_time);
  EXPECT_EQ(left.position, right.position);
  EXPECT_EQ(left.model, right.model);
  EXPECT_EQ(left.status, right.status);
  EXPECT_EQ(left.path, right.path);
  EXPECT_EQ(left.latency_ns, right.latency_ns);
  ASSERT_EQ(left.numbers.size(), right.numbers.size());
  for (std::size_t i = 0; i < left.numbers.size(); ++i) EXPECT_EQ(left.number(i), right.number(i));
  ASSERT_EQ(left.texts.size(), right.texts.size());
  for (std::size_t i = 0; i < left.texts.size(); ++i) EXPECT_EQ(left.text(i), right.text(i));
}

TEST(Scored, AnyNumberOfOutputsIsCopiedMovedAndStored) {
  const std::vector<std::vector<std::string>> texts = {{},
                                                       {""},
                                                       {"late"},
                                                       {"twelve chars"},
                                                       {"thirteen char"},
                                                       {"one more than that, by far too long"},
                                                       {"a", "", "b"},
                                                       {std::string(1000, 'x'), "y"}};
  for (const std::size_t numbers : {0, 1, 2, 3, 100}) {
    for (const auto& labels : texts) {
      const Scored<Event> original = scored(numbers, labels);
      Scored<Event> copy = original;
      expect_same(copy, original);
      Scored<Event> moved = std::move(copy);
      expect_same(moved, original);
      Scored<Event> assigned = scored(7, {"something", "else that is long enough to be on the heap"});
      assigned = moved;
      expect_same(assigned, original);
      assigned = Scored<Event>();
      EXPECT_EQ(assigned.numbers.size(), 0U);
      const auto back = deserialize<Scored<Event>>(serialize(original));
      ASSERT_TRUE(back.is_ok()) << back.status().to_string();
      expect_same(*back, original);
    }
  }
}

TEST(Scored, DamagedBytesFail) {
  const std::string bytes = serialize(scored(5, {"late", "on time"}));
  for (std::size_t size = 0; size < bytes.size(); ++size)
    EXPECT_FALSE(deserialize<Scored<Event>>(bytes.substr(0, size)).is_ok());
  std::string wrong = bytes;
  wrong[wrong.size() - 2] = 17;  // the status
  EXPECT_FALSE(deserialize<Scored<Event>>(wrong).is_ok());
}

TEST(Scored, IsReadableAsJson) {
  EXPECT_EQ(
      to_json(scored(1, {"late"})),
      R"({"record":{"key":"k","value":2.5,"id":9},"key":"k","event_time":"1970-01-01T00:00:01Z","position":4,)"
      R"("model":{"name":"delay","version":3,"digest":"ab00000000000000000000000000000000000000000000000000000000000000"},)"
      R"("status":"ok","path":"current","numbers":[0.5],"texts":["late"],"latency_ns":12})");
  Scored<Event> failed;
  failed.status = ScoreStatus::kError;
  failed.texts = ScoreTexts("no \"distance\"");
  EXPECT_EQ(failed.reason(), "no \"distance\"");
  EXPECT_EQ(failed.text(), "");
  EXPECT_NE(to_json(failed).find(R"("reason":"no \"distance\"")"), std::string::npos);
}

TEST(Scored, WhatIsNotThereIsNaNOrEmpty) {
  const Scored<Event> nothing;
  EXPECT_TRUE(std::isnan(nothing.number()));
  EXPECT_EQ(nothing.text(3), "");
  EXPECT_FALSE(nothing.model.has_value());
  EXPECT_EQ(intern_model_name(std::string(257, 'x')), nullptr);
  EXPECT_EQ(intern_model_name("same"), intern_model_name("same"));
}

TEST(LatencyHistogram, QuantilesAreWithinAnEighth) {
  serving::LatencyHistogram histogram;
  for (std::int64_t value = 1; value <= 10'000; ++value) histogram.add(value, 1);
  for (const double share : {0.01, 0.5, 0.99, 1.0}) {
    const double exact = share * 10'000;
    EXPECT_GE(static_cast<double>(histogram.quantile(share)), exact);
    EXPECT_LE(static_cast<double>(histogram.quantile(share)), exact * 1.125 + 1);
  }
  EXPECT_EQ(histogram.total(), 10'000U);
  EXPECT_EQ(*deserialize<serving::LatencyHistogram>(serialize(histogram)), histogram);
  EXPECT_EQ(serving::LatencyHistogram().quantile(0.5), 0);
}

TEST(LatencyHistogram, EveryValueLiesInItsBucket) {
  for (std::int64_t value = 0; value < 100'000; ++value) {
    const auto bucket = serving::LatencyHistogram::bucket_of(value);
    ASSERT_LE(value, serving::LatencyHistogram::upper_end(bucket));
    if (bucket > 0) {
      ASSERT_GT(value, serving::LatencyHistogram::upper_end(bucket - 1));
    }
  }
  serving::LatencyHistogram histogram;
  histogram.add(-5, 1);
  histogram.add(INT64_MAX, 1);
  histogram.add(100, 1);
  EXPECT_EQ(histogram.total(), 3U);
}

TEST(LatencyHistogram, CountsTheSameWhereverTheyAreKept) {
  // Small counts near the usual value, counts too large for that, values far away, a usual value that moves.
  std::map<std::uint32_t, std::uint64_t> expected;
  serving::LatencyHistogram histogram;
  const auto add = [&](std::int64_t value, std::uint64_t count) {
    histogram.add(value, count);
    expected[serving::LatencyHistogram::bucket_of(value)] += count;
  };
  std::mt19937_64 random(7);
  for (const std::int64_t usual : {100, 100, 3, 1'000'000, 40}) {
    for (int i = 0; i < 2000; ++i) add(usual + usual * static_cast<std::int64_t>(random() % 100) / 100, 1);
    add(usual, 254);
    add(usual, 255);
    add(usual, 256);
    add(usual, 70'000);
    add(std::int64_t{1} << random() % 50, random() % 1000 + 1);
  }
  std::string bytes;
  ByteWriter writer(bytes);
  const std::uint32_t first = expected.begin()->first;
  const std::uint32_t last = expected.rbegin()->first;
  writer.varint(first);
  writer.varint(last - first + 1);
  for (std::uint32_t bucket = first; bucket <= last; ++bucket) writer.varint(expected[bucket]);
  EXPECT_EQ(serialize(histogram), bytes);
  auto restored = *deserialize<serving::LatencyHistogram>(bytes);
  EXPECT_EQ(restored, histogram);
  restored.add(100, 1);
  EXPECT_NE(restored, histogram);
  histogram.add(100, 1);
  EXPECT_EQ(restored, histogram);
  const serving::LatencyHistogram copy = histogram;
  histogram.merge(restored);
  EXPECT_EQ(histogram.total(), 2 * copy.total());
  EXPECT_EQ(histogram.quantile(0.5), copy.quantile(0.5));
}

TEST(KeyStatistics, AreStoredAsAListInOrderOfFirstUse) {
  const auto id = [](std::int64_t version) { return ModelId{intern_model_name("a"), version, {}}; };
  serving::KeyStatistics statistics;
  std::vector<serving::VersionStatistics> expected(3);
  std::uint32_t hint = 0;
  for (std::int64_t version = 1; version <= 3; ++version) {
    expected[static_cast<std::size_t>(version - 1)].model = id(version);
    expected[static_cast<std::size_t>(version - 1)].add(2, 0, 10 * version, at(version));
    statistics.of(id(version), hint, 3).add(2, 0, 10 * version, at(version));
  }
  expected[1].add(1, 1, 7, at(9));  // rolled back
  statistics.of(id(2), hint, 3).add(1, 1, 7, at(9));
  const auto bytes_of = [&] { return serialize(std::pair(std::uint64_t{0}, expected)); };
  EXPECT_EQ(serialize(statistics), bytes_of());
  EXPECT_EQ(serialize(*deserialize<serving::KeyStatistics>(bytes_of())), bytes_of());
  const serving::KeyStatistics copy = statistics;
  EXPECT_EQ(serialize(copy), bytes_of());

  // The one unused longest goes.
  statistics.of(id(4), hint, 3).add(1, 0, 5, at(10));
  expected.erase(expected.begin());
  expected.emplace_back().model = id(4);
  expected.back().add(1, 0, 5, at(10));
  EXPECT_EQ(serialize(statistics), bytes_of());
  EXPECT_EQ(schema_of<serving::KeyStatistics>(), "{u64,list<" + schema_of<serving::VersionStatistics>() + ">}");
}

TEST(VersionStatistics, NoQuantileExceedsTheMaximum) {
  serving::VersionStatistics statistics;
  statistics.add(1, 0, 1'000'001, at(1));
  EXPECT_EQ(statistics.quantile_ns(0.999), 1'000'001);
  EXPECT_EQ(statistics.quantile_ns(0.5), 1'000'001);
}

TEST(VersionStatistics, MinimumIsTheSmallestSeenAndNotZero) {
  serving::VersionStatistics statistics;
  statistics.add(10, 1, 500, at(1));
  statistics.add(2, 0, 20, at(2));
  EXPECT_EQ(statistics.min_ns, 10);
  EXPECT_EQ(statistics.max_ns, 50);
  EXPECT_EQ(statistics.total_ns, 520);
  EXPECT_EQ(statistics.usage, 12U);
  EXPECT_EQ(statistics.errors, 1U);
  EXPECT_EQ(statistics.since, at(1));
  EXPECT_EQ(statistics.last_used, at(2));
}

}  // namespace
}  // namespace weir::test
