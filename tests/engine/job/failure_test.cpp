// What fails, how it is reported, and what a job does about it: restart, give up, never lose or double anything.

#include <gtest/gtest.h>

#include <atomic>
#include <stdexcept>

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
using test::CommittingSink;
using test::Counter;
using test::numbers;
using test::on_demand;
using test::Tap;
using test::tap_source;
using testing_support::TemporaryDirectory;

using Number = std::int64_t;

constexpr RestartOptions kQuickly{
    .attempts = 5, .initial_backoff = std::chrono::milliseconds(1), .max_backoff = std::chrono::milliseconds(1)};

struct Throwing : ProcessFunction<Number, Number, Number> {
  std::string where;
  void open(OpenContext<Number>&) {
    if (where == "open") throw std::runtime_error("planned");
  }
  void process(const Number& value, ProcessContext<Number>& context, Collector<Number>& out) {
    if (where == "process" && value == 7) throw std::runtime_error("planned");
    if (where == "thing" && value == 7) throw 42;
    if (where == "on_timer") context.event_time_timer(Timestamp{Duration{3}});
    if (where == "tick") context.processing_time_timer(context.processing_time());
    out.collect(value);
  }
  void on_timer(Timestamp, ProcessContext<Number>&, Collector<Number>&) { throw std::runtime_error("planned"); }
};

TEST(Failures, NameUidTaskAndPosition) {
  const std::vector<std::pair<std::string, std::string>> cases{
      {"open", "operator 'op' task 0: open threw: planned"},
      {"process", "operator 'op' task 0, record at source position 7: planned"},
      {"thing", "operator 'op' task 0, record at source position 7: something that is not a std::exception was thrown"},
      {"on_timer", "operator 'op' task 0: planned"},
      {"tick", "operator 'op' task 0: planned"},
  };
  for (const auto& [where, message] : cases) {
    SCOPED_TRACE(where);
    auto tap = std::make_shared<Tap>(20);
    if (where != "tick") tap->finish();
    Throwing function;
    function.where = where;
    Pipeline pipeline;
    pipeline.from_source(tap_source(tap, 1))
        .uid("tap")
        .map([](Number value) { return value / Tap::kSplits; })
        .key_by([](Number) { return Number{0}; })
        .process(function)
        .uid("op")
        .sink_to(for_each_sink<Number>([](const Number&) {}));
    // One split: the k-th record is at position 8 k; the map makes it k.
    const Status status = pipeline.run();
    EXPECT_EQ(status.code(), StatusCode::kInternal);
    std::string expected = message;
    if (const std::size_t at = expected.find("position 7"); at != std::string::npos)
      expected.replace(at, 10, "position 56");
    EXPECT_EQ(status.message(), expected);
  }
}

// A source or sink that fails where it is told.
class FailingOperator final : public Operator {
 public:
  explicit FailingOperator(std::string where) : where_(std::move(where)) {}
  Status open(OperatorContext&) override {
    if (where_ == "open status") return Status::io_error("no such file");
    return {};
  }
  void process(std::size_t, BatchPtr& batch, Outbox&) override { batch->cursor = batch->size(); }
  PollResult poll(Outbox& out) override {
    if (where_ == "poll") throw std::runtime_error("planned");
    out.batch<Number>().records.emplace(1);
    return PollResult::kProgress;
  }
  void snapshot(SnapshotBuilder& builder) override {
    if (where_ == "snapshot") throw std::runtime_error("planned");
    if (where_ == "defer") builder.defer([] { return Status::io_error("fsync: no space left"); });
    if (where_ == "defer throws") builder.defer([]() -> Status { throw std::runtime_error("planned"); });
    if (where_ == "commit" || where_ == "commit throws") builder.add_committable("part");
  }

 private:
  const std::string where_;
};

TEST(Failures, OfSourcesAndSinksAreReported) {
  const std::vector<std::tuple<std::string, bool, std::string>> cases{
      {"poll", true, "operator 'source' task 0: planned"},
      {"snapshot", true, "operator 'source' task 0: planned"},
      {"open status", true, "operator 'source' task 0: no such file"},
      {"open status", false, "operator 'sink' task 0: no such file"},
      {"snapshot", false, "operator 'sink' task 0: planned"},
      {"defer", false, "checkpoint 1: prepare: fsync: no space left"},
      {"defer throws", false, "checkpoint 1: prepare threw: planned"},
      {"commit", false, "checkpoint 1: commit of 'sink': the disk is gone"},
      {"commit throws", false, "checkpoint 1: commit of 'sink' threw: planned"},
  };
  for (const auto& [where, is_source, message] : cases) {
    SCOPED_TRACE(where + (is_source ? " of the source" : " of the sink"));
    const TemporaryDirectory directory;
    Pipeline pipeline({.restart = {.attempts = 0}});
    pipeline.enable_checkpointing(on_demand(directory));
    Source<Number> source;
    source.kind = "failing-source";
    source.make_operator = [where = is_source ? where : ""] { return std::make_unique<FailingOperator>(where); };
    Sink<Number> sink;
    sink.kind = "failing-sink";
    sink.make_operator = [where = is_source ? "" : where] { return std::make_unique<FailingOperator>(where); };
    sink.committer = [where = where](std::span<const std::string>) -> Status {
      if (where == "commit throws") throw std::runtime_error("planned");
      return Status::io_error("the disk is gone");
    };
    pipeline.from_source(source).uid("source").sink_to(sink).uid("sink");
    Result<Job> job = pipeline.start();
    const Status status = job.is_ok() ? [&] {
      static_cast<void>(job->checkpoint());
      return job->wait();
    }()
                                      : job.status();
    EXPECT_EQ(status.message(), message);
    if (job.is_ok()) {
      EXPECT_EQ(job->status().state, JobStatus::State::kFailed);
    }
  }
}

