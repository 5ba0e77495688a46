#pragma once
/// The tensors of one thread's runs of a TensorFlow session.

#include <string>
#include <vector>

#include "models/tensorflow/tf_api.hpp"
#include "models/tensors/graph.hpp"

namespace weir::tensorflow {

/// Where an input or output is in the graph, beside its description.
struct Places {
  std::vector<TF_Output> inputs;
  std::vector<TF_Output> outputs;
};

tensors::Element element_of(TF_DataType type) noexcept;
TF_DataType type_of(tensors::Element element) noexcept;

class TfRun final : public tensors::Run {
 public:
  TfRun(const Api& api, TF_Session* session, const tensors::Graph& graph, const Places& places,
        std::span<const std::size_t> widths, std::span<const std::size_t> outputs);
  ~TfRun() override;

  void prepare(std::size_t rows) override;
  void* input(std::size_t index) override { return input_data_[index]; }
  void set_text(std::size_t index, std::size_t element, std::string_view text) override;
  std::string execute() override;
  [[nodiscard]] std::vector<std::int64_t> shape(std::size_t index) const override;
  [[nodiscard]] std::size_t elements(std::size_t index) const override { return count(outputs_[index]); }
  [[nodiscard]] const void* output(std::size_t index) const override { return output_data_[index]; }
  [[nodiscard]] std::string_view text(std::size_t index, std::size_t element) override;
  /// Runs one empty row and looks at what was executed.
  [[nodiscard]] std::size_t row_multiple() override;

 private:
  std::string execute(const TF_Buffer* options, TF_Buffer* metadata);
  void free_inputs();
  void free_outputs();
  [[nodiscard]] std::size_t count(const TF_Tensor* tensor) const;

  const Api& api_;
  TF_Session* session_;
  TF_Status* status_;
  std::vector<tensors::Element> input_elements_;
  std::vector<std::vector<std::int64_t>> input_shapes_;  // [0] is the number of rows
  std::vector<tensors::Element> output_elements_;
  std::vector<TF_Output> input_places_;
  std::vector<TF_Output> output_places_;
  std::vector<TF_Tensor*> inputs_;
  std::vector<void*> input_data_;
  std::vector<TF_Tensor*> outputs_;
  std::vector<const void*> output_data_;
  std::size_t rows_ = 0;
};

}  // namespace weir::tensorflow
