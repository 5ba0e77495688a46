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
/// HTTP: GET /v1/models, /v1/models/{key}, /v1/models/{key}/{version}.

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

}  // namespace weir