TEST(Failures, RestartsAreBounded) {
  const TemporaryDirectory directory;
  auto calls = std::make_shared<std::atomic<int>>(0);
  Pipeline pipeline({.restart = {.attempts = 3,
                                 .initial_backoff = std::chrono::milliseconds(1),
                                 .max_backoff = std::chrono::milliseconds(2)}});
  pipeline.enable_checkpointing(on_demand(directory));
  pipeline.from_source(numbers(0, 10))
      .uid("numbers")
      .map([calls](Number value) -> Number {
        ++*calls;
        throw std::runtime_error("planned " + std::to_string(value));
      })
      .uid("map")
      .sink_to(for_each_sink<Number>([](const Number&) {}));
  Result<Job> job = pipeline.start();
  ASSERT_TRUE(job.is_ok());
  EXPECT_EQ(job->wait().message(), "operator 'map' task 0, record at source position 0: planned 0");
  EXPECT_EQ(calls->load(), 4);
  EXPECT_EQ(job->status().restarts, 3U);
  EXPECT_EQ(job->status().state, JobStatus::State::kFailed);
}

TEST(Failures, WithoutCheckpointsFailTheJobAtOnce) {
  auto calls = std::make_shared<std::atomic<int>>(0);
  Pipeline pipeline;
  pipeline.from_source(numbers(0, 10))
      .uid("numbers")
      .map([calls](Number) -> Number {
        ++*calls;
        throw std::runtime_error("planned");
      })
      .sink_to(for_each_sink<Number>([](const Number&) {}));
  EXPECT_FALSE(pipeline.run().is_ok());
  EXPECT_EQ(calls->load(), 1);
}

// Fails to prepare, then to commit, each once; what is committed in the end is every number once.
TEST(Failures, OfPrepareAndCommitRestartTheJobAndDoubleNothing) {
  for (const std::string where : {"prepare", "commit", "commit throws"}) {
    SCOPED_TRACE(where);
    const TemporaryDirectory directory;
    auto committed = std::make_shared<Committed>();
    auto failures = std::make_shared<std::atomic<int>>(2);
    class PreparingSink final : public Operator {
     public:
      PreparingSink(std::shared_ptr<std::atomic<int>> left, bool prepare) : left_(std::move(left)), prepare_(prepare) {}
      Status open(OperatorContext& context) override { return sink_.open(context); }
      void process(std::size_t input, BatchPtr& in, Outbox& out) override { sink_.process(input, in, out); }
      void snapshot(SnapshotBuilder& builder) override {
        sink_.snapshot(builder);
        if (prepare_)
          builder.defer(
              [left = left_] { return left->fetch_sub(1) > 0 ? Status::io_error("fsync: planned") : Status::ok(); });
      }

     private:
      CommittingSink<Number> sink_;
      std::shared_ptr<std::atomic<int>> left_;
      bool prepare_;
    };
    Sink<Number> sink = test::committing_sink<Number>(committed);
    sink.make_operator = [failures, prepare = where == "prepare"] {
      return std::make_unique<PreparingSink>(failures, prepare);
    };
    if (where != "prepare") {
      sink.committer = [failures, where, commit = sink.committer](std::span<const std::string> parts) -> Status {
        if (failures->fetch_sub(1) > 0) {
          if (where == "commit throws") throw std::runtime_error("planned");
          return Status::io_error("rename: planned");
        }
        return commit(parts);
      };
    }
    Pipeline pipeline({.parallelism = 2, .restart = kQuickly});
    pipeline.enable_checkpointing({.directory = directory.path() + "/job", .interval = std::chrono::milliseconds(1)});
    pipeline.from_source(numbers(0, 3000)).uid("numbers").sink_to(sink).uid("sink");
    Result<Job> job = pipeline.start();
    ASSERT_TRUE(job.is_ok());
    const Status status = job->wait();
    ASSERT_TRUE(status.is_ok()) << status.to_string();
    EXPECT_EQ(job->status().restarts, 2U);
    std::vector<std::string> expected;
    for (int value = 0; value < 3000; ++value) expected.push_back(std::to_string(value));
    std::sort(expected.begin(), expected.end());
    EXPECT_EQ(committed->sorted(), expected);
  }
}

