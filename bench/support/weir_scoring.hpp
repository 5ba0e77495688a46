#pragma once
/// weir's PMML evaluator in a bare loop: a model without a pipeline.

#include <memory>
#include <span>
#include <string>

#include <weir/model.hpp>

#include "bench/support/harness.hpp"
#include "bench/support/serving_models.hpp"

namespace weir::bench {

/// The model, bound to `x0`...`x10`. Ends the process when it is refused.
std::shared_ptr<const Scorer> scorer_of(const std::string& pmml);

/// Scores batches gathered from `samples`, which are cycled through.
Measured score_by_weir(std::uint64_t records, std::span<const Sample> samples, const Scorer& scorer);

/// Scores with a scorer for each key, scorers[sample.key]: one call for each run of one key in `samples`.
Measured score_keyed_by_weir(std::uint64_t records, std::span<const Sample> samples,
                             std::span<const std::shared_ptr<const Scorer>> scorers);

}  // namespace weir::bench
