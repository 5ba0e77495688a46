#include "models/onnx/onnx_graph.hpp"

#include <algorithm>
#include <utility>

#include "models/onnx/onnx_document.hpp"
#include "models/onnx/onnx_run.hpp"
#include "models/tensors/border.hpp"

namespace weir::onnx {
namespace {

using tensors::Element;
using tensors::Refusal;

Element element_of(ONNXTensorElementDataType type) {
  switch (type) {
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT: return Element::kFloat;
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_DOUBLE: return Element::kDouble;
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64: return Element::kInt64;
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_INT32: return Element::kInt32;
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_BOOL: return Element::kBool;
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_STRING: return Element::kText;
    default: return Element::kOther;
  }
}

/// Frees with one of the functions of OrtApi.
template <class T>
struct Owned {
  explicit Owned(void (*free)(T*)) : release(free) {}
  Owned(const Owned&) = delete;
  Owned& operator=(const Owned&) = delete;
  ~Owned() {
    if (value != nullptr) release(value);
  }
  void (*release)(T*);
  T* value = nullptr;
};

/// Fills name-independent facts of an input or output from its type.
template <class Tensor>
void read_type(const Api& api, const OrtTypeInfo* info, Tensor& tensor) {
  const OrtTensorTypeAndShapeInfo* shape = nullptr;
  api.check(api->CastTypeInfoToTensorInfo(info, &shape));
  if (shape == nullptr) return;  // a sequence, a map, an optional
  ONNXTensorElementDataType type{};
  api.check(api->GetTensorElementType(shape, &type));
  tensor.element = element_of(type);
  std::size_t rank = 0;
  api.check(api->GetDimensionsCount(shape, &rank));
  tensor.shape.resize(rank);
  api.check(api->GetDimensions(shape, tensor.shape.data(), rank));
  tensor.has_shape = rank != 0;  // the API does not tell a scalar from a tensor of any shape
}

class OnnxGraph final : public tensors::Graph {
 public:
  OnnxGraph(const Api& api, OrtSession* session) : api_(api), session_(session) {}
  ~OnnxGraph() override { api_->ReleaseSession(session_); }

  [[nodiscard]] std::unique_ptr<tensors::Run> make_run(
      std::span<const std::size_t> widths, std::span<const std::size_t> wanted,
      std::span<const std::vector<std::int64_t>> known_shapes) const override {
    return std::make_unique<OnnxRun>(api_, session_, *this, widths, wanted, known_shapes, row_multiple_);
  }

  void read_signature(const Document& document) {
    row_multiple_ = document.row_multiple;
    OrtAllocator* allocator = nullptr;
    api_.check(api_->GetAllocatorWithDefaultOptions(&allocator));
    const auto name_of = [&](auto get, std::size_t index) {
      char* name = nullptr;
      api_.check(get(session_, index, allocator, &name));
      std::string text = name;
      api_.check(api_->AllocatorFree(allocator, name));
      return text;
    };
    std::size_t count = 0;
    api_.check(api_->SessionGetInputCount(session_, &count));
    for (std::size_t i = 0; i < count; ++i) {
      tensors::InputTensor& input = inputs.emplace_back();
      input.name = name_of(api_->SessionGetInputName, i);
      Owned<OrtTypeInfo> info(api_->ReleaseTypeInfo);
      api_.check(api_->SessionGetInputTypeInfo(session_, i, &info.value));
      read_type(api_, info.value, input);
    }
    api_.check(api_->SessionGetOutputCount(session_, &count));
    for (std::size_t i = 0; i < count; ++i) {
      tensors::OutputTensor& output = outputs.emplace_back();
      output.name = name_of(api_->SessionGetOutputName, i);
      Owned<OrtTypeInfo> info(api_->ReleaseTypeInfo);
      api_.check(api_->SessionGetOutputTypeInfo(session_, i, &info.value));
      read_type(api_, info.value, output);
      if (output.element == Element::kFloat || output.element == Element::kDouble) output.labels = document.labels;
      if (const auto map = document.maps.find(output.name); map != document.maps.end()) {
        output.element = Element::kFloat;
        output.shape = {-1, static_cast<std::int64_t>(map->second.size())};
        output.has_shape = true;
        output.labels = map->second;
        output.only_labels = true;
      }
    }
  }

 private:
  const Api& api_;
  OrtSession* session_;
  std::size_t row_multiple_ = 1;
};

OrtSession* make_session(const Api& api, const weir_load_request& request) {
  Owned<OrtSessionOptions> options(api->ReleaseSessionOptions);
  api.check(api->CreateSessionOptions(&options.value));
  // Threads are weir's business: a session runs on the thread that calls it.
  api.check(api->SetIntraOpNumThreads(options.value, 1));
  api.check(api->SetInterOpNumThreads(options.value, 1));
  api.check(api->SetSessionExecutionMode(options.value, ORT_SEQUENTIAL));
  // Patterns are kept for every batch size that was ever seen.
  api.check(api->DisableMemPattern(options.value));
  // libc's malloc is faster for the few small blocks of such models, and gives memory back.
  api.check(api->DisableCpuMemArena(options.value));
  OrtSession* session = nullptr;
  api.check(api->CreateSessionFromArray(api.environment(), request.bytes, request.size, options.value, &session));
  return session;
}

template <class Tensor>
void choose(std::vector<Tensor>& tensors, const weir_text* names, std::size_t count, const char* what) {
  if (count == 0) return;
  std::vector<Tensor> chosen;
  for (std::size_t i = 0; i < count; ++i) {
    const std::string name = tensors::to_string(names[i]);
    const auto found =
        std::find_if(tensors.begin(), tensors.end(), [&](const Tensor& one) { return one.name == name; });
    if (found == tensors.end()) throw Refusal("it has no " + std::string(what) + " '" + name + "'");
    chosen.push_back(*found);
  }
  tensors = std::move(chosen);
}

}  // namespace

std::unique_ptr<tensors::Graph> load_graph(const Api& api, const weir_load_request& request) {
  if (request.tag.size != 0 || request.signature.size != 0)
    throw Refusal("an ONNX model has neither tag nor signature");
  const Document document = read_document({static_cast<const char*>(request.bytes), request.size});
  auto graph = std::make_unique<OnnxGraph>(api, make_session(api, request));
  graph->read_signature(document);
  for (const tensors::InputTensor& input : graph->inputs) {
    const auto needed = document.features_read.find(input.name);
    const bool has_width = input.shape.size() == 2 && input.shape[1] >= 0;
    if (needed != document.features_read.end() && has_width && needed->second > input.shape[1]) {
      throw Refusal("it reads " + std::to_string(needed->second) + " features of input '" + input.name +
                    "', which has " + std::to_string(input.shape[1]));
    }
  }
  const std::size_t inputs = graph->inputs.size();
  choose(graph->inputs, request.inputs, request.input_count, "input");
  if (graph->inputs.size() != inputs)
    throw Refusal("the sender named " + std::to_string(graph->inputs.size()) + " inputs, the graph has " +
                  std::to_string(inputs));
  choose(graph->outputs, request.outputs, request.output_count, "output");
  graph->summary = "ONNX model of " + (document.producer.empty() ? "an unnamed producer" : document.producer) + ", " +
                   std::to_string(document.nodes) + " nodes";
  // Weights are kept once; trees and prepacked matrices about as much again.
  graph->memory_bytes = (std::size_t{64} << 10) + 2 * request.size;
  return graph;
}

}  // namespace weir::onnx
