#pragma once
/// Scores any model: fills the slots of one row at a time and runs the model over them.

#include "models/pmml/scorer.hpp"

namespace weir::pmml {

class RowScorer : public Scorer {
 public:
  RowScorer(std::shared_ptr<const PmmlModel> model, Binding binding);
  [[nodiscard]] std::span<const Field> outputs() const noexcept override { return binding_.outputs; }
  void score(const FeatureRows& in, const ScoreRows& out, ScoreErrors& errors,
             ScoreScratch& scratch) const noexcept override;

 protected:
  /// Memory that a frame needs, a multiple of 64.
  [[nodiscard]] std::size_t frame_bytes() const noexcept { return slot_bytes_ + text_bytes_; }
  /// A frame in `memory`, its slots as they are before anything is computed.
  Frame make_frame(void* memory) const noexcept;
  void score_row(const FeatureRows& in, std::size_t row, const ScoreRows& out, ScoreErrors& errors,
                 Frame& frame) const noexcept;
  /// The row's features to the slots of the inputs; the frame may fail.
  void load(const FeatureRows& in, std::size_t row, Frame& frame) const noexcept;
  void store(std::size_t row, const ScoreRows& out, Frame& frame) const noexcept;

  [[nodiscard]] const Compiled& compiled() const noexcept { return compiled_; }
  [[nodiscard]] const Binding& binding() const noexcept { return binding_; }
  [[nodiscard]] std::size_t number_outputs() const noexcept { return number_outputs_; }
  [[nodiscard]] std::size_t text_outputs() const noexcept { return text_outputs_; }

 private:
  struct Plain {
    std::uint32_t slot;
    std::uint32_t column;
    double replacement;  ///< of a missing value; missing for none
  };
  struct Text {
    std::uint32_t slot;
    std::uint32_t column;
    std::uint32_t input;
    std::vector<bool> valid;  ///< by code: texts of the model that need no treatment; empty for fields of other types
  };
  [[nodiscard]] Text text_column(const Binding::Column& at) const;
  void fail(std::size_t row, const ScoreRows& out, ScoreErrors& errors, Frame& frame) const noexcept;
  static double text_value(const Treatment& treatment, std::string_view text, Frame& frame) noexcept;

  std::shared_ptr<const PmmlModel> model_;
  const Compiled& compiled_;
  Binding binding_;
  std::vector<Plain> plain_;              // numbers that any value is fine for
  std::vector<Binding::Column> treated_;  // the other numbers
  std::vector<Text> text_columns_;
  std::size_t number_outputs_ = 0;
  std::size_t text_outputs_ = 0;
  std::size_t texts_ = 0;
  std::size_t slot_bytes_ = 0;
  std::size_t text_bytes_ = 0;
};

/// Null when the model or what is wanted of it needs more than a regression straight over numbers.
std::shared_ptr<const Scorer> make_linear_scorer(const std::shared_ptr<const PmmlModel>& model, const Binding& binding);
/// Null when the model cannot be scored in blocks.
std::shared_ptr<const Scorer> make_block_scorer(const std::shared_ptr<const PmmlModel>& model, const Binding& binding);

}  // namespace weir::pmml
