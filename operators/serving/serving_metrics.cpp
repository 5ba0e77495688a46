#include <weir/serving/serving_metrics.hpp>

#include <algorithm>
#include <cstring>
#include <string>

#include <weir/archived_inputs.hpp>
#include <weir/serde.hpp>

namespace weir::serving {
namespace {

constexpr std::string_view kProgress = "model-progress";

template <class Put>
void put_some(std::vector<ModelEvent>& waiting, std::size_t room, const Put& put) {
  const std::size_t sent = std::min(waiting.size(), room);
  for (std::size_t i = 0; i < sent; ++i) put(waiting[i]);
  waiting.erase(waiting.begin(), waiting.begin() + static_cast<std::ptrdiff_t>(sent));
}

ArchivedEvent archived_event(const ModelEvent& event) {
  return {event.key,          {event.name, event.version, event.digest, event.type, event.options},
          event.state,        event.reason,
          event.effective_at, event.at};
}

}  // namespace

void ServingMetrics::open(OperatorContext& context) {
  without_model = &context.described_metric("records_without_model_total", {"records that met no model", {}});
  errors = &context.described_metric("scoring_errors_total", {"records a model could not score", {}});
  held = &context.described_metric("records_held", {"records that wait for a model", {}});
}

Status ModelEventsOutput::open(OperatorContext& context) {
  events_.index = context.side_output(kModelEvents.name);
  archived_.index = context.side_output(kModelInputs.name);
  if (context.task_index() != 0) return {};
  for (Output* output : {&events_, &archived_}) {
    for (const auto& [name, bytes] : context.restored_entries()) {
      if (name != output->entry || !output->index) continue;
      WEIR_ASSIGN_OR_RETURN(ModelEvent event, deserialize<ModelEvent>(bytes));
      output->waiting.push_back(std::move(event));
    }
  }
  return {};
}

void ModelEventsOutput::take(ModelLifecycle& lifecycle) {
  if (!events_.index && !archived_.index) return;
  for (ModelEvent& event : lifecycle.take_events()) {
    if (archived_.index && event.state >= ModelState::kReady) archived_.waiting.push_back(event);
    if (events_.index) events_.waiting.push_back(std::move(event));
  }
}

void ModelEventsOutput::put(Outbox& out) {
  if (events_.index)
    put_some(events_.waiting, out.room(*events_.index),
             [&](ModelEvent& event) { out.batch<ModelEvent>(*events_.index).records.emplace(std::move(event)); });
  if (archived_.index)
    put_some(archived_.waiting, out.room(*archived_.index), [&](ModelEvent& event) {
      out.batch<ArchiveRecord>(*archived_.index).records.emplace(ArchiveRecord{archived_event(event)});
    });
}

void ModelEventsOutput::snapshot(SnapshotBuilder& builder) const {
  for (const Output* output : {&events_, &archived_})
    for (const ModelEvent& event : output->waiting) builder.put(std::string(output->entry), serialize(event));
}

void put_model_progress(SnapshotBuilder& builder, Timestamp progress) {
  builder.put(std::string(kProgress), serialize(progress));
}

std::optional<Timestamp> restored_model_progress(const OperatorContext& context) {
  std::optional<Timestamp> least;
  for (const auto& [name, bytes] : context.restored_entries()) {
    if (name != kProgress) continue;
    const Result<Timestamp> progress = deserialize<Timestamp>(bytes);
    if (progress.is_ok()) least = std::min(least.value_or(kMaxTimestamp), *progress);
  }
  return least == kMaxTimestamp ? std::nullopt : least;
}

}  // namespace weir::serving
