// One task between channels that the test fills by hand: alignment, watermarks, idleness, ends, mail, failures.

#include "engine/runtime/task.hpp"

#include <gtest/gtest.h>

#include <stdexcept>
#include <string>
#include <vector>

namespace weir::runtime {
namespace {

Timestamp at(std::int64_t us) { return Timestamp{Duration{us}}; }

// Writes down what it is told; throws when told to.
struct Notes {
  std::vector<std::string> calls;
  std::string throw_in;
  bool input_1_counts = true;
  int opened = 0;
  int closed = 0;
  void note(std::string call) { calls.push_back(std::move(call)); }
  void maybe_throw(const std::string& where) const {
    if (throw_in == where) throw std::runtime_error("planned in " + where);
  }
  std::vector<std::string> take() { return std::exchange(calls, {}); }
};

class NotingOperator final : public Operator {
 public:
  explicit NotingOperator(Notes& notes) : notes_(notes) {}
  Status open(OperatorContext&) override {
    ++notes_.opened;
    notes_.maybe_throw("open");
    return {};
  }
  void process(std::size_t input, BatchPtr& batch, Outbox&) override {
    auto& in = static_cast<Batch<int>&>(*batch);
    for (; in.cursor < in.size(); ++in.cursor) {
      notes_.maybe_throw("process");
      notes_.note("record " + std::to_string(in.records[in.cursor]) + " of " + std::to_string(input));
    }
  }
  [[nodiscard]] bool counts_for_watermark(std::size_t input) const noexcept override {
    return input == 0 || notes_.input_1_counts;
  }
  void on_input_watermark(std::size_t input, Timestamp time) override {
    notes_.maybe_throw("on_input_watermark");
    notes_.note("input " + std::to_string(input) + " " + text(time));
  }
  bool on_watermark(Timestamp time, Outbox&) override {
    notes_.maybe_throw("on_watermark");
    notes_.note("watermark " + text(time));
    return true;
  }
  bool on_timer_tick(Timestamp, Outbox&) override {
    notes_.maybe_throw("on_timer_tick");
    return true;
  }
  bool on_end(Outbox&) override {
    notes_.maybe_throw("on_end");
    notes_.note("end");
    return true;
  }
  void snapshot(SnapshotBuilder&) override {
    notes_.maybe_throw("snapshot");
    notes_.note("snapshot");
  }
  void on_checkpoint_complete(std::uint64_t id) override {
    notes_.maybe_throw("on_checkpoint_complete");
    notes_.note("complete " + std::to_string(id));
  }
  void close() noexcept override { ++notes_.closed; }

 private:
  static std::string text(Timestamp time) {
    if (time == kMaxTimestamp) return "max";
    return time == kBeforeTheEnd ? "before the end" : std::to_string(time.time_since_epoch().count());
  }
  Notes& notes_;
};

class Host final : public TaskHost {
 public:
  void snapshot_taken(Task&, std::uint64_t id, TaskSnapshot) override { snapshots.push_back(id); }
  void task_ended(Task&) override { ++ended; }
  void task_failed(Task&, Status status) override { failures.push_back(status.message()); }
  void schedule_wake(Task&, Timestamp) override {}
  void schedule_poll(std::function<void()>, std::int64_t) override {}
  Metric& metric(std::string_view, const std::string&, std::uint32_t) override { return metric_; }
  [[nodiscard]] const Clock& clock() const override { return system_clock(); }
  [[nodiscard]] Executor& executor() override { return executor_; }

  std::vector<std::uint64_t> snapshots;
  std::vector<std::string> failures;
  int ended = 0;

 private:
  class NoExecutor final : public Executor {
   public:
    Status submit(std::string_view, std::function<void()>) override { return Status::unavailable("none"); }
  };
  Metric metric_;
  NoExecutor executor_;
};

// A task with two inputs; input 0 comes by two channels (0 and 1), input 1 by channel 2.
class TaskTest : public ::testing::Test {
 protected:
  TaskTest() {
    node_.uid = "op";
    node_.kind = "noting";
    node_.inputs = 2;
    node_.is_sink = true;
    node_.make_operator = [this] { return std::make_unique<NotingOperator>(notes_); };
    Stage::Options options;
    options.node = &node_;
    options.task_index = 3;
    task_.add_stage(std::move(options));
    task_.set_notify([] {});
    for (int index = 0; index < 3; ++index) {
      producers_[index].set_notify([this, index] { ++wakes_[index]; });
      channels_.push_back(std::make_unique<Channel>(producers_[index], task_, 4));
      task_.add_input(*channels_.back(), index == 2 ? 1 : 0);
    }
  }

