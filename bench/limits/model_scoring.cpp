#include <algorithm>
#include <array>

#include "bench/limits/limits.hpp"

namespace weir::bench {
namespace {

template <class Model>
Measured score_all(std::uint64_t records, std::span<const Sample> samples, const Model& model) {
  std::array<double, kLimitBatch> scores;
  std::uint64_t checksum = 0;
  std::size_t next_sample = 0;
  const double start = now_seconds();
  for (std::uint64_t left = records; left > 0;) {
    const std::size_t count = std::min<std::uint64_t>({kLimitBatch, left, samples.size() - next_sample});
    const std::span<const Sample> batch = samples.subspan(next_sample, count);
    for (std::size_t i = 0; i < count; ++i) scores[i] = score(model, batch[i].features);
    for (std::size_t i = 0; i < count; ++i) checksum += served_fingerprint(batch[i], scores[i]);
    next_sample = (next_sample + count) % samples.size();
    left -= count;
  }
  return {records, now_seconds() - start, checksum};
}

}  // namespace

Measured linear_scoring_limit(std::uint64_t records, std::span<const Sample> samples, const LinearModel& model) {
  return score_all(records, samples, model);
}

Measured forest_scoring_limit(std::uint64_t records, std::span<const Sample> samples, const Forest& model) {
  return score_all(records, samples, model);
}

}  // namespace weir::bench
