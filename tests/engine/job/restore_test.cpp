// What a restore brings back: at another parallelism, with watermarks and timers; and what it refuses.

#include <gtest/gtest.h>

#include <algorithm>
#include <thread>

#include <weir/memory_sink.hpp>
#include <weir/memory_source.hpp>
#include <weir/pipeline.hpp>

#include "engine/job/on_demand.hpp"
#include "support/engine_fixtures.hpp"
#include "support/tap.hpp"
#include "support/temporary_directory.hpp"

namespace weir {
namespace {

using test::Committed;
using test::committing_sink;
using test::Counter;
using test::on_demand;
using test::Tap;
using test::tap_source;
using testing_support::TemporaryDirectory;

using Number = std::int64_t;

// Per key: a running sum (value state), sums of 100 µs windows put out by timers (map state), all in one function.
struct Sums : ProcessFunction<Number, Number, Number> {
  ValueState<Number> sum;
  MapState<Number, Number> windows;
  std::shared_ptr<Counter> seen;
  void open(OpenContext<Number>& context) {
    sum = context.value_state<Number>({.name = "sum"});
    windows = context.map_state<Number, Number>({.name = "windows"});
  }
  void process(const Number& value, ProcessContext<Number>& context, Collector<Number>& out) {
    out.collect(sum.mutate() += value);
    const Number window = context.timestamp().time_since_epoch().count() / 100;
    windows.mutate(window) += value;
    context.event_time_timer(Timestamp{Duration{window * 100 + 99}});
    seen->add();
  }
  void on_timer(Timestamp time, ProcessContext<Number>& context, Collector<Number>& out) {
    const Number window = time.time_since_epoch().count() / 100;
    out.collect(-(*windows.get(window) * 10 + context.key()));
    windows.remove(window);
  }
};

std::vector<std::string> expected_sums(Number limit) {
  std::vector<std::string> lines;
  for (Number key = 0; key < Tap::kSplits; ++key) {
    std::map<Number, Number> windows;
    Number sum = 0;
    for (Number k = 0; k < limit; ++k) {
      const Number value = k * Tap::kSplits + key;
      lines.push_back(std::to_string(sum += value));
      windows[k / 100] += value;
    }
    for (const auto& [window, total] : windows) lines.push_back(std::to_string(-(total * 10 + key)));
  }
  std::sort(lines.begin(), lines.end());
  return lines;
}

TEST(Restore, AtAnotherParallelismGivesTheResultsOfAnUnbrokenRun) {
  const TemporaryDirectory directory;
  auto tap = std::make_shared<Tap>();
  auto seen = std::make_shared<Counter>();
  auto committed = std::make_shared<Committed>();
  Number open_to = 0;
  for (const std::uint32_t parallelism : {1U, 2U, 5U, 1U, 8U}) {
    Pipeline pipeline({.name = "rescaled", .parallelism = parallelism, .max_parallelism = 16, .batch_size = 7});
    pipeline.enable_checkpointing(on_demand(directory));
    Sums sums;
    sums.seen = seen;
    pipeline.from_source(tap_source(tap))
        .uid("tap")
        .key_by([](Number value) { return value % Tap::kSplits; })
        .process(sums)
        .uid("sums")
        .sink_to(committing_sink<Number>(committed))
        .uid("sink");
    Result<Job> job = pipeline.start();
    ASSERT_TRUE(job.is_ok()) << job.status().to_string();
    const std::int64_t before = seen->value();
    open_to += 130;  // stops in the middle of windows
    tap->open_to(open_to);
    seen->wait_for(before + 5 * Tap::kSplits);
    if (parallelism == 8) tap->finish();
    const Status status = parallelism == 8 ? job->wait() : job->stop();
    ASSERT_TRUE(status.is_ok()) << status.to_string();
  }
  EXPECT_EQ(committed->sorted(), expected_sums(open_to));
}

TEST(Restore, BringsWatermarksBackBeforeAnyRecord) {
  const TemporaryDirectory directory;
  auto tap = std::make_shared<Tap>(100);
  const auto build = [&](bool own_watermarks) {
    Pipeline pipeline({.name = own_watermarks ? "own" : "sources", .parallelism = 2});
    CheckpointOptions options = on_demand(directory);
    options.directory += own_watermarks ? "-own" : "-sources";
    pipeline.enable_checkpointing(options);
    auto stream = pipeline.from_source(tap_source(tap)).uid("tap");
    auto timed = own_watermarks
                     ? stream.watermarks(bounded_out_of_orderness(Duration{10}),
                                         [](Number value) { return Timestamp{Duration{1000 + value / Tap::kSplits}}; })
                     : stream.map([](Number value) { return value; });
    timed.uid("timed")
        .rebalance()
        .map([](Number value) { return value; })
        .uid("last")
        .sink_to(for_each_sink<Number>([](const Number&) {}));
    return pipeline;
  };
  for (const bool own_watermarks : {false, true}) {
    SCOPED_TRACE(own_watermarks);
    const Timestamp expected{Duration{own_watermarks ? 1000 + 99 - 10 - 1 : 99}};
    for (const bool first : {true, false}) {
      Result<Job> job = build(own_watermarks).start();
      ASSERT_TRUE(job.is_ok()) << job.status().to_string();
      while (job->status().operators[2].watermark < expected) std::this_thread::yield();
      EXPECT_EQ(job->status().operators[2].watermark, expected);
      EXPECT_EQ(job->status().operators[2].records_in, first ? 800 : 0);
      ASSERT_TRUE(job->stop().is_ok());
    }
  }
}

// A stream that says nothing after the restore has not forgotten how far it was: the other one goes on to there.
TEST(Restore, ASilentStreamDoesNotHoldBackWhatItDidNotBefore) {
  struct Beside {
    using Output = Number;
    void process_left(const Number& value, Collector<Number>& out) { out.collect(value); }
    void process_right(const Number&, Collector<Number>&) {}
  };
  for (const bool own_watermarks : {false, true}) {
    SCOPED_TRACE(own_watermarks);
    const TemporaryDirectory directory;
    auto silent = std::make_shared<Tap>(100);
    auto other = std::make_shared<Tap>(30);
    for (const Number reached : {30, 80}) {
      other->open_to(reached);
      Pipeline pipeline({.name = "beside", .parallelism = 2});
      pipeline.enable_checkpointing(on_demand(directory));
      const auto left = pipeline.from_source(tap_source(silent)).uid("silent");
      const auto timed = own_watermarks
                             ? left.watermarks(monotonous_watermarks(),
                                               [](Number value) { return Timestamp{Duration{value / Tap::kSplits}}; })
                             : left.map([](Number value) { return value; });
      timed.rebalance()
          .connect(pipeline.from_source(tap_source(other)).uid("other").broadcast())
          .co_process(Beside{})
          .uid("beside")
          .sink_to(for_each_sink<Number>([](const Number&) {}))
          .uid("sink");
      Result<Job> job = pipeline.start();
      ASSERT_TRUE(job.is_ok()) << job.status().to_string();
      const auto watermark = [&] {
        for (const OperatorStatus& op : job->status().operators)
          if (op.uid == "sink") return op.watermark;
        return kMinTimestamp;
      };
      while (watermark() < Timestamp{Duration{reached - 1}}) std::this_thread::yield();
      ASSERT_TRUE(job->stop().is_ok());
    }
  }
}

struct Summing : ProcessFunction<Number, Number, Number> {
  ValueState<Number> sum;
  void open(OpenContext<Number>& context) { sum = context.value_state<Number>({.name = "sum"}); }
  void process(const Number& value, ProcessContext<Number>&, Collector<Number>& out) {
    out.collect(sum.mutate() += value);
  }
};
struct SummingText : ProcessFunction<Number, Number, Number> {
  ValueState<std::string> sum;
  void open(OpenContext<Number>& context) { sum = context.value_state<std::string>({.name = "sum"}); }
  void process(const Number&, ProcessContext<Number>&, Collector<Number>&) { sum.mutate() += "x"; }
};

template <class Function>
Pipeline summing(const CheckpointOptions& checkpoint, const std::string& uid,
                 JobOptions options = {.name = "summing"}) {
  Pipeline pipeline(std::move(options));
  pipeline.enable_checkpointing(checkpoint);
  auto numbers =
      pipeline
          .from_source(generator_source([](std::uint64_t index) { return static_cast<Number>(index); }, {.count = 100}))
          .uid("numbers");
  numbers.key_by([](Number value) { return value % 4; })
      .process(Function{})
      .uid(uid)
      .sink_to(for_each_sink<Number>([](const Number&) {}));
  return pipeline;
}

TEST(Restore, RefusesStateOfOperatorsThatAreGoneUnlessNamed) {
  const TemporaryDirectory directory;
  CheckpointOptions options = on_demand(directory);
  ASSERT_TRUE(summing<Summing>(options, "old").run().is_ok());
  const Status refused = summing<Summing>(options, "new").run();
  EXPECT_EQ(refused.code(), StatusCode::kFailedPrecondition);
  EXPECT_EQ(refused.message(),
            "checkpoint 1 holds state of operators that the pipeline does not have: 'old'; name them in "
            "CheckpointOptions::drop_uids to lose that state");
  options.drop_uids = {"old"};
  ASSERT_TRUE(summing<Summing>(options, "new").run().is_ok());
  options.drop_uids.clear();
  const Status status = summing<Summing>(options, "new").run();
  EXPECT_TRUE(status.is_ok()) << "dropped for good: " << status.to_string();
  EXPECT_FALSE(summing<Summing>(options, "old").run().is_ok()) << "the new one's state is there now";
}

TEST(Restore, RefusesAnotherSchemaNamingBoth) {
  const TemporaryDirectory directory;
  const CheckpointOptions options = on_demand(directory);
  ASSERT_TRUE(summing<Summing>(options, "sums").run().is_ok());
  const Status refused = summing<SummingText>(options, "sums").run();
  EXPECT_EQ(refused.code(), StatusCode::kFailedPrecondition);
  for (const std::string part : {"operator 'sums'", "state 'sum'", "value i64 -> i64", "value i64 -> string"})
    EXPECT_NE(refused.message().find(part), std::string::npos) << part << " in: " << refused.message();
  EXPECT_TRUE(summing<Summing>(options, "sums").run().is_ok()) << "the refusal changed nothing";
}

TEST(Restore, RefusesAnotherJobsCheckpointAndOtherKeyGroups) {
  const TemporaryDirectory directory;
  const CheckpointOptions options = on_demand(directory);
  ASSERT_TRUE(summing<Summing>(options, "sums").run().is_ok());
  EXPECT_EQ(summing<Summing>(options, "sums", {.name = "other"}).run().code(), StatusCode::kFailedPrecondition);
  EXPECT_EQ(summing<Summing>(options, "sums", {.name = "summing", .max_parallelism = 64}).run().code(),
            StatusCode::kFailedPrecondition);
}

}  // namespace
}  // namespace weir