  void send(std::size_t channel, Message message) { ASSERT_TRUE(channels_[channel]->try_push(message)); }
  void record(std::size_t channel, int value) {
    auto batch = std::make_unique<Batch<int>>();
    batch->records.emplace(value);
    batch->positions.emplace(static_cast<std::uint64_t>(value));
    send(channel, Message::of_batch(std::move(batch)));
  }
  // Runs the task until nothing moves; what the operator was told.
  std::vector<std::string> run() {
    while (task_.run()) {
    }
    return notes_.take();
  }

  using Calls = std::vector<std::string>;
  Notes notes_;
  NodeSpec node_;
  Host host_;
  Task producers_[3] = {{10, "p0", host_}, {11, "p1", host_}, {12, "p2", host_}};
  int wakes_[3] = {};
  Task task_{0, "op task 3", host_};
  std::vector<std::unique_ptr<Channel>> channels_;
};

TEST_F(TaskTest, CombinesWatermarksOfChannelsAndInputs) {
  ASSERT_TRUE(task_.open().is_ok());
  send(0, Message::watermark(at(10)));
  EXPECT_EQ(run(), Calls{}) << "channel 1 has said nothing yet";
  send(1, Message::watermark(at(7)));
  EXPECT_EQ(run(), Calls{"input 0 7"}) << "input 1 has said nothing yet";
  send(2, Message::watermark(at(20)));
  EXPECT_EQ(run(), (Calls{"input 1 20", "watermark 7"}));
  send(1, Message::watermark(at(5)));
  send(1, Message::watermark(at(30)));
  EXPECT_EQ(run(), (Calls{"input 0 10", "watermark 10"})) << "a watermark never falls";
}

TEST_F(TaskTest, AnInputThatDoesNotCountHoldsNothingBack) {
  notes_.input_1_counts = false;
  ASSERT_TRUE(task_.open().is_ok());
  send(0, Message::watermark(at(10)));
  send(1, Message::watermark(at(12)));
  EXPECT_EQ(run(), (Calls{"input 0 10", "watermark 10"}));
  send(0, Message::control(Message::Kind::kEnd));
  EXPECT_EQ(run(), (Calls{"input 0 12", "watermark 12"}));
  send(1, Message::control(Message::Kind::kEnd));
  EXPECT_EQ(run(), (Calls{"input 0 max", "watermark before the end"})) << "the end of time is the end of every input";
  send(2, Message::control(Message::Kind::kEnd));
  EXPECT_EQ(run(), (Calls{"input 1 max", "watermark max", "end"}));
  EXPECT_EQ(host_.ended, 1);
}

TEST_F(TaskTest, AnIdleChannelHoldsNothingBackUntilItSpeaks) {
  ASSERT_TRUE(task_.open().is_ok());
  send(0, Message::watermark(at(10)));
  send(1, Message::control(Message::Kind::kIdle));
  send(2, Message::watermark(at(100)));
  EXPECT_EQ(run(), (Calls{"input 0 10", "input 1 100", "watermark 10"}));
  send(1, Message::control(Message::Kind::kActive));
  EXPECT_EQ(run(), Calls{});
  send(0, Message::watermark(at(50)));
  EXPECT_EQ(run(), Calls{}) << "channel 1 is back and has said nothing";
  send(1, Message::watermark(at(40)));
  EXPECT_EQ(run(), (Calls{"input 0 40", "watermark 40"}));
  send(0, Message::control(Message::Kind::kIdle));
  send(1, Message::control(Message::Kind::kIdle));
  EXPECT_EQ(run(), (Calls{"watermark 100"})) << "only input 1 is left";
}

TEST_F(TaskTest, AnEndedAndAnIdleChannelDoNotMakeTheEndOfTime) {
  ASSERT_TRUE(task_.open().is_ok());
  send(2, Message::watermark(at(1000)));
  EXPECT_EQ(run(), Calls{"input 1 1000"});
  send(0, Message::control(Message::Kind::kEnd));
  EXPECT_EQ(run(), Calls{}) << "channel 1 may still say anything";
  send(1, Message::control(Message::Kind::kIdle));
  EXPECT_EQ(run(), Calls{"watermark 1000"}) << "input 0 is idle: one channel over, one silent";
  record(1, 5);
  EXPECT_EQ(run(), Calls{"record 5 of 0"});
  send(1, Message::watermark(at(2000)));
  EXPECT_EQ(run(), Calls{"input 0 2000"}) << "and goes on when it speaks";
  send(2, Message::watermark(at(3000)));
  EXPECT_EQ(run(), (Calls{"input 1 3000", "watermark 2000"}));
  send(1, Message::control(Message::Kind::kEnd));
  EXPECT_EQ(run(), (Calls{"input 0 max", "watermark 3000"}));
  send(2, Message::control(Message::Kind::kEnd));
  EXPECT_EQ(run(), (Calls{"input 1 max", "watermark max", "end"}));
}

// A model stream that is over but for an idle inbox does not keep the last records waiting, nor is it over.
TEST_F(TaskTest, WhatIsOverDoesNotWaitForWhatIsIdle) {
  ASSERT_TRUE(task_.open().is_ok());
  send(0, Message::watermark(at(10)));
  EXPECT_EQ(run(), Calls{});
  send(0, Message::control(Message::Kind::kEnd));
  EXPECT_EQ(run(), Calls{});
  send(1, Message::control(Message::Kind::kIdle));
  EXPECT_EQ(run(), Calls{});
  send(2, Message::watermark(at(100)));
  EXPECT_EQ(run(), (Calls{"input 1 100", "watermark 100"}));
  send(2, Message::control(Message::Kind::kEnd));
  EXPECT_EQ(run(), (Calls{"input 1 max", "watermark before the end"}));
  record(1, 5);
  EXPECT_EQ(run(), Calls{"record 5 of 0"});
  send(1, Message::watermark(at(200)));
  EXPECT_EQ(run(), Calls{"input 0 200"});
  send(1, Message::control(Message::Kind::kEnd));
  EXPECT_EQ(run(), (Calls{"input 0 max", "watermark max", "end"}));
}

TEST_F(TaskTest, HoldsChannelsAtABarrierUntilTheSlowOneHasIt) {
  ASSERT_TRUE(task_.open().is_ok());
  send(0, Message::barrier(1));
  record(0, 100);
  send(2, Message::barrier(1));
  record(2, 300);
  record(1, 1);
  record(1, 2);
  EXPECT_EQ(run(), (Calls{"record 1 of 0", "record 2 of 0"})) << "what is behind the barrier waits";
  EXPECT_TRUE(task_.aligning());
  send(1, Message::barrier(1));
  const Calls calls = run();
  ASSERT_EQ(calls.size(), 3U);
  EXPECT_EQ(calls[0], "snapshot");
  EXPECT_EQ(host_.snapshots, std::vector<std::uint64_t>{1});
  EXPECT_FALSE(task_.aligning());
}

TEST_F(TaskTest, GivesUpADeclinedCheckpointAndTakesTheNext) {
  ASSERT_TRUE(task_.open().is_ok());
  send(0, Message::barrier(1));
  record(0, 100);
  EXPECT_EQ(run(), Calls{});
  task_.abort_checkpoint(1);
  EXPECT_EQ(run(), Calls{"record 100 of 0"});
  send(1, Message::barrier(1));  // a late one
  record(1, 200);
  EXPECT_EQ(run(), Calls{"record 200 of 0"});
  for (const std::size_t channel : {0, 1, 2}) send(channel, Message::barrier(2));
  EXPECT_EQ(run(), Calls{"snapshot"});
  task_.complete_checkpoint(2);
  EXPECT_EQ(run(), Calls{"complete 2"});
  EXPECT_EQ(host_.snapshots, std::vector<std::uint64_t>{2});
}

// The letter about the declined checkpoint and the newer barrier race: barriers may be seen in one call before the
// letter.
TEST_F(TaskTest, ABarrierOfADeclinedCheckpointAfterANewerOneIsNothing) {
  ASSERT_TRUE(task_.open().is_ok());
  send(0, Message::barrier(2));  // whoever is behind channel 0 never saw barrier 1
  send(1, Message::barrier(1));
  send(1, Message::barrier(2));
  send(2, Message::barrier(1));
  send(2, Message::barrier(2));
  EXPECT_EQ(run(), Calls{"snapshot"});
  EXPECT_EQ(host_.snapshots, std::vector<std::uint64_t>{2});
}

TEST_F(TaskTest, TakesASnapshotAfterItsEnd) {
  ASSERT_TRUE(task_.open().is_ok());
  for (const std::size_t channel : {0, 1, 2}) send(channel, Message::control(Message::Kind::kEnd));
  run();
  for (const std::size_t channel : {0, 1, 2}) send(channel, Message::barrier(1));
  EXPECT_EQ(run(), Calls{"snapshot"});
  EXPECT_TRUE(task_.ended());
}

TEST_F(TaskTest, WakesAProducerThatAFullChannelRefused) {
  ASSERT_TRUE(task_.open().is_ok());
  for (int value = 0; value < 4; ++value) record(0, value);
  EXPECT_FALSE(channels_[0]->try_push(Message::watermark(at(1))));
  record(1, 9);
  run();
  EXPECT_GE(wakes_[0], 1);
  EXPECT_EQ(wakes_[1], 0) << "nobody waits there";
}

TEST_F(TaskTest, ReportsWhatThrowsWithUidAndTask) {
  for (const std::string where :
       {"process", "on_input_watermark", "on_watermark", "snapshot", "on_end", "on_checkpoint_complete"}) {
    SCOPED_TRACE(where);
    notes_ = Notes{};
    Task task{0, "the chain", host_};
    Stage::Options options;
    options.node = &node_;
    options.task_index = 3;
    task.add_stage(std::move(options));
    task.set_notify([] {});
    Channel left(producers_[0], task, 8);
    Channel right(producers_[1], task, 8);
    task.add_input(left, 0);
    task.add_input(right, 1);
    ASSERT_TRUE(task.open().is_ok());
    notes_.throw_in = where;
    host_.failures.clear();
    auto batch = std::make_unique<Batch<int>>();
    for (const int value : {70, 71}) {
      batch->records.emplace(value);
      batch->positions.emplace(static_cast<std::uint64_t>(value));
    }
    ASSERT_TRUE(left.try_push(Message::of_batch(std::move(batch))));
    for (Channel* channel : {&left, &right}) {
      ASSERT_TRUE(channel->try_push(Message::watermark(at(1))));
      ASSERT_TRUE(channel->try_push(Message::barrier(1)));
      ASSERT_TRUE(channel->try_push(Message::control(Message::Kind::kEnd)));
    }
    while (task.run()) {
      if (!host_.failures.empty()) break;
    }
    if (host_.failures.empty()) {
      task.complete_checkpoint(1);
      while (task.run() && host_.failures.empty()) {
      }
    }
    ASSERT_EQ(host_.failures.size(), 1U);
    EXPECT_EQ(host_.failures[0], "operator 'op' task 3" +
                                     std::string(where == "process" ? ", record at source position 70" : "") +
                                     ": planned in " + where);
    EXPECT_FALSE(task.run()) << "a failed task does nothing more";
  }
}

TEST_F(TaskTest, ReportsWhatOpenThrows) {
  notes_.throw_in = "open";
  const Status status = task_.open();
  EXPECT_EQ(status.message(), "operator 'op' task 3: open threw: planned in open");
}

TEST_F(TaskTest, ClosesItsOperatorsOnce) {
  ASSERT_TRUE(task_.open().is_ok());
  task_.close();
  task_.close();
  EXPECT_EQ(notes_.closed, 1);
}

TEST_F(TaskTest, AnswersOrRefusesEveryLetterOnce) {
  ASSERT_TRUE(task_.open().is_ok());
  int read = 0;
  std::vector<std::string> refused;
  const auto letter = [&] {
    return Task::Letter{[&](Task&) { ++read; }, [&](const Status& status) { refused.push_back(status.message()); }};
  };
  ASSERT_TRUE(task_.post(letter()));
  run();
  EXPECT_EQ(read, 1);
  ASSERT_TRUE(task_.post(letter()));
  task_.refuse_mail();
  EXPECT_EQ(refused, std::vector<std::string>{"the task was stopped"});
  EXPECT_FALSE(task_.post(letter())) << "nobody would read it";
  run();
  EXPECT_EQ(read, 1);
}

TEST_F(TaskTest, ALetterThatThrowsFailsTheTaskAndRefusesTheOthers) {
  ASSERT_TRUE(task_.open().is_ok());
  int refused = 0;
  const auto count = [&](const Status&) { ++refused; };
  ASSERT_TRUE(task_.post({[](Task&) { throw std::runtime_error("planned"); }, count}));
  ASSERT_TRUE(task_.post({[](Task&) {}, count}));
  run();
  EXPECT_EQ(refused, 2);
  EXPECT_EQ(host_.failures, std::vector<std::string>{"op task 3: planned"});
}

TEST_F(TaskTest, TheMailboxIsBounded) {
  ASSERT_TRUE(task_.open().is_ok());
  for (std::size_t sent = 0; sent < Task::kMailboxCapacity; ++sent) ASSERT_TRUE(task_.post({[](Task&) {}, {}}));
  EXPECT_FALSE(task_.post({[](Task&) {}, {}}));
  run();
  EXPECT_TRUE(task_.post({[](Task&) {}, {}}));
}

}  // namespace
}  // namespace weir::runtime
