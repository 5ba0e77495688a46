// A regression straight over numbers: no slots, dot products on the features themselves.

#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>
#include <new>
#include <span>
#include <utility>

#include <weir/detail/dense_cells.hpp>

#include "models/pmml/kernels/kernels.hpp"
#include "models/pmml/regression_model.hpp"
#include "models/pmml/row_scorer.hpp"

namespace weir::pmml {
namespace {

/// One number, straight from one sum: what most linear models are asked for. A pair of cache lines, beside those of
/// other models: a job may have very many small ones.
class alignas(128) SumScorer final : public Scorer {
 public:
  static constexpr std::size_t kMost = 12;  ///< coefficients
  struct Sum {
    double intercept = 0;
    std::uint32_t first_column = 0;
    std::uint16_t count = 0;
    bool logistic = false;
    bool takes_rest = false;  ///< it is one minus that
  };

  /// At most kMost coefficients, padded to a multiple of four. `general` keeps the model.
  static std::shared_ptr<const Scorer> make(const Sum& sum, std::span<const double> coefficients,
                                            std::shared_ptr<const Scorer> general) {
    const SumScorer* const scorer = new SumScorer(sum, coefficients, *general);
    return {scorer, [general = std::move(general)](const SumScorer* made) { delete made; }};
  }
  SumScorer(const Sum& sum, std::span<const double> coefficients, const Scorer& general)
      : sum_(sum), general_(general) {
    std::copy(coefficients.begin(), coefficients.end(), coefficients_);
  }
  void score(const FeatureRows& in, const ScoreRows& out, ScoreErrors& /*errors*/,
             ScoreScratch& /*scratch*/) const noexcept override {
    const Kernels& with = kernels();
    with.linear(coefficients_, sum_.count, sum_.intercept, in.numbers + sum_.first_column, in.number_columns, in.rows,
                out.numbers);
    if (sum_.logistic) with.logistics(out.numbers, in.rows);
    if (sum_.takes_rest)
      for (std::size_t row = 0; row < in.rows; ++row) out.numbers[row] = 1 - out.numbers[row];
    std::memset(out.failed, 0, in.rows);
  }
  [[nodiscard]] std::span<const Field> outputs() const noexcept override { return general_.outputs(); }

  static void* operator new(std::size_t /*bytes*/, std::align_val_t /*alignment*/) { return Cells::take(); }
  static void operator delete(void* memory, std::size_t /*bytes*/, std::align_val_t /*alignment*/) noexcept {
    Cells::give(memory);
  }

 private:
  using Cells = detail::DenseCells<128, 128>;

  Sum sum_;
  double coefficients_[kMost] = {};
  const Scorer& general_;
};
static_assert(sizeof(SumScorer) == 128);

class LinearScorer final : public RowScorer {
 public:
  /// Null when the model or what is wanted of it needs more.
  static std::shared_ptr<const Scorer> make(const std::shared_ptr<const PmmlModel>& model, const Binding& binding) {
    const Compiled& compiled = model->compiled();
    const auto* regression = dynamic_cast<const RegressionEvaluator*>(compiled.unit->evaluator.get());
    if (regression == nullptr || regression->float_math() || regression->ordinal() || !binding.texts.empty() ||
        !binding.absent.empty())
      return nullptr;
    if (!compiled.unit->prologue.code.empty() || regression->tables().size() > kMostTables) return nullptr;
    auto scorer = std::make_shared<LinearScorer>(model, binding, *regression);
    if (!scorer->fits_) return nullptr;
    if (!scorer->one_value_ || scorer->tables_[0].coefficients.size() > SumScorer::kMost) return scorer;
    const Table& table = scorer->tables_[0];
    const SumScorer::Sum sum{table.intercept, table.first, static_cast<std::uint16_t>(table.count),
                             scorer->link_ == Normalization::kLogit, scorer->takes_rest_};
    return SumScorer::make(sum, table.coefficients, std::move(scorer));
  }

