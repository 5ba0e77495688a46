// Keyed serving in a pipeline beside a hand-written loop that does the same (bench/limits), and beside the models
// alone.
//
//   serving-linear   16 keys, a RegressionModel of 11 doubles; a new version of a key's model every 5 M records
//   serving-forest   16 keys, 100 trees of depth 6; a new version every 100,000 records
//   speculative-3-models  16 keys; two linear models and the forest score each record, the median is the answer;
//                         beside weir's evaluator in a bare loop over the same models
//   models-linear, models-forest      weir's evaluator in a bare loop over the same 16 models, beside the loop by hand
//   overhead-linear, overhead-forest  nanoseconds a record of serving beyond the models alone
//
// weir's pipeline: records and models are sources, keyed alike, ServeModel with effect on arrival, a sink; one worker.
// The records are held back until every key has its first model, and the clock starts there; it stops when the sink has
// seen the last result. Loading new versions happens on a background thread meanwhile, and is in the figure.

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <weir/pipeline.hpp>
#include <weir/serving.hpp>

#include "bench/limits/limits.hpp"
#include "bench/support/checksum_sink.hpp"
#include "bench/support/harness.hpp"
#include "bench/support/serving_models.hpp"
#include "bench/support/speculative_serving.hpp"
#include "bench/support/weir_scoring.hpp"

namespace weir::bench {
namespace {

struct Workload {
  std::uint64_t records;
  std::uint64_t records_per_swap;
  std::span<const Sample> samples;
  std::string pmml;
};

/// What the two sources and the operator of a job tell each other.
struct Progress {
  std::atomic<std::int64_t> current_models{0};  // ever
  std::atomic<bool> refused{false};
  std::atomic<std::uint64_t> records_made{0};
  std::atomic<double> started{0};
  [[nodiscard]] bool ready() const noexcept { return current_models.load(std::memory_order_acquire) >= kServingKeys; }
};

class SampleSource final : public Operator {
 public:
  SampleSource(const Workload& workload, std::shared_ptr<Progress> progress)
      : workload_(workload), progress_(std::move(progress)) {}
  void process(std::size_t /*input*/, BatchPtr& /*batch*/, Outbox& /*out*/) override {}
  PollResult poll(Outbox& out) override {
    if (made_ == 0) {
      if (!progress_->ready()) return progress_->refused.load() ? PollResult::kEnd : PollResult::kProgress;
      progress_->started.store(now_seconds());
    }
    Batch<Sample>& batch = out.batch<Sample>();
    const std::size_t count = std::min<std::uint64_t>(out.room(), workload_.records - made_);
    const std::size_t start = batch.size();
    batch.records.resize_for_overwrite(start + count);
    batch.positions.resize_for_overwrite(start + count);
    for (std::size_t i = start; i < start + count; ++i) {
      batch.records[i] = workload_.samples[next_sample_];
      batch.positions[i] = made_++;
      if (++next_sample_ == workload_.samples.size()) next_sample_ = 0;
    }
    progress_->records_made.store(made_, std::memory_order_relaxed);
    return made_ == workload_.records ? PollResult::kEnd : PollResult::kProgress;
  }

 private:
  const Workload& workload_;
  std::shared_ptr<Progress> progress_;
  std::uint64_t made_ = 0;
  std::size_t next_sample_ = 0;
};

/// A first version for every key, then one for the keys in turn as the records go by.
class ModelSource final : public Operator {
 public:
  ModelSource(const Workload& workload, std::shared_ptr<Progress> progress)
      : workload_(workload), progress_(std::move(progress)) {}
  void process(std::size_t /*input*/, BatchPtr& /*batch*/, Outbox& /*out*/) override {}
  PollResult poll(Outbox& out) override {
    if (made_ < kServingKeys) {
      put(out);
      return PollResult::kProgress;
    }
    const std::uint64_t records = progress_->records_made.load(std::memory_order_relaxed);
    if (records >= workload_.records || progress_->refused.load()) return PollResult::kEnd;
    if (records < workload_.records_per_swap * static_cast<std::uint64_t>(made_ - kServingKeys + 1))
      return PollResult::kIdle;  // the records' source keeps the worker going
    put(out);
    return PollResult::kProgress;
  }

 private:
  void put(Outbox& out) {
    ModelRecord model;
    model.key = std::to_string(made_ % kServingKeys);
    model.name = "bench";
    model.type = "PMML";
    model.version = made_ / kServingKeys + 1;
    model.data = workload_.pmml + "<!-- " + std::to_string(made_) + " -->\n";  // versions are told apart by their bytes
    out.batch<ModelRecord>().records.emplace(std::move(model));
    ++made_;
  }

