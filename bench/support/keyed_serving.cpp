#include "bench/support/keyed_serving.hpp"

#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <system_error>

#include <weir/archive.hpp>

#include "bench/support/checksum_sink.hpp"
#include "bench/support/serving_sources.hpp"

namespace weir::bench {
namespace {

Sink<Scored<Sample>> sink_into(const std::shared_ptr<SinkTotals>& totals) {
  return checksum_sink<Scored<Sample>>(
      [](const Scored<Sample>& result) { return served_fingerprint(result.record, result.number()); }, totals);
}

/// In broadcast serving a record names the key of its model by a text.
struct KeyName {
  const std::string& operator()(const Sample& sample) const {
    static const auto names = [] {
      std::array<std::string, kServingKeys> made;
      for (std::size_t key = 0; key < made.size(); ++key) made[key] = std::to_string(key);
      return made;
    }();
    return names[static_cast<std::size_t>(sample.key)];
  }
};

/// Removed with all that is in it.
class Directory {
 public:
  Directory() {
    if (::mkdtemp(path_.data()) == nullptr) {
      std::perror("make a directory for an archive");
      std::exit(1);
    }
  }
  ~Directory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  Directory(const Directory&) = delete;
  Directory& operator=(const Directory&) = delete;
  [[nodiscard]] const std::string& path() const noexcept { return path_; }

 private:
  std::string path_ = (std::filesystem::temp_directory_path() / "weir-bench-XXXXXX").string();
};

}  // namespace

Measured serve_by_weir(const ServingWork& work, const ServingJob& job) {
  const auto totals = std::make_shared<SinkTotals>();
  const auto progress = std::make_shared<Progress>();
  ServeOptions serving;
  serving.on_event = note_events(progress);
  // A broadcast model is current on all tasks only at the barrier that follows.
  if (job.broadcast_tasks != 0) serving.no_model = NoModelPolicy::kHold;
  const std::uint32_t tasks = std::max<std::uint32_t>(job.broadcast_tasks, 1);
  Pipeline pipeline({.name = "bench-serving",
                     .parallelism = tasks,
                     .workers = tasks,
                     .background_threads = 1,
                     .batch_size = kServingBatch});
  auto samples = pipeline
                     .from_source(source_of<Sample>(
                         "samples", [&] { return std::make_unique<SampleSource>(work, work.keys, progress); }, tasks))
                     .uid("samples");
  const auto made = [progress, tasks] { return progress->records_made.load(std::memory_order_relaxed) * tasks; };
  auto models = bench_models(
      pipeline, work.keys, job.pmml, progress,
      [=, every = work.records_per_swap](std::uint64_t versions) { return made() >= every * (versions + 1); },
      [=, all = work.records] { return made() >= all || progress->refused.load(); });
  const Features<Sample> features =
      sample_features<Sample>([](const Sample& sample) -> const Sample& { return sample; });
  std::optional<Directory> directory;
  if (job.broadcast_tasks == 0) {
    auto scores = samples.key_by(&Sample::key)
                      .connect(models.key_by(key_of_model))
                      .co_process(ServeModel<Sample>({pmml_runtime()}, features, serving))
                      .uid("serve");
    scores.sink_to(sink_into(totals)).uid("scores");
    if (job.archives) {
      pipeline.enable_checkpointing(
          {.directory = directory.emplace().path(), .interval = std::chrono::milliseconds(1'000)});
      archive(scores).uid("archive");
    }
  } else {
    samples.connect(models.broadcast())
        .co_process(BroadcastServeModel({pmml_runtime()}, features, serving, KeyName{}))
        .uid("serve")
        .sink_to(sink_into(totals));
  }
  run_or_exit(pipeline, *progress);
  const double ended = job.archives ? now_seconds() : totals->ended.load();
  return {totals->records.load(), ended - progress->started.load(), totals->checksum.load()};
}

}  // namespace weir::bench
