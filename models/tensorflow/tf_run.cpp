#include "models/tensorflow/tf_run.hpp"

#include <cstring>

#include "models/tensorflow/row_multiple.hpp"

namespace weir::tensorflow {
namespace {

// tensorflow.RunOptions on the wire: output_partition_graphs (5) = true.
constexpr std::string_view kOutputPartitionGraphs("\x28\x01", 2);

}  // namespace

using tensors::Element;

Element element_of(TF_DataType type) noexcept {
  switch (type) {
    case TF_FLOAT: return Element::kFloat;
    case TF_DOUBLE: return Element::kDouble;
    case TF_INT64: return Element::kInt64;
    case TF_INT32: return Element::kInt32;
    case TF_BOOL: return Element::kBool;
    case TF_STRING: return Element::kText;
    default: return Element::kOther;
  }
}

TF_DataType type_of(Element element) noexcept {
  switch (element) {
    case Element::kFloat: return TF_FLOAT;
    case Element::kDouble: return TF_DOUBLE;
    case Element::kInt64: return TF_INT64;
    case Element::kInt32: return TF_INT32;
    case Element::kBool: return TF_BOOL;
    case Element::kText: return TF_STRING;
    case Element::kOther: break;
  }
  return TF_VARIANT;
}

TfRun::TfRun(const Api& api, TF_Session* session, const tensors::Graph& graph, const Places& places,
             std::span<const std::size_t> widths, std::span<const std::size_t> outputs)
    : api_(api), session_(session), status_(api.TF_NewStatus()) {
  for (std::size_t i = 0; i < graph.inputs.size(); ++i) {
    const tensors::InputTensor& input = graph.inputs[i];
    input_elements_.push_back(input.element);
    std::vector<std::int64_t> shape = input.has_shape ? input.shape : std::vector<std::int64_t>{-1, -1};
    for (std::int64_t& size : shape)
      if (size < 0) size = static_cast<std::int64_t>(widths[i]);
    input_shapes_.push_back(std::move(shape));
    input_places_.push_back(places.inputs[i]);
  }
  for (const std::size_t output : outputs) {
    output_elements_.push_back(graph.outputs[output].element);
    output_places_.push_back(places.outputs[output]);
  }
  inputs_.assign(input_places_.size(), nullptr);
  input_data_.assign(input_places_.size(), nullptr);
  outputs_.assign(output_places_.size(), nullptr);
  output_data_.assign(output_places_.size(), nullptr);
}

TfRun::~TfRun() {
  free_inputs();
  free_outputs();
  api_.TF_DeleteStatus(status_);
}

std::size_t TfRun::count(const TF_Tensor* tensor) const {
  std::size_t product = 1;
  for (int i = 0; i < api_.TF_NumDims(tensor); ++i) product *= static_cast<std::size_t>(api_.TF_Dim(tensor, i));
  return product;
}

void TfRun::free_inputs() {
  for (std::size_t i = 0; i < inputs_.size(); ++i) {
    if (inputs_[i] == nullptr) continue;
    if (input_elements_[i] == Element::kText) {
      auto* texts = static_cast<TF_TString*>(input_data_[i]);
      for (std::size_t j = 0; j < count(inputs_[i]); ++j) api_.TF_StringDealloc(texts + j);
    }
    api_.TF_DeleteTensor(inputs_[i]);
    inputs_[i] = nullptr;
  }
}

void TfRun::free_outputs() {
  for (TF_Tensor*& output : outputs_) {
    if (output != nullptr) api_.TF_DeleteTensor(output);
    output = nullptr;
  }
}

void TfRun::prepare(std::size_t rows) {
  if (rows == rows_) return;
  rows_ = 0;  // until all is there
  free_inputs();
  for (std::size_t i = 0; i < inputs_.size(); ++i) {
    std::vector<std::int64_t>& shape = input_shapes_[i];
    shape[0] = static_cast<std::int64_t>(rows);
    std::size_t total = 1;
    for (const std::int64_t size : shape) total *= static_cast<std::size_t>(size);
    const bool is_text = input_elements_[i] == Element::kText;
    const std::size_t bytes = total * (is_text ? sizeof(TF_TString) : tensors::size_of(input_elements_[i]));
    inputs_[i] =
        api_.TF_AllocateTensor(type_of(input_elements_[i]), shape.data(), static_cast<int>(shape.size()), bytes);
    if (inputs_[i] == nullptr)
      throw std::runtime_error("TensorFlow could not allocate " + std::to_string(bytes) + " bytes");
    input_data_[i] = api_.TF_TensorData(inputs_[i]);
    if (!is_text) continue;
    for (std::size_t j = 0; j < total; ++j) api_.TF_StringInit(static_cast<TF_TString*>(input_data_[i]) + j);
  }
  rows_ = rows;
}

void TfRun::set_text(std::size_t index, std::size_t element, std::string_view text) {
  api_.TF_StringCopy(static_cast<TF_TString*>(input_data_[index]) + element, text.data(), text.size());
}

std::string TfRun::execute() { return execute(nullptr, nullptr); }

std::string TfRun::execute(const TF_Buffer* options, TF_Buffer* metadata) {
  free_outputs();  // of the run before
  api_.TF_SessionRun(session_, options, input_places_.data(), inputs_.data(), static_cast<int>(inputs_.size()),
                     output_places_.data(), outputs_.data(), static_cast<int>(outputs_.size()), nullptr, 0, metadata,
                     status_);
  if (api_.TF_GetCode(status_) != TF_OK) [[unlikely]] {
    const std::string message = api_.TF_Message(status_);
    return message.empty() ? "TensorFlow gave no reason" : message;
  }
  for (std::size_t i = 0; i < outputs_.size(); ++i) output_data_[i] = api_.TF_TensorData(outputs_[i]);
  return {};
}

std::size_t TfRun::row_multiple() {
  prepare(1);
  for (std::size_t i = 0; i < inputs_.size(); ++i) {
    if (input_elements_[i] != Element::kText) std::memset(input_data_[i], 0, api_.TF_TensorByteSize(inputs_[i]));
  }
  const Owned<TF_Buffer> options(
      api_.TF_NewBufferFromString(kOutputPartitionGraphs.data(), kOutputPartitionGraphs.size()), api_.TF_DeleteBuffer);
  const Owned<TF_Buffer> metadata(api_.TF_NewBuffer(), api_.TF_DeleteBuffer);
  const bool ran = execute(options.get(), metadata.get()).empty();
  const TF_Buffer& graphs = *metadata.get();
  const auto* bytes = static_cast<const char*>(graphs.data);
  return row_multiple_of(ran ? std::string_view(bytes, graphs.length) : std::string_view(), this_processor());
}

std::vector<std::int64_t> TfRun::shape(std::size_t index) const {
  std::vector<std::int64_t> shape;
  for (int i = 0; i < api_.TF_NumDims(outputs_[index]); ++i) shape.push_back(api_.TF_Dim(outputs_[index], i));
  return shape;
}

std::string_view TfRun::text(std::size_t index, std::size_t element) {
  const TF_TString* text = static_cast<const TF_TString*>(output_data_[index]) + element;
  return {api_.TF_StringGetDataPointer(text), api_.TF_StringGetSize(text)};
}

}  // namespace weir::tensorflow
