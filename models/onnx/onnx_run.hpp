#pragma once
/// The values of one thread's runs of an ONNX session.

#include <string>
#include <vector>

#include "models/onnx/onnx_api.hpp"
#include "models/tensors/graph.hpp"

namespace weir::onnx {

class OnnxRun final : public tensors::Run {
 public:
  OnnxRun(const Api& api, OrtSession* session, const tensors::Graph& graph, std::span<const std::size_t> widths,
          std::span<const std::size_t> outputs, std::span<const std::vector<std::int64_t>> known_shapes,
          std::size_t row_multiple);
  ~OnnxRun() override;

  void prepare(std::size_t rows) override;
  void* input(std::size_t index) override { return inputs_[index].memory.data(); }
  void set_text(std::size_t index, std::size_t element, std::string_view text) override;
  std::string execute() override;
  [[nodiscard]] std::vector<std::int64_t> shape(std::size_t index) const override;
  [[nodiscard]] std::size_t elements(std::size_t index) const override;
  [[nodiscard]] const void* output(std::size_t index) const override { return outputs_[index].data; }
  [[nodiscard]] std::string_view text(std::size_t index, std::size_t element) override;
  [[nodiscard]] std::size_t row_multiple() override { return row_multiple_; }

 private:
  struct Input {
    const tensors::InputTensor* tensor;
    std::vector<std::int64_t> shape;  // [0] is the number of rows
    std::vector<char> memory;         // of numbers; texts are the value's
    std::size_t width;
  };
  struct Output {
    const tensors::OutputTensor* tensor;
    std::vector<std::int64_t> shape;  // known: the values go into `memory`; empty: the runtime allocates
    std::vector<char> memory;
    const void* data = nullptr;
    std::vector<std::string> keys;  // of a map, as texts, sorted as the map is
  };

  OrtValue* make_value(tensors::Element element, std::vector<char>& memory, std::vector<std::int64_t>& shape);
  void read_map(Output& output, OrtValue* sequence);
  void read_keys(const Output& output, const OrtValue* keys, std::size_t row);
  void free_values(std::vector<OrtValue*>& values);

  const Api& api_;
  OrtSession* session_;
  OrtAllocator* allocator_ = nullptr;
  OrtMemoryInfo* memory_info_ = nullptr;
  std::vector<Input> inputs_;
  std::vector<Output> outputs_;
  std::vector<const char*> input_names_;
  std::vector<const char*> output_names_;
  std::vector<OrtValue*> input_values_;
  std::vector<OrtValue*> output_values_;
  std::size_t row_multiple_;
  std::size_t rows_ = 0;
  std::string text_;
};

}  // namespace weir::onnx