// A sink that takes nothing until its gate opens: barriers stay behind the records.
struct Gate {
  std::atomic<bool> open{false};
  std::mutex mutex;
  std::vector<std::function<void()>> wakers;
  void open_now() {
    open = true;
    const std::lock_guard lock(mutex);
    for (const auto& waker : wakers) waker();
  }
};
class GatedSink final : public Operator {
 public:
  GatedSink(std::shared_ptr<Gate> gate, std::shared_ptr<Counter> seen)
      : gate_(std::move(gate)), seen_(std::move(seen)) {}
  Status open(OperatorContext& context) override {
    const std::lock_guard lock(gate_->mutex);
    gate_->wakers.push_back(context.waker());
    return {};
  }
  void process(std::size_t, BatchPtr& batch, Outbox&) override {
    if (!gate_->open) return;
    seen_->add(static_cast<std::int64_t>(batch->remaining()));
    batch->cursor = batch->size();
  }

 private:
  std::shared_ptr<Gate> gate_;
  std::shared_ptr<Counter> seen_;
};
Sink<Number> gated_sink(std::shared_ptr<Gate> gate, std::shared_ptr<Counter> seen) {
  Sink<Number> sink;
  sink.kind = "gated-sink";
  sink.make_operator = [gate, seen] { return std::make_unique<GatedSink>(gate, seen); };
  return sink;
}

TEST(Alignment, TimesOutDeclinesTheCheckpointAndTheNextOneIsGood) {
  const TemporaryDirectory directory;
  auto gate = std::make_shared<Gate>();
  auto seen = std::make_shared<Counter>();
  auto tap = std::make_shared<Tap>(100);
  Pipeline pipeline;
  CheckpointOptions checkpoint = on_demand(directory);
  checkpoint.alignment_timeout = std::chrono::milliseconds(20);
  checkpoint.declined_limit = 1'000'000;
  pipeline.enable_checkpointing(checkpoint);
  pipeline.from_source(tap_source(tap)).uid("tap").sink_to(gated_sink(gate, seen)).uid("sink").parallelism(3);
  Result<Job> job = pipeline.start();
  ASSERT_TRUE(job.is_ok());
  while (job->status().operators[0].records_out != 800) std::this_thread::yield();
  for (int time = 0; time < 2; ++time) {
    const Status declined = job->checkpoint().status();
    EXPECT_EQ(declined.code(), StatusCode::kDeadlineExceeded);
    EXPECT_EQ(declined.message(),
              "checkpoint " + std::to_string(time + 1) + " was declined: its barriers took longer than 20 ms");
  }
  EXPECT_TRUE(job->checkpoints().empty());
  EXPECT_EQ(job->status().state, JobStatus::State::kRunning) << "a declined checkpoint does not fail the job";
  gate->open_now();
  seen->wait_for(800);
  // A slow machine may decline some more.
  Result<CheckpointInfo> info = job->checkpoint();
  while (info.status().code() == StatusCode::kDeadlineExceeded) info = job->checkpoint();
  ASSERT_TRUE(info.is_ok()) << info.status().to_string();
  EXPECT_GE(info->id, 3U);
  tap->finish();
  EXPECT_TRUE(job->wait().is_ok());
  EXPECT_EQ(seen->value(), 800);
}

TEST(Alignment, SoManyDeclinedInARowFailTheJob) {
  const TemporaryDirectory directory;
  auto gate = std::make_shared<Gate>();
  auto tap = std::make_shared<Tap>(100);
  Pipeline pipeline({.restart = {.attempts = 0}});
  pipeline.enable_checkpointing({.directory = directory.path() + "/job",
                                 .interval = std::chrono::milliseconds(1),
                                 .alignment_timeout = std::chrono::milliseconds(1),
                                 .declined_limit = 3});
  pipeline.from_source(tap_source(tap)).uid("tap").sink_to(gated_sink(gate, std::make_shared<Counter>())).uid("sink");
  Result<Job> job = pipeline.start();
  ASSERT_TRUE(job.is_ok());
  EXPECT_EQ(job->wait().message(), "3 checkpoints in a row were declined");
}

// An operator whose own code is called by wakers while it opens: whom to wake must be known by then.
TEST(Failures, AWakerMayFireWhileTheJobStarts) {
  class Eager final : public Operator {
   public:
    Status open(OperatorContext& context) override {
      return context.executor().submit("wake", [wake = context.waker(), ready = ready_] {
        ready->store(true);
        wake();
      });
    }
    void process(std::size_t, BatchPtr&, Outbox&) override {}
    PollResult poll(Outbox&) override { return ready_->load() ? PollResult::kEnd : PollResult::kIdle; }

   private:
    std::shared_ptr<std::atomic<bool>> ready_ = std::make_shared<std::atomic<bool>>(false);
  };
  for (int round = 0; round < 50; ++round) {
    Source<Number> source;
    source.kind = "eager";
    source.make_operator = [] { return std::make_unique<Eager>(); };
    Pipeline pipeline({.parallelism = 4});
    pipeline.from_source(source).uid("eager").sink_to(for_each_sink<Number>([](const Number&) {}));
    ASSERT_TRUE(pipeline.run().is_ok());
  }
}

}  // namespace
}  // namespace weir
