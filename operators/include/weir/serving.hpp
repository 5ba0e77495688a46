#pragma once
/// ServeModel<T>: scores records with models that arrive on a stream.
///
///   records.connect(models)                       // both keyed alike: by airport, customer, data type, ...
///       .co_process(weir::ServeModel<Flight>({weir::pmml_runtime()}, features, {.outputs = {"probability(1)"}}))
///       .uid("score")                             // a stream of weir::Scored<Flight>
///
/// Each key has its own models. A new one is loaded, verified and warmed beside the stream; then it replaces the old
/// one between two records. One that fails any of it is refused and changes nothing. ServeOptions says when a model
/// takes effect and what happens without one; a record that cannot be scored gives a result with status kError.
///
/// State (all queryable; kept in checkpoints): `current-model` the versions of each key, `serving-statistics` usage and
/// latency by version, `swap-log` when which version came into use; `held-records` what waits. Model bytes are kept
/// once, by digest, in <job directory>/models. After a restart models are loaded again before their key's records are
/// scored.
///
/// What the models see can be archived, to be audited and scored again: weir/archive.hpp.
///
/// HTTP: GET /v1/models, /v1/models/{key}, /v1/models/{key}/{version}, /v1/audit/{key}.

#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <weir/features.hpp>
#include <weir/http.hpp>
#include <weir/job_control.hpp>
#include <weir/model_record.hpp>
#include <weir/scored.hpp>
#include <weir/serve_options.hpp>
#include <weir/serving/broadcast_operator.hpp>
#include <weir/serving/serve_operator.hpp>

namespace weir {

namespace serving {
/// The routes of the serving operator `uid`; several of one job share them, so only the first gets any.
std::vector<HttpRoute> model_routes(const std::string& uid, JobControl& control);
}  // namespace serving

/// A definition: constant, copyable. See above.
template <class T>
class ServeModel {
 public:
  using Input = T;
  using ModelInput = ModelRecord;
  using Output = Scored<T>;
  static constexpr std::string_view kKind = "serve-model";

  ServeModel(ModelRuntimes runtimes, Features<T> features, ServeOptions options = {})
      : runtimes_(std::move(runtimes)), features_(std::move(features)), options_(std::move(options)) {}

  /// For the engine: the operator of one task. Both functions give the same key type, from a record and from a model.
  template <class RecordKeyFn, class ModelKeyFn>
  [[nodiscard]] std::unique_ptr<Operator> make_operator(RecordKeyFn record_key, ModelKeyFn model_key) const {
    using K = std::remove_cvref_t<std::invoke_result_t<RecordKeyFn&, const T&>>;
    static_assert(std::is_same_v<K, std::remove_cvref_t<std::invoke_result_t<ModelKeyFn&, const ModelRecord&>>>,
                  "records and models are keyed by the same type");
    return std::make_unique<serving::ServeOperator<T, K, RecordKeyFn, ModelKeyFn>>(
        runtimes_, features_, options_, std::move(record_key), std::move(model_key));
  }
  /// For the engine: the HTTP paths of the operator.
  [[nodiscard]] std::vector<HttpRoute> routes(const std::string& uid, JobControl& control) const {
    return serving::model_routes(uid, control);
  }

 private:
  ModelRuntimes runtimes_;
  Features<T> features_;
  ServeOptions options_;
};

namespace serving {
/// The key of all records and models where only one model serves.
struct OneKey {
  static const std::string& text();
  template <class Record>
  const std::string& operator()(const Record& /*record*/) const {
    return text();
  }
};
struct KeyOfModel {
  const std::string& operator()(const ModelRecord& record) const { return record.key; }
};
}  // namespace serving

/// Serves few models to a heavy stream whose records go to any task:
///
///   records.rebalance()
///       .connect(models.broadcast())
///       .co_process(weir::BroadcastServeModel(runtimes, features, options, &Flight::carrier))
///       .uid("score")
///
/// As ServeModel, but records need not be keyed: every task scores with every model. A model is loaded once, by the
/// task that owns its key, and shared. With ModelEffect::kArrival a model comes into use at a barrier that is sent
/// through the streams when it is ready: on all tasks at the same cut, so that behind it no record meets the old one.
/// With kEventTime the record's time decides, as in ServeModel. Models, swap log and statistics are kept in checkpoints
/// once, and survive any change of parallelism.
///
/// Which model: `record_key(const T&)` gives a std::string (better: a reference to one), compared to ModelRecord::key.
/// Without it all records meet one model, whatever its key; the key is then shown as `all`.
/// Results of one key keep their order within a task only. The first record in the swap log is one task's first.
/// `max_held_records` counts per task; NoModelPolicy::kHold beyond it answers the task's oldest.
template <class T, class RecordKey = serving::OneKey>
class BroadcastServeModel {
  using ModelKey = std::conditional_t<std::is_same_v<RecordKey, serving::OneKey>, serving::OneKey, serving::KeyOfModel>;

 public:
  using Input = T;
  using ModelInput = ModelRecord;
  using Output = Scored<T>;
  static constexpr std::string_view kKind = "broadcast-serve-model";
  static_assert(std::is_same_v<std::remove_cvref_t<std::invoke_result_t<const RecordKey&, const T&>>, std::string>,
                "the key of a record is a std::string: the key of its model");

  BroadcastServeModel(ModelRuntimes runtimes, Features<T> features, ServeOptions options = {},
                      RecordKey record_key = {})
      : runtimes_(std::move(runtimes)),
        features_(std::move(features)),
        options_(std::move(options)),
        record_key_(std::move(record_key)) {}

  /// For the engine: the operator of one task, how models find the task that owns them, and the HTTP paths.
  [[nodiscard]] std::unique_ptr<Operator> make_broadcast_operator() const {
    return std::make_unique<serving::BroadcastServeOperator<T, std::string, RecordKey, ModelKey>>(
        runtimes_, features_, options_, record_key_, ModelKey{});
  }
  [[nodiscard]] ModelKey broadcast_key() const { return {}; }
  [[nodiscard]] std::vector<HttpRoute> routes(const std::string& uid, JobControl& control) const {
    return serving::model_routes(uid, control);
  }

 private:
  ModelRuntimes runtimes_;
  Features<T> features_;
  ServeOptions options_;
  RecordKey record_key_;
};
template <class T>
BroadcastServeModel(ModelRuntimes, Features<T>, ServeOptions) -> BroadcastServeModel<T>;
template <class T>
BroadcastServeModel(ModelRuntimes, Features<T>) -> BroadcastServeModel<T>;
template <class T, class RecordKey>
BroadcastServeModel(ModelRuntimes, Features<T>, ServeOptions, RecordKey) -> BroadcastServeModel<T, RecordKey>;

}  // namespace weir
