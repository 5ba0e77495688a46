#pragma once
/// What the jobs of the serving benchmarks are made of: sources of records and models, features, and what they tell
/// each other.

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include <weir/pipeline.hpp>
#include <weir/serving.hpp>

#include "bench/support/harness.hpp"
#include "bench/support/serving_models.hpp"

namespace weir::bench {

struct Progress {
  std::atomic<std::int64_t> current_models{0};  // ever
  std::atomic<std::int64_t> ready_models{0};    // ever; not all of them become current
  std::atomic<bool> refused{false};
  std::atomic<std::uint64_t> records_made{0};
  std::atomic<double> started{0};
  std::function<void()> wake_models;  // the source of models, which rests; set before sources run
};

/// Counts what becomes current; a refusal is a fault of the benchmark.
inline std::function<void(const ModelEvent&)> note_events(std::shared_ptr<Progress> progress) {
  return [progress = std::move(progress)](const ModelEvent& event) {
    if (event.state == ModelState::kReady) progress->ready_models.fetch_add(1, std::memory_order_release);
    if (event.state == ModelState::kCurrent) progress->current_models.fetch_add(1, std::memory_order_release);
    if (event.state == ModelState::kRefused) {
      std::fprintf(stderr, "a model of the benchmark was refused: %s\n", event.reason.c_str());
      progress->refused.store(true);
    }
  };
}

inline void run_or_exit(const Pipeline& pipeline, const Progress& progress) {
  const Status status = pipeline.run();
  if (status.is_ok() && !progress.refused.load()) return;
  std::fprintf(stderr, "the benchmark's job failed: %s\n", status.to_string().c_str());
  std::exit(1);
}

/// Makes the work's records once `progress` says that every key has a model. Of several tasks each makes its share.
class SampleSource final : public Operator {
 public:
  SampleSource(const ServingWork& work, std::int64_t first_models, std::shared_ptr<Progress> progress)
      : work_(work), first_models_(first_models), progress_(std::move(progress)) {}
  Status open(OperatorContext& context) override {
    records_ = work_.records / context.parallelism();
    return {};
  }
  void process(std::size_t /*input*/, BatchPtr& /*batch*/, Outbox& /*out*/) override {}
  PollResult poll(Outbox& out) override {
    if (made_ == 0) {
      if (progress_->current_models.load(std::memory_order_acquire) < first_models_)
        return progress_->refused.load() ? PollResult::kEnd : PollResult::kProgress;
      double never = 0;
      progress_->started.compare_exchange_strong(never, now_seconds());
    }
    Batch<Sample>& batch = out.batch<Sample>();
    const std::size_t count = std::min<std::uint64_t>(out.room(), records_ - made_);
    const std::size_t start = batch.size();
    batch.records.resize_for_overwrite(start + count);
    batch.positions.resize_for_overwrite(start + count);
    take_samples(batch.records.data() + start, made_, count, work_);
    for (std::size_t i = 0; i < count; ++i) batch.positions[start + i] = made_ + i;
    made_ += count;
    progress_->records_made.store(made_, std::memory_order_relaxed);
    if (made_ != records_) return PollResult::kProgress;
    if (progress_->wake_models) progress_->wake_models();
    return PollResult::kEnd;
  }

 private:
  const ServingWork& work_;
  std::int64_t first_models_;
  std::shared_ptr<Progress> progress_;
  std::uint64_t records_ = 0;
  std::uint64_t made_ = 0;
};

/// Model number `made` of keys in turn. Versions are told apart by their bytes.
inline ModelRecord model_in_turn(std::int64_t made, std::int64_t keys, const std::string& pmml) {
  ModelRecord model;
  model.key = std::to_string(made % keys);
  model.name = "bench";
  model.type = "PMML";
  model.version = made / keys + 1;
  model.data = pmml + "<!-- " + std::to_string(made) + " -->\n";
  return model;
}

/// A first version for every key, then `later(versions after the first)` whenever `is_due(versions after the first)`
/// says so; ends when `is_over()`.
template <class Later, class IsDue, class IsOver>
class ModelSource final : public Operator {
 public:
  ModelSource(std::int64_t keys, const std::string& pmml, std::shared_ptr<Progress> progress, Later later, IsDue is_due,
              IsOver is_over)
      : keys_(keys),
        pmml_(pmml),
        progress_(std::move(progress)),
        later_(std::move(later)),
        is_due_(std::move(is_due)),
        is_over_(std::move(is_over)) {}
  Status open(OperatorContext& context) override {
    progress_->wake_models = context.waker();
    return {};
  }
  void process(std::size_t /*input*/, BatchPtr& /*batch*/, Outbox& /*out*/) override {}
  PollResult poll(Outbox& out) override {
    if (made_ < keys_) {
      out.batch<ModelRecord>().records.emplace(model_in_turn(made_, keys_, pmml_));
    } else {
      const auto number = static_cast<std::uint64_t>(made_ - keys_);
      if (is_over_()) return PollResult::kEnd;
      if (!is_due_(number)) return PollResult::kIdle;  // records keep the worker going
      out.batch<ModelRecord>().records.emplace(later_(number));
    }
    ++made_;
    return PollResult::kProgress;
  }

 private:
  std::int64_t keys_;
  std::string pmml_;
  std::shared_ptr<Progress> progress_;
  Later later_;
  IsDue is_due_;
  IsOver is_over_;
  std::int64_t made_ = 0;
};

template <class T, class MakeOperator>
Source<T> source_of(const char* kind, MakeOperator make, std::uint32_t max_parallelism = 1) {
  Source<T> source;
  source.kind = kind;
  source.make_operator = std::move(make);
  source.max_parallelism = max_parallelism;
  return source;
}

/// Stream of models, from ModelSource.
template <class Later, class IsDue, class IsOver>
Stream<ModelRecord> bench_models(Pipeline& pipeline, std::int64_t keys, const std::string& pmml,
                                 std::shared_ptr<Progress> progress, Later later, IsDue is_due, IsOver is_over) {
  const auto make = [=] {
    return std::make_unique<ModelSource<Later, IsDue, IsOver>>(keys, pmml, progress, later, is_due, is_over);
  };
  return pipeline.from_source(source_of<ModelRecord>("models", make)).uid("models").parallelism(1);
}
/// The same with new versions for the keys in turn.
template <class IsDue, class IsOver>
Stream<ModelRecord> bench_models(Pipeline& pipeline, std::int64_t keys, const std::string& pmml,
                                 std::shared_ptr<Progress> progress, IsDue is_due, IsOver is_over) {
  const auto next = [=](std::uint64_t number) {
    return model_in_turn(keys + static_cast<std::int64_t>(number), keys, pmml);
  };
  return bench_models(pipeline, keys, pmml, std::move(progress), next, is_due, is_over);
}

inline std::int64_t key_of_model(const ModelRecord& model) { return std::atoll(model.key.c_str()); }

/// Features of what holds a Sample, given by `sample_of(record)`.
template <class T, class SampleOf>
Features<T> sample_features(SampleOf sample_of) {
  std::vector<Field> fields;
  for (std::size_t i = 0; i < kFeatures; ++i) fields.push_back({"x" + std::to_string(i), FieldType::kNumber});
  return {FeatureSchema(std::move(fields)), [sample_of](const T& record, double* numbers, std::string_view* /*texts*/) {
            const Sample& sample = sample_of(record);
            std::memcpy(numbers, sample.features.data(), sizeof sample.features);
          }};
}

}  // namespace weir::bench
