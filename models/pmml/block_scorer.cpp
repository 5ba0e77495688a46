// Models with a block side: rows go to it as a matrix, straight from the features where nothing has to be computed
// first.

#include <algorithm>
#include <optional>

#include "models/pmml/block_evaluator.hpp"
#include "models/pmml/row_scorer.hpp"

namespace weir::pmml {
namespace {

constexpr std::size_t kMostColumns = 4096;
constexpr std::size_t kFewOutputs = 32;

class BlockScorer final : public RowScorer {
 public:
  static std::shared_ptr<const BlockScorer> make(const std::shared_ptr<const PmmlModel>& model,
                                                 const Binding& binding) {
    const BlockEvaluator* block = model->compiled().unit->evaluator->block();
    if (block == nullptr || block->block_inputs().empty()) return nullptr;
    // Working memory is for a whole block of rows: wide models go row by row.
    if (block->block_inputs().size() + block->block_outputs().size() > kMostColumns) return nullptr;
    auto scorer = std::make_shared<BlockScorer>(model, binding, *block);
    return scorer->fits_ ? scorer : nullptr;
  }

  BlockScorer(std::shared_ptr<const PmmlModel> model, const Binding& binding, const BlockEvaluator& block)
      : RowScorer(std::move(model), binding),
        block_(block),
        inputs_(block.block_inputs().size()),
        outputs_(block.block_outputs().size()) {
    find_columns();
    find_outputs();
    const auto rounded = [](std::size_t bytes) { return (bytes + 63) / 64 * 64; };
    input_bytes_ = in_place_ ? 0 : rounded(kBlockRows * inputs_ * sizeof(double));
    output_bytes_ = rounded(kBlockRows * outputs_ * sizeof(double));
    one_fits_ = in_place_ && plain_outputs_ && outputs_ <= kFewOutputs;
  }

  void score(const FeatureRows& in, const ScoreRows& out, ScoreErrors& errors,
             ScoreScratch& scratch) const noexcept override {
    if (in.rows == 1 && one_fits_ && score_one(in, out, scratch)) return;
    // Working memory: the answers, the rows left over, the matrix, the block's own, a frame.
    auto* memory = static_cast<char*>(
        scratch.reserve(output_bytes_ + kBlockRows + input_bytes_ + block_.block_memory_bytes() + frame_bytes()));
    Work work{reinterpret_cast<double*>(memory), reinterpret_cast<unsigned char*>(memory + output_bytes_),
              reinterpret_cast<double*>(memory + output_bytes_ + kBlockRows),
              memory + output_bytes_ + kBlockRows + input_bytes_,
              memory + output_bytes_ + kBlockRows + input_bytes_ + block_.block_memory_bytes()};
    for (std::size_t first = 0; first < in.rows; first += kBlockRows)
      score_block(in, first, std::min(kBlockRows, in.rows - first), out, errors, work);
  }

 private:
  // One row that is read in place, with nothing to be done after: without any of what blocks need. False when the row
  // goes another way.
  bool score_one(const FeatureRows& in, const ScoreRows& out, ScoreScratch& scratch) const noexcept {
    double answer[kFewOutputs];
    unsigned char other = 0;
    const BlockRows row{in.numbers + columns_[0].column, in.number_columns, 1};
    block_.evaluate_block(row, answer, &other, scratch.reserve(block_.block_memory_bytes()));
    if (other != 0) [[unlikely]]
      return false;
    out.failed[0] = 0;
    for (std::size_t i = 0; i < answers_.size(); ++i) out.numbers[i] = answer[answers_[i]];
    return true;
  }

  // Where an input comes from when no row has to be loaded into a frame.
  struct Column {
    std::uint32_t column;
    bool round_to_float;
    double replacement;  ///< of a missing value; missing for none
  };
  struct Work {
    double* answers;
    unsigned char* other;
    double* inputs;
    void* block_memory;
    void* frame_memory;
  };

  // The inputs as columns of features; direct_ stays false where the model computes or checks anything before.
  void find_columns() {
    const ModelUnit& unit = *compiled().unit;
    if (block_.needs_prepare() || !binding().texts.empty() || !binding().absent.empty()) return;
    std::vector<std::pair<std::uint32_t, Column>> known;
    for (const Binding::Column& at : binding().numbers) {
      const Treatment& treatment = compiled().inputs[at.input];
      if (!treatment.unchecked()) return;
      known.push_back(
          {treatment.target, {at.column, treatment.type.data == DataType::kFloat, treatment.missing_replacement}});
    }
    const auto find = [&](std::uint32_t slot) {
      return std::find_if(known.begin(), known.end(), [&](const auto& at) { return at.first == slot; });
    };
    for (const Instruction& at : unit.prologue.code) {
      if (at.op != Op::kCopy && at.op != Op::kRoundFloat) return;
      const auto from = find(at.a);
      if (from == known.end()) return;
      Column column = from->second;
      if (at.op == Op::kRoundFloat) {
        column.round_to_float = true;
        if (!is_missing(column.replacement)) column.replacement = round_to(kFloatType, column.replacement);
      }
      known.push_back({at.target, column});
    }
    for (const std::uint32_t slot : block_.block_inputs()) {
      const auto from = find(slot);
      if (from == known.end()) return;
      columns_.push_back(from->second);
    }
    direct_ = true;
    as_they_are_ = in_place_ = true;
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      as_they_are_ = as_they_are_ && !columns_[i].round_to_float && is_missing(columns_[i].replacement);
      in_place_ = in_place_ && as_they_are_ && columns_[i].column == columns_[0].column + i;
    }
  }

