#include "models/pmml/row_scorer.hpp"

#include <algorithm>
#include <array>
#include <cstring>

namespace weir::pmml {

RowScorer::RowScorer(std::shared_ptr<const PmmlModel> model, Binding binding)
    : model_(std::move(model)), compiled_(model_->compiled()), binding_(std::move(binding)) {
  for (const Field& field : binding_.outputs) ++(field.type == FieldType::kNumber ? number_outputs_ : text_outputs_);
  for (const Binding::Column& at : binding_.numbers) {
    const Treatment& treatment = compiled_.inputs[at.input];
    if (treatment.unchecked() && treatment.type.data != DataType::kFloat)
      plain_.push_back({treatment.target, at.column, treatment.missing_replacement});
    else
      treated_.push_back(at);
  }
  for (const Binding::Column& at : binding_.texts) text_columns_.push_back(text_column(at));
  texts_ = compiled_.row_texts + binding_.texts.size();
  const auto rounded = [](std::size_t bytes) { return (bytes + 63) / 64 * 64; };
  slot_bytes_ = rounded(compiled_.image.size() * sizeof(double));
  text_bytes_ = rounded(RowTexts::bytes(texts_));
}

RowScorer::Text RowScorer::text_column(const Binding::Column& at) const {
  const Treatment& treatment = compiled_.inputs[at.input];
  Text column{treatment.target, at.column, at.input, {}};
  if (!treatment.type.is_text()) return column;
  // Treated once, here: what comes out as it went in needs no treatment later.
  RowTexts none(compiled_.tables.texts, nullptr, 0);
  Frame frame{nullptr, &compiled_.tables, none, false, {}};
  const std::uint32_t most = std::min<std::uint32_t>(compiled_.tables.texts.size(), 100'000);
  for (std::uint32_t code = 0; code < most; ++code) {
    frame.failed = false;
    column.valid.push_back(treat(treatment, code, frame) == code && !frame.failed);
  }
  return column;
}

void RowScorer::score(const FeatureRows& in, const ScoreRows& out, ScoreErrors& errors,
                      ScoreScratch& scratch) const noexcept {
  Frame frame = make_frame(scratch.reserve(frame_bytes()));
  for (std::size_t row = 0; row < in.rows; ++row) score_row(in, row, out, errors, frame);
}

Frame RowScorer::make_frame(void* memory) const noexcept {
  auto* slots = static_cast<double*>(memory);
  std::memcpy(slots, compiled_.image.data(), compiled_.image.size() * sizeof(double));
  return Frame{slots,
               &compiled_.tables,
               RowTexts(compiled_.tables.texts, static_cast<char*>(memory) + slot_bytes_, texts_),
               false,
               {}};
}

void RowScorer::score_row(const FeatureRows& in, std::size_t row, const ScoreRows& out, ScoreErrors& errors,
                          Frame& frame) const noexcept {
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

void RowScorer::fail(std::size_t row, const ScoreRows& out, ScoreErrors& errors, Frame& frame) const noexcept {
  for (std::size_t i = 0; i < number_outputs_; ++i) out.numbers[row * number_outputs_ + i] = kMissing;
  for (std::size_t i = 0; i < text_outputs_; ++i) out.texts[row * text_outputs_ + i].clear();
  out.failed[row] = 1;
  errors.add(row, std::move(frame.message));
  frame.message.clear();
  frame.failed = false;
}

void RowScorer::load(const FeatureRows& in, std::size_t row, Frame& frame) const noexcept {
  frame.texts.clear();
  const double* numbers = in.numbers + row * in.number_columns;
  for (const Plain& at : plain_) {
    const double value = numbers[at.column];
    frame.slots[at.slot] = is_missing(value) ? at.replacement : value;
  }
  for (const Binding::Column& at : treated_) {
    const Treatment& treatment = compiled_.inputs[at.input];
    frame.slots[treatment.target] = treat(treatment, numbers[at.column], frame);
  }
  const std::string_view* texts = in.texts + row * in.text_columns;
  for (const Text& at : text_columns_) {
    const std::string_view text = texts[at.column];
    if (!at.valid.empty() && text.data() != nullptr) {
      const std::uint32_t code = compiled_.tables.texts.find(text);
      if (code < at.valid.size() && at.valid[code]) {
        frame.slots[at.slot] = code;
        continue;
      }
    }
    const Treatment& treatment = compiled_.inputs[at.input];
    frame.slots[at.slot] = treat(treatment, text_value(treatment, text, frame), frame);
  }
  for (const std::uint32_t input : binding_.absent) {
    const Treatment& treatment = compiled_.inputs[input];
    frame.slots[treatment.target] = treat(treatment, kMissing, frame);
  }
}

double RowScorer::text_value(const Treatment& treatment, std::string_view text, Frame& frame) noexcept {
  if (text.data() == nullptr) return kMissing;
  if (treatment.type.is_text()) return frame.texts.code(text);
  if (const auto value = parse_value(treatment.type, text)) return *value;
  if (treatment.invalid == Invalid::kAsMissing || treatment.invalid == Invalid::kAsIs) return kMissing;
  if (treatment.invalid == Invalid::kAsValue) return treatment.invalid_replacement;
  frame.fail("field '" + treatment.name + "': '" + std::string(text) + "' is not a value of type " +
             std::string(to_string(treatment.type.data)));
  return kMissing;
}

void RowScorer::store(std::size_t row, const ScoreRows& out, Frame& frame) const noexcept {
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

}  // namespace weir::pmml
