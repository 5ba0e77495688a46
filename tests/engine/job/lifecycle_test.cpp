// A job's life: started once, stopped or drained or destroyed, and started again where it was.

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

struct RunningSum : ProcessFunction<Number, Number, Number> {
  ValueState<Number> sum;
  std::shared_ptr<Counter> seen;
  void open(OpenContext<Number>& context) { sum = context.value_state<Number>({.name = "sum"}); }
  void process(const Number& value, ProcessContext<Number>&, Collector<Number>& out) {
    out.collect(sum.mutate() += value);
    seen->add();
  }
};

// One key per split of the tap: running sums are exact, whatever runs beside.
struct SumJob {
  std::shared_ptr<Tap> tap = std::make_shared<Tap>();
  std::shared_ptr<Counter> seen = std::make_shared<Counter>();
  std::shared_ptr<Committed> committed = std::make_shared<Committed>();

  [[nodiscard]] Pipeline pipeline(const CheckpointOptions& checkpoint, std::uint32_t parallelism = 2) const {
    Pipeline made({.name = "sums", .parallelism = parallelism});
    made.enable_checkpointing(checkpoint);
    RunningSum sum;
    sum.seen = seen;
    made.from_source(tap_source(tap))
        .uid("tap")
        .key_by([](Number value) { return value % Tap::kSplits; })
        .process(sum)
        .uid("sums")
        .sink_to(committing_sink<Number>(committed))
        .uid("sink");
    return made;
  }
  static std::vector<std::string> expected(std::int64_t limit) {
    std::vector<std::string> lines;
    for (Number split = 0; split < Tap::kSplits; ++split) {
      Number sum = 0;
      for (Number k = 0; k < limit; ++k) lines.push_back(std::to_string(sum += k * Tap::kSplits + split));
    }
    std::sort(lines.begin(), lines.end());
    return lines;
  }
};

TEST(JobLife, StartsOnce) {
  Pipeline pipeline;
  pipeline.from_source(generator_source([](std::uint64_t index) { return index; }, {.count = 3}))
      .uid("numbers")
      .sink_to(for_each_sink<std::uint64_t>([](const std::uint64_t&) {}));
  Result<Job> job = Job::create(pipeline.graph(), pipeline.options());
  ASSERT_TRUE(job.is_ok());
  EXPECT_EQ(job->status().state, JobStatus::State::kCreated);
  EXPECT_EQ(job->stop().code(), StatusCode::kFailedPrecondition);
  ASSERT_TRUE(job->start().is_ok());
  EXPECT_EQ(job->start().message(), "the job was started before");
  EXPECT_TRUE(job->wait().is_ok());
  EXPECT_EQ(job->start().message(), "the job was started before");
  EXPECT_EQ(job->status().state, JobStatus::State::kFinished);
  EXPECT_EQ(job->status().ended_operators.size(), 2U);
  EXPECT_TRUE(job->stop().is_ok()) << "a finished job is stopped already";
}

TEST(JobLife, FinishesWhenSourcesAreEmpty) {
  for (const std::uint32_t parallelism : {1U, 5U}) {
    Pipeline pipeline({.parallelism = parallelism});
    auto collected = std::make_shared<Collected<std::uint64_t>>();
    pipeline.from_source(vector_source<std::uint64_t>({}))
        .uid("nothing")
        .merge(
            pipeline.from_source(generator_source([](std::uint64_t index) { return index; }, {.count = 0})).uid("none"))
        .key_by([](std::uint64_t value) { return value; })
        .connect(pipeline.from_source(vector_source<std::uint64_t>({})).uid("more").key_by([](std::uint64_t value) {
          return value;
        }))
        .co_process([] {
          struct Nothing : CoProcessFunction<std::uint64_t, std::uint64_t, std::uint64_t, std::uint64_t> {
            void process_left(const std::uint64_t&, ProcessContext<std::uint64_t>&, Collector<std::uint64_t>&) {}
            void process_right(const std::uint64_t&, ProcessContext<std::uint64_t>&, Collector<std::uint64_t>&) {}
          };
          return Nothing{};
        }())
        .uid("both")
        .sink_to(collect_sink(collected))
        .uid("sink");
    const Status status = pipeline.run();
    EXPECT_TRUE(status.is_ok()) << status.to_string();
    EXPECT_EQ(collected->size(), 0U);
  }
}

TEST(JobLife, ManyTasksShareOneWorkerAndQueuesOfOne) {
  Pipeline pipeline({.parallelism = 16, .workers = 1, .batch_size = 2, .queue_capacity = 1});
  auto collected = std::make_shared<Collected<std::uint64_t>>();
  pipeline.from_source(generator_source([](std::uint64_t index) { return index; }, {.count = 5000}))
      .uid("numbers")
      .rebalance()
      .map([](std::uint64_t value) { return value + 1; })
      .parallelism(7)
      .filter([](std::uint64_t value) { return value % 2 == 0; })
      .sink_to(collect_sink(collected))
      .uid("sink");
  ASSERT_TRUE(pipeline.run().is_ok());
  EXPECT_EQ(collected->size(), 2500U);
}

