#include "models/pmml/scorer.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

#include "models/pmml/regression_model.hpp"

namespace weir::pmml {
namespace {

// Any model: fills the slots of one row at a time and runs the model over them.
class RowScorer : public Scorer {
 public:
  RowScorer(std::shared_ptr<const PmmlModel> model, Binding binding)
      : model_(std::move(model)), compiled_(model_->compiled()), binding_(std::move(binding)) {
    for (const Field& field : binding_.outputs) ++(field.type == FieldType::kNumber ? number_outputs_ : text_outputs_);
    texts_ = compiled_.row_texts + binding_.texts.size();
    slot_bytes_ = (compiled_.image.size() * sizeof(double) + 63) / 64 * 64;
  }
  [[nodiscard]] std::span<const Field> outputs() const noexcept override { return binding_.outputs; }

  void score(const FeatureRows& in, const ScoreRows& out, ScoreErrors& errors,
             ScoreScratch& scratch) const noexcept override {
    Frame frame = make_frame(scratch);
    for (std::size_t row = 0; row < in.rows; ++row) score_row(in, row, out, errors, frame);
  }

 protected:
  Frame make_frame(ScoreScratch& scratch) const noexcept {
    auto* memory = static_cast<char*>(scratch.reserve(slot_bytes_ + RowTexts::bytes(texts_)));
    auto* slots = reinterpret_cast<double*>(memory);
    std::memcpy(slots, compiled_.image.data(), compiled_.image.size() * sizeof(double));
    return Frame{slots, &compiled_.tables, RowTexts(compiled_.tables.texts, memory + slot_bytes_, texts_), false, {}};
  }

  void score_row(const FeatureRows& in, std::size_t row, const ScoreRows& out, ScoreErrors& errors,
                 Frame& frame) const noexcept {
    frame.texts.clear();
    load(in, row, frame);
    if (!frame.failed) {
      const ModelUnit& unit = *compiled_.unit;
      run(unit.prologue.code, frame);
      unit.evaluator->evaluate(frame);
      run(unit.epilogue.code, frame);
    }
    if (!frame.failed) store(row, out, frame);
    if (frame.failed) [[unlikely]]
      fail(row, out, errors, frame);
    else
      out.failed[row] = 0;
  }

  void fail(std::size_t row, const ScoreRows& out, ScoreErrors& errors, Frame& frame) const noexcept {
    for (std::size_t i = 0; i < number_outputs_; ++i) out.numbers[row * number_outputs_ + i] = kMissing;
    for (std::size_t i = 0; i < text_outputs_; ++i) out.texts[row * text_outputs_ + i].clear();
    out.failed[row] = 1;
    errors.add(row, std::move(frame.message));
    frame.message.clear();
    frame.failed = false;
  }

  const Compiled& compiled() const noexcept { return compiled_; }
  const Binding& binding() const noexcept { return binding_; }
  std::size_t number_outputs() const noexcept { return number_outputs_; }
  std::size_t text_outputs() const noexcept { return text_outputs_; }

 private:
  void load(const FeatureRows& in, std::size_t row, Frame& frame) const noexcept {
    const double* numbers = in.numbers + row * in.number_columns;
    for (const Binding::Column& at : binding_.numbers) {
      const Treatment& treatment = compiled_.inputs[at.input];
      frame.slots[treatment.target] = treat(treatment, numbers[at.column], frame);
    }
    const std::string_view* texts = in.texts + row * in.text_columns;
    for (const Binding::Column& at : binding_.texts) {
      const Treatment& treatment = compiled_.inputs[at.input];
      frame.slots[treatment.target] = treat(treatment, text_value(treatment, texts[at.column], frame), frame);
    }
    for (const std::uint32_t input : binding_.absent) {
      const Treatment& treatment = compiled_.inputs[input];
      frame.slots[treatment.target] = treat(treatment, kMissing, frame);
    }
  }

  static double text_value(const Treatment& treatment, std::string_view text, Frame& frame) noexcept {
    if (text.data() == nullptr) return kMissing;
    if (treatment.type.is_text()) return frame.texts.code(text);
    if (const auto value = parse_value(treatment.type, text)) return *value;
    if (treatment.invalid == Invalid::kAsMissing || treatment.invalid == Invalid::kAsIs) return kMissing;
    if (treatment.invalid == Invalid::kAsValue) return treatment.invalid_replacement;
    frame.fail("field '" + treatment.name + "': '" + std::string(text) + "' is not a value of type " +
               std::string(to_string(treatment.type.data)));
    return kMissing;
  }

