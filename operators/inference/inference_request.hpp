#pragma once
/// The body of POST /v2/models/{m}/infer, Open Inference Protocol v2, as columns of values.
///
///   {"id": "7",
///    "inputs": [{"name": "temperature", "datatype": "FP64", "shape": [2], "data": [71.5, 80]},
///               {"name": "maker", "datatype": "BYTES", "shape": [2, 1], "data": [["acme"], [null]]}],
///    "outputs": [{"name": "probability(1)"}]}
///
/// Every tensor has one value a row: its shape is [n] or [n, 1], its data flat or nested like the shape. Beyond the
/// protocol, null is a missing value. Tensors outside of the JSON (binary data, shared memory) are refused.

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <weir/model.hpp>
#include <weir/result.hpp>

namespace weir::inference {

/// Bounds of one request.
constexpr std::size_t kMaxRows = 10'000;
constexpr std::size_t kMaxNesting = 16;         // of the JSON text
constexpr std::size_t kMaxAnswers = 1'000'000;  // values in a response

/// One column. A missing number is NaN, a missing text has no value.
struct InputTensor {
  std::string name;
  std::string datatype;
  FieldType type = FieldType::kNumber;
  std::vector<double> numbers;
  std::vector<std::optional<std::string>> texts;
};

struct InferenceRequest {
  std::optional<std::string> id;
  std::size_t rows = 0;  ///< of every tensor, at least 1
  std::vector<InputTensor> inputs;
  std::vector<std::string> outputs;  ///< wanted, in this order; empty: all
};

/// kInvalidArgument says what is wrong, naming the tensor.
Result<InferenceRequest> parse_inference_request(std::string_view body);

}  // namespace weir::inference
