// ONNX Runtime and TensorFlow served by weir beside their bare C APIs in a loop. One thread.
//
//   onnx-mlp            MLP 11-32-16-1 of scikit-learn
//   onnx-forest         100 trees of depth 4 of scikit-learn
//   tensorflow-frozen   MLP 11-32-16-1 of Keras, frozen graph
//   tensorflow-saved    the same as a SavedModel
//
//   ...-batch1      a bound model in a loop, one row a call, without same_bits; limit: the C API, one row a call
//   ...-same-bits   the same with RuntimeOptions::same_bits, the default: a row's answer is that of any larger batch
//   ...-same-rows   the same; limit: the C API, one row a call as often as the same bits need it (the runtime's own
//   price
//                   of them; as on a processor with AVX-512)
//   ...-stream      a whole keyed serving job (source, key, swap-ready operator, statistics, sink) in batches as they
//                   come, with same_bits; limit: the C API, 256 rows a call
//   ...-batching    the same job; limit: the C API, one row a call. What batching in the stream gives
//
// Before them it prints how long a load takes, and a swap under load (from the model's arrival to its first use).
#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <mutex>

#include <weir/operator.hpp>
#include <weir/pipeline.hpp>
#include <weir/runtimes.hpp>
#include <weir/serving.hpp>
#include <weir/source.hpp>

#include "bench/limits/bare_runtimes.hpp"
#include "bench/support/checksum_sink.hpp"
#include "bench/support/harness.hpp"