  // What is wanted must come from the block's answer, directly or through the instructions after the model.
  void find_outputs() {
    const Block& epilogue = compiled().unit->epilogue.code;
    const auto known = block_.block_outputs();
    std::vector<std::uint32_t> computed;
    const auto allowed = [&](std::uint32_t slot) {
      return std::find(known.begin(), known.end(), slot) != known.end() ||
             std::find(computed.begin(), computed.end(), slot) != computed.end() || slot == 0 ||
             !is_missing(compiled().image[slot]);
    };
    for (const Instruction& at : epilogue) {
      if (!reads_only(at, allowed)) fits_ = false;
      computed.push_back(at.target);
    }
    plain_outputs_ = epilogue.empty();
    for (std::size_t i = 0; i < binding().outputs.size(); ++i) {
      const Operand& operand = binding().operands[i];
      if (!allowed(operand.slot)) fits_ = false;
      const auto found = std::find(known.begin(), known.end(), operand.slot);
      if (found == known.end() || binding().outputs[i].type != FieldType::kNumber)
        plain_outputs_ = false;
      else
        answers_.push_back(static_cast<std::uint32_t>(found - known.begin()));
    }
  }

  template <class Allowed>
  bool reads_only(const Instruction& at, const Allowed& allowed) const {
    if (takes_arguments(at.op)) {
      const std::uint32_t* arguments = compiled().tables.arguments.data() + at.a;
      return at.op != Op::kIfAnyMissing && std::all_of(arguments, arguments + at.count, allowed);
    }
    if (at.op == Op::kJump) return true;
    if (at.op < Op::kIsInSet || at.op == Op::kDefault) return allowed(at.a) && allowed(at.b);
    return at.op != Op::kIndexed && allowed(at.a);
  }

  void score_block(const FeatureRows& in, std::size_t first, std::size_t rows, const ScoreRows& out,
                   ScoreErrors& errors, const Work& work) const noexcept {
    for (std::size_t row = 0; row < rows; ++row) work.other[row] = 0;
    std::optional<Frame> made;
    const auto frame = [&]() -> Frame& {
      if (!made) made.emplace(make_frame(work.frame_memory));
      return *made;
    };
    BlockRows block{work.inputs, inputs_, rows};
    if (in_place_) {
      block.values = in.numbers + first * in.number_columns + columns_[0].column;
      block.stride = in.number_columns;
    } else if (direct_) {
      copy_columns(in, first, rows, work.inputs);
    } else {
      for (std::size_t row = 0; row < rows; ++row)
        work.other[row] = load_inputs(in, first + row, frame(), work.inputs + row * inputs_) ? 0 : 1;
    }
    block_.evaluate_block(block, work.answers, work.other, work.block_memory);
    for (std::size_t row = 0; row < rows; ++row) {
      if (work.other[row] != 0) [[unlikely]] {
        score_row(in, first + row, out, errors, frame());
        continue;
      }
      const double* answer = work.answers + row * outputs_;
      out.failed[first + row] = 0;
      if (plain_outputs_) {
        double* to = out.numbers + (first + row) * answers_.size();
        for (std::size_t i = 0; i < answers_.size(); ++i) to[i] = answer[answers_[i]];
        continue;
      }
      if (!store_answer(answer, first + row, out, frame())) [[unlikely]]
        score_row(in, first + row, out, errors, frame());
    }
  }

  void copy_columns(const FeatureRows& in, std::size_t first, std::size_t rows, double* to) const noexcept {
    for (std::size_t row = 0; row < rows; ++row) {
      const double* from = in.numbers + (first + row) * in.number_columns;
      if (as_they_are_) {
        for (const Column& at : columns_) *to++ = from[at.column];
        continue;
      }
      for (const Column& at : columns_) {
        double value = from[at.column];
        if (at.round_to_float) value = static_cast<double>(static_cast<float>(value));
        *to++ = is_missing(value) ? at.replacement : value;
      }
    }
  }

  // False when the row goes the general way: it is invalid, or the block cannot take it.
  bool load_inputs(const FeatureRows& in, std::size_t row, Frame& frame, double* to) const noexcept {
    load(in, row, frame);
    if (!frame.failed) run(compiled().unit->prologue.code, frame);
    const bool good = !frame.failed && (!block_.needs_prepare() || block_.prepare(frame));
    if (frame.failed) {
      frame.failed = false;
      frame.message.clear();
    }
    for (const std::uint32_t slot : block_.block_inputs()) *to++ = frame.slots[slot];
    return good;
  }

  // False when an instruction after the model fails: the general way says why.
  bool store_answer(const double* answer, std::size_t row, const ScoreRows& out, Frame& frame) const noexcept {
    for (const std::uint32_t slot : block_.block_outputs()) frame.slots[slot] = *answer++;
    frame.texts.clear();
    run(compiled().unit->epilogue.code, frame);
    if (!frame.failed) {
      store(row, out, frame);
      return true;
    }
    frame.failed = false;
    frame.message.clear();
    return false;
  }

  const BlockEvaluator& block_;
  std::size_t inputs_;
  std::size_t outputs_;
  std::size_t input_bytes_ = 0;
  std::size_t output_bytes_ = 0;
  std::vector<Column> columns_;
  std::vector<std::uint32_t> answers_;  // by wanted output: the block's output
  bool fits_ = true;
  bool direct_ = false;         // inputs are columns of features
  bool as_they_are_ = false;    // without rounding or replacing
  bool in_place_ = false;       // and side by side
  bool plain_outputs_ = false;  // all that is wanted are numbers of the block's answer
  bool one_fits_ = false;       // single rows take score_one()
};

}  // namespace

std::shared_ptr<const Scorer> make_block_scorer(const std::shared_ptr<const PmmlModel>& model, const Binding& binding) {
  return BlockScorer::make(model, binding);
}

}  // namespace weir::pmml
