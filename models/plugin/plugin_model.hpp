#pragma once
/// A model and its scorers behind the C border, as weir's interfaces.

#include <memory>
#include <string>
#include <vector>

#include <weir/runtime_plugin.h>
#include <weir/model.hpp>

namespace weir::plugin {

class PluginModel final : public Model {
 public:
  /// Takes the model over. `features`: names the sender gave, in the order of the inputs.
  PluginModel(const weir_runtime& runtime, weir_model* model, std::vector<std::string> features);
  ~PluginModel() override;
  PluginModel(const PluginModel&) = delete;
  PluginModel& operator=(const PluginModel&) = delete;

  [[nodiscard]] std::span<const Field> inputs() const noexcept override { return inputs_; }
  [[nodiscard]] std::span<const Field> outputs() const noexcept override { return outputs_; }
  [[nodiscard]] std::string summary() const override { return summary_; }
  [[nodiscard]] std::size_t memory_bytes() const noexcept override { return memory_bytes_; }
  [[nodiscard]] Result<std::shared_ptr<const Scorer>> bind(const FeatureSchema& features,
                                                           std::span<const std::string> outputs) const override;

 private:
  /// An input of the graph: one feature, or a tensor of several.
  struct Tensor {
    std::string name;
    std::string describes;
    FieldType type;
    std::int64_t width;  // -1: any
  };
  class Binder;

  const weir_runtime& runtime_;
  weir_model* model_;
  std::vector<std::string> features_;
  std::vector<Tensor> tensors_;
  std::vector<Field> inputs_;
  std::vector<Field> outputs_;
  std::string summary_;
  std::size_t memory_bytes_ = 0;
};

}  // namespace weir::plugin
