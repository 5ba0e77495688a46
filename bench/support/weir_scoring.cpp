#include "bench/support/weir_scoring.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "bench/limits/limits.hpp"

namespace weir::bench {

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

namespace {

// `run_of(batch)`: how many records at the beginning of a batch one scorer takes; `scorer_of(sample)`: which one.
template <class RunOf, class ScorerOf>
Measured score_runs(std::uint64_t records, std::span<const Sample> samples, const RunOf& run_of,
                    const ScorerOf& scorer_of) {
  std::array<double, kLimitBatch * kFeatures> features;
  std::array<double, kLimitBatch> scores;
  std::array<unsigned char, kLimitBatch> failed;
  ScoreErrors errors;
  ScoreScratch scratch;
  std::uint64_t checksum = 0;
  std::size_t next_sample = 0;
  const double start = now_seconds();
  for (std::uint64_t left = records; left > 0;) {
    const std::size_t most = std::min<std::uint64_t>({kLimitBatch, left, samples.size() - next_sample});
    const std::size_t count = run_of(samples.subspan(next_sample, most));
    const std::span<const Sample> batch = samples.subspan(next_sample, count);
    for (std::size_t i = 0; i < count; ++i)
      std::memcpy(&features[i * kFeatures], batch[i].features.data(), sizeof batch[i].features);
    scorer_of(batch[0]).score({.rows = count, .numbers = features.data(), .number_columns = kFeatures},
                              {.numbers = scores.data(), .failed = failed.data()}, errors, scratch);
    for (std::size_t i = 0; i < count; ++i) checksum += served_fingerprint(batch[i], scores[i]);
    next_sample = (next_sample + count) % samples.size();
    left -= count;
  }
  return {records, now_seconds() - start, checksum};
}

}  // namespace

Measured score_by_weir(std::uint64_t records, std::span<const Sample> samples, const Scorer& scorer) {
  return score_runs(
      records, samples, [](std::span<const Sample> batch) { return batch.size(); },
      [&](const Sample&) -> const Scorer& { return scorer; });
}

Measured score_keyed_by_weir(std::uint64_t records, std::span<const Sample> samples,
                             std::span<const std::shared_ptr<const Scorer>> scorers) {
  return score_runs(
      records, samples,
      [](std::span<const Sample> batch) {
        std::size_t run = 1;
        while (run < batch.size() && batch[run].key == batch[0].key) ++run;
        return run;
      },
      [&](const Sample& sample) -> const Scorer& { return *scorers[static_cast<std::size_t>(sample.key)]; });
}

}  // namespace weir::bench
