#include <weir/serving/serving_metrics.hpp>

#include <algorithm>
#include <cstring>
#include <string>

#include <weir/serde.hpp>

namespace weir::serving {
namespace {

constexpr std::string_view kEvent = "model-event";
constexpr std::string_view kProgress = "model-progress";

}  // namespace

void ServingMetrics::open(OperatorContext& context) {
  without_model = &context.described_metric("records_without_model_total", {"records that met no model", {}});
  errors = &context.described_metric("scoring_errors_total", {"records a model could not score", {}});
  held = &context.described_metric("records_held", {"records that wait for a model", {}});
}

Status ModelEventsOutput::open(OperatorContext& context, ModelLifecycle& lifecycle) {
  output_ = context.side_output(kModelEvents.name);
  lifecycle.collect_events(output_.has_value());
  if (!output_ || context.task_index() != 0) return {};
  for (const auto& [name, bytes] : context.restored_entries()) {
    if (name != kEvent) continue;
    WEIR_ASSIGN_OR_RETURN(ModelEvent event, deserialize<ModelEvent>(bytes));
    waiting_.push_back(std::move(event));
  }
  return {};
}

void ModelEventsOutput::put(ModelLifecycle& lifecycle, Outbox& out) {
  if (!output_) return;
  for (ModelEvent& event : lifecycle.take_events()) waiting_.push_back(std::move(event));
  const std::size_t sent = std::min(waiting_.size(), out.room(*output_));
  for (std::size_t i = 0; i < sent; ++i) out.batch<ModelEvent>(*output_).records.emplace(std::move(waiting_[i]));
  waiting_.erase(waiting_.begin(), waiting_.begin() + static_cast<std::ptrdiff_t>(sent));
}

void ModelEventsOutput::snapshot(SnapshotBuilder& builder) const {
  for (const ModelEvent& event : waiting_) builder.put(std::string(kEvent), serialize(event));
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
