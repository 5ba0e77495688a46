// Serving in a pipeline beside a hand-written loop that does the same (bench/limits/keyed_server.hpp), or beside the
// models alone.
//
//   serving-linear        16 keys, a RegressionModel of 11 doubles; a new version of a key's model every 5 M records
//   serving-linear-archived  the same with weir::archive() on, until all of it is on disk; beside a loop that appends
//                         the same to a file
//   serving-forest        16 keys, 100 trees of depth 6; a new version every 100,000 records
//   serving-mlp           16 keys, a network 11-64-32-1; a new version every 200,000 records; beside weir's evaluator
//   in
//                         a bare loop
//   serving-100k-keys     100,000 keys with a linear model each; a new version every 50,000 records
//   broadcast-p1, -p2     broadcast serving of the linear model by one and two tasks, on as many workers
//   speculative-3-models  16 keys; two linear models and the forest score each record, the median is the answer;
//                         beside weir's evaluator in a bare loop over the same models
//   models-linear, models-forest      weir's evaluator in a bare loop over the same 16 models, beside the loop by hand
//   overhead-linear, overhead-forest  nanoseconds a record of serving beyond the models alone
//   latency-half-load     serving-linear at half of the rate it reaches: from when a record is due to its result
//   swap-pause            the same at 1 M records/s with 100 swaps a second, beside the same without swaps
//   slow-load-pause       half of that rate while models of 50 MB load all the time, beside the same without; one
//   worker slow-load-shared      the same with a worker on each core, so that none is left to load on swap-pause-100k
//   100,000 swaps as fast as models load: the last tenth beside the first
//
// weir's pipeline: records and models are sources, keyed alike, ServeModel with effect on arrival, a sink; one worker.

#include <algorithm>
#include <cstdio>
#include <memory>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "bench/limits/limits.hpp"
#include "bench/support/harness.hpp"
#include "bench/support/keyed_serving.hpp"
#include "bench/support/paced_serving.hpp"
#include "bench/support/pmml_models.hpp"
#include "bench/support/serving_models.hpp"
#include "bench/support/speculative_serving.hpp"
#include "bench/support/weir_scoring.hpp"

namespace weir::bench {
namespace {

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

/// One side of a latency row: quantiles of all records of a run, the median over the runs.
struct Quantiles {
  std::vector<double> p50, p99, p999, worst;
  void add(const LatencyCounts& counts) {
    p50.push_back(counts.quantile(0.5));
    p99.push_back(counts.quantile(0.99));
    p999.push_back(counts.quantile(0.999));
    worst.push_back(counts.worst());
  }
  void add(const LatencyTenths& tenths) {
    LatencyCounts all;
    for (const LatencyCounts& tenth : tenths) all.add(tenth);
    add(all);
  }
};

struct LatencyRuns {
  const Options& options;
  std::span<const Sample> samples;
  LinearModel model;
  std::string pmml = linear_to_pmml(model);

  [[nodiscard]] PacedWork work(double rate, double seconds) const {
    return {.samples = samples, .records_per_second = rate, .seconds = options.quick ? 0.05 : seconds};
  }
  [[nodiscard]] int runs() const { return std::min(options.repetitions, 5); }

  /// Half of the records a second that one worker can serve.
  [[nodiscard]] double half_rate() const {
    const ServingWork most{options.records_or(20'000'000), 5'000'000, samples};
    std::vector<double> rates;
    for (int run = 0; run < std::min(runs(), 3); ++run) {
      const Measured measured = serve_by_weir(most, {.pmml = pmml});
      rates.push_back(static_cast<double>(measured.records) / measured.seconds);
    }
    return median(rates) / 2;
  }

  [[nodiscard]] std::vector<Figure> half_load() const {
    const PacedWork paced = work(half_rate(), 2);
    Quantiles weir;
    Quantiles limit;
    for (int run = 0; run < runs(); ++run) {
      limit.add(paced_serving_limit(paced, model));
      weir.add(serve_paced_by_weir(paced, pmml));
    }
    const std::string at = std::to_string(paced.records_per_second / 1e6).substr(0, 4) + " M records/s; limit: by hand";
    return {{"latency-half-load-p50", at, median(weir.p50), median(limit.p50)},
            {"latency-half-load-p99", at, median(weir.p99), median(limit.p99)},
            {"latency-half-load-p999", at, median(weir.p999), median(limit.p999)}};
  }

