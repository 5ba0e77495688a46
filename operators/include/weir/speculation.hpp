#pragma once
/// speculate(): several models score each record; a decision policy answers within a guaranteed time.
///
///   auto answers = weir::speculate(records, models,                    // both keyed alike
///                                  weir::Speculation<Flight>({weir::pmml_runtime()}, features,
///                                                            {.members = {{.name = "smart", .quality = 0.9, .slow =
///                                                            true},
///                                                                         {.name = "fast", .quality = 0.7}},
///                                                             .policies = {weir::best_quality()},
///                                                             .deadline = 50ms}))
///                      .uid("delay");                                  // a stream of weir::Speculated<Flight>
///   answers.side_output(weir::kLateScores);                            // a stream of weir::LateScore
///
/// Each record is answered exactly once: at once when the outcome can no longer change, at its deadline at the latest.
/// A model that fails, is absent, late or hangs abstains; what it says later is recorded and never answered. Results of
/// a key may leave in another order than their records came.
///
/// Models come on the model stream as for ServeModel (weir/serving.hpp), matched to members by their name; each member
/// has its own current model per key, swapped, rolled back and retired live, with effect on arrival. An order without a
/// name is for all members; models of other names are ignored. A record that meets a model which is being loaded again
/// after a restart waits for it, up to its deadline.
///
/// Slow members score beside the workers, on threads of their own (SpeculationMember::slow); fast ones in the task.
/// Deadlines follow the monotonic clock. A third stream may change deadline and policy while the job runs
/// (SpeculationControl).
///
/// State (queryable; in checkpoints): `current-model` and `swap-log` by key and member, `speculation-statistics` by
/// key, `undecided-records`. An undecided record keeps its votes over a restart; the members that had not voted are
/// asked again, and the time that it had left at the checkpoint begins to run when the job runs again. Late scores on
/// their way are not kept.
///
/// Inputs, votes and decisions can be archived, to be audited and replayed: weir/archive.hpp.
///
/// HTTP: GET /v1/models... as for ServeModel. Docs: docs/speculation.md.

#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <weir/decision_policy.hpp>
#include <weir/features.hpp>
#include <weir/model_record.hpp>
#include <weir/serving.hpp>
#include <weir/speculated.hpp>
#include <weir/speculation/speculate_operator.hpp>
#include <weir/speculation_options.hpp>
#include <weir/stream.hpp>

namespace weir {

/// Scores that came too late, for whoever listens.
inline const SideOutput<LateScore> kLateScores{kLateScoresName};

/// A definition: constant, copyable. See above. Also fits `records.connect(models).co_process(...)`.
template <class T>
class Speculation {
 public:
  using Input = T;
  using Output = Speculated<T>;
  static constexpr std::string_view kKind = "speculate";

  Speculation(ModelRuntimes runtimes, Features<T> features, SpeculationOptions options)
      : runtimes_(std::move(runtimes)), features_(std::move(features)), options_(std::move(options)) {}

  /// For the engine: the operator of one task. Both functions give the same key type, from a record and from a model.
  template <class RecordKeyFn, class ModelKeyFn>
  [[nodiscard]] std::unique_ptr<Operator> make_operator(RecordKeyFn record_key, ModelKeyFn model_key) const {
    using K = std::remove_cvref_t<std::invoke_result_t<RecordKeyFn&, const T&>>;
    static_assert(std::is_same_v<K, std::remove_cvref_t<std::invoke_result_t<ModelKeyFn&, const ModelRecord&>>>,
                  "records and models are keyed by the same type");
    return std::make_unique<speculation::SpeculateOperator<T, K, RecordKeyFn, ModelKeyFn>>(
        runtimes_, features_, options_, std::move(record_key), std::move(model_key));
  }
  [[nodiscard]] std::vector<HttpRoute> routes(const std::string& uid, JobControl& control) const {
    return serving::model_routes(uid, control);
  }
  [[nodiscard]] std::vector<std::string> faults() const { return faults_of(options_); }

 private:
  ModelRuntimes runtimes_;
  Features<T> features_;
  SpeculationOptions options_;
};

namespace detail {

template <class T, class RecordKey, class ModelKey>
Stream<Speculated<T>> add_speculation(const KeyedStream<T, RecordKey>& records,
                                      const KeyedStream<ModelRecord, ModelKey>& models,
                                      const Stream<SpeculationControl>* control, Speculation<T> definition) {
  static_assert(
      std::is_same_v<typename KeyedStream<T, RecordKey>::Key, typename KeyedStream<ModelRecord, ModelKey>::Key>,
      "records and models must be keyed by the same type");
  NodeSpec node;
  node.kind = definition.kKind;
  node.inputs = control == nullptr ? 2 : 3;
  node.stateful = true;
  node.faults = definition.faults();
  node.outputs.push_back(output_of<Speculated<T>>());
  node.make_operator = [definition, record_key = records.key_of(), model_key = models.key_of()] {
    return definition.make_operator(record_key, model_key);
  };
  node.routes = [definition](const std::string& uid, JobControl& job) { return definition.routes(uid, job); };
  const auto graph = records.graph();
  const NodeId id = graph->add(std::move(node));
  records.connect_to(id, 0);
  models.connect_to(id, 1);
  if (control != nullptr) control->connect_to(id, 2, EdgeKind::kBroadcast, nullptr);
  return Stream<Speculated<T>>(graph, {{id, 0}});
}

}  // namespace detail

/// See the top of this file. Needs a uid.
template <class T, class RecordKey, class ModelKey>
Stream<Speculated<T>> speculate(const KeyedStream<T, RecordKey>& records,
                                const KeyedStream<ModelRecord, ModelKey>& models, Speculation<T> definition) {
  return detail::add_speculation<T>(records, models, nullptr, std::move(definition));
}
/// With a stream that changes deadline and policy; every task gets all of it.
template <class T, class RecordKey, class ModelKey>
Stream<Speculated<T>> speculate(const KeyedStream<T, RecordKey>& records,
                                const KeyedStream<ModelRecord, ModelKey>& models,
                                const Stream<SpeculationControl>& control, Speculation<T> definition) {
  return detail::add_speculation<T>(records, models, &control, std::move(definition));
}

}  // namespace weir
