// The serving operator with its archive, alone, with full outboxes and restores: the archive holds what was put out,
// row by row, whatever the batches.

#include <gtest/gtest.h>

#include "operators/archive/archive_job.hpp"
#include "support/operator_harness.hpp"
#include "support/temporary_directory.hpp"

namespace weir::test {
namespace {

using testing_support::OperatorHarness;
using testing_support::TemporaryDirectory;

struct Mode {
  std::size_t batch_size;
  bool full;
  bool restarts;
};

ServeOptions arrival(NoModelPolicy no_model) {
  ServeOptions options;
  options.no_model = no_model;
  options.fallback = {0.5};
  return options;
}

OperatorHarness::Options options_of(const Mode& mode, const std::string& directory, NoModelPolicy no_model) {
  const ServeModel<Event> definition({std::make_shared<const ToyRuntime>()}, odd_features(), arrival(no_model));
  OperatorHarness::Options options;
  options.make_operator = [definition] {
    return definition.make_operator([](const Event& event) -> const std::string& { return event.key; },
                                    [](const ModelRecord& model) -> const std::string& { return model.key; });
  };
  options.inputs = 2;
  options.outputs = {
      testing_support::output_of<Scored<Event>>([](const Scored<Event>& result) { return serialize(result); }),
      testing_support::output_of<ArchiveRecord>([](const ArchiveRecord& record) { return serialize(record); })};
  options.batch_size = mode.batch_size;
  options.full_every_other_call = mode.full;
  options.context.side_outputs = {kModelInputs.name};
  options.context.job_directory = directory;
  return options;
}

void push_models(OperatorHarness& harness, std::vector<ModelRecord> models) {
  auto batch = std::make_unique<Batch<ModelRecord>>();
  for (ModelRecord& model : models) {
    batch->hashes.emplace(hash_key(model.key));
    batch->records.emplace(std::move(model));
  }
  BatchPtr pointer = std::move(batch);
  ASSERT_TRUE(harness.push(1, pointer));
  while (harness.let_world_move()) {
  }
}

void push_records(OperatorHarness& harness, std::int64_t first, std::int64_t end) {
  auto batch = std::make_unique<Batch<Event>>();
  for (std::int64_t id = first; id < end; ++id) {
    Event event{kArchiveKeys[id % 3], odd_number(id), id};
    batch->hashes.emplace(hash_key(event.key));
    batch->timestamps.emplace(at(id));
    batch->positions.emplace(static_cast<std::uint64_t>(id));
    batch->records.emplace(std::move(event));
  }
  BatchPtr pointer = std::move(batch);
  ASSERT_TRUE(harness.push(0, pointer));
}

void expect_archive_of_results(const OperatorHarness& harness) {
  std::map<std::uint64_t, Scored<Event>> results;
  for (const std::string& text : harness.texts(0)) {
    const auto result = deserialize<Scored<Event>>(text);
    ASSERT_TRUE(result.is_ok());
    ASSERT_TRUE(results.emplace(result->position, *result).second);
  }
  std::size_t rows = 0;
  std::size_t current = 0;
  for (const std::string& text : harness.texts(1)) {
    const auto record = deserialize<ArchiveRecord>(text);
    ASSERT_TRUE(record.is_ok());
    if (const ArchivedEvent* event = record->event()) {
      current += event->state == ModelState::kCurrent ? 1 : 0;
      continue;
    }
    const ArchivedInputs& inputs = *record->inputs();
    for (std::size_t row = 0; row < inputs.rows(); ++row, ++rows) {
      const Scored<Event>& result = results.at(inputs.positions.at(row));
      EXPECT_EQ(inputs.key, result.key);
      EXPECT_EQ(inputs.times.at(row), result.event_time);
      EXPECT_EQ(inputs.statuses[row], result.status);
      EXPECT_EQ(inputs.path, result.path);
      EXPECT_EQ(inputs.model.digest, result.model.digest);
      EXPECT_EQ(inputs.model.version, result.model.version);
      const std::size_t columns = inputs.numbers_out();
      ASSERT_EQ(columns, result.numbers.size());
      for (std::size_t column = 0; column < columns; ++column)
        EXPECT_EQ(std::bit_cast<std::uint64_t>(inputs.number_outputs[row * columns + column]),
                  std::bit_cast<std::uint64_t>(result.numbers[column]));
    }
  }
  EXPECT_EQ(rows, results.size());
  EXPECT_EQ(rows, 90U);
  EXPECT_EQ(current, 4U) << "two models of JFK, one of each other key";
}

TEST(ArchiveOutput, HoldsWhatWasPutOutInEveryMode) {
  for (const NoModelPolicy policy : {NoModelPolicy::kEmit, NoModelPolicy::kFallback}) {
    for (const Mode& mode : {Mode{256, false, false}, Mode{1, false, false}, Mode{3, true, false},
                             Mode{256, true, true}, Mode{1, false, true}, Mode{3, false, true}}) {
      SCOPED_TRACE("batches of " + std::to_string(mode.batch_size) + (mode.full ? ", full at times" : "") +
                   (mode.restarts ? ", with restarts" : ""));
      const TemporaryDirectory directory;
      OperatorHarness harness(options_of(mode, directory.path(), policy));
      ASSERT_TRUE(harness.open().is_ok());
      const auto step = [&] {
        if (mode.restarts) {
          ASSERT_TRUE(harness.restart().is_ok());
        }
      };
      push_records(harness, 0, 10);
      step();
      push_models(harness, {toy("JFK", "LINEAR 1 0.5"), toy("LGA", "FAIL 2"), toy("EWR", "CONST 3")});
      step();
      push_records(harness, 10, 40);
      step();
      push_models(harness, {toy("JFK", "LINEAR 2 -0.5"), toy("LGA", "rubbish")});
      push_records(harness, 40, 90);
      step();
      harness.end();
      expect_archive_of_results(harness);
    }
  }
}

TEST(ArchiveOutput, IsNotMadeWhenNobodyListens) {
  const TemporaryDirectory directory;
  OperatorHarness::Options options = options_of({256, false, false}, directory.path(), NoModelPolicy::kEmit);
  options.context.side_outputs.clear();
  OperatorHarness harness(options);
  ASSERT_TRUE(harness.open().is_ok());
  push_models(harness, {toy("JFK", "CONST 1")});
  push_records(harness, 0, 9);
  EXPECT_EQ(harness.texts(0).size(), 9U);
  EXPECT_TRUE(harness.texts(1).empty());
}

}  // namespace
}  // namespace weir::test