namespace weir::bench {
namespace {

constexpr std::size_t kStreamBatch = 256;

std::string read_model(const std::string& name) {
  std::ifstream in(std::string(WEIR_BENCH_MODELS) + "/" + name, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

struct Kind {
  std::string name;
  std::string type;
  std::string file;
  ModelOptions options;
  std::function<std::unique_ptr<BareModel>(std::size_t batch)> bare;
  std::size_t copies = 1;  ///< of a row alone, for the same bits as in a batch
};

FeatureSchema schema() {
  std::vector<Field> fields;
  for (std::size_t i = 0; i < kFeatures; ++i) fields.push_back({"x" + std::to_string(i), FieldType::kNumber});
  return FeatureSchema(std::move(fields));
}

template <class T>
T value_or_exit(Result<T> result) {
  if (result.is_ok()) return std::move(result).value();
  std::fprintf(stderr, "bench runtimes: %s\n", result.status().to_string().c_str());
  std::exit(1);
}

std::shared_ptr<const Scorer> load(const Kind& kind, const std::string& bytes, bool same_bits = true) {
  const RuntimeOptions options{.same_bits = same_bits};
  const ModelRuntimes runtimes{onnx_runtime(options), tensorflow_runtime(options), tensorflow_saved_runtime(options)};
  const auto model = value_or_exit(runtimes.find(kind.type)->load_with(bytes, kind.options, {}));
  return value_or_exit(model->bind(schema(), {}));
}

Measured score_one_by_one(std::uint64_t records, std::span<const Sample> samples, const Scorer& scorer) {
  ScoreErrors errors;
  ScoreScratch scratch;
  std::uint64_t checksum = 0;
  std::size_t next = 0;
  const double start = now_seconds();
  for (std::uint64_t done = 0; done < records; ++done) {
    double score = 0;
    unsigned char failed = 0;
    scorer.score({1, samples[next].features.data(), kFeatures, nullptr, 0}, {&score, nullptr, &failed}, errors,
                 scratch);
    checksum += runtime_fingerprint(score);
    if (++next == samples.size()) next = 0;
  }
  return {records, now_seconds() - start, checksum};
}

/// What sources and the serving operator tell each other in one job.
struct Progress {
  std::atomic<std::int64_t> current{0};  // version in use
  std::atomic<double> started{0};        // first record
  std::atomic<bool> records_ended{false};
  std::mutex mutex;
  double received = 0;           // guarded by mutex
  std::vector<double> swaps_ms;  // guarded by mutex
};

/// Samples in turn, from when a model is in use.
class SampleSource final : public Operator {
 public:
  SampleSource(std::span<const Sample> samples, std::uint64_t records, std::shared_ptr<Progress> progress)
      : samples_(samples), left_(records), progress_(std::move(progress)) {}
  void process(std::size_t /*input*/, BatchPtr& /*batch*/, Outbox& /*out*/) override {}
  PollResult poll(Outbox& out) override {
    if (progress_->current.load(std::memory_order_acquire) == 0) return PollResult::kIdle;
    if (progress_->started.load(std::memory_order_relaxed) == 0) progress_->started.store(now_seconds());
    Batch<Sample>& batch = out.batch<Sample>();
    const std::size_t count = std::min<std::uint64_t>(out.room(), left_);
    for (std::size_t i = 0; i < count; ++i) {
      batch.records.emplace(samples_[next_]);
      if (++next_ == samples_.size()) next_ = 0;
    }
    left_ -= count;
    if (left_ != 0) return PollResult::kProgress;
    progress_->records_ended.store(true);
    return PollResult::kEnd;
  }

 private:
  std::span<const Sample> samples_;
  std::uint64_t left_;
  std::size_t next_ = 0;
  std::shared_ptr<Progress> progress_;
};

/// The next version when the one before is in use, `versions` in all.
class ModelSource final : public Operator {
 public:
  ModelSource(const Kind& kind, std::string bytes, std::int64_t versions, std::shared_ptr<Progress> progress)
      : kind_(kind), bytes_(std::move(bytes)), versions_(versions), progress_(std::move(progress)) {}
  void process(std::size_t /*input*/, BatchPtr& /*batch*/, Outbox& /*out*/) override {}
  PollResult poll(Outbox& out) override {
    if (made_ == versions_ || progress_->records_ended.load()) return PollResult::kEnd;
    if (progress_->current.load() != made_) return PollResult::kIdle;  // the records keep the worker going
    ModelRecord model;
    model.key = "0";
    model.name = "bench";
    model.type = kind_.type;
    model.options = kind_.options;
    model.version = ++made_;
    model.data = bytes_;
    out.batch<ModelRecord>().records.emplace(std::move(model));
    return PollResult::kProgress;
  }

 private:
  const Kind& kind_;
  std::string bytes_;
  std::int64_t versions_;
  std::int64_t made_ = 0;
  std::shared_ptr<Progress> progress_;
};

ServeOptions serve_options(const std::shared_ptr<Progress>& progress) {
  ServeOptions options;
  options.keep_versions = 2;
  options.on_event = [progress](const ModelEvent& event) {
    if (event.state == ModelState::kRefused) {
      std::fprintf(stderr, "bench runtimes: a model was refused: %s\n", event.reason.c_str());
      std::exit(1);
    }
    const std::lock_guard lock(progress->mutex);
    if (event.state == ModelState::kReceived) progress->received = now_seconds();
    if (event.state != ModelState::kCurrent) return;
    if (event.version > 1) progress->swaps_ms.push_back((now_seconds() - progress->received) * 1e3);
    progress->current.store(event.version, std::memory_order_release);
  };
  return options;
}

template <class T, class Made, class... Arguments>
Source<T> source_of(const char* kind, Arguments... arguments) {
  Source<T> source;
  source.kind = kind;
  source.make_operator = [arguments...] { return std::make_unique<Made>(arguments...); };
  source.max_parallelism = 1;
  return source;
}

Measured serve(const Kind& kind, std::uint64_t records, std::span<const Sample> samples, std::int64_t versions,
               std::shared_ptr<Progress> progress = std::make_shared<Progress>()) {
  const auto totals = std::make_shared<SinkTotals>();
  Pipeline pipeline({.name = "bench-runtimes", .workers = 1, .background_threads = 1, .batch_size = kStreamBatch});
  auto records_in = pipeline.from_source(source_of<Sample, SampleSource>("samples", samples, records, progress))
                        .uid("samples")
                        .key_by(&Sample::key);
  auto models = pipeline
                    .from_source(source_of<ModelRecord, ModelSource>("models", std::cref(kind), read_model(kind.file),
                                                                     versions, progress))
                    .uid("models")
                    .key_by([](const ModelRecord&) { return std::int64_t{0}; });
  const Features<Sample> features{schema(), [](const Sample& sample, double* numbers, std::string_view* /*texts*/) {
                                    std::copy(sample.features.begin(), sample.features.end(), numbers);
                                  }};
  records_in.connect(models)
      .co_process(ServeModel<Sample>(all_runtimes(), features, serve_options(progress)))
      .uid("serve")
      .sink_to(checksum_sink<Scored<Sample>>(
          [](const Scored<Sample>& result) { return runtime_fingerprint(result.number()); }, totals));
  const Status status = pipeline.run();
  if (!status.is_ok()) {
    std::fprintf(stderr, "bench runtimes: the job failed: %s\n", status.to_string().c_str());
    std::exit(1);
  }
  return {totals->records.load(), totals->ended.load() - progress->started.load(), totals->checksum.load()};
}

double median(std::vector<double> values) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

void print_loads_and_swaps(const Kind& kind, std::span<const Sample> samples, bool quick) {
  const std::string bytes = read_model(kind.file);
  const double first_start = now_seconds();
  load(kind, bytes);  // opens the runtime
  const double first_ms = (now_seconds() - first_start) * 1e3;
  std::vector<double> loads_ms;
  for (int i = 0; i < (quick ? 2 : 21); ++i) {
    const double start = now_seconds();
    load(kind, bytes);
    loads_ms.push_back((now_seconds() - start) * 1e3);
  }
  const auto progress = std::make_shared<Progress>();
  serve(kind, quick ? 20'000 : 3'000'000, samples, quick ? 2 : 21, progress);
  std::printf("%-18s load %7.2f ms (the first %7.2f), swap under load %7.2f ms (of %zu)\n", kind.name.c_str(),
              median(loads_ms), first_ms, median(progress->swaps_ms), progress->swaps_ms.size());
}

/// Samples of key 0 whose scores are far from where the coarse checksum would turn.
std::vector<Sample> samples_for(const Kind& kind, std::size_t count) {
  const std::shared_ptr<const Scorer> scorer = load(kind, read_model(kind.file));
  std::vector<Sample> chosen;
  for (Sample sample : make_samples(count * 2, 1)) {
    sample.key = 0;
    for (double& feature : sample.features) feature = feature / 8 - 1;  // the range the models were trained in
    double score = 0;
    unsigned char failed = 0;
    ScoreErrors errors;
    ScoreScratch scratch;
    scorer->score({1, sample.features.data(), kFeatures, nullptr, 0}, {&score, nullptr, &failed}, errors, scratch);
    const double place = score * 64 - std::floor(score * 64);
    if (failed == 0 && std::abs(place - 0.5) > 0.01 && chosen.size() < count) chosen.push_back(sample);
  }
  if (chosen.size() < count) {
    std::fprintf(stderr, "bench runtimes: too few samples for %s\n", kind.name.c_str());
    std::exit(1);
  }
  return chosen;
}

/// The SavedModel where the bare C API can read it.
class Unpacked {
 public:
  Unpacked() : path_((std::filesystem::temp_directory_path() / "weir-bench-XXXXXX").string()) {
    const std::string command = "unzip -q -o '" + std::string(WEIR_BENCH_MODELS) + "/mlp.zip' -d '";
    if (::mkdtemp(path_.data()) == nullptr || std::system((command + path_ + "'").c_str()) != 0) {
      std::fprintf(stderr, "bench runtimes: cannot unpack mlp.zip\n");
      std::exit(1);
    }
  }
  ~Unpacked() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  Unpacked(const Unpacked&) = delete;
  Unpacked& operator=(const Unpacked&) = delete;
  [[nodiscard]] const std::string& path() const noexcept { return path_; }

 private:
  std::string path_;
};

int run(int argc, char** argv) {
  const Options options = parse_options(argc, argv);
  const Unpacked saved;
  const std::string models = WEIR_BENCH_MODELS;
  const std::string onnx = WEIR_BENCH_ONNXRUNTIME;
  const std::string tensorflow = WEIR_BENCH_TENSORFLOW;
  const std::vector<Kind> kinds = {
      {"onnx-mlp", "ONNX", "mlp.onnx", {}, [&](std::size_t n) { return bare_onnx(onnx, models + "/mlp.onnx", n); }, 4},
      {"onnx-forest",
       "ONNX",
       "forest.onnx",
       {},
       [&](std::size_t n) { return bare_onnx(onnx, models + "/forest.onnx", n); }},
      {"tensorflow-frozen",
       "TENSORFLOW",
       "mlp.pb",
       {.inputs = {"x"}, .outputs = {"Identity"}},
       [&](std::size_t n) { return bare_frozen(tensorflow, models + "/mlp.pb", n); },
       4},
      {"tensorflow-saved",
       "TENSORFLOWSAVED",
       "mlp.zip",
       {},
       [&](std::size_t n) {
         return bare_saved(tensorflow, saved.path(), "serving_default_features", "StatefulPartitionedCall", n);
       },
       2}};
  std::vector<Pair> pairs;
  std::vector<std::vector<Sample>> samples;
  for (const Kind& kind : kinds) {
    samples.push_back(samples_for(kind, 2048));
    print_loads_and_swaps(kind, samples.back(), options.quick);
  }
  for (std::size_t i = 0; i < kinds.size(); ++i) {
    const Kind& kind = kinds[i];
    const std::span<const Sample> rows = samples[i];
    const std::uint64_t single = options.records_or(200'000);
    const std::uint64_t streamed = options.records_or(2'000'000) / kStreamBatch * kStreamBatch;
    const std::shared_ptr<const Scorer> fast = load(kind, read_model(kind.file), /*same_bits=*/false);
    const std::shared_ptr<const Scorer> same = load(kind, read_model(kind.file), /*same_bits=*/true);
    const std::shared_ptr<BareModel> one = kind.bare(1);
    const std::shared_ptr<BareModel> copied = kind.bare(kind.copies);
    const std::shared_ptr<BareModel> many = kind.bare(kStreamBatch);
    pairs.push_back({kind.name + "-batch1", "one row a call", [=] { return score_one_by_one(single, rows, *fast); },
                     [=] { return bare_scoring_limit(single, rows, *one, 1); }});
    pairs.push_back({kind.name + "-same-bits", "one row a call, same_bits",
                     [=] { return score_one_by_one(single, rows, *same); },
                     [=] { return bare_scoring_limit(single, rows, *one, 1); }});
    if (kind.copies > 1) {
      pairs.push_back({kind.name + "-same-rows",
                       "one row a call, same_bits; limit: " + std::to_string(kind.copies) + " copies a call",
                       [=] { return score_one_by_one(single, rows, *same); },
                       [=, copies = kind.copies] { return bare_copies_limit(single, rows, *copied, copies); }});
    }
    pairs.push_back({kind.name + "-stream", "a whole job; limit: 256 rows a call",
                     [=, &kind] { return serve(kind, streamed, rows, 1); },
                     [=] { return bare_scoring_limit(streamed, rows, *many, kStreamBatch); }});
  }
  const std::uint64_t streamed = options.records_or(1'000'000) / kStreamBatch * kStreamBatch;
  const std::shared_ptr<BareModel> one = kinds[0].bare(1);
  pairs.push_back({"onnx-mlp-batching", "a whole job; limit: one row a call",
                   [&, streamed] { return serve(kinds[0], streamed, samples[0], 1); },
                   [&, streamed, one] { return bare_scoring_limit(streamed, samples[0], *one, 1); }});
  return run_pairs("bench runtimes", options, pairs);
}

}  // namespace
}  // namespace weir::bench

int main(int argc, char** argv) { return weir::bench::run(argc, argv); }
