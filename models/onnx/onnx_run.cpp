#include "models/onnx/onnx_run.hpp"

#include <cstring>
#include <exception>
#include <limits>

namespace weir::onnx {
namespace {

using tensors::Element;

ONNXTensorElementDataType onnx_type(Element element) {
  switch (element) {
    case Element::kFloat: return ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT;
    case Element::kDouble: return ONNX_TENSOR_ELEMENT_DATA_TYPE_DOUBLE;
    case Element::kInt64: return ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64;
    case Element::kInt32: return ONNX_TENSOR_ELEMENT_DATA_TYPE_INT32;
    case Element::kBool: return ONNX_TENSOR_ELEMENT_DATA_TYPE_BOOL;
    case Element::kText: return ONNX_TENSOR_ELEMENT_DATA_TYPE_STRING;
    case Element::kOther: break;
  }
  return ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED;
}

}  // namespace

OnnxRun::OnnxRun(const Api& api, OrtSession* session, const tensors::Graph& graph, std::span<const std::size_t> widths,
                 std::span<const std::size_t> outputs, std::span<const std::vector<std::int64_t>> known_shapes,
                 std::size_t row_multiple)
    : api_(api), session_(session), row_multiple_(row_multiple) {
  for (std::size_t i = 0; i < graph.inputs.size(); ++i) {
    const tensors::InputTensor& tensor = graph.inputs[i];
    Input& input = inputs_.emplace_back(Input{&tensor, tensor.shape, {}, widths[i]});
    if (!tensor.has_shape) input.shape = {-1, -1};
    for (std::int64_t& size : input.shape)
      if (size < 0) size = static_cast<std::int64_t>(widths[i]);
    input_names_.push_back(tensor.name.c_str());
  }
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    const tensors::OutputTensor& tensor = graph.outputs[outputs[i]];
    Output& output = outputs_.emplace_back();
    output.tensor = &tensor;
    if (tensor.element != Element::kText && !tensor.only_labels) output.shape = known_shapes[i];
    if (tensor.only_labels) output.keys = tensor.labels;
    output_names_.push_back(tensor.name.c_str());
  }
  input_values_.assign(inputs_.size(), nullptr);
  output_values_.assign(outputs_.size(), nullptr);
  api_.check(api_->GetAllocatorWithDefaultOptions(&allocator_));
  api_.check(api_->CreateCpuMemoryInfo(OrtArenaAllocator, OrtMemTypeDefault, &memory_info_));
}

OnnxRun::~OnnxRun() {
  free_values(input_values_);
  free_values(output_values_);
  api_->ReleaseMemoryInfo(memory_info_);
}

void OnnxRun::free_values(std::vector<OrtValue*>& values) {
  for (OrtValue*& value : values) {
    if (value != nullptr) api_->ReleaseValue(value);
    value = nullptr;
  }
}

OrtValue* OnnxRun::make_value(Element element, std::vector<char>& memory, std::vector<std::int64_t>& shape) {
  OrtValue* value = nullptr;
  if (element == Element::kText) {
    api_.check(api_->CreateTensorAsOrtValue(allocator_, shape.data(), shape.size(), onnx_type(element), &value));
    return value;
  }
  std::size_t count = 1;
  for (const std::int64_t size : shape) count *= static_cast<std::size_t>(size);
  memory.resize(std::max<std::size_t>(count * tensors::size_of(element), 1));
  api_.check(api_->CreateTensorWithDataAsOrtValue(memory_info_, memory.data(), count * tensors::size_of(element),
                                                  shape.data(), shape.size(), onnx_type(element), &value));
  return value;
}

void OnnxRun::prepare(std::size_t rows) {
  if (rows == rows_) return;
  rows_ = 0;  // until all is there
  free_values(input_values_);
  free_values(output_values_);
  for (std::size_t i = 0; i < inputs_.size(); ++i) {
    inputs_[i].shape[0] = static_cast<std::int64_t>(rows);
    input_values_[i] = make_value(inputs_[i].tensor->element, inputs_[i].memory, inputs_[i].shape);
  }
  for (std::size_t i = 0; i < outputs_.size(); ++i) {
    if (outputs_[i].shape.empty()) continue;
    outputs_[i].shape[0] = static_cast<std::int64_t>(rows);
    output_values_[i] = make_value(outputs_[i].tensor->element, outputs_[i].memory, outputs_[i].shape);
    outputs_[i].data = outputs_[i].memory.data();
  }
  rows_ = rows;
}

void OnnxRun::set_text(std::size_t index, std::size_t element, std::string_view text) {
  char* buffer = nullptr;
  api_.check(api_->GetResizedStringTensorElementBuffer(input_values_[index], element, text.size(), &buffer));
  std::memcpy(buffer, text.data(), text.size());
}

