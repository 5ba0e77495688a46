// weir's PMML evaluator beside the same model in a bare loop, on one thread, without a pipeline.
//
//   linear model alone   11 doubles, RegressionModel
//   forest alone         100 trees of depth 6, MiningModel summing TreeModels
//
// weir scores batches of 256 rows gathered from the records, as the serving operator does; the bare loop reads the
// records where they are.

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <weir/model.hpp>

#include "bench/limits/limits.hpp"
#include "bench/support/harness.hpp"
#include "bench/support/serving_models.hpp"

namespace weir::bench {
namespace {

std::shared_ptr<const Scorer> scorer_of(const std::string& pmml) {
  std::vector<Field> fields;
  for (std::size_t i = 0; i < kFeatures; ++i) fields.push_back({"x" + std::to_string(i), FieldType::kNumber});
  const auto fail = [](const Status& status) {
    std::fprintf(stderr, "the model of the benchmark is refused: %s\n", status.to_string().c_str());
    std::exit(1);
  };
  const auto model = pmml_runtime()->load(pmml, {});
  if (!model.is_ok()) fail(model.status());
  const auto scorer = model.value()->bind(FeatureSchema(std::move(fields)), {});
  if (!scorer.is_ok()) fail(scorer.status());
  return scorer.value();
}

Measured score_by_weir(std::uint64_t records, std::span<const Sample> samples, const Scorer& scorer) {
  std::array<double, kLimitBatch * kFeatures> features;
  std::array<double, kLimitBatch> scores;
  std::array<unsigned char, kLimitBatch> failed;
  ScoreErrors errors;
  ScoreScratch scratch;
  std::uint64_t checksum = 0;
  std::size_t next_sample = 0;
  const double start = now_seconds();
  for (std::uint64_t left = records; left > 0;) {
    const std::size_t count = std::min<std::uint64_t>({kLimitBatch, left, samples.size() - next_sample});
    const std::span<const Sample> batch = samples.subspan(next_sample, count);
    for (std::size_t i = 0; i < count; ++i)
      std::copy(batch[i].features.begin(), batch[i].features.end(), &features[i * kFeatures]);
    scorer.score({.rows = count, .numbers = features.data(), .number_columns = kFeatures},
                 {.numbers = scores.data(), .failed = failed.data()}, errors, scratch);
    for (std::size_t i = 0; i < count; ++i) checksum += served_fingerprint(batch[i], scores[i]);
    next_sample = (next_sample + count) % samples.size();
    left -= count;
  }
  return {records, now_seconds() - start, checksum};
}

}  // namespace
}  // namespace weir::bench

int main(int argc, char** argv) {
  using namespace weir::bench;
  const Options options = parse_options(argc, argv);
  const auto samples = make_samples(4096, 1);
  const LinearModel linear = make_linear(2);
  const Forest forest = make_forest(3);
  const auto linear_scorer = scorer_of(linear_to_pmml(linear));
  const auto forest_scorer = scorer_of(forest_to_pmml(forest));
  const std::uint64_t linear_records = options.records_or(20'000'000);
  const std::uint64_t forest_records = options.records_or(1'000'000);
  return run_pairs(
      "bench models", options,
      {{"linear model alone", "11 doubles", [&] { return score_by_weir(linear_records, samples, *linear_scorer); },
        [&] { return linear_scoring_limit(linear_records, samples, linear); }},
       {"forest alone", "100 trees of depth 6, 11 doubles",
        [&] { return score_by_weir(forest_records, samples, *forest_scorer); },
        [&] { return forest_scoring_limit(forest_records, samples, forest); }}});
}
