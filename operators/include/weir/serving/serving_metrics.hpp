#pragma once
/// What serving operators of either join have in common beside the models: metrics, the side output of model events,
/// and how far the model stream has come.

#include <optional>
#include <string_view>
#include <vector>

#include <weir/operator.hpp>
#include <weir/serve_options.hpp>
#include <weir/serving/model_lifecycle.hpp>

namespace weir::serving {

struct ServingMetrics {
  Metric* without_model = nullptr;
  Metric* errors = nullptr;
  Metric* held = nullptr;

  void open(OperatorContext& context);
};

/// The side output kModelEvents, and the models' part of kModelInputs. Events that found no room wait here and are part
/// of checkpoints.
class ModelEventsOutput {
 public:
  /// Takes up the events a checkpoint holds, on the first task.
  Status open(OperatorContext& context);
  Status open(OperatorContext& context, ModelLifecycle& lifecycle) {
    WEIR_RETURN_IF_ERROR(open(context));
    listen(lifecycle);
    return {};
  }
  /// Has the events of one lifecycle, of any number, kept for take(). After open().
  void listen(ModelLifecycle& lifecycle) const { lifecycle.collect_events(events_.index || archived_.index); }
  /// Takes over what happened since the last call.
  void take(ModelLifecycle& lifecycle);
  /// Puts out what happened since the last call, as far as there is room.
  void put(ModelLifecycle& lifecycle, Outbox& out) {
    take(lifecycle);
    put(out);
  }
  /// Puts out what was taken over, as far as there is room.
  void put(Outbox& out);
  void snapshot(SnapshotBuilder& builder) const;
  [[nodiscard]] bool empty() const noexcept { return events_.waiting.empty() && archived_.waiting.empty(); }

 private:
  struct Output {
    std::string_view entry;            // in checkpoints
    std::optional<std::size_t> index;  // nothing: nobody listens
    std::vector<ModelEvent> waiting{};
  };
  Output events_{"model-event", {}};
  Output archived_{"archived-event", {}};
};

/// Event time: how far a task had read the model stream, in checkpoints.
void put_model_progress(SnapshotBuilder& builder, Timestamp progress);
/// The least of all tasks' in the checkpoint; nothing when there is none, or when the stream had ended: then it says so
/// again, and one that has not ended must not count as ended.
std::optional<Timestamp> restored_model_progress(const OperatorContext& context);

}  // namespace weir::serving
