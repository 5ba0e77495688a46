#include "bench/support/speculative_serving.hpp"

#include <algorithm>
#include <array>
#include <memory>
#include <string>
#include <vector>

#include <weir/pipeline.hpp>
#include <weir/speculation.hpp>

#include "bench/support/checksum_sink.hpp"
#include "bench/support/serving_sources.hpp"
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

}  // namespace

Measured speculate_by_weir(std::uint64_t records, std::span<const Sample> samples, const ThreeModels& models) {
  const auto totals = std::make_shared<SinkTotals>();
  const auto progress = std::make_shared<Progress>();
  SpeculationOptions options;
  for (const char* name : kNames) options.members.push_back({.name = name});
  options.policies = {median()};
  options.deadline = std::chrono::hours(1);  // all vote: the answers are to be the limit's
  options.models.on_event = note_events(progress);
  const ServingWork work{records, records, samples};
  Pipeline pipeline({.name = "bench-speculation", .workers = 1, .background_threads = 1, .batch_size = kServingBatch});
  auto keyed = pipeline
                   .from_source(source_of<Sample>(
                       "samples", [&] { return std::make_unique<SampleSource>(work, 3 * kServingKeys, progress); }))
                   .uid("samples")
                   .key_by(&Sample::key);
  auto keyed_models =
      pipeline.from_source(source_of<ModelRecord>("models", [&] { return std::make_unique<Models>(as_pmml(models)); }))
          .uid("models")
          .key_by(key_of_model);
  const auto features = sample_features<Sample>([](const Sample& sample) -> const Sample& { return sample; });
  speculate(keyed, keyed_models, Speculation<Sample>({pmml_runtime()}, features, options))
      .uid("speculate")
      .sink_to(checksum_sink<Speculated<Sample>>(
          [](const Speculated<Sample>& result) { return served_fingerprint(result.record, result.number()); }, totals));
  run_or_exit(pipeline, *progress);
  return {totals->records.load(), totals->ended.load() - progress->started.load(), totals->checksum.load()};
}

Measured score_three_by_weir(std::uint64_t records, std::span<const Sample> samples, const ThreeModels& models) {
  std::vector<std::array<std::shared_ptr<const Scorer>, 3>> scorers(kServingKeys);
  const std::array<std::string, 3> pmml = as_pmml(models);
  for (auto& of_key : scorers)
    for (std::size_t model = 0; model < 3; ++model) of_key[model] = scorer_of(pmml[model]);
  std::array<double, kServingBatch * kFeatures> features;
  std::array<std::array<double, kServingBatch>, 3> scores;
  std::array<unsigned char, kServingBatch> failed;
  ScoreErrors errors;
  ScoreScratch scratch;
  std::uint64_t checksum = 0;
  std::size_t next = 0;
  const double start = now_seconds();
  for (std::uint64_t left = records; left > 0;) {
    const std::size_t most = std::min<std::uint64_t>({kServingBatch, left, samples.size() - next});
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