// Every channel is full all the time: a wake-up lost between two threads would hang here.
TEST(JobLife, QueuesOfOneBetweenThreadsLoseNoWakeUp) {
  for (int round = 0; round < 20; ++round) {
    Pipeline pipeline({.workers = 2, .batch_size = 1, .queue_capacity = 1});
    auto sum = std::make_shared<std::atomic<std::uint64_t>>(0);
    pipeline.from_source(generator_source([](std::uint64_t index) { return index; }, {.count = 3000}))
        .uid("numbers")
        .map([](std::uint64_t value) { return value; })
        .start_new_chain()
        .map([](std::uint64_t value) { return value; })
        .start_new_chain()
        .sink_to(for_each_sink<std::uint64_t>([sum](const std::uint64_t& value) { sum->fetch_add(value); }));
    ASSERT_TRUE(pipeline.run().is_ok());
    ASSERT_EQ(sum->load(), 3000U * 2999 / 2);
  }
}

TEST(JobLife, StopHaltsWithACheckpointAndTheNextStartGoesOnExactly) {
  const TemporaryDirectory directory;
  const SumJob job;
  job.tap->open_to(1000);
  for (const std::int64_t until : {100, 2000, 8000}) {
    Result<Job> running = job.pipeline(on_demand(directory)).start();
    ASSERT_TRUE(running.is_ok()) << running.status().to_string();
    job.seen->wait_for(until);
    const Status status = running->stop();
    ASSERT_TRUE(status.is_ok()) << status.to_string();
    EXPECT_EQ(running->status().state, JobStatus::State::kStopped);
  }
  job.tap->finish();
  const Status status = job.pipeline(on_demand(directory)).run();
  ASSERT_TRUE(status.is_ok()) << status.to_string();
  EXPECT_EQ(job.committed->sorted(), SumJob::expected(1000));
}

TEST(JobLife, AFinishedJobStartedAgainDoesNothingMore) {
  const TemporaryDirectory directory;
  const SumJob job;
  job.tap->open_to(50);
  job.tap->finish();
  ASSERT_TRUE(job.pipeline(on_demand(directory)).run().is_ok());
  ASSERT_EQ(job.seen->value(), 400);
  ASSERT_TRUE(job.pipeline(on_demand(directory)).run().is_ok());
  EXPECT_EQ(job.seen->value(), 400);
  EXPECT_EQ(job.committed->sorted(), SumJob::expected(50));
}

// Sums of 10 µs windows per key, by event-time timers.
struct WindowSums : ProcessFunction<Number, Number, Number> {
  MapState<Number, Number> windows;
  void open(OpenContext<Number>& context) { windows = context.map_state<Number, Number>({.name = "windows"}); }
  void process(const Number& value, ProcessContext<Number>& context, Collector<Number>&) {
    const Number window = context.timestamp().time_since_epoch().count() / 10;
    windows.mutate(window) += value;
    context.event_time_timer(Timestamp{Duration{window * 10 + 9}});
  }
  void on_timer(Timestamp time, ProcessContext<Number>&, Collector<Number>& out) {
    const Number window = time.time_since_epoch().count() / 10;
    out.collect(*windows.get(window));
    windows.remove(window);
  }
};

TEST(JobLife, DrainProcessesWhatIsInFlightAndFiresTimers) {
  const TemporaryDirectory directory;
  auto tap = std::make_shared<Tap>(35);
  auto committed = std::make_shared<Committed>();
  const auto build = [&] {
    Pipeline pipeline({.name = "windows", .parallelism = 2});
    pipeline.enable_checkpointing(on_demand(directory));
    pipeline.from_source(tap_source(tap, 1))
        .uid("tap")
        .key_by([](Number) { return Number{0}; })
        .process(WindowSums{})
        .uid("windows")
        .sink_to(committing_sink<Number>(committed))
        .uid("sink");
    return pipeline;
  };
  const auto sum = [](Number first, Number end) {
    Number total = 0;
    for (Number k = first; k < end; ++k) total += k * Tap::kSplits;
    return std::to_string(total);
  };
  {
    Result<Job> job = build().start();
    ASSERT_TRUE(job.is_ok()) << job.status().to_string();
    while (job->status().operators[1].records_in != 35) std::this_thread::yield();
    const Status status = job->stop({.drain = true});
    ASSERT_TRUE(status.is_ok()) << status.to_string();
    EXPECT_EQ(job->status().state, JobStatus::State::kFinished);
  }
  std::vector<std::string> lines{sum(0, 10), sum(10, 20), sum(20, 30), sum(30, 35)};
  std::sort(lines.begin(), lines.end());
  EXPECT_EQ(committed->sorted(), lines) << "the last window, though not full, was put out";

  // Started again, the stream goes on with later records: a drain is not the end of time.
  tap->open_to(55);
  {
    Result<Job> job = build().start();
    ASSERT_TRUE(job.is_ok()) << job.status().to_string();
    while (job->status().operators[2].records_in != 2) std::this_thread::yield();  // the watermark fires full windows
    ASSERT_TRUE(job->stop({.drain = true}).is_ok());
  }
  for (const std::string& line : {sum(35, 40), sum(40, 50), sum(50, 55)}) lines.push_back(line);
  std::sort(lines.begin(), lines.end());
  EXPECT_EQ(committed->sorted(), lines);
}

