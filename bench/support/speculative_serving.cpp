#include "bench/support/speculative_serving.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include <weir/pipeline.hpp>
#include <weir/speculation.hpp>

#include "bench/limits/limits.hpp"
#include "bench/support/checksum_sink.hpp"
#include "bench/support/weir_scoring.hpp"

namespace weir::bench {
namespace {

constexpr std::array<const char*, 3> kNames{"first", "second", "forest"};

std::array<std::string, 3> as_pmml(const ThreeModels& models) {
  return {linear_to_pmml(models.first), linear_to_pmml(models.second), forest_to_pmml(models.forest)};
}

double median_of(double a, double b, double c) noexcept {
  return std::max(std::min(a, b), std::min(std::max(a, b), c));
}

struct Progress {
  std::atomic<std::int64_t> current_models{0};
  std::atomic<bool> refused{false};
  std::atomic<double> started{0};
};

/// Waits until every key has its models.
class Samples final : public Operator {
 public:
  Samples(std::uint64_t records, std::span<const Sample> samples, std::shared_ptr<Progress> progress)
      : left_(records), samples_(samples), progress_(std::move(progress)) {}
  void process(std::size_t /*input*/, BatchPtr& /*batch*/, Outbox& /*out*/) override {}
  PollResult poll(Outbox& out) override {
    if (progress_->started.load() == 0) {
      if (progress_->refused.load()) return PollResult::kEnd;
      if (progress_->current_models.load() < 3 * kServingKeys) return PollResult::kProgress;
      progress_->started.store(now_seconds());
    }
    Batch<Sample>& batch = out.batch<Sample>();
    const std::size_t count = std::min<std::uint64_t>(out.room(), left_);
    const std::size_t start = batch.size();
    batch.records.resize_for_overwrite(start + count);
    for (std::size_t i = start; i < start + count; ++i) {
      batch.records[i] = samples_[next_];
      if (++next_ == samples_.size()) next_ = 0;
    }
    left_ -= count;
    return left_ == 0 ? PollResult::kEnd : PollResult::kProgress;
  }

 private:
  std::uint64_t left_;
  std::span<const Sample> samples_;
  std::shared_ptr<Progress> progress_;
  std::size_t next_ = 0;
};

class Models final : public Operator {
 public:
  explicit Models(std::array<std::string, 3> pmml) : pmml_(std::move(pmml)) {}
  void process(std::size_t /*input*/, BatchPtr& /*batch*/, Outbox& /*out*/) override {}
  PollResult poll(Outbox& out) override {
    ModelRecord model;
    model.key = std::to_string(made_ / 3);
    model.name = kNames[made_ % 3];
    model.type = "PMML";
    model.data = pmml_[made_ % 3];
    out.batch<ModelRecord>().records.emplace(std::move(model));
    return ++made_ == 3 * kServingKeys ? PollResult::kEnd : PollResult::kProgress;
  }

 private:
  std::array<std::string, 3> pmml_;
  std::size_t made_ = 0;
};

Features<Sample> sample_features() {
  std::vector<Field> fields;
  for (std::size_t i = 0; i < kFeatures; ++i) fields.push_back({"x" + std::to_string(i), FieldType::kNumber});
  return {FeatureSchema(std::move(fields)), [](const Sample& sample, double* numbers, std::string_view* /*texts*/) {
            std::copy(sample.features.begin(), sample.features.end(), numbers);
          }};
}

}  // namespace

Measured speculate_by_weir(std::uint64_t records, std::span<const Sample> samples, const ThreeModels& models) {
  const auto totals = std::make_shared<SinkTotals>();
  const auto progress = std::make_shared<Progress>();
  SpeculationOptions options;
  for (const char* name : kNames) options.members.push_back({.name = name});
  options.policies = {median()};
  options.deadline = std::chrono::hours(1);  // all vote: the answers are to be the limit's
  options.models.on_event = [progress](const ModelEvent& event) {
    if (event.state == ModelState::kCurrent) progress->current_models.fetch_add(1);
    if (event.state == ModelState::kRefused) progress->refused.store(true);
  };
  Source<Sample> sample_source;
  sample_source.kind = "samples";
  sample_source.max_parallelism = 1;
  sample_source.make_operator = [=] { return std::make_unique<Samples>(records, samples, progress); };
  Source<ModelRecord> model_source;
  model_source.kind = "models";
  model_source.max_parallelism = 1;
  model_source.make_operator = [pmml = as_pmml(models)] { return std::make_unique<Models>(pmml); };
  Pipeline pipeline({.name = "bench-speculation", .workers = 1, .background_threads = 1, .batch_size = kLimitBatch});
  auto keyed = pipeline.from_source(sample_source).uid("samples").key_by(&Sample::key);
  auto keyed_models = pipeline.from_source(model_source).uid("models").key_by([](const ModelRecord& model) {
    return std::int64_t{std::atoll(model.key.c_str())};
  });
  speculate(keyed, keyed_models, Speculation<Sample>({pmml_runtime()}, sample_features(), options))
      .uid("speculate")
      .sink_to(checksum_sink<Speculated<Sample>>(
          [](const Speculated<Sample>& result) { return served_fingerprint(result.record, result.number()); }, totals));
  const Status status = pipeline.run();
  if (!status.is_ok() || progress->refused.load()) {
    std::fprintf(stderr, "the benchmark's job failed: %s\n", status.to_string().c_str());
    std::exit(1);
  }
  return {totals->records.load(), totals->ended.load() - progress->started.load(), totals->checksum.load()};
}

Measured score_three_by_weir(std::uint64_t records, std::span<const Sample> samples, const ThreeModels& models) {
  std::vector<std::array<std::shared_ptr<const Scorer>, 3>> scorers(kServingKeys);
  const std::array<std::string, 3> pmml = as_pmml(models);
  for (auto& of_key : scorers)
    for (std::size_t model = 0; model < 3; ++model) of_key[model] = scorer_of(pmml[model]);
  std::array<double, kLimitBatch * kFeatures> features;
  std::array<std::array<double, kLimitBatch>, 3> scores;
  std::array<unsigned char, kLimitBatch> failed;
  ScoreErrors errors;
  ScoreScratch scratch;
  std::uint64_t checksum = 0;
  std::size_t next = 0;
  const double start = now_seconds();
  for (std::uint64_t left = records; left > 0;) {
    const std::size_t most = std::min<std::uint64_t>({kLimitBatch, left, samples.size() - next});
    std::size_t count = 1;
    while (count < most && samples[next + count].key == samples[next].key) ++count;
    for (std::size_t i = 0; i < count; ++i)
      std::copy(samples[next + i].features.begin(), samples[next + i].features.end(), &features[i * kFeatures]);
    for (std::size_t model = 0; model < 3; ++model) {
      scorers[static_cast<std::size_t>(samples[next].key)][model]->score(
          {.rows = count, .numbers = features.data(), .number_columns = kFeatures},
          {.numbers = scores[model].data(), .failed = failed.data()}, errors, scratch);
    }
    for (std::size_t i = 0; i < count; ++i)
      checksum += served_fingerprint(samples[next + i], median_of(scores[0][i], scores[1][i], scores[2][i]));
    next = (next + count) % samples.size();
    left -= count;
  }
  return {records, now_seconds() - start, checksum};
}

}  // namespace weir::bench
