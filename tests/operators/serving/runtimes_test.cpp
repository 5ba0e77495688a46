// PMML, ONNX and TensorFlow take turns on one key, beside our own protobuf and RocksDB.

#include <algorithm>
#include <atomic>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <mutex>
#include <thread>

#include <gtest/gtest.h>

#include <boost/describe/class.hpp>

#include <weir/memory_source.hpp>
#include <weir/pipeline.hpp>
#include <weir/runtimes.hpp>
#include <weir/serving.hpp>
#include <weir/source.hpp>

#include <rocksdb/db.h>

#include "proto/model.pb.h"
#include "state/support/temporary_directory.hpp"

namespace weir::test {
namespace {

const std::filesystem::path kModels = "tests/models/runtime_models";
const std::string kPmml =
    R"(<PMML version="4.4"><DataDictionary><DataField name="a" optype="continuous" dataType="double"/><DataField name="b"
optype="continuous" dataType="double"/></DataDictionary><RegressionModel functionName="regression"><MiningSchema>
<MiningField name="a"/><MiningField name="b"/></MiningSchema><RegressionTable intercept="0.5"><NumericPredictor name="a"
coefficient="2"/><NumericPredictor name="b" coefficient="-1"/></RegressionTable></RegressionModel></PMML>)";

struct Sample {
  std::string key = "press";
  std::int64_t id = 0;
  std::int64_t row = 0;
  double a = 0, b = 0, c = 0, d = 0;
};
BOOST_DESCRIBE_STRUCT(Sample, (), (key, id, row, a, b, c, d))

std::string bytes_of(const std::string& file) {
  std::ifstream in(kModels / file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

/// The numbers of one column of a file with a header.
std::vector<double> column(const std::string& file, std::size_t index) {
  std::ifstream in(kModels / file);
  std::vector<double> values;
  std::string line;
  std::getline(in, line);
  while (std::getline(in, line)) {
    std::size_t at = 0;
    for (std::size_t i = 0; i < index; ++i) at = line.find(',', at) + 1;
    values.push_back(std::strtod(line.c_str() + at, nullptr));
  }
  return values;
}

/// Four kinds of models in turn, and what each answers to each row of rows.csv.
struct Kind {
  std::string type;
  std::string bytes;
  ModelOptions options;
  std::vector<double> expected;
};

class RuntimesInTurn : public ::testing::Test {
 protected:
  RuntimesInTurn() {
    for (std::size_t i = 0; i < 4; ++i) columns_.push_back(column("rows.csv", i));
    kinds_ = {{"PMML", kPmml, {}, {}},
              {"ONNX", bytes_of("linear.onnx"), {}, column("linear.csv", 0)},
              {"TENSORFLOW",
               bytes_of("keras-frozen.pb"),
               {.inputs = {"x"}, .outputs = {"Identity"}},
               column("keras-frozen.csv", 0)},
              {"TENSORFLOWSAVED", bytes_of("keras-saved.zip"), {}, column("keras-saved.csv", 0)}};
    for (std::size_t row = 0; row < columns_[0].size(); ++row)
      kinds_[0].expected.push_back(0.5 + 2 * columns_[0][row] - columns_[1][row]);
  }
  [[nodiscard]] Sample sample(std::uint64_t id) const {
    const std::size_t row = id % columns_[0].size();
    return {"press",
            static_cast<std::int64_t>(id),
            static_cast<std::int64_t>(row),
            columns_[0][row],
            columns_[1][row],
            columns_[2][row],
            columns_[3][row]};
  }
  /// Version 1 is of the first kind, version 2 of the second, ...
  [[nodiscard]] ModelRecord model(std::int64_t version) const {
    const Kind& kind = kind_of(version);
    ModelRecord record;
    record.key = "press";
    record.name = "risk";
    record.type = kind.type;
    record.version = version;
    record.options = kind.options;
    record.data = kind.bytes;
    return record;
  }
  [[nodiscard]] const Kind& kind_of(std::int64_t version) const {
    return kinds_[static_cast<std::size_t>(version - 1) % kinds_.size()];
  }
  [[nodiscard]] bool is_right(const Scored<Sample>& result) const {
    const double expected = kind_of(result.model.version).expected[static_cast<std::size_t>(result.record.row)];
    return result.ok() && std::abs(result.number() - expected) <= 1e-6 * std::max(1.0, std::abs(expected));
  }
  static Features<Sample> sample_features() {
    return features<Sample>()
        .number("a", [](const Sample& sample) { return sample.a; })
        .number("b", [](const Sample& sample) { return sample.b; })
        .number("c", [](const Sample& sample) { return sample.c; })
        .number("d", [](const Sample& sample) { return sample.d; });
  }

  std::vector<std::vector<double>> columns_;
  std::vector<Kind> kinds_;
};

/// What came out, by record.
struct Outcome {
  std::mutex mutex;
  std::vector<unsigned char> times;  // by record
  std::map<std::int64_t, std::int64_t> by_version;
  std::int64_t wrong = 0;
  std::int64_t newest = 0;
  bool went_back = false;
};

template <class Check>
Sink<Scored<Sample>> collect(std::shared_ptr<Outcome> outcome, Check check) {
  const auto put = [outcome, check](const Scored<Sample>& result) {
    const std::lock_guard lock(outcome->mutex);
    const auto id = static_cast<std::size_t>(result.record.id);
    if (outcome->times.size() <= id) outcome->times.resize(id + 1, 0);
    ++outcome->times[id];
    ++outcome->by_version[result.model.version];
    if (!check(result)) ++outcome->wrong;
    outcome->went_back = outcome->went_back || result.model.version < outcome->newest;
    outcome->newest = std::max(outcome->newest, result.model.version);
  };
  Sink<Scored<Sample>> sink;
  sink.kind = "collect";
  sink.make_operator = [put] {
    return std::make_unique<weir::detail::ForEachOperator<Scored<Sample>, decltype(put)>>(put);
  };
  return sink;
}

TEST_F(RuntimesInTurn, ByEventTimeEveryRecordIsScoredByItsVersion) {
  constexpr std::uint64_t kRecords = 20'000;
  constexpr std::uint64_t kPerVersion = 4'000;
  const weir::testing::TemporaryDirectory directory;
  const auto outcome = std::make_shared<Outcome>();
  Pipeline pipeline({.name = "turns", .parallelism = 2});
  pipeline.enable_checkpointing({.directory = directory.path(), .interval = std::chrono::milliseconds(20)});
  auto records = pipeline
                     .from_source(generator_source([this](std::uint64_t id) { return sample(id); },
                                                   [](const Sample& one) { return Timestamp{Duration{one.id}}; },
                                                   {.count = kRecords}))
                     .uid("records")
                     .parallelism(1)
                     .key_by([](const Sample& one) { return one.key; });
  std::vector<ModelRecord> versions;
  for (std::int64_t version = 1; version <= 5; ++version) {
    versions.push_back(model(version));
    versions.back().effective_at = Timestamp{Duration{(version - 1) * static_cast<std::int64_t>(kPerVersion)}};
  }
  auto models = pipeline.from_source(vector_source(versions, [](const ModelRecord& one) { return *one.effective_at; }))
                    .uid("models")
                    .parallelism(1)
                    .key_by([](const ModelRecord& one) { return one.key; });
  records.connect(models)
      .co_process(ServeModel<Sample>(all_runtimes(), sample_features(), {.effect = ModelEffect::kEventTime}))
      .uid("score")
      .sink_to(collect(outcome,
                       [this](const Scored<Sample>& result) {
                         return is_right(result) &&
                                result.model.version == 1 + result.record.id / static_cast<std::int64_t>(kPerVersion);
                       }))
      .uid("answers");
  const Status status = pipeline.run();
  ASSERT_TRUE(status.is_ok()) << status.to_string();
  EXPECT_EQ(outcome->times.size(), kRecords);
  EXPECT_EQ(std::count(outcome->times.begin(), outcome->times.end(), 1),
            static_cast<std::int64_t>(outcome->times.size()));
  EXPECT_EQ(outcome->wrong, 0);
  EXPECT_EQ(outcome->by_version.size(), 5U);
}

/// Makes records until told to stop, and some more. Models load in the time that records leave: once there are many it
/// makes one at a time and lets others run.
class UntilStopped final : public Operator {
 public:
  UntilStopped(std::function<Sample(std::uint64_t)> make, std::shared_ptr<std::atomic<bool>> stop,
               std::shared_ptr<std::atomic<std::uint64_t>> made)
      : make_(std::move(make)), stop_(std::move(stop)), made_(std::move(made)) {}
  void process(std::size_t, BatchPtr&, Outbox&) override {}
  PollResult poll(Outbox& out) override {
    if (made_->load() > 300'000'000) return PollResult::kEnd;  // a model never came
    if (stop_->load() && left_-- == 0) return PollResult::kEnd;
    Batch<Sample>& batch = out.batch<Sample>();
    const bool is_enough = made_->load() > kMany;
    for (std::size_t room = is_enough ? 1 : out.room(); room > 0; --room)
      batch.records.emplace(make_(made_->fetch_add(1)));
    if (is_enough) std::this_thread::yield();
    return PollResult::kProgress;
  }

 private:
  static constexpr std::uint64_t kMany = 2'000'000;

  std::function<Sample(std::uint64_t)> make_;
  std::shared_ptr<std::atomic<bool>> stop_;
  std::shared_ptr<std::atomic<std::uint64_t>> made_;
  int left_ = 20;
};

/// Gives the next model when the one before has become current.
class OneByOne final : public Operator {
 public:
  OneByOne(std::function<ModelRecord(std::int64_t)> make, std::int64_t count,
           std::shared_ptr<std::atomic<std::int64_t>> current)
      : make_(std::move(make)), count_(count), current_(std::move(current)) {}
  void process(std::size_t, BatchPtr&, Outbox&) override {}
  PollResult poll(Outbox& out) override {
    if (given_ == count_) return PollResult::kEnd;
    if (current_->load() != given_) return PollResult::kIdle;  // the records keep the worker going
    out.batch<ModelRecord>().records.emplace(make_(++given_));
    return PollResult::kProgress;
  }

 private:
  std::function<ModelRecord(std::int64_t)> make_;
  std::int64_t count_;
  std::int64_t given_ = 0;
  std::shared_ptr<std::atomic<std::int64_t>> current_;
};

TEST_F(RuntimesInTurn, UnderLoadNoRecordIsLost) {
#ifdef WEIR_TEST_SANITIZED
  constexpr std::int64_t kVersions = 5;
#else
  constexpr std::int64_t kVersions = 41;
#endif
  const auto outcome = std::make_shared<Outcome>();
  const auto stop = std::make_shared<std::atomic<bool>>(false);
  const auto made = std::make_shared<std::atomic<std::uint64_t>>(0);
  const auto current = std::make_shared<std::atomic<std::int64_t>>(0);
  std::atomic<int> refused{0};
  ServeOptions options;
  options.no_model = NoModelPolicy::kHold;
  options.keep_versions = 2;
  options.on_event = [&](const ModelEvent& event) {
    if (event.state == ModelState::kRefused) {
      ADD_FAILURE() << event.reason;
      ++refused;
      stop->store(true);
    }
    if (event.state != ModelState::kCurrent) return;
    current->store(event.version);
    if (event.version == kVersions) stop->store(true);
  };
  Pipeline pipeline({.name = "load", .workers = 1});  // so that the records keep the publisher going
  Source<Sample> samples;
  samples.kind = "samples";
  samples.max_parallelism = 1;
  samples.make_operator = [&] {
    return std::make_unique<UntilStopped>([this](std::uint64_t id) { return sample(id); }, stop, made);
  };
  Source<ModelRecord> publisher;
  publisher.kind = "publisher";
  publisher.max_parallelism = 1;
  publisher.make_operator = [&] {
    return std::make_unique<OneByOne>([this](std::int64_t version) { return model(version); }, kVersions, current);
  };
  auto records =
      pipeline.from_source(std::move(samples)).uid("samples").key_by([](const Sample& one) { return one.key; });
  auto models =
      pipeline.from_source(std::move(publisher)).uid("models").key_by([](const ModelRecord& one) { return one.key; });
  records.connect(models)
      .co_process(ServeModel<Sample>(all_runtimes(), sample_features(), options))
      .uid("score")
      .sink_to(collect(
          outcome,
          [this](const Scored<Sample>& result) { return result.status == ScoreStatus::kNoModel || is_right(result); }))
      .uid("answers");
  const Status status = pipeline.run();
  ASSERT_TRUE(status.is_ok()) << status.to_string();
  EXPECT_EQ(outcome->times.size(), made->load());
  EXPECT_EQ(std::count(outcome->times.begin(), outcome->times.end(), 1),
            static_cast<std::int64_t>(outcome->times.size()));
  EXPECT_EQ(outcome->wrong, 0);
  EXPECT_FALSE(outcome->went_back);
  EXPECT_EQ(outcome->newest, kVersions);
}

/// Descriptors through reflection, text and bytes: protobuf's tables, arenas and maps of names.
void use_protobuf(int rounds) {
  for (int i = 0; i < rounds; ++i) {
    proto::ModelDescriptor descriptor;
    descriptor.set_name("model " + std::to_string(i));
    descriptor.set_version(i);
    for (int j = 0; j < 20; ++j) {
      descriptor.add_features("f" + std::to_string(j));
      descriptor.add_verification()->add_inputs()->set_number(j);
    }
    proto::ModelDescriptor copy;
    ASSERT_TRUE(copy.ParseFromString(descriptor.SerializeAsString()));
    ASSERT_EQ(copy.DebugString(), descriptor.DebugString());
    ASSERT_EQ(copy.GetDescriptor()->FindFieldByName("features")->number(), 32);
  }
}

void use_rocksdb(const std::string& directory, int rounds) {
  rocksdb::Options options;
  options.create_if_missing = true;
  options.write_buffer_size = 64 << 10;  // flushes and compactions
  rocksdb::DB* opened = nullptr;
  ASSERT_TRUE(rocksdb::DB::Open(options, directory, &opened).ok());
  const std::unique_ptr<rocksdb::DB> db(opened);
  for (int i = 0; i < rounds; ++i)
    ASSERT_TRUE(db->Put({}, "key" + std::to_string(i % 997), std::string(100, static_cast<char>('a' + i % 26))).ok());
  ASSERT_TRUE(db->CompactRange({}, nullptr, nullptr).ok());
  std::string value;
  for (int i = rounds - 997; i < rounds; ++i) {
    ASSERT_TRUE(db->Get({}, "key" + std::to_string(i % 997), &value).ok());
    ASSERT_EQ(value, std::string(100, static_cast<char>('a' + i % 26)));
  }
}

TEST_F(RuntimesInTurn, LiveBesideProtobufAndRocksDb) {
  const weir::testing::TemporaryDirectory directory;
  const FeatureSchema schema(
      {{"a", FieldType::kNumber}, {"b", FieldType::kNumber}, {"c", FieldType::kNumber}, {"d", FieldType::kNumber}});
  for (int round = 0; round < 3; ++round) {
    std::thread other([&] { use_protobuf(500); });  // while runtimes are loaded
    std::thread another([&] { use_rocksdb(directory / ("db" + std::to_string(round)), 20'000); });
    for (const Kind& kind : kinds_) {
      const auto loaded = all_runtimes().find(kind.type)->load_with(kind.bytes, kind.options, {});
      EXPECT_TRUE(loaded.is_ok()) << loaded.status().to_string();
      if (!loaded.is_ok()) continue;
      const auto scorer = (*loaded)->bind(schema, {});
      EXPECT_TRUE(scorer.is_ok()) << scorer.status().to_string();
      ScoreErrors errors;
      ScoreScratch scratch;
      for (std::size_t row = 0; scorer.is_ok() && row < 200; ++row) {
        const double numbers[] = {columns_[0][row], columns_[1][row], columns_[2][row], columns_[3][row]};
        double score = 0;
        unsigned char failed = 9;
        (*scorer)->score({1, numbers, 4, nullptr, 0}, {&score, nullptr, &failed}, errors, scratch);
        EXPECT_EQ(failed, 0);
        EXPECT_NEAR(score, kind.expected[row], 1e-6 * std::max(1.0, std::abs(kind.expected[row])));
      }
    }
    other.join();
    another.join();
    use_protobuf(500);
    use_rocksdb(directory / ("after" + std::to_string(round)), 20'000);
  }
}

}  // namespace
}  // namespace weir::test
