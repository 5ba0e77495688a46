#include "models/tensors/scorer.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>
#include <exception>
#include <limits>
#include <type_traits>

namespace weir::tensors {
namespace {

std::string number_text(double value) {
  char text[32];
  const auto end = std::to_chars(text, text + sizeof text, value).ptr;
  return {text, end};
}

/// Is the number a value of the type? Missing values are of no whole-number type.
template <class Number>
bool fits(double value) {
  if constexpr (std::is_same_v<Number, bool>) return value == 0 || value == 1;
  // 2^63 is the first double beyond int64; the limits of int32 are doubles themselves.
  constexpr double kEnd = -static_cast<double>(std::numeric_limits<Number>::min());
  return value >= -kEnd && value < kEnd && value == std::floor(value);
}

template <class Number>
void gather_floats(Number* out, const weir_rows& rows, std::size_t first, std::size_t count, const std::size_t* columns,
                   std::size_t width) {
  for (std::size_t row = 0; row < count; ++row) {
    const double* in = rows.numbers + (first + row) * rows.number_columns;
    for (std::size_t i = 0; i < width; ++i) *out++ = static_cast<Number>(in[columns[i]]);
  }
}

template <class Number>
void scatter_numbers(const void* data, std::size_t column, std::size_t width, std::size_t count, double* out,
                     std::size_t stride) {
  const Number* in = static_cast<const Number*>(data) + column;
  for (std::size_t row = 0; row < count; ++row) out[row * stride] = static_cast<double>(in[row * width]);
}

}  // namespace

/// Gives its workspace back, whatever happens.
class TensorScorer::Borrowed {
 public:
  explicit Borrowed(const TensorScorer& scorer) : scorer_(scorer), workspace_(scorer.take()) {}
  ~Borrowed() { scorer_.give_back(std::move(workspace_)); }
  Borrowed(const Borrowed&) = delete;
  Borrowed& operator=(const Borrowed&) = delete;
  Workspace& operator*() { return *workspace_; }

