#pragma once
/// A job that serves by event time and archives: records with every kind of number and text, models that answer
/// numbers, a broken one and one that fails for some records.

#include <bit>
#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <weir/archive.hpp>
#include <weir/memory_sink.hpp>
#include <weir/memory_source.hpp>
#include <weir/pipeline.hpp>
#include <weir/replay.hpp>
#include <weir/serving.hpp>

#include "operators/serving/serving_rig.hpp"

namespace weir::test {

inline constexpr const char* kArchiveKeys[] = {"JFK", "LGA", "EWR"};
inline constexpr std::int64_t kArchiveRecords = 600;

/// NaN with a payload of its own, -0, infinities, subnormals and ordinary numbers.
inline double odd_number(std::int64_t id) {
  switch (id % 7) {
    case 0: return std::bit_cast<double>(0x7ff8'0000'0000'0000 | static_cast<std::uint64_t>(id + 1));
    case 1: return -0.0;
    case 2: return std::numeric_limits<double>::infinity();
    case 3: return std::numeric_limits<double>::denorm_min() * static_cast<double>(id);
    default: return static_cast<double>(id) / 7.0 - 30;
  }
}

inline Features<Event> odd_features() {
  return features<Event>(FeatureSchema({{"value", FieldType::kNumber}, {"key", FieldType::kText}}),
                         [](const Event& event, double* numbers, std::string_view* texts) {
                           numbers[0] = event.value;
                           // Missing, empty, short.
                           texts[0] = event.id % 3 == 0   ? std::string_view()
                                      : event.id % 3 == 1 ? std::string_view("")
                                                          : std::string_view(event.key);
                         });
}

inline std::vector<Event> archive_events() {
  std::vector<Event> events;
  for (std::int64_t id = 0; id < kArchiveRecords; ++id) events.push_back({kArchiveKeys[id % 3], odd_number(id), id});
  return events;
}

/// Every 100 µs a version for each key; the third of JFK is broken, the fifth fails for negative numbers.
inline std::vector<ModelRecord> archive_models() {
  std::vector<ModelRecord> models;
  for (std::int64_t month = 1; month < 6; ++month) {
    for (const char* key : kArchiveKeys) {
      std::string bytes = "LINEAR " + std::to_string(month) + " 0.1";
      if (month == 3 && key == kArchiveKeys[0]) bytes = "rubbish";
      if (month == 5) bytes = "FAIL 5";
      models.push_back(toy(key, bytes, month, month * 100));
    }
  }
  return models;
}

/// The version that scores a record; 0: none.
inline std::int64_t archive_version_of(std::int64_t id) {
  const std::int64_t month = id / 100;
  return month == 3 && id % 3 == 0 ? 2 : month;
}

struct ArchiveJob {
  ArchiveJob() = default;

  std::uint32_t parallelism = 1;
  bool broadcast = false;
  ArchiveOptions archive{};
  std::vector<Event> events = archive_events();
  std::vector<ModelRecord> models = archive_models();
  ServeOptions serve{.effect = ModelEffect::kEventTime};
};

inline Pipeline archive_pipeline(const std::string& directory, const ArchiveJob& job) {
  Pipeline pipeline({.name = "archived"});
  pipeline.enable_checkpointing({.directory = directory, .interval = std::chrono::milliseconds(0)});
  auto records = pipeline.from_source(vector_source(job.events, [](const Event& event) { return at(event.id); }))
                     .uid("records")
                     .parallelism(1);
  auto models =
      pipeline.from_source(vector_source(job.models, [](const ModelRecord& model) { return *model.effective_at; }))
          .uid("models")
          .parallelism(1);
  const ModelRuntimes runtimes{std::make_shared<const ToyRuntime>()};
  const auto key_of = [](const Event& event) -> const std::string& { return event.key; };
  const auto scores = [&] {
    if (job.broadcast) {
      return records.rebalance()
          .connect(models.broadcast())
          .co_process(BroadcastServeModel(runtimes, odd_features(), job.serve, key_of))
          .uid("score")
          .parallelism(job.parallelism);
    }
    return records.key_by(key_of)
        .connect(models.key_by([](const ModelRecord& model) -> const std::string& { return model.key; }))
        .co_process(ServeModel<Event>(runtimes, odd_features(), job.serve))
        .uid("score")
        .parallelism(job.parallelism);
  }();
  scores.sink_to(for_each_sink<Scored<Event>>([](const Scored<Event>&) {})).uid("answers");
  archive(scores, job.archive).uid("archive").parallelism(job.parallelism);
  return pipeline;
}

inline ReplayOptions toy_replay() { return {.runtimes = {std::make_shared<const ToyRuntime>()}}; }

}  // namespace weir::test
