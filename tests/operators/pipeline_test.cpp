// The engine end to end with the smallest of sources and sinks.
#include <weir/pipeline.hpp>

#include <gtest/gtest.h>

#include <filesystem>
#include <mutex>

namespace weir {
namespace {

class NumberSource final : public Operator {
 public:
  NumberSource(std::int64_t count) : count_(count) {}
  Status open(OperatorContext& context) override {
    for (const auto& [name, bytes] : context.restored_entries()) {
      if (name == "next") next_ = std::stoll(bytes);
    }
    return {};
  }
  void process(std::size_t, BatchPtr&, Outbox&) override {}
  PollResult poll(Outbox& out) override {
    auto& batch = out.batch<std::int64_t>();
    while (next_ < count_ && out.room() != 0) {
      batch.append_at(Timestamp{Duration{next_}}, static_cast<std::uint64_t>(next_), next_);
      ++next_;
    }
    if (next_ == 0) return PollResult::kEnd;
    out.emit_watermark(Timestamp{Duration{next_ - 1}});
    return next_ == count_ ? PollResult::kEnd : PollResult::kProgress;
  }
  void snapshot(SnapshotBuilder& builder) override { builder.put("next", std::to_string(next_)); }

 private:
  std::int64_t count_;
  std::int64_t next_ = 0;
};

Source<std::int64_t> numbers(std::int64_t count) {
  return {.kind = "numbers",
          .make_operator = [count] { return std::make_unique<NumberSource>(count); },
          .max_parallelism = 1,
          .faults = {},
          .routes = {}};
}

struct Collected {
  std::mutex mutex;
  std::vector<std::int64_t> values;
};

Sink<std::int64_t> collect(std::shared_ptr<Collected> into) {
  auto put = [into](const std::int64_t& value) {
    const std::lock_guard lock(into->mutex);
    into->values.push_back(value);
  };
  return {
      .kind = "collect",
      .make_operator = [put] { return std::make_unique<detail::ForEachOperator<std::int64_t, decltype(put)>>(put); },
      .committer = {},
      .max_parallelism = 0,
      .faults = {}};
}

struct RunningSum : ProcessFunction<std::int64_t, std::int64_t, std::int64_t> {
  ValueState<std::int64_t> sum;
  void open(OpenContext<std::int64_t>& context) {
    sum = context.value_state<std::int64_t>({.name = "sum", .queryable = true});
  }
  void process(const std::int64_t& value, ProcessContext<std::int64_t>&, Collector<std::int64_t>& out) {
    out.collect(sum.mutate() += value);
  }
};

TEST(Pipeline, ProcessesEveryRecordOnceAtAnyParallelismAndBatchSize) {
  std::vector<std::int64_t> expected;
  for (const std::uint32_t parallelism : {1U, 2U, 5U}) {
    for (const std::size_t batch_size : {1U, 3U, 256U}) {
      auto collected = std::make_shared<Collected>();
      Pipeline pipeline({.name = "smoke", .parallelism = parallelism, .batch_size = batch_size});
      pipeline.from_source(numbers(5000))
          .uid("numbers")
          .map([](std::int64_t value) { return value * 2; })
          .parallelism(1)  // one task keeps the order in which running sums are made
          .filter([](std::int64_t value) { return value % 3 != 0; })
          .parallelism(1)
          .key_by([](std::int64_t value) { return value % 17; })
          .process(RunningSum{})
          .uid("sums")
          .sink_to(collect(collected));
      const Status status = pipeline.run();
      ASSERT_TRUE(status.is_ok()) << status.to_string();
      std::sort(collected->values.begin(), collected->values.end());
      if (expected.empty()) expected = collected->values;
      EXPECT_EQ(collected->values.size(), 3333U);
      EXPECT_EQ(collected->values, expected);
    }
  }
}

// Both sides sleep and are woken many thousand times: a wake-up lost once leaves the job standing.
TEST(Pipeline, LosesNoWakeUpBetweenTasksThatWaitForEachOther) {
  for (const std::size_t capacity : {1U, 2U, 8U}) {
    auto collected = std::make_shared<Collected>();
    Pipeline pipeline({.name = "wake-ups", .workers = 2, .batch_size = 1, .queue_capacity = capacity});
    pipeline.from_source(numbers(30'000))
        .uid("numbers")
        .map([](std::int64_t value) { return value + 1; })
        .start_new_chain()
        .sink_to(collect(collected));
    const Status status = pipeline.run();
    ASSERT_TRUE(status.is_ok()) << status.to_string();
    EXPECT_EQ(collected->values.size(), 30'000U);
    EXPECT_EQ(collected->values.back(), 30'000);
  }
}

TEST(Pipeline, ReportsAllFaultsTogether) {
  Pipeline pipeline({.name = "faulty"});
  pipeline.from_source(numbers(1)).map([](std::int64_t value) { return value; });
  const Status status = pipeline.run();
  EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
  EXPECT_NE(status.message().find("has no uid"), std::string::npos) << status.message();
  EXPECT_NE(status.message().find("go nowhere"), std::string::npos) << status.message();
}

TEST(Pipeline, AFailingFunctionNamesUidTaskAndPosition) {
  Pipeline pipeline({.name = "throws"});
  pipeline.from_source(numbers(1000))
      .uid("numbers")
      .map([](std::int64_t value) -> std::int64_t {
        if (value == 700) throw std::runtime_error("seven hundred");
        return value;
      })
      .uid("mapper")
      .sink_to(collect(std::make_shared<Collected>()));
  const Status status = pipeline.run();
  EXPECT_EQ(status.code(), StatusCode::kInternal);
  EXPECT_NE(status.message().find("operator 'mapper' task 0, record at source position 700: seven hundred"),
            std::string::npos)
      << status.message();
}

TEST(Pipeline, GoesOnFromItsCheckpointAfterAFailureWithoutLosingOrDoublingState) {
  const std::string directory = testing::TempDir() + "weir-smoke-" + std::to_string(::getpid());
  std::filesystem::remove_all(directory);
  auto collected = std::make_shared<Collected>();
  auto failures = std::make_shared<std::atomic<int>>(2);
  Pipeline pipeline({.name = "restart", .parallelism = 2});
  pipeline.enable_checkpointing({.directory = directory, .interval = std::chrono::milliseconds(5)});
  pipeline.from_source(numbers(400'000))
      .uid("numbers")
      .key_by([](std::int64_t) { return std::int64_t{0}; })
      .process(RunningSum{})
      .uid("sums")
      .map([failures](std::int64_t value) {
        if (value > 20'000'000'000 && failures->fetch_sub(1) > 0) throw std::runtime_error("planned");
        return value;
      })
      .sink_to(collect(collected));
  const Status status = pipeline.run();
  ASSERT_TRUE(status.is_ok()) << status.to_string();
  // The collecting sink is not exactly-once, the state is: the last running sum is the sum of all.
  EXPECT_EQ(*std::max_element(collected->values.begin(), collected->values.end()), 400'000LL * 399'999 / 2);
  std::filesystem::remove_all(directory);
}

}  // namespace
}  // namespace weir
