#pragma once
/// A loaded PMML document: the compiled model with its fields, and what scorers share.

#include <memory>
#include <string>
#include <vector>

#include <weir/model.hpp>

#include "models/pmml/model_unit.hpp"

namespace weir::pmml {

/// Everything a scorer reads; immutable once loaded.
struct Compiled {
  Tables tables;
  std::vector<double> image;  ///< a row's slots before anything is computed
  std::size_t row_texts = 0;  ///< how many texts a row can have that the model does not know
  std::unique_ptr<ModelUnit> unit;
  std::vector<Treatment> inputs;  ///< of the top model: values come from the features
  std::vector<bool> used;         ///< which inputs anything reads
};

class PmmlModel final : public Model {
 public:
  explicit PmmlModel(std::unique_ptr<Compiled> compiled);
  [[nodiscard]] std::span<const Field> inputs() const noexcept override { return inputs_; }
  [[nodiscard]] std::span<const Field> outputs() const noexcept override { return outputs_; }
  [[nodiscard]] std::size_t declared_outputs() const noexcept override { return declared_outputs_; }
  [[nodiscard]] std::string_view group_field() const noexcept override { return compiled_->unit->group_field; }
  [[nodiscard]] std::string summary() const override;
  [[nodiscard]] std::size_t memory_bytes() const noexcept override;
  [[nodiscard]] Result<std::shared_ptr<const Scorer>> bind(const FeatureSchema& features,
                                                           std::span<const std::string> outputs) const override;
  [[nodiscard]] const Compiled& compiled() const noexcept { return *compiled_; }
  /// Where the named output is; null when the model does not have it.
  [[nodiscard]] const Operand* output(std::string_view name) const noexcept;

 private:
  std::unique_ptr<Compiled> compiled_;
  std::vector<Field> inputs_;
  std::vector<std::size_t> input_treatments_;
  std::vector<Field> outputs_;
  std::vector<Operand> output_operands_;
  std::size_t declared_outputs_ = 0;
};

/// How a field of that type travels to and from a job.
FieldType field_type(const Type& type) noexcept;

/// Runs the document's ModelVerification, if it has one.
Status verify(Element model, const PmmlModel& compiled, const Deadline& deadline);

}  // namespace weir::pmml
