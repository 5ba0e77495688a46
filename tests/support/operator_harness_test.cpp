// The harness itself: it lets right operators pass and notices wrong ones.

#include "support/operator_harness.hpp"

#include <gtest/gtest-spi.h>
#include <gtest/gtest.h>

#include <weir/state.hpp>
#include <weir/value_table.hpp>

namespace weir::testing_support {
namespace {

Timestamp at(int seconds) { return Timestamp{std::chrono::seconds(seconds)}; }

// Running sum by key (the record modulo 3), kept in state; keeps a count over all keys in a blob of its own.
class KeyedSum final : public Operator {
 public:
  explicit KeyedSum(bool forgets = false) : forgets_(forgets) {}
  Status open(OperatorContext& context) override {
    table_ = &context.state().emplace<ValueTable<int, long>>(&key_, StateOptions{.name = "sum"});
    for (const auto& [name, bytes] : context.restored_entries())
      if (name == "count") count_ = *deserialize<long>(bytes);
    return {};
  }
  void process(std::size_t /*input*/, BatchPtr& batch, Outbox& out) override {
    auto& in = static_cast<Batch<int>&>(*batch);
    while (in.cursor < in.size() && out.room() != 0) {
      const int key = in.records[in.cursor] % 3;
      key_ = {&key, in.hashes[in.cursor]};
      long& sum = table_->mutate();
      sum += in.records[in.cursor];
      ++count_;
      out.batch<long>().append_like(in, in.cursor, sum * 1000 + count_);
      ++in.cursor;
    }
  }
  void snapshot(SnapshotBuilder& builder) override {
    if (!forgets_) builder.put("count", serialize(count_));
  }

 private:
  const bool forgets_;
  CurrentKey<int> key_;
  ValueTable<int, long>* table_ = nullptr;
  long count_ = 0;
};

OperatorHarness::Options keyed_sum(bool forgets) {
  return {.make_operator = [forgets] { return std::make_unique<KeyedSum>(forgets); },
          .inputs = 1,
          .outputs = {output_of<long>()}};
}
Script numbers() {
  Script script;
  for (int i = 0; i < 10; ++i) {
    script.keyed(0, i % 3, i, at(i));
    if (i % 4 == 3) script.watermark(0, at(i));
  }
  return script;
}

TEST(OperatorHarness, LetsARightOperatorPass) {
  std::vector<std::string> expected;
  long sums[3] = {};
  for (int i = 0; i < 10; ++i)
    expected.push_back(std::to_string((sums[i % 3] += i) * 1000 + i + 1) + " @" + format_timestamp(at(i)));
  expect_same_in_all_modes(keyed_sum(false), numbers(), expected);
}

TEST(OperatorHarness, NoticesAnOperatorThatForgetsItsOwnState) {
  EXPECT_FATAL_FAILURE(expect_same_in_all_modes(keyed_sum(true), numbers()), "restored after every step");
}

// Puts records out though its outbox is full.
class Pushy final : public Operator {
 public:
  void process(std::size_t /*input*/, BatchPtr& batch, Outbox& out) override {
    auto& in = static_cast<Batch<int>&>(*batch);
    for (; in.cursor < in.size(); ++in.cursor) out.batch<int>().append_like(in, in.cursor, in.records[in.cursor]);
  }
};
TEST(OperatorHarness, NoticesAnOperatorThatIgnoresAFullOutbox) {
  OperatorHarness::Options options{
      .make_operator = [] { return std::make_unique<Pushy>(); }, .inputs = 1, .outputs = {output_of<int>()}};
  options.full_every_other_call = true;
  OperatorHarness harness(options);
  ASSERT_TRUE(harness.open().is_ok());
  BatchPtr batch = std::make_unique<Batch<int>>();
  static_cast<Batch<int>&>(*batch).records.emplace(1);
  EXPECT_NONFATAL_FAILURE(harness.push(0, batch), "outbox that was full");
}

// Counts to five, one number a job of the executor.
class SlowCounter final : public Operator {
 public:
  Status open(OperatorContext& context) override {
    context_ = &context;
    for (const auto& [name, bytes] : context.restored_entries()) next_ = *deserialize<std::uint64_t>(bytes);
    return {};
  }
  void process(std::size_t, BatchPtr&, Outbox&) override {}
  PollResult poll(Outbox& out) override {
    if (next_ == 5) return PollResult::kEnd;
    if (out.room() == 0) return PollResult::kProgress;
    if (!asked_) {
      asked_ = true;
      EXPECT_TRUE(context_->executor()
                      .submit("count",
                              [ready = ready_, wake = context_->waker()] {
                                *ready = true;
                                wake();
                              })
                      .is_ok());
    }
    if (!*ready_) return PollResult::kIdle;
    *ready_ = asked_ = false;
    out.batch<std::uint64_t>().records.emplace(next_++);
    return PollResult::kProgress;
  }
  void snapshot(SnapshotBuilder& builder) override { builder.put("next", serialize(next_)); }

 private:
  OperatorContext* context_ = nullptr;
  std::uint64_t next_ = 0;
  bool asked_ = false;
  std::shared_ptr<bool> ready_ = std::make_shared<bool>(false);
};
TEST(OperatorHarness, RunsASourceThatWaitsForTheExecutor) {
  expect_same_source_in_all_modes({.make_operator = [] { return std::make_unique<SlowCounter>(); },
                                   .inputs = 0,
                                   .outputs = {output_of<std::uint64_t>()}},
                                  std::vector<std::string>{"0", "1", "2", "3", "4"});
}

}  // namespace
}  // namespace weir::testing_support
