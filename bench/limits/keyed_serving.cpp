#include <algorithm>
#include <array>
#include <bit>
#include <chrono>
#include <limits>
#include <memory>

#include "bench/limits/limits.hpp"

namespace weir::bench {
namespace {

struct Served {
  Sample sample;
  double score;
  std::uint64_t version;
  std::int64_t latency_ns;
};

template <class Model>
struct KeyState {
  std::unique_ptr<const Model> model;
  std::uint64_t version = 0;
  std::uint64_t count = 0;
  std::int64_t total_ns = 0;
  std::int64_t min_ns = std::numeric_limits<std::int64_t>::max();
  std::int64_t max_ns = 0;
};

std::int64_t now_ns() noexcept {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

template <class Model>
Measured serve(std::uint64_t records, std::span<const Sample> samples, const Model& model,
               std::uint64_t records_per_swap) {
  std::array<KeyState<Model>, kServingKeys> keys;
  for (auto& state : keys) state.model = std::make_unique<const Model>(model);
  std::array<Sample, kLimitBatch> made;
  std::array<Served, kLimitBatch> results;
  std::uint64_t checksum = 0;
  std::uint64_t next_swap = records_per_swap;
  std::uint64_t swaps = 0;
  std::size_t next_sample = 0;

  const double start = now_seconds();
  for (std::uint64_t first = 0; first < records; first += kLimitBatch) {
    const std::size_t count = std::min<std::uint64_t>(kLimitBatch, records - first);
    if (first >= next_swap) {
      auto& state = keys[swaps++ % keys.size()];
      state.model = std::make_unique<const Model>(model);
      ++state.version;
      next_swap += records_per_swap;
    }
    for (std::size_t i = 0; i < count; ++i) {
      made[i] = samples[next_sample];
      if (++next_sample == samples.size()) next_sample = 0;
    }
    const std::int64_t before = now_ns();
    for (std::size_t i = 0; i < count; ++i) {
      const KeyState<Model>& state = keys[static_cast<std::size_t>(made[i].key)];
      results[i] = {made[i], score(*state.model, made[i].features), state.version, 0};
    }
    const std::int64_t latency_ns = (now_ns() - before) / static_cast<std::int64_t>(count);
    for (std::size_t i = 0; i < count; ++i) {
      KeyState<Model>& state = keys[static_cast<std::size_t>(made[i].key)];
      results[i].latency_ns = latency_ns;
      ++state.count;
      state.total_ns += latency_ns;
      state.min_ns = std::min(state.min_ns, latency_ns);
      state.max_ns = std::max(state.max_ns, latency_ns);
    }
    for (std::size_t i = 0; i < count; ++i) checksum += served_fingerprint(results[i].sample, results[i].score);
  }
  const double seconds = now_seconds() - start;

  std::uint64_t served = 0;
  for (const auto& state : keys) served += state.count;
  return {served, seconds, checksum};
}

}  // namespace

Measured linear_serving_limit(std::uint64_t records, std::span<const Sample> samples, const LinearModel& model,
                              std::uint64_t records_per_swap) {
  return serve(records, samples, model, records_per_swap);
}

Measured forest_serving_limit(std::uint64_t records, std::span<const Sample> samples, const Forest& model,
                              std::uint64_t records_per_swap) {
  return serve(records, samples, model, records_per_swap);
}

}  // namespace weir::bench
