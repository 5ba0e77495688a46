#pragma once
/// Models for tests, written as text:
///
///   CONST 3.5        answers 3.5
///   LINEAR 1 2 3     1 + 2 * first feature + 3 * second ...
///   LABEL yes        the text `yes`
///   FAIL 3           like CONST 3, but negative first features fail
///   THROW            throws at load
///
/// The one output is `score` (`label` for LABEL). Anything else is refused.

#include <atomic>
#include <cstddef>
#include <limits>
#include <memory>
#include <span>
#include <sstream>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <weir/model.hpp>

namespace weir::test {

class ToyModel final : public Model {
 public:
  ToyModel(std::string kind, std::vector<double> weights, std::string label)
      : kind_(std::move(kind)), weights_(std::move(weights)), label_(std::move(label)) {
    const bool is_label = kind_ == "LABEL";
    outputs_ = {{is_label ? "label" : "score", is_label ? FieldType::kText : FieldType::kNumber}};
  }

  [[nodiscard]] std::span<const Field> inputs() const noexcept override { return {}; }
  [[nodiscard]] std::span<const Field> outputs() const noexcept override { return outputs_; }
  [[nodiscard]] std::string summary() const override { return kind_; }
  [[nodiscard]] std::size_t memory_bytes() const noexcept override { return sizeof *this; }
  [[nodiscard]] Result<std::shared_ptr<const Scorer>> bind(const FeatureSchema& features,
                                                           std::span<const std::string> outputs) const override;

  /// Scorers that live.
  static std::atomic<int>& alive() {
    static std::atomic<int> count{0};
    return count;
  }

 private:
  friend class ToyScorer;
  std::string kind_;
  std::vector<double> weights_;
  std::string label_;
  std::vector<Field> outputs_;
};

class ToyScorer final : public Scorer {
 public:
  explicit ToyScorer(std::shared_ptr<const ToyModel> model) : model_(std::move(model)) { ++ToyModel::alive(); }
  ~ToyScorer() override { --ToyModel::alive(); }
  ToyScorer(const ToyScorer&) = delete;
  ToyScorer& operator=(const ToyScorer&) = delete;

  void score(const FeatureRows& in, const ScoreRows& out, ScoreErrors& errors, ScoreScratch&) const noexcept override {
    for (std::size_t row = 0; row < in.rows; ++row) {
      const double* numbers = in.numbers + row * in.number_columns;
      out.failed[row] = 0;
      if (model_->kind_ == "LABEL") {
        out.texts[row] = model_->label_;
        continue;
      }
      double sum = model_->weights_[0];
      if (model_->kind_ == "LINEAR") {
        for (std::size_t i = 1; i < model_->weights_.size(); ++i) sum += model_->weights_[i] * numbers[i - 1];
      }
      if (model_->kind_ == "FAIL" && numbers[0] < 0) {
        out.failed[row] = 1;
        sum = std::numeric_limits<double>::quiet_NaN();
        errors.add(row, "the first feature is negative");
      }
      out.numbers[row] = sum;
    }
  }
  [[nodiscard]] std::span<const Field> outputs() const noexcept override { return model_->outputs_; }

 private:
  std::shared_ptr<const ToyModel> model_;
};

inline Result<std::shared_ptr<const Scorer>> ToyModel::bind(const FeatureSchema& features,
                                                            std::span<const std::string> outputs) const {
  if (kind_ == "LINEAR" && features.number_columns() + 1 < weights_.size()) {
    return Status::invalid_argument("the model reads " + std::to_string(weights_.size() - 1) + " features, there are " +
                                    std::to_string(features.number_columns()));
  }
  for (const std::string& output : outputs) {
    if (output != outputs_[0].name) return Status::invalid_argument("the model has no output '" + output + "'");
  }
  return std::shared_ptr<const Scorer>(
      std::make_shared<const ToyScorer>(std::static_pointer_cast<const ToyModel>(shared_from_this())));
}

class ToyRuntime final : public ModelRuntime {
 public:
  [[nodiscard]] std::string_view type() const noexcept override { return "TOY"; }
  [[nodiscard]] Result<std::shared_ptr<const Model>> load(std::string_view bytes, const ModelLimits&) const override {
    std::istringstream in{std::string(bytes)};
    std::string kind;
    in >> kind;
    std::vector<double> weights;
    std::string label;
    if (kind == "THROW") throw std::runtime_error("toy");
    if (kind == "LABEL") in >> label;
    for (double weight = 0; kind != "LABEL" && in >> weight;) weights.push_back(weight);
    const bool is_known = kind == "CONST" || kind == "LINEAR" || kind == "FAIL";
    if (kind != "LABEL" && (!is_known || weights.empty())) {
      return Status::invalid_argument("not a toy model: '" + std::string(bytes.substr(0, 40)) + "'");
    }
    return std::shared_ptr<const Model>(std::make_shared<const ToyModel>(kind, weights, label));
  }
};

}  // namespace weir::test