std::string OnnxRun::execute() {
  for (std::size_t i = 0; i < outputs_.size(); ++i) {
    if (!outputs_[i].shape.empty() || output_values_[i] == nullptr) continue;
    api_->ReleaseValue(output_values_[i]);  // of the run before
    output_values_[i] = nullptr;
  }
  OrtStatus* status = api_->Run(session_, nullptr, input_names_.data(), input_values_.data(), input_values_.size(),
                                output_names_.data(), output_names_.size(), output_values_.data());
  if (status != nullptr) [[unlikely]]
    return api_.message(status);
  try {
    for (std::size_t i = 0; i < outputs_.size(); ++i) {
      Output& output = outputs_[i];
      if (output.tensor->only_labels) {
        read_map(output, output_values_[i]);
      } else if (output.shape.empty() && output.tensor->element != Element::kText) {
        void* data = nullptr;
        api_.check(api_->GetTensorMutableData(output_values_[i], &data));
        output.data = data;
      }
    }
  } catch (const std::exception& fault) {
    return fault.what();
  }
  return {};
}

std::vector<std::int64_t> OnnxRun::shape(std::size_t index) const {
  const Output& output = outputs_[index];
  if (output.tensor->only_labels)
    return {static_cast<std::int64_t>(rows_), static_cast<std::int64_t>(output.keys.size())};
  int is_tensor = 0;
  api_.check(api_->IsTensor(output_values_[index], &is_tensor));
  if (is_tensor == 0) return {};
  OrtTensorTypeAndShapeInfo* info = nullptr;
  api_.check(api_->GetTensorTypeAndShape(output_values_[index], &info));
  std::vector<std::int64_t> shape;
  std::size_t rank = 0;
  std::string reason = api_.message(api_->GetDimensionsCount(info, &rank));
  shape.resize(rank);
  if (reason.empty()) reason = api_.message(api_->GetDimensions(info, shape.data(), rank));
  api_->ReleaseTensorTypeAndShapeInfo(info);
  if (!reason.empty()) throw std::runtime_error(reason);
  return shape;
}

std::size_t OnnxRun::elements(std::size_t index) const {
  const Output& output = outputs_[index];
  const std::vector<std::int64_t>& known = output.shape;
  std::size_t product = 1;
  for (const std::int64_t size : known.empty() ? shape(index) : known) product *= static_cast<std::size_t>(size);
  return product;
}

std::string_view OnnxRun::text(std::size_t index, std::size_t element) {
  std::size_t length = 0;
  api_.check(api_->GetStringTensorElementLength(output_values_[index], element, &length));
  text_.resize(length);
  api_.check(api_->GetStringTensorElement(output_values_[index], length, element, text_.data()));
  return text_;
}

/// A sequence of maps, one for each row, becomes a tensor of as many columns as there are keys.
void OnnxRun::read_map(Output& output, OrtValue* sequence) {
  const std::size_t width = output.keys.size();
  output.memory.resize(rows_ * width * sizeof(float));
  auto* target = reinterpret_cast<float*>(output.memory.data());
  output.data = target;
  std::size_t count = 0;
  api_.check(api_->GetValueCount(sequence, &count));
  if (count != rows_)
    throw std::runtime_error("ZipMap gave " + std::to_string(count) + " maps for " + std::to_string(rows_) + " rows");
  for (std::size_t row = 0; row < rows_; ++row) {
    std::vector<OrtValue*> values(3, nullptr);  // the map, its keys, its values
    std::string reason = api_.message(api_->GetValue(sequence, static_cast<int>(row), allocator_, &values[0]));
    if (reason.empty()) reason = api_.message(api_->GetValue(values[0], 0, allocator_, &values[1]));
    if (reason.empty()) reason = api_.message(api_->GetValue(values[0], 1, allocator_, &values[2]));
    void* data = nullptr;
    if (reason.empty()) reason = api_.message(api_->GetTensorMutableData(values[2], &data));
    try {
      if (reason.empty()) read_keys(output, values[1], row);
    } catch (const std::exception& fault) {
      reason = fault.what();
    }
    if (reason.empty()) std::memcpy(target + row * width, data, width * sizeof(float));
    free_values(values);
    if (!reason.empty()) throw std::runtime_error(reason);
  }
}

/// Are a map's keys those of the file, in their order? Looked at in the first row only: ZipMap has no others.
void OnnxRun::read_keys(const Output& output, const OrtValue* keys, std::size_t row) {
  if (row != 0) return;
  OrtTensorTypeAndShapeInfo* info = nullptr;
  api_.check(api_->GetTensorTypeAndShape(keys, &info));
  std::size_t count = 0;
  ONNXTensorElementDataType type{};
  std::string reason = api_.message(api_->GetTensorShapeElementCount(info, &count));
  if (reason.empty()) reason = api_.message(api_->GetTensorElementType(info, &type));
  api_->ReleaseTensorTypeAndShapeInfo(info);
  if (!reason.empty()) throw std::runtime_error(reason);
  bool same = count == output.keys.size();
  for (std::size_t i = 0; same && i < count; ++i) {
    if (type == ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64) {
      void* data = nullptr;
      api_.check(api_->GetTensorMutableData(const_cast<OrtValue*>(keys), &data));
      same = std::to_string(static_cast<const std::int64_t*>(data)[i]) == output.keys[i];
    } else {
      std::size_t length = 0;
      api_.check(api_->GetStringTensorElementLength(keys, i, &length));
      std::string key(length, '\0');
      api_.check(api_->GetStringTensorElement(keys, length, i, key.data()));
      same = key == output.keys[i];
    }
  }
  if (!same) throw std::runtime_error("the keys of ZipMap's maps are not its labels");
}

}  // namespace weir::onnx
