#include "bench/support/paced_serving.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <memory>

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
    return static_cast<std::uint64_t>(std::max<std::int64_t>(current_models.load() - kServingKeys, 0));
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
    const double due = static_cast<double>(now_ns() - start_ns_) * 1e-9 * work_.records_per_second;
    Batch<DueSample>& batch = out.batch<DueSample>();
    const std::size_t count = std::min<std::uint64_t>(out.room(), static_cast<std::uint64_t>(due) - made_);
    for (std::size_t i = 0; i < count; ++i, ++made_) {
      const double after = static_cast<double>(made_ + 1) / work_.records_per_second;
      batch.records.emplace(work_.samples[made_ % work_.samples.size()],
                            start_ns_ + static_cast<std::int64_t>(after * 1e9));
    }
    return PollResult::kProgress;
  }

 private:
  const PacedWork& work_;
  std::shared_ptr<PacedProgress> progress_;
  std::int64_t start_ns_ = 0;
  std::uint64_t made_ = 0;
};

class LatencySink final : public Operator {
 public:
  LatencySink(const PacedWork& work, std::shared_ptr<PacedProgress> progress, LatencyTenths& latencies)
      : work_(work), progress_(std::move(progress)), latencies_(latencies) {}
  void process(std::size_t /*input*/, BatchPtr& in, Outbox& /*out*/) override {
    const auto& records = static_cast<Batch<Scored<DueSample>>&>(*in).records;
    const std::int64_t now = now_ns();
    const double share = work_.swaps != 0 ? static_cast<double>(progress_->swaps()) / static_cast<double>(work_.swaps)
                                          : progress_->seconds() / work_.seconds;
    LatencyCounts& latencies = latencies_[std::min<std::size_t>(static_cast<std::size_t>(share * 10), 9)];
    for (std::size_t i = in->cursor; i < records.size(); ++i) latencies.add(now - records[i].record.due_ns);
    in->cursor = records.size();
  }

 private:
  const PacedWork& work_;
  std::shared_ptr<PacedProgress> progress_;
  LatencyTenths& latencies_;
};

}  // namespace

LatencyTenths serve_paced_by_weir(const PacedWork& work, const std::string& pmml) {
  constexpr std::uint64_t kMostUnderWay = 64;
  LatencyTenths latencies;
  const auto progress = std::make_shared<PacedProgress>();
  ServeOptions serving;
  serving.on_event = note_events(progress);
  Pipeline pipeline({.name = "bench-paced", .workers = 1, .background_threads = 1, .batch_size = kServingBatch});
  auto samples =
      pipeline
          .from_source(source_of<DueSample>("samples", [&] { return std::make_unique<PacedSource>(work, progress); }))
          .uid("samples")
          .key_by([](const DueSample& record) { return record.sample.key; });
  const auto is_due = [&work, progress](std::uint64_t versions) {
    if (versions >= work.swaps || progress->started_ns.load() == 0) return false;
    if (work.swaps_per_second == 0) return versions - progress->swaps() < kMostUnderWay;
    return progress->seconds() * work.swaps_per_second >= static_cast<double>(versions + 1);
  };
  auto models = bench_models(pipeline, kServingKeys, pmml, progress, is_due, [&work, progress] {
                  return progress->over(work);
                }).key_by(key_of_model);
  Sink<Scored<DueSample>> sink;
  sink.kind = "latencies";
  sink.make_operator = [&] { return std::make_unique<LatencySink>(work, progress, latencies); };
  samples.connect(models)
      .co_process(ServeModel<DueSample>(
          {pmml_runtime()},
          sample_features<DueSample>([](const DueSample& record) -> const Sample& { return record.sample; }), serving))
      .uid("serve")
      .sink_to(sink);
  run_or_exit(pipeline, *progress);
  return latencies;
}

}  // namespace weir::bench