  [[nodiscard]] std::vector<Figure> swap_pause() const {
    PacedWork without = work(1e6, 2);
    PacedWork with = without;
    with.swaps_per_second = 100;
    with.swaps = options.quick ? 5 : 200;
    Quantiles swapping;
    Quantiles still;
    Quantiles by_hand;
    for (int run = 0; run < runs(); ++run) {
      by_hand.add(paced_serving_limit(without, model));
      still.add(serve_paced_by_weir(without, pmml));
      swapping.add(serve_paced_by_weir(with, pmml));
    }
    const char* const swaps = "1 M records/s, 100 swaps/s; limit: weir without swaps";
    const char* const none = "1 M records/s, no swaps; limit: by hand without swaps";
    return {{"swap-pause-p999", swaps, median(swapping.p999), median(still.p999)},
            {"swap-pause-worst", swaps, median(swapping.worst), median(still.worst)},
            {"no-swap-p999", none, median(still.p999), median(by_hand.p999)},
            {"no-swap-worst", none, median(still.worst), median(by_hand.worst)}};
  }

  /// One worker that never rests, and a core for those who load.
  [[nodiscard]] std::vector<Figure> slow_loads_beside() const {
    return slow_loads("slow-load-pause", work(half_rate(), 2), "1 worker on a core of its own");
  }
  /// As many workers as cores, which rest when there is nothing to do.
  [[nodiscard]] std::vector<Figure> slow_loads_between() const {
    PacedWork alone = work(half_rate(), 2);
    alone.workers = std::max(2U, std::thread::hardware_concurrency());
    alone.burst_ns = 1'000'000;
    return slow_loads("slow-load-shared", alone, "a worker on each core, bursts of 1 ms");
  }
  [[nodiscard]] std::vector<Figure> slow_loads(const std::string& name, const PacedWork& alone,
                                               const std::string& how) const {
    const std::string slow = pmml::large_forest_document(options.quick ? 100'000 : 50'000'000, 7);
    PacedWork beside = alone;
    beside.slow_model = &slow;
    beside.swaps = options.quick ? 3 : 8;
    Quantiles still;
    Quantiles loading;
    double seconds = 0;
    for (int run = 0; run < runs(); ++run) {
      still.add(serve_paced_by_weir(alone, pmml));
      const double start = now_seconds();
      loading.add(serve_paced_by_weir(beside, pmml));
      seconds += now_seconds() - start;
    }
    char text[160];
    std::snprintf(text, sizeof text, "%s, %.1f M records/s, a model of %.0f MB every %.2f s; limit: none", how.c_str(),
                  alone.records_per_second / 1e6, static_cast<double>(slow.size()) / 1e6,
                  seconds / (runs() * static_cast<double>(beside.swaps)));
    return {{name + "-p50", text, median(loading.p50), median(still.p50)},
            {name + "-p99", text, median(loading.p99), median(still.p99)},
            {name + "-p999", text, median(loading.p999), median(still.p999)},
            {name + "-worst", text, median(loading.worst), median(still.worst)}};
  }

  [[nodiscard]] std::vector<Figure> many_swaps() const {
    PacedWork many = work(1e6, 0);
    many.swaps = options.quick ? 200 : 100'000;
    const LatencyTenths tenths = serve_paced_by_weir(many, pmml);
    const std::string parameters = std::to_string(many.swaps) + " swaps; limit: the first tenth of them";
    return {{"swap-pause-100k-p999", parameters, tenths.back().quantile(0.999), tenths.front().quantile(0.999)},
            {"swap-pause-100k-worst", parameters, tenths.back().worst(), tenths.front().worst()}};
  }
};

}  // namespace
}  // namespace weir::bench

int main(int argc, char** argv) {
  using namespace weir::bench;
  const Options options = parse_options(argc, argv);
  const auto samples = make_samples(4096, 1);
  // The bare loops get the records of every batch of 256 by key, as the operator groups them.
  auto by_key = samples;
  for (std::size_t first = 0; first < by_key.size(); first += kServingBatch) {
    std::stable_sort(by_key.begin() + static_cast<std::ptrdiff_t>(first),
                     by_key.begin() + static_cast<std::ptrdiff_t>(first + kServingBatch),
                     [](const Sample& left, const Sample& right) { return left.key < right.key; });
  }
  // Where two sides make the same records in another order, the last batch must hold the same ones too.
  const auto whole = [&](std::uint64_t usual, std::uint64_t of) { return options.records_or(usual) / of * of; };
  const std::vector<LinearModel> linears(kServingKeys, make_linear(2));
  const std::vector<Forest> forests(kServingKeys, make_forest(3));
  const std::string linear_pmml = linear_to_pmml(linears[0]);
  const std::string forest_pmml = forest_to_pmml(forests[0]);
  const std::string network_pmml = mlp_pmml(6);
  const auto scorers_of = [](const std::string& pmml) {
    std::vector<std::shared_ptr<const weir::Scorer>> scorers;
    for (std::int64_t key = 0; key < kServingKeys; ++key) scorers.push_back(scorer_of(pmml));
    return scorers;
  };
  const auto linear_scorers = scorers_of(linear_pmml);
  const auto forest_scorers = scorers_of(forest_pmml);
  const auto network_scorers = scorers_of(network_pmml);

  const ServingWork linear{options.records_or(20'000'000), 5'000'000, samples};
  const ServingWork archived{options.records_or(5'000'000), 500'000, samples};
  const ServingWork forest{options.records_or(1'000'000), 100'000, samples};
  const ServingWork network{whole(3'000'000, kServingBatch), 200'000, samples};
  const ServingWork broadcast{whole(16'000'000, 2 * samples.size()), 5'000'000, samples};
  const ServingWork many_keys{options.records_or(10'000'000), 50'000, samples, options.quick ? 2'000 : 100'000};
  const std::uint64_t speculative = whole(500'000, kServingBatch);
  const ThreeModels three_models{make_linear(4), make_linear(5), make_forest(3)};
  const LatencyRuns latencies{options, samples, linears[0]};
  return run_pairs(
      "bench serving", options,
      {{"serving-linear", "16 keys, 11 doubles; batches of 256; 1 thread",
        [&] { return serve_by_weir(linear, {.pmml = linear_pmml}); },
        [&] { return linear_serving_limit(linear, linears[0]); }},
       {"serving-linear-archived", "serving-linear, inputs and answers archived; limit: by hand, into a file",
        [&] { return serve_by_weir(archived, {.pmml = linear_pmml, .archives = true}); },
        [&] { return archived_linear_serving_limit(archived, linears[0]); }, 5},
       {"serving-forest", "16 keys, 100 trees of depth 6; batches of 256; 1 thread",
        [&] { return serve_by_weir(forest, {.pmml = forest_pmml}); },
        [&] { return forest_serving_limit(forest, forests[0]); }},
       {"serving-mlp", "16 keys, network 11-64-32-1; 1 thread; limit: weir's evaluator in a bare loop",
        [&] { return serve_by_weir(network, {.pmml = network_pmml}); },
        [&] { return score_keyed_by_weir(network.records, by_key, network_scorers); }},
       {"serving-100k-keys", "100,000 keys, 11 doubles; batches of 256; 1 thread",
        [&] { return serve_by_weir(many_keys, {.pmml = linear_pmml}); },
        [&] { return linear_serving_limit(many_keys, linears[0]); }, 3},
       {"broadcast-p1", "16 keys, 11 doubles; 1 task on 1 worker",
        [&] { return serve_by_weir(broadcast, {.pmml = linear_pmml, .broadcast_tasks = 1}); },
        [&] { return linear_serving_limit(broadcast, linears[0]); }},
       {"broadcast-p2", "16 keys, 11 doubles; 2 tasks on 2 workers",
        [&] { return serve_by_weir(broadcast, {.pmml = linear_pmml, .broadcast_tasks = 2}); },
        [&] { return linear_serving_limit_on(2, broadcast, linears[0]); }},
       {"speculative-3-models", "16 keys, 2 linear models and 100 trees of depth 6; median; 1 thread",
        [&] { return speculate_by_weir(speculative, samples, three_models); },
        [&] { return score_three_by_weir(speculative, by_key, three_models); }},
       {"models-linear", "a model for each of 16 keys, records by key; no pipeline",
        [&] { return score_keyed_by_weir(linear.records, by_key, linear_scorers); },
        [&] { return keyed_linear_scoring_limit(linear.records, by_key, linears); }},
       {"models-forest", "a model for each of 16 keys, records by key; no pipeline",
        [&] { return score_keyed_by_weir(forest.records, by_key, forest_scorers); },
        [&] { return keyed_forest_scoring_limit(forest.records, by_key, forests); }}},
      {{"overhead-linear", "serving-linear", "models-linear"}, {"overhead-forest", "serving-forest", "models-forest"}},
      {{"latency-half-load", [&] { return latencies.half_load(); }},
       {"swap-pause", [&] { return latencies.swap_pause(); }},
       {"slow-load-pause", [&] { return latencies.slow_loads_beside(); }},
       {"slow-load-shared", [&] { return latencies.slow_loads_between(); }},
       {"swap-pause-100k", [&] { return latencies.many_swaps(); }}});
}