  LinearScorer(std::shared_ptr<const PmmlModel> model, const Binding& binding, const RegressionEvaluator& regression)
      : RowScorer(std::move(model), binding), regression_(regression) {
    for (const Binding::Column& at : binding.numbers) add_column(at);
    for (const RegressionTable& table : regression.tables()) add_table(table);
    for (std::size_t i = 0; i < binding.operands.size(); ++i) add_output(binding.operands[i], binding.outputs[i]);
    const ModelUnit& unit = *compiled().unit;
    for (const Instruction& at : unit.epilogue.code)
      for (const Operand& operand : binding.operands) fits_ = fits_ && at.target != operand.slot;
    link_ = regression.normalization();
    if (regression.answer().function == Function::kRegression) {
      if (link_ == Normalization::kSoftmax) link_ = Normalization::kLogit;
      one_value_ = outputs_.size() == 1 && (link_ == Normalization::kNone || link_ == Normalization::kLogit);
    } else {
      // Two classes and the logistic function: the first table's class takes it, the other one the rest.
      one_value_ = link_ == Normalization::kLogit && tables_.size() == 2 && outputs_.size() == 1 &&
                   !outputs_[0].value && tables_[1].coefficients.empty();
      takes_rest_ = one_value_ && outputs_[0].category != regression.tables()[0].category;
    }
    one_value_ = one_value_ && guards_.empty() && tables_[0].contiguous && tables_[0].count > 0;
  }
  void score(const FeatureRows& in, const ScoreRows& out, ScoreErrors& errors,
             ScoreScratch& scratch) const noexcept override {
    if (one_value_) return score_one_value(in, out);
    for (std::size_t row = 0; row < in.rows; ++row) {
      const double* x = in.numbers + row * in.number_columns;
      if (!guards_.empty() && !allowed(x)) [[unlikely]] {
        Frame frame = make_frame(scratch.reserve(frame_bytes()));
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
    std::size_t count = 0;
    std::vector<double> coefficients;  ///< topped up with zeros to a multiple of four
    std::vector<std::uint32_t> columns;

    [[nodiscard]] double value(const double* x) const noexcept {
      if (contiguous) {
        double y;
        kernels().linear(coefficients.data(), count, intercept, x + first, 0, 1, &y);
        return y;
      }
      const double* c = coefficients.data();
      const std::uint32_t* at = columns.data();
      return intercept + sum_of_terms(count, [&](std::size_t i) { return c[i] * x[at[i]]; });
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
    table.count = table.columns.size();
    table.coefficients.resize((table.count + 3) / 4 * 4, 0);
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

  void score_one_value(const FeatureRows& in, const ScoreRows& out) const noexcept {
    const Table& table = tables_.front();
    const Kernels& with = kernels();
    with.linear(table.coefficients.data(), table.count, table.intercept, in.numbers + table.first, in.number_columns,
                in.rows, out.numbers);
    if (link_ == Normalization::kLogit) with.logistics(out.numbers, in.rows);
    if (takes_rest_)
      for (std::size_t row = 0; row < in.rows; ++row) out.numbers[row] = 1 - out.numbers[row];
    for (std::size_t row = 0; row < in.rows; ++row) out.failed[row] = 0;
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
      const double y = inverse_link(link_, values[0]);
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
      const std::size_t likely = likeliest(answer, probabilities);
      const Category* best = likely < answer.categories.size() ? &answer.categories[likely] : nullptr;
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
  Normalization link_ = Normalization::kNone;
  bool one_value_ = false;   // one number, straight from the first table
  bool takes_rest_ = false;  // it is one minus that
};

}  // namespace

std::shared_ptr<const Scorer> make_linear_scorer(const std::shared_ptr<const PmmlModel>& model,
                                                 const Binding& binding) {
  return LinearScorer::make(model, binding);
}

}  // namespace weir::pmml