TEST(JobLife, DestroyingARunningJobIsLikeACrash) {
  const TemporaryDirectory directory;
  const SumJob job;
  job.tap->open_to(500);
  {
    Result<Job> running = job.pipeline(on_demand(directory)).start();
    ASSERT_TRUE(running.is_ok());
    job.seen->wait_for(100);
    const Result<CheckpointInfo> info = running->checkpoint();
    ASSERT_TRUE(info.is_ok()) << info.status().to_string();
    EXPECT_EQ(info->id, 1U);
    ASSERT_TRUE(running->status().last_checkpoint.has_value()) << "who was told of a checkpoint finds it in the status";
    EXPECT_EQ(running->status().last_checkpoint->id, 1U);
    ASSERT_EQ(running->checkpoints().size(), 1U);
    job.seen->wait_for(4000);
  }
  job.tap->finish();
  Result<Job> restarted = job.pipeline(on_demand(directory)).start();
  ASSERT_TRUE(restarted.is_ok()) << restarted.status().to_string();
  EXPECT_EQ(restarted->status().restored_checkpoint, 1U) << "it took none when it was destroyed";
  ASSERT_TRUE(restarted->wait().is_ok());
  EXPECT_EQ(job.committed->sorted(), SumJob::expected(500));
}

TEST(JobLife, ASecondJobOnTheSameDirectoryIsRefused) {
  const TemporaryDirectory directory;
  const SumJob first;
  Result<Job> running = first.pipeline(on_demand(directory)).start();
  ASSERT_TRUE(running.is_ok());
  const SumJob second;
  const Result<Job> refused = second.pipeline(on_demand(directory)).start();
  EXPECT_EQ(refused.status().code(), StatusCode::kFailedPrecondition) << refused.status().to_string();
  EXPECT_NE(refused.status().message().find(directory.path()), std::string::npos) << refused.status().message();
  EXPECT_TRUE(running->stop().is_ok());
}

TEST(JobLife, CheckpointsOnDemandNeedADirectoryAndARunningJob) {
  auto tap = std::make_shared<Tap>(10);
  Pipeline pipeline;
  pipeline.from_source(tap_source(tap)).uid("tap").sink_to(for_each_sink<Number>([](const Number&) {}));
  Result<Job> job = Job::create(pipeline.graph(), pipeline.options());
  ASSERT_TRUE(job.is_ok());
  EXPECT_EQ(job->checkpoint().status().code(), StatusCode::kUnavailable);
  ASSERT_TRUE(job->start().is_ok());
  EXPECT_EQ(job->checkpoint().status().message(),
            "this job keeps no checkpoints; enable_checkpointing() gives it a directory");
  EXPECT_TRUE(job->checkpoints().empty());
  EXPECT_TRUE(job->stop().is_ok()) << "a job without checkpoints stops all the same";
  EXPECT_EQ(job->checkpoint().status().code(), StatusCode::kUnavailable);
}

TEST(JobLife, KeepsSoManyCheckpoints) {
  const TemporaryDirectory directory;
  const SumJob job;
  CheckpointOptions options = on_demand(directory);
  options.retained = 2;
  Result<Job> running = job.pipeline(options).start();
  ASSERT_TRUE(running.is_ok());
  for (std::uint64_t id = 1; id <= 5; ++id) {
    job.tap->open_to(static_cast<std::int64_t>(id) * 10);
    const Result<CheckpointInfo> info = running->checkpoint();
    ASSERT_TRUE(info.is_ok()) << info.status().to_string();
    EXPECT_EQ(info->id, id);
  }
  const std::vector<CheckpointInfo> kept = running->checkpoints();
  ASSERT_EQ(kept.size(), 2U);
  EXPECT_EQ(kept[0].id, 4U);
  EXPECT_EQ(kept[1].id, 5U);
  EXPECT_TRUE(running->stop().is_ok());
}

TEST(JobLife, ManyMayStopAndWaitAtOnce) {
  const SumJob job;
  const TemporaryDirectory directory;
  job.tap->open_to(1'000'000);
  Result<Job> running = job.pipeline(on_demand(directory)).start();
  ASSERT_TRUE(running.is_ok());
  std::vector<std::thread> threads;
  std::atomic<int> stopped{0};
  for (int index = 0; index < 8; ++index)
    threads.emplace_back([&, index] {
      const Status status = index % 2 == 0 ? running->stop() : running->wait();
      if (status.is_ok()) ++stopped;
      static_cast<void>(running->checkpoint());
      static_cast<void>(running->metrics());
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(stopped.load(), 8);
}

}  // namespace
}  // namespace weir
