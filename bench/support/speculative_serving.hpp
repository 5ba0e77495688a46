#pragma once
/// Three models score each record and the median is the answer: by speculate() in a pipeline, and by the bare models in
/// a loop.

#include <span>

#include "bench/support/harness.hpp"
#include "bench/support/serving_models.hpp"

namespace weir::bench {

/// Two linear models and a forest, the same for each of the 16 keys.
struct ThreeModels {
  LinearModel first;
  LinearModel second;
  Forest forest;
};

/// weir's pipeline on one worker, all three members fast. The clock starts when every key has its models. Ends the
/// process when the job fails.
Measured speculate_by_weir(std::uint64_t records, std::span<const Sample> samples, const ThreeModels& models);

/// weir's evaluator in a bare loop: no pipeline, results, votes or statistics. A scorer of each model for each key, one
/// call of each for each run of one key in `samples`.
Measured score_three_by_weir(std::uint64_t records, std::span<const Sample> samples, const ThreeModels& models);

}  // namespace weir::bench
