// weir's PMML evaluator beside the same model in a bare loop, on one thread, without a pipeline.
//
//   linear model alone   11 doubles, RegressionModel
//   forest alone         100 trees of depth 6, MiningModel summing TreeModels
//
// weir scores batches of 256 rows gathered from the records, as the serving operator does; the bare loop reads the
// records where they are.

#include "bench/limits/limits.hpp"
#include "bench/support/harness.hpp"
#include "bench/support/serving_models.hpp"
#include "bench/support/weir_scoring.hpp"

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
