#pragma once
/// What a model looks like to a client of the Open Inference Protocol, and how its tensors become rows and back.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <weir/model.hpp>
#include <weir/result.hpp>
#include <weir/serving/served_model.hpp>

#include "operators/inference/inference_request.hpp"

namespace weir::inference {

/// Inputs are the job's features that the model names among its own inputs; all of them when it names others (a graph
/// whose one input takes all features in their order). Outputs are all that the model can answer.
struct ModelInterface {
  std::vector<Field> inputs;
  std::vector<Field> outputs;
};
ModelInterface interface_of(const Model& model, const FeatureSchema& features);

/// GET /v2/models/{m}: name, versions, platform, inputs, outputs. `name` is what was asked for.
std::string metadata_json(std::string_view name, const serving::ServedModel& served, const ModelInterface& interface,
                          const std::vector<std::int64_t>& versions);

/// The outputs a request wants of a model; kInvalidArgument names one that the model has not, or too many values.
Result<std::vector<std::string>> wanted_outputs(const InferenceRequest& request, const ModelInterface& interface);

/// Rows of all the job's features, out of the tensors of a request; what the model does not read is missing.
class InputRows {
 public:
  /// kInvalidArgument names an input that is missing, not known, or of another type. `request` must outlive it.
  static Result<InputRows> make(const InferenceRequest& request, const ModelInterface& interface,
                                const FeatureSchema& features);
  [[nodiscard]] FeatureRows rows() const noexcept;

 private:
  std::size_t count_ = 0;
  std::size_t number_columns_ = 0;
  std::size_t text_columns_ = 0;
  std::vector<double> numbers_;
  std::vector<std::string_view> texts_;
};

/// Scores and writes the response of POST .../infer. kInvalidArgument names the first rows that cannot be scored.
Result<std::string> infer_json(std::string_view name, const serving::ServedModel& served,
                               const InferenceRequest& request, const InputRows& inputs, const Scorer& scorer);

}  // namespace weir::inference