  const Workload& workload_;
  std::shared_ptr<Progress> progress_;
  std::int64_t made_ = 0;
};

template <class T, class Made>
Source<T> source_of(const char* kind, const Workload& workload, std::shared_ptr<Progress> progress) {
  Source<T> source;
  source.kind = kind;
  source.make_operator = [&workload, progress] { return std::make_unique<Made>(workload, progress); };
  source.max_parallelism = 1;
  return source;
}

Features<Sample> sample_features() {
  std::vector<Field> fields;
  for (std::size_t i = 0; i < kFeatures; ++i) fields.push_back({"x" + std::to_string(i), FieldType::kNumber});
  return {FeatureSchema(std::move(fields)), [](const Sample& sample, double* numbers, std::string_view* /*texts*/) {
            std::memcpy(numbers, sample.features.data(), sizeof sample.features);
          }};
}

Measured serve_by_weir(const Workload& workload) {
  const auto totals = std::make_shared<SinkTotals>();
  const auto progress = std::make_shared<Progress>();
  ServeOptions serving;
  serving.on_event = [progress](const ModelEvent& event) {
    if (event.state == ModelState::kCurrent) progress->current_models.fetch_add(1, std::memory_order_release);
    if (event.state == ModelState::kRefused) {
      std::fprintf(stderr, "a model of the benchmark was refused: %s\n", event.reason.c_str());
      progress->refused.store(true);
    }
  };
  Pipeline pipeline({.name = "bench-serving", .workers = 1, .background_threads = 1, .batch_size = kLimitBatch});
  auto samples = pipeline.from_source(source_of<Sample, SampleSource>("samples", workload, progress))
                     .uid("samples")
                     .key_by(&Sample::key);
  auto models = pipeline.from_source(source_of<ModelRecord, ModelSource>("models", workload, progress))
                    .uid("models")
                    .key_by([](const ModelRecord& model) { return std::int64_t{std::atoll(model.key.c_str())}; });
  samples.connect(models)
      .co_process(ServeModel<Sample>({pmml_runtime()}, sample_features(), serving))
      .uid("serve")
      .sink_to(checksum_sink<Scored<Sample>>(
          [](const Scored<Sample>& result) { return served_fingerprint(result.record, result.number()); }, totals));
  const Status status = pipeline.run();
  if (!status.is_ok() || progress->refused.load()) {
    std::fprintf(stderr, "the benchmark's job failed: %s\n", status.to_string().c_str());
    std::exit(1);
  }
  return {totals->records.load(), totals->ended.load() - progress->started.load(), totals->checksum.load()};
}

}  // namespace
}  // namespace weir::bench

int main(int argc, char** argv) {
  using namespace weir::bench;
  const Options options = parse_options(argc, argv);
  const auto samples = make_samples(4096, 1);
  // The bare loops get the records of every batch of 256 by key, as the operator groups them.
  auto by_key = samples;
  for (std::size_t first = 0; first < by_key.size(); first += kLimitBatch) {
    std::stable_sort(by_key.begin() + static_cast<std::ptrdiff_t>(first),
                     by_key.begin() + static_cast<std::ptrdiff_t>(first + kLimitBatch),
                     [](const Sample& left, const Sample& right) { return left.key < right.key; });
  }
  const std::vector<LinearModel> linears(kServingKeys, make_linear(2));
  const std::vector<Forest> forests(kServingKeys, make_forest(3));
  // Samples are sorted by key within each batch: only whole batches hold the same records either way.
  const std::uint64_t whole_batches = options.records_or(500'000) / kLimitBatch * kLimitBatch;
  const Workload linear_work{options.records_or(20'000'000), 5'000'000, samples, linear_to_pmml(linears[0])};
  const Workload forest_work{options.records_or(1'000'000), 100'000, samples, forest_to_pmml(forests[0])};
  std::vector<std::shared_ptr<const weir::Scorer>> linear_scorers;
  std::vector<std::shared_ptr<const weir::Scorer>> forest_scorers;
  for (std::int64_t key = 0; key < kServingKeys; ++key) {
    linear_scorers.push_back(scorer_of(linear_work.pmml));
    forest_scorers.push_back(scorer_of(forest_work.pmml));
  }
  const ThreeModels three_models{make_linear(4), make_linear(5), make_forest(3)};
  return run_pairs(
      "bench serving", options,
      {{"serving-linear", "16 keys, 11 doubles; batches of 256; 1 thread", [&] { return serve_by_weir(linear_work); },
        [&] { return linear_serving_limit(linear_work.records, samples, linears[0], linear_work.records_per_swap); }},
       {"serving-forest", "16 keys, 100 trees of depth 6; batches of 256; 1 thread",
        [&] { return serve_by_weir(forest_work); },
        [&] { return forest_serving_limit(forest_work.records, samples, forests[0], forest_work.records_per_swap); }},
       {"speculative-3-models", "16 keys, 2 linear models and 100 trees of depth 6; median; 1 thread",
        [&] { return speculate_by_weir(whole_batches, samples, three_models); },
        [&] { return score_three_by_weir(whole_batches, by_key, three_models); }},
       {"models-linear", "a model for each of 16 keys, records by key; no pipeline",
        [&] { return score_keyed_by_weir(linear_work.records, by_key, linear_scorers); },
        [&] { return keyed_linear_scoring_limit(linear_work.records, by_key, linears); }},
       {"models-forest", "a model for each of 16 keys, records by key; no pipeline",
        [&] { return score_keyed_by_weir(forest_work.records, by_key, forest_scorers); },
        [&] { return keyed_forest_scoring_limit(forest_work.records, by_key, forests); }}},
      {{"overhead-linear", "serving-linear", "models-linear"}, {"overhead-forest", "serving-forest", "models-forest"}});
}
