#include "bench/support/paced_serving.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "bench/support/serving_sources.hpp"

namespace weir::bench {
namespace {

struct DueSample {
  Sample sample;
  std::int64_t due_ns;
};

std::int64_t now_ns() noexcept {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

struct PacedProgress : Progress {
  std::atomic<std::int64_t> started_ns{0};

  [[nodiscard]] std::uint64_t swaps() const noexcept {
    return static_cast<std::uint64_t>(std::max<std::int64_t>(ready_models.load() - kServingKeys, 0));
  }
  [[nodiscard]] double seconds() const noexcept { return static_cast<double>(now_ns() - started_ns.load()) * 1e-9; }
  [[nodiscard]] bool over(const PacedWork& work) const noexcept {
    return refused.load() || (started_ns.load() != 0 && seconds() >= work.seconds && swaps() >= work.swaps);
  }
};

class PacedSource final : public Operator {
 public:
  PacedSource(const PacedWork& work, std::shared_ptr<PacedProgress> progress)
      : work_(work), progress_(std::move(progress)) {}
  Status open(OperatorContext& context) override {
    context_ = &context;
    records_per_ns_ = work_.records_per_second * 1e-9 / context.parallelism();
    return {};
  }
  void process(std::size_t /*input*/, BatchPtr& /*batch*/, Outbox& /*out*/) override {}
  PollResult poll(Outbox& out) override {
    if (progress_->over(work_)) {
      if (progress_->wake_models) progress_->wake_models();
      return PollResult::kEnd;
    }
    if (start_ns_ == 0) {
      if (progress_->current_models.load(std::memory_order_acquire) < kServingKeys) return PollResult::kProgress;
      start_ns_ = now_ns();
      progress_->started_ns.store(start_ns_);
    }
    const std::int64_t passed_ns = now_ns() - start_ns_;
    const std::int64_t come_ns = work_.burst_ns == 0 ? passed_ns : passed_ns / work_.burst_ns * work_.burst_ns;
    const auto due = static_cast<std::uint64_t>(static_cast<double>(come_ns) * records_per_ns_);
    if (due == made_ && work_.burst_ns != 0) {
      const std::int64_t next_ns = start_ns_ + come_ns + work_.burst_ns;
      if (std::exchange(wake_ns_, next_ns) != next_ns) context_->wake_at(next_ns);
      return PollResult::kIdle;
    }
    Batch<DueSample>& batch = out.batch<DueSample>();
    for (std::size_t left = std::min<std::uint64_t>(out.room(), due - made_); left != 0; --left, ++made_)
      batch.records.emplace(work_.samples[made_ % work_.samples.size()], start_ns_ + due_ns(made_));
    return PollResult::kProgress;
  }

 private:
  /// Of a record, after the start.
  [[nodiscard]] std::int64_t due_ns(std::uint64_t record) const noexcept {
    const auto due = static_cast<std::int64_t>(static_cast<double>(record + 1) / records_per_ns_);
    return work_.burst_ns == 0 ? due : (due + work_.burst_ns - 1) / work_.burst_ns * work_.burst_ns;
  }

  const PacedWork& work_;
  std::shared_ptr<PacedProgress> progress_;
  OperatorContext* context_ = nullptr;
  double records_per_ns_ = 0;  // of this task
  std::int64_t start_ns_ = 0;
  std::int64_t wake_ns_ = 0;  // asked for
  std::uint64_t made_ = 0;
};

/// Of all tasks of the sink.
struct Latencies {
  std::mutex mutex;
  LatencyTenths tenths;  // guarded by mutex
};

class LatencySink final : public Operator {
 public:
  LatencySink(const PacedWork& work, std::shared_ptr<PacedProgress> progress, Latencies& all)
      : work_(work), progress_(std::move(progress)), all_(all) {}
  void process(std::size_t /*input*/, BatchPtr& in, Outbox& /*out*/) override {
    const auto& records = static_cast<Batch<Scored<DueSample>>&>(*in).records;
    const std::int64_t now = now_ns();
    const double share = work_.swaps != 0 ? static_cast<double>(progress_->swaps()) / static_cast<double>(work_.swaps)
                                          : progress_->seconds() / work_.seconds;
    LatencyCounts& latencies = latencies_[std::min<std::size_t>(static_cast<std::size_t>(share * 10), 9)];
    for (std::size_t i = in->cursor; i < records.size(); ++i) latencies.add(now - records[i].record.due_ns);
    in->cursor = records.size();
  }
  void close() noexcept override {
    const std::lock_guard lock(all_.mutex);
    for (std::size_t i = 0; i < latencies_.size(); ++i) all_.tenths[i].add(latencies_[i]);
  }

 private:
  const PacedWork& work_;
  std::shared_ptr<PacedProgress> progress_;
  Latencies& all_;
  LatencyTenths latencies_;
};

/// Gives a slow model away with each call: bytes that are there already take no time of the task's. Each has a name of
/// its own, so that it is not stale when the next one is ready first.
class SlowModels {
 public:
  SlowModels(const std::string& pmml, std::uint64_t count) : documents_(count, pmml) {}
  ModelRecord take(std::uint64_t number) {
    ModelRecord model;
    model.key = std::to_string(kServingKeys);
    model.name = "slow-" + std::to_string(number);
    model.type = "PMML";
    model.version = 1;
    model.data = std::move(documents_[number]);
    return model;
  }

 private:
  std::vector<std::string> documents_;
};

}  // namespace

LatencyTenths serve_paced_by_weir(const PacedWork& work, const std::string& pmml) {
  const std::uint64_t most_under_way = work.slow_model != nullptr ? 2 : 64;
  Latencies latencies;
  const auto progress = std::make_shared<PacedProgress>();
  ServeOptions serving;
  serving.on_event = note_events(progress);
  Pipeline pipeline({.name = "bench-paced",
                     .parallelism = work.workers,
                     .workers = work.workers,
                     .background_threads = work.slow_model != nullptr ? 2U : 1U,
                     .batch_size = kServingBatch});
  auto samples = pipeline
                     .from_source(source_of<DueSample>(
                         "samples", [&] { return std::make_unique<PacedSource>(work, progress); }, work.workers))
                     .uid("samples")
                     .key_by([](const DueSample& record) { return record.sample.key; });
  const auto is_due = [&work, progress, most_under_way](std::uint64_t versions) {
    if (versions >= work.swaps || progress->started_ns.load() == 0) return false;
    if (work.swaps_per_second == 0) return versions - progress->swaps() < most_under_way;
    return progress->seconds() * work.swaps_per_second >= static_cast<double>(versions + 1);
  };
  const auto is_over = [&work, progress] { return progress->over(work); };
  const auto models = [&] {
    if (work.slow_model == nullptr) return bench_models(pipeline, kServingKeys, pmml, progress, is_due, is_over);
    const auto slow = std::make_shared<SlowModels>(*work.slow_model, work.swaps);
    return bench_models(
        pipeline, kServingKeys, pmml, progress, [slow](std::uint64_t number) { return slow->take(number); }, is_due,
        is_over);
  }();
  Sink<Scored<DueSample>> sink;
  sink.kind = "latencies";
  sink.make_operator = [&] { return std::make_unique<LatencySink>(work, progress, latencies); };
  samples.connect(models.key_by(key_of_model))
      .co_process(ServeModel<DueSample>(
          {pmml_runtime()},
          sample_features<DueSample>([](const DueSample& record) -> const Sample& { return record.sample; }), serving))
      .uid("serve")
      .sink_to(sink);
  run_or_exit(pipeline, *progress);
  return latencies.tenths;
}

}  // namespace weir::bench