  void store(std::size_t row, const ScoreRows& out, Frame& frame) const noexcept {
    std::size_t number = row * number_outputs_, text = row * text_outputs_;
    for (std::size_t i = 0; i < binding_.outputs.size(); ++i) {
      const Operand& operand = binding_.operands[i];
      const double value = frame.slots[operand.slot];
      if (binding_.outputs[i].type == FieldType::kNumber) {
        out.numbers[number++] = value;
        continue;
      }
      std::string& to = out.texts[text++];
      if (is_missing(value)) {
        to.clear();
      } else if (operand.type.is_text()) {
        to.assign(frame.texts.at(value));
      } else {
        std::array<char, 48> digits{};
        to.assign(digits.data(), format_value(operand.type, value, digits.data()));
      }
    }
  }

  std::shared_ptr<const PmmlModel> model_;
  const Compiled& compiled_;
  Binding binding_;
  std::size_t number_outputs_ = 0;
  std::size_t text_outputs_ = 0;
  std::size_t texts_ = 0;
  std::size_t slot_bytes_ = 0;
};

// A regression straight over numbers: no slots, dot products on the features themselves.
class LinearScorer final : public RowScorer {
 public:
  /// Null when the model or what is wanted of it needs more.
  static std::shared_ptr<const LinearScorer> make(const std::shared_ptr<const PmmlModel>& model,
                                                  const Binding& binding) {
    const Compiled& compiled = model->compiled();
    const auto* regression = dynamic_cast<const RegressionEvaluator*>(compiled.unit->evaluator.get());
    if (regression == nullptr || regression->float_math() || regression->ordinal() || !binding.texts.empty() ||
        !binding.absent.empty())
      return nullptr;
    if (!compiled.unit->prologue.code.empty() || regression->tables().size() > kMostTables) return nullptr;
    auto scorer = std::make_shared<LinearScorer>(model, binding, *regression);
    return scorer->fits() ? scorer : nullptr;
  }

  LinearScorer(std::shared_ptr<const PmmlModel> model, const Binding& binding, const RegressionEvaluator& regression)
      : RowScorer(std::move(model), binding), regression_(regression) {
    for (const Binding::Column& at : binding.numbers) add_column(at);
    for (const RegressionTable& table : regression.tables()) add_table(table);
    for (std::size_t i = 0; i < binding.operands.size(); ++i) add_output(binding.operands[i], binding.outputs[i]);
    plain_ = guards_.empty() && outputs_.size() == 1 && regression.answer().function == Function::kRegression &&
             regression.normalization() == Normalization::kNone;
  }
  [[nodiscard]] bool fits() const noexcept { return fits_; }

  void score(const FeatureRows& in, const ScoreRows& out, ScoreErrors& errors,
             ScoreScratch& scratch) const noexcept override {
    if (plain_) {
      const Table& table = tables_.front();
      for (std::size_t row = 0; row < in.rows; ++row)
        out.numbers[row] = table.value(in.numbers + row * in.number_columns);
      std::memset(out.failed, 0, in.rows);
      return;
    }
    for (std::size_t row = 0; row < in.rows; ++row) {
      const double* x = in.numbers + row * in.number_columns;
      if (!guards_.empty() && !allowed(x)) [[unlikely]] {
        Frame frame = make_frame(scratch);
        score_row(in, row, out, errors, frame);
        continue;
      }
      double values[kMostTables];
      for (std::size_t i = 0; i < tables_.size(); ++i) values[i] = tables_[i].value(x);
      finish(values, row, out);
    }
  }

 private:
  static constexpr std::size_t kMostTables = 16;

  struct Table {
    double intercept = 0;
    bool contiguous = true;  ///< columns first, first + 1, ...
    std::uint32_t first = 0;
    std::vector<double> coefficients;
    std::vector<std::uint32_t> columns;

    [[nodiscard]] double value(const double* x) const noexcept {
      const double* c = coefficients.data();
      if (contiguous) {
        const double* from = x + first;
        return intercept + sum_of_terms(coefficients.size(), [&](std::size_t i) { return c[i] * from[i]; });
      }
      const std::uint32_t* at = columns.data();
      return intercept + sum_of_terms(coefficients.size(), [&](std::size_t i) { return c[i] * x[at[i]]; });
    }
  };
  struct Guard {
    std::uint32_t column;
    double low, high;
    bool whole;
  };
  struct Output {
    bool value = false;  ///< the predicted value; else the probability of `category`
    std::size_t category = 0;
    bool text = false;
  };

  // Plain fields go straight through, ranges are checked; anything else is not for here.
  void add_column(const Binding::Column& at) {
    const Treatment& treatment = compiled().inputs[at.input];
    column_of_slot_.emplace_back(treatment.target, at.column);
    if (treatment.plain) return;
    const bool simple = treatment.type.data != DataType::kFloat && treatment.type.data != DataType::kBoolean &&
                        treatment.intervals.size() <= 1 && treatment.valid_values.empty() &&
                        treatment.invalid_values.empty() && treatment.missing_values.empty() &&
                        is_missing(treatment.missing_replacement) && !treatment.missing_is_invalid &&
                        treatment.outliers == Outliers::kAsIs;
    if (!simple) fits_ = false;
    Guard guard{at.column, -INFINITY, INFINITY, treatment.type.data == DataType::kInteger};
    if (!treatment.intervals.empty()) {
      const Bin& range = treatment.intervals.front();
      guard.low = range.low_open ? std::nextafter(range.low, INFINITY) : range.low;
      guard.high = range.high_open ? std::nextafter(range.high, -INFINITY) : range.high;
    }
    guards_.push_back(guard);
  }