 private:
  const TensorScorer& scorer_;
  std::unique_ptr<Workspace> workspace_;
};

TensorScorer::TensorScorer(const Graph& graph, const Description& description, const weir_binding& binding)
    : graph_(graph), description_(description) {
  std::size_t next = 0;
  for (std::size_t i = 0; i < graph.inputs.size(); ++i) {
    widths_.push_back(binding.widths[i]);
    first_column_.push_back(next);
    next += binding.widths[i];
  }
  columns_.assign(binding.columns, binding.columns + next);
  for (std::size_t i = 0; i < binding.output_count; ++i) {
    const OutputField& field = description.fields[binding.outputs[i]];
    auto found = std::find(outputs_.begin(), outputs_.end(), field.tensor);
    if (found == outputs_.end()) {
      outputs_.push_back(field.tensor);
      shapes_.push_back(description.run_shapes[field.tensor]);
      output_widths_.push_back(static_cast<std::size_t>(description.output_widths[field.tensor]));
      found = outputs_.end() - 1;
    }
    const bool is_text = graph.outputs[field.tensor].element == Element::kText;
    (is_text ? texts_ : numbers_).push_back({static_cast<std::size_t>(found - outputs_.begin()), field.column});
  }
  std::unique_ptr<Workspace> first = take();  // what cannot run is found out now
  if (graph.same_bits && !description.one_row_at_a_time) row_multiple_ = first->run->row_multiple();
  give_back(std::move(first));
}

TensorScorer::~TensorScorer() { delete spare_.load(); }

std::unique_ptr<TensorScorer::Workspace> TensorScorer::take() const {
  if (Workspace* spare = spare_.exchange(nullptr, std::memory_order_acquire)) return std::unique_ptr<Workspace>(spare);
  {
    const std::lock_guard lock(mutex_);
    if (!more_.empty()) {
      std::unique_ptr<Workspace> last = std::move(more_.back());
      more_.pop_back();
      return last;
    }
  }
  auto workspace = std::make_unique<Workspace>();
  workspace->run = graph_.make_run(widths_, outputs_, shapes_);
  return workspace;
}

void TensorScorer::give_back(std::unique_ptr<Workspace> workspace) const {
  if (workspace == nullptr) return;
  // Release pairs with the acquire in take(): the next user sees the memory as this one left it.
  std::unique_ptr<Workspace> other(spare_.exchange(workspace.release(), std::memory_order_acq_rel));
  if (other == nullptr) return;
  const std::lock_guard lock(mutex_);
  more_.push_back(std::move(other));  // as many as threads have scored at once
}

void TensorScorer::score(const weir_rows& rows, const weir_answers& answers) const {
  Borrowed workspace(*this);
  if (!description_.one_row_at_a_time) return score_rows(*workspace, rows, 0, rows.rows, answers);
  for (std::size_t row = 0; row < rows.rows; ++row) score_rows(*workspace, rows, row, 1, answers);
}

void TensorScorer::score_rows(Workspace& workspace, const weir_rows& rows, std::size_t first, std::size_t count,
                              const weir_answers& answers) const {
  if (count == 0) return;
  const std::size_t padded = (count + row_multiple_ - 1) / row_multiple_ * row_multiple_;
  workspace.run->prepare(padded);
  gather(workspace, rows, first, count, answers);
  if (padded != count) repeat_last_row(workspace, rows, first, count, padded);
  std::string reason = workspace.run->execute();
  for (std::size_t i = 0; reason.empty() && i < outputs_.size(); ++i) {
    if (workspace.run->elements(i) == padded * output_widths_[i]) continue;
    reason = "output '" + graph_.outputs[outputs_[i]].name + "' has another shape than at load";
  }
  if (reason.empty()) [[likely]]
    return scatter(workspace, first, count, answers);
  if (count == 1) {
    if (!workspace.skips) fail(workspace, first, 0, reason, answers);
    return;
  }
  std::vector<unsigned char> failed_already;
  if (workspace.skips) failed_already = workspace.skip;
  failed_already.resize(count, 0);
  for (std::size_t row = 0; row < count; ++row)
    if (failed_already[row] == 0) score_rows(workspace, rows, first + row, 1, answers);
}

void TensorScorer::gather(Workspace& workspace, const weir_rows& rows, std::size_t first, std::size_t count,
                          const weir_answers& answers) const {
  workspace.skips = false;
  for (std::size_t i = 0; i < widths_.size(); ++i) {
    const std::size_t* columns = columns_.data() + first_column_[i];
    switch (graph_.inputs[i].element) {
      case Element::kFloat:
        gather_floats(static_cast<float*>(workspace.run->input(i)), rows, first, count, columns, widths_[i]);
        break;
      case Element::kDouble:
        gather_floats(static_cast<double*>(workspace.run->input(i)), rows, first, count, columns, widths_[i]);
        break;
      case Element::kInt64: gather_exact<std::int64_t>(workspace, i, rows, first, count, answers); break;
      case Element::kInt32: gather_exact<std::int32_t>(workspace, i, rows, first, count, answers); break;
      case Element::kBool: gather_exact<bool>(workspace, i, rows, first, count, answers); break;
      case Element::kText: gather_texts(workspace, i, rows, first, count, answers); break;
      case Element::kOther: break;  // no such input passes describe_inputs
    }
  }
}

void TensorScorer::repeat_last_row(Workspace& workspace, const weir_rows& rows, std::size_t first, std::size_t count,
                                   std::size_t padded) const {
  for (std::size_t i = 0; i < widths_.size(); ++i) {
    const std::size_t width = widths_[i];
    if (graph_.inputs[i].element == Element::kText) {
      const weir_text* last = rows.texts + (first + count - 1) * rows.text_columns;
      for (std::size_t j = count * width; j < padded * width; ++j) {
        const weir_text text = last[columns_[first_column_[i] + j % width]];
        workspace.run->set_text(i, j, {text.data == nullptr ? "" : text.data, text.size});
      }
      continue;
    }
    const std::size_t bytes = width * size_of(graph_.inputs[i].element);
    char* data = static_cast<char*>(workspace.run->input(i));
    for (std::size_t row = count; row < padded; ++row)
      std::memcpy(data + row * bytes, data + (count - 1) * bytes, bytes);
  }
}

template <class Number>
void TensorScorer::gather_exact(Workspace& workspace, std::size_t input, const weir_rows& rows, std::size_t first,
                                std::size_t count, const weir_answers& answers) const {
  auto* out = static_cast<Number*>(workspace.run->input(input));
  const std::size_t* columns = columns_.data() + first_column_[input];
  for (std::size_t row = 0; row < count; ++row) {
    const double* in = rows.numbers + (first + row) * rows.number_columns;
    for (std::size_t i = 0; i < widths_[input]; ++i) {
      const double value = in[columns[i]];
      if (fits<Number>(value)) [[likely]] {
        *out++ = static_cast<Number>(value);
        continue;
      }
      *out++ = Number{};
      const InputTensor& tensor = graph_.inputs[input];
      fail(workspace, first, row,
           "input '" + tensor.name + "' is " + (std::isnan(value) ? "missing" : number_text(value)) +
               ", the model takes " + std::string(to_string(tensor.element)),
           answers);
    }
  }
}

void TensorScorer::gather_texts(Workspace& workspace, std::size_t input, const weir_rows& rows, std::size_t first,
                                std::size_t count, const weir_answers& answers) const {
  const std::size_t* columns = columns_.data() + first_column_[input];
  for (std::size_t row = 0; row < count; ++row) {
    const weir_text* in = rows.texts + (first + row) * rows.text_columns;
    for (std::size_t i = 0; i < widths_[input]; ++i) {
      const weir_text text = in[columns[i]];
      workspace.run->set_text(input, row * widths_[input] + i, {text.data == nullptr ? "" : text.data, text.size});
      if (text.data == nullptr) {
        fail(workspace, first, row, "input '" + graph_.inputs[input].name + "' is missing, the model takes a text",
             answers);
      }
    }
  }
}

void TensorScorer::fail(Workspace& workspace, std::size_t first, std::size_t row, const std::string& message,
                        const weir_answers& answers) const {
  if (!workspace.skips) workspace.skip.assign(std::max<std::size_t>(workspace.skip.size(), row + 1), 0);
  workspace.skips = true;
  if (workspace.skip.size() <= row) workspace.skip.resize(row + 1, 0);
  if (workspace.skip[row] == 0) answers.fail(answers.context, first + row, message.data(), message.size());
  workspace.skip[row] = 1;
}

void TensorScorer::scatter(Workspace& workspace, std::size_t first, std::size_t count,
                           const weir_answers& answers) const {
  const std::size_t stride = numbers_.size();
  for (std::size_t i = 0; i < stride; ++i) {
    const std::size_t width = output_widths_[numbers_[i].output];
    const void* data = workspace.run->output(numbers_[i].output);
    double* out = answers.numbers + first * stride + i;
    switch (graph_.outputs[outputs_[numbers_[i].output]].element) {
      case Element::kFloat: scatter_numbers<float>(data, numbers_[i].column, width, count, out, stride); break;
      case Element::kDouble: scatter_numbers<double>(data, numbers_[i].column, width, count, out, stride); break;
      case Element::kInt64: scatter_numbers<std::int64_t>(data, numbers_[i].column, width, count, out, stride); break;
      case Element::kInt32: scatter_numbers<std::int32_t>(data, numbers_[i].column, width, count, out, stride); break;
      case Element::kBool: scatter_numbers<bool>(data, numbers_[i].column, width, count, out, stride); break;
      case Element::kText:
      case Element::kOther: break;  // numbers_ holds numbers
    }
  }
  for (std::size_t i = 0; i < texts_.size(); ++i) {
    const std::size_t width = output_widths_[texts_[i].output];
    for (std::size_t row = 0; row < count; ++row) {
      if (workspace.skips && row < workspace.skip.size() && workspace.skip[row] != 0) continue;
      const std::string_view text = workspace.run->text(texts_[i].output, row * width + texts_[i].column);
      answers.put_text(answers.context, first + row, i, text.data(), text.size());
    }
  }
}

}  // namespace weir::tensors
