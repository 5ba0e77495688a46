// A consumer that takes nothing bounds what is under way, exactly; when it takes again, everything arrives.

#include <gtest/gtest.h>

#include <memory>

#include <weir/memory_sink.hpp>
#include <weir/pipeline.hpp>

#include "engine/graph/plan.hpp"
#include "engine/runtime/execution.hpp"

namespace weir::runtime {
namespace {

using Number = std::int64_t;

class NoListener final : public ExecutionListener {
 public:
  void snapshot_taken(Task&, std::uint64_t, TaskSnapshot) override {}
  void task_ended(Task&) override { ++ended; }
  void task_failed(Task&, Status status) override { ADD_FAILURE() << status.to_string(); }
  std::size_t ended = 0;
};
class NoExecutor final : public Executor {
 public:
  Status submit(std::string_view, std::function<void()>) override { return Status::unavailable("none"); }
};

struct Shared {
  Number made = 0;
  Number taken = 0;
  bool open = false;
};

// Full batches as long as there is room.
class CountingSource final : public Operator {
 public:
  CountingSource(Shared& shared, Number count) : shared_(shared), count_(count) {}
  void process(std::size_t, BatchPtr&, Outbox&) override {}
  PollResult poll(Outbox& out) override {
    if (shared_.made == count_) return PollResult::kEnd;
    for (; shared_.made < count_ && out.room() != 0; ++shared_.made) out.batch<Number>().records.emplace(shared_.made);
    return PollResult::kProgress;
  }

 private:
  Shared& shared_;
  const Number count_;
};
class GatedSink final : public Operator {
 public:
  explicit GatedSink(Shared& shared) : shared_(shared) {}
  void process(std::size_t, BatchPtr& batch, Outbox&) override {
    if (!shared_.open) return;
    shared_.taken += static_cast<Number>(batch->remaining());
    batch->cursor = batch->size();
  }

 private:
  Shared& shared_;
};

class BackPressure : public ::testing::Test {
 protected:
  // source (1 task) → map (own chain, `maps` tasks) → sink (own chain, 1 task); nothing is keyed.
  void run_blocked(std::size_t capacity, std::size_t batch_size, std::uint32_t maps, Number count) {
    Source<Number> source;
    source.kind = "counting";
    source.max_parallelism = 1;
    source.make_operator = [this, count] { return std::make_unique<CountingSource>(shared_, count); };
    Sink<Number> sink;
    sink.kind = "gated";
    sink.max_parallelism = 1;
    sink.make_operator = [this] { return std::make_unique<GatedSink>(shared_); };
    Pipeline pipeline({.batch_size = batch_size, .queue_capacity = capacity});
    pipeline.from_source(source)
        .uid("source")
        .map([](Number value) { return value; })
        .start_new_chain()
        .parallelism(maps)
        .rebalance()
        .sink_to(sink);
    graph_ = pipeline.graph();
    options_ = pipeline.options();
    ASSERT_TRUE(graph::validate(graph_, {}).is_ok());
    plan_ = graph::make_plan(graph_);
    Execution::Setup setup;
    setup.graph = &graph_;
    setup.plan = &plan_;
    setup.options = &options_;
    setup.metrics = &metrics_;
    setup.listener = &listener_;
    setup.clock = &system_clock();
    setup.executor = &executor_;
    execution_ = std::make_unique<Execution>(setup);
    ASSERT_TRUE(execution_->open().is_ok());
    run();
  }
  void run() {
    for (bool progress = true; progress;) {
      progress = false;
      for (const auto& task : execution_->tasks()) progress = task->run() || progress;
    }
  }

  Shared shared_;
  LogicalGraph graph_;
  JobOptions options_;
  graph::Plan plan_;
  MetricsRegistry metrics_;
  NoListener listener_;
  NoExecutor executor_;
  std::unique_ptr<Execution> execution_;
};

TEST_F(BackPressure, BoundsWhatIsUnderWay) {
  for (const std::size_t capacity : {1U, 2U, 8U}) {
    for (const std::size_t batch_size : {1U, 10U, 256U}) {
      for (const std::uint32_t maps : {1U, 3U}) {
        SCOPED_TRACE(std::to_string(capacity) + " messages of " + std::to_string(batch_size) + ", " +
                     std::to_string(maps) + " tasks");
        shared_ = {};
        listener_.ended = 0;
        const Number count = 100'000;
        run_blocked(capacity, batch_size, maps, count);
        EXPECT_EQ(shared_.taken, 0);
        // On each channel so many messages; besides, each task holds one batch it works on and one its full channel
        // refused.
        const auto batch = static_cast<Number>(batch_size);
        const Number most = (2 * maps * static_cast<Number>(capacity) + 2 * (maps + 2)) * batch;
        EXPECT_LE(shared_.made, most);
        EXPECT_GE(shared_.made, 2 * static_cast<Number>(capacity) * batch) << "and the queues are used";
        for (const auto& task : execution_->tasks())
          for (const auto& input : task->inputs()) EXPECT_LE(input.channel->depth(), capacity);
        shared_.open = true;
        run();
        EXPECT_EQ(shared_.made, count);
        EXPECT_EQ(shared_.taken, count);
        EXPECT_EQ(listener_.ended, execution_->tasks().size());
        execution_.reset();
      }
    }
  }
}

TEST_F(BackPressure, OneCallOfATaskIsBounded) {
  run_blocked(8, 256, 1, 100'000);
  shared_.open = true;
  std::size_t calls = 0;
  for (bool progress = true; progress; ++calls) {
    progress = false;
    for (const auto& task : execution_->tasks()) {
      const Number before = shared_.made;
      progress = task->run() || progress;
      EXPECT_LE(shared_.made - before, 256 * 256) << "so many steps, a batch each";
    }
  }
  EXPECT_GT(calls, 1U);
}

}  // namespace
}  // namespace weir::runtime