  void add_table(const RegressionTable& from) {
    if (!from.powers.empty() || !from.categories.empty() || !from.products.empty() || !from.lookups.empty())
      fits_ = false;
    Table table;
    table.intercept = from.intercept;
    for (const RegressionTable::Linear& term : from.linear) {
      const auto found = std::find_if(column_of_slot_.begin(), column_of_slot_.end(),
                                      [&](const auto& at) { return at.first == term.slot; });
      if (found == column_of_slot_.end()) {
        fits_ = false;
        return;
      }
      table.columns.push_back(found->second);
      table.coefficients.push_back(term.coefficient);
      table.contiguous = table.contiguous && found->second == table.columns.front() + table.columns.size() - 1;
    }
    table.first = table.columns.empty() ? 0 : table.columns.front();
    tables_.push_back(std::move(table));
  }

  void add_output(const Operand& operand, const Field& field) {
    const Answer& answer = regression_.answer();
    Output output;
    output.text = field.type == FieldType::kText;
    if (operand.slot == answer.value) {
      output.value = true;
    } else if (answer.probabilities != 0 && operand.slot >= answer.probabilities &&
               operand.slot < answer.probabilities + answer.categories.size() && !output.text) {
      output.category = operand.slot - answer.probabilities;
    } else {
      fits_ = false;
    }
    if (output.text && !operand.type.is_text()) fits_ = false;
    if (answer.function == Function::kClassification && regression_.tables().size() != answer.categories.size())
      fits_ = false;
    outputs_.push_back(output);
  }

  [[nodiscard]] bool allowed(const double* x) const noexcept {
    bool good = true;
    for (const Guard& guard : guards_) {
      const double value = x[guard.column];
      good &= is_missing(value) ||
              (value >= guard.low && value <= guard.high && (!guard.whole || value == std::trunc(value)));
    }
    return good;
  }

  void finish(double* values, std::size_t row, const ScoreRows& out) const noexcept {
    const Answer& answer = regression_.answer();
    std::size_t number = row * number_outputs(), text = row * text_outputs();
    out.failed[row] = 0;
    if (answer.function == Function::kRegression) {
      const Normalization normalization = regression_.normalization();
      const double y =
          normalization == Normalization::kNone
              ? values[0]
              : inverse_link(normalization == Normalization::kSoftmax ? Normalization::kLogit : normalization,
                             values[0]);
      for (std::size_t i = 0; i < outputs_.size(); ++i) out.numbers[number++] = y;
      return;
    }
    const std::size_t count = tables_.size();
    bool known = true;
    for (std::size_t i = 0; i < count; ++i) known &= !is_missing(values[i]);
    RegressionEvaluator::normalize(regression_.normalization(), values, count);
    double probabilities[kMostTables];
    for (std::size_t i = 0; i < count; ++i)
      probabilities[regression_.tables()[i].category] = known ? values[i] : kMissing;
    for (const Output& output : outputs_) {
      if (!output.value) {
        out.numbers[number++] = probabilities[output.category];
        continue;
      }
      const Category* best = nullptr;
      double largest = 0;
      for (std::size_t i = 0; i < count; ++i)
        if (!is_missing(probabilities[i]) && (best == nullptr || probabilities[i] > largest)) {
          best = &answer.categories[i];
          largest = probabilities[i];
        }
      if (!output.text) {
        out.numbers[number++] = best == nullptr ? kMissing : best->value;
      } else if (best == nullptr) {
        out.texts[text++].clear();
      } else {
        out.texts[text++].assign(compiled().tables.texts.at(static_cast<std::uint32_t>(best->value)));
      }
    }
  }

  const RegressionEvaluator& regression_;
  std::vector<std::pair<std::uint32_t, std::uint32_t>> column_of_slot_;
  std::vector<Table> tables_;
  std::vector<Guard> guards_;
  std::vector<Output> outputs_;
  bool fits_ = true;
  bool plain_ = false;  // one number, straight from the table
};

}  // namespace

std::shared_ptr<const Scorer> make_scorer(std::shared_ptr<const PmmlModel> model, Binding binding) {
  if (auto linear = LinearScorer::make(model, binding)) return linear;
  return std::make_shared<RowScorer>(std::move(model), std::move(binding));
}

}  // namespace weir::pmml
