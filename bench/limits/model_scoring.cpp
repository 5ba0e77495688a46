#include <algorithm>
#include <array>

#include "bench/limits/limits.hpp"

namespace weir::bench {
namespace {

template <class ModelOf>
Measured score_all(std::uint64_t records, std::span<const Sample> samples, const ModelOf& model_of) {
  std::array<double, kLimitBatch> scores;
  std::uint64_t checksum = 0;
  std::size_t next_sample = 0;
  const double start = now_seconds();
  for (std::uint64_t left = records; left > 0;) {
    const std::size_t count = std::min<std::uint64_t>({kLimitBatch, left, samples.size() - next_sample});
    const std::span<const Sample> batch = samples.subspan(next_sample, count);
    for (std::size_t i = 0; i < count; ++i) scores[i] = score(model_of(batch[i]), batch[i].features);
    for (std::size_t i = 0; i < count; ++i) checksum += served_fingerprint(batch[i], scores[i]);
    next_sample = (next_sample + count) % samples.size();
    left -= count;
  }
  return {records, now_seconds() - start, checksum};
}

}  // namespace

Measured linear_scoring_limit(std::uint64_t records, std::span<const Sample> samples, const LinearModel& model) {
  return score_all(records, samples, [&](const Sample&) -> const LinearModel& { return model; });
}

Measured forest_scoring_limit(std::uint64_t records, std::span<const Sample> samples, const Forest& model) {
  return score_all(records, samples, [&](const Sample&) -> const Forest& { return model; });
}

Measured keyed_linear_scoring_limit(std::uint64_t records, std::span<const Sample> samples,
                                    std::span<const LinearModel> models) {
  return score_all(records, samples, [&](const Sample& sample) -> const LinearModel& {
    return models[static_cast<std::size_t>(sample.key)];
  });
}

Measured keyed_forest_scoring_limit(std::uint64_t records, std::span<const Sample> samples,
                                    std::span<const Forest> models) {
  return score_all(records, samples,
                   [&](const Sample& sample) -> const Forest& { return models[static_cast<std::size_t>(sample.key)]; });
}

}  // namespace weir::bench
