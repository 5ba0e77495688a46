#include "models/tensors/description.hpp"

#include <algorithm>
#include <cstring>
#include <set>

#include "models/tensors/border.hpp"

namespace weir::tensors {
namespace {

constexpr std::int64_t kMostColumns = 1 << 20;  // of one tensor in one row

std::string shape_text(const std::vector<std::int64_t>& shape, bool has_shape) {
  if (!has_shape) return "[...]";
  std::string text = "[";
  for (std::size_t i = 0; i < shape.size(); ++i) {
    if (i != 0) text += ", ";
    text += shape[i] < 0 ? (i == 0 ? "N" : "?") : std::to_string(shape[i]);
  }
  return text + "]";
}

template <class Tensor>
std::string describe_tensor(const Tensor& tensor) {
  return std::string(to_string(tensor.element)) + " " + shape_text(tensor.shape, tensor.has_shape);
}

/// Elements of a row: the product of all axes but the first.
std::int64_t width_of(const std::vector<std::int64_t>& shape) {
  std::int64_t width = 1;
  for (std::size_t i = 1; i < shape.size(); ++i) {
    if (shape[i] < 0) return kAnyWidth;
    width *= std::min(shape[i], kMostColumns + 1);
    if (width > kMostColumns) return kMostColumns + 1;
  }
  return width;
}

/// Fills the inputs with zeros and empty texts.
void fill_empty(const Graph& graph, Run& run, std::span<const std::size_t> widths, std::size_t rows) {
  for (std::size_t i = 0; i < graph.inputs.size(); ++i) {
    const std::size_t count = rows * widths[i];
    if (graph.inputs[i].element == Element::kText) {
      for (std::size_t j = 0; j < count; ++j) run.set_text(i, j, "");
    } else {
      std::memset(run.input(i), 0, count * size_of(graph.inputs[i].element));
    }
  }
}

/// Shapes of all outputs for that many empty rows; the reason when the graph cannot be run with them.
std::string try_rows(const Graph& graph, Run& run, std::span<const std::size_t> widths, std::size_t rows,
                     std::vector<std::vector<std::int64_t>>& shapes) {
  run.prepare(rows);
  fill_empty(graph, run, widths, rows);
  std::string reason = run.execute();
  shapes.clear();
  for (std::size_t i = 0; reason.empty() && i < graph.outputs.size(); ++i) shapes.push_back(run.shape(i));
  return reason;
}

bool follows(const std::vector<std::int64_t>& shape, std::int64_t rows) { return !shape.empty() && shape[0] == rows; }

std::vector<std::size_t> all_outputs(const Graph& graph) {
  std::vector<std::size_t> all(graph.outputs.size());
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = i;
  return all;
}

void name_columns(const OutputTensor& tensor, std::size_t index, std::int64_t width,
                  const std::vector<std::string>& labels, std::vector<OutputField>& plain,
                  std::vector<OutputField>& labelled) {
  for (std::int64_t column = 0; column < width; ++column) {
    const auto at = static_cast<std::size_t>(column);
    if (at < labels.size()) labelled.push_back({"probability(" + labels[at] + ")", index, at});
    if (!tensor.only_labels) {
      plain.push_back({tensor.name + (width == 1 ? "" : "[" + std::to_string(column) + "]"), index, at});
    }
  }
}

}  // namespace

void describe_inputs(const Graph& graph, Description& out) {
  std::string faults;
  const auto complain = [&](const std::string& what) { faults += (faults.empty() ? "" : "; ") + what; };
  std::size_t any_batch = 0;
  std::size_t open = 0;
  for (const InputTensor& input : graph.inputs) {
    const std::string text = describe_tensor(input);
    out.input_texts.push_back(text);
    const std::int64_t width = input.has_shape ? width_of(input.shape) : kAnyWidth;
    if (input.element == Element::kOther)
      complain("input '" + input.name + "' has a type of elements weir cannot supply");
    if (input.has_shape && input.shape.empty())
      complain("input '" + input.name + "' is a scalar: it has no axis for rows");
    if (input.has_shape && !input.shape.empty() && input.shape[0] >= 0 && input.shape[0] != 1) {
      complain("input '" + input.name + "' is " + text + ": it takes exactly " + std::to_string(input.shape[0]) +
               " rows");
    }
    if (width == 0 || width > kMostColumns)
      complain("input '" + input.name + "' is " + text + ": too many or no elements");
    if (width == kAnyWidth && input.has_shape && input.shape.size() > 2) {
      complain("input '" + input.name + "' is " + text + ": only its second axis may be open, and then as the last");
    }
    if (width == kAnyWidth) ++open;
    if (!input.has_shape || input.shape.empty() || input.shape[0] != 1) ++any_batch;
    out.inputs.push_back(
        {{input.name.data(), input.name.size()}, input.element == Element::kText ? WEIR_TEXT : WEIR_NUMBER, width, {}});
  }
  if (graph.inputs.empty()) complain("it has no inputs");
  if (graph.outputs.empty()) complain("it has no outputs");
  if (open > 0 && graph.inputs.size() > 1)
    complain("it has several inputs, and not all say how many features they take");
  if (!faults.empty()) throw Refusal(faults);
  out.one_row_at_a_time = any_batch == 0;
  if (any_batch != 0 && any_batch != graph.inputs.size()) {
    throw Refusal("some of its inputs take one row, others any number");
  }
  for (std::size_t i = 0; i < out.inputs.size(); ++i)
    out.inputs[i].describes = {out.input_texts[i].data(), out.input_texts[i].size()};
}

std::vector<std::size_t> widths_of(const Graph& graph, std::size_t open_width) {
  std::vector<std::size_t> widths;
  for (const InputTensor& input : graph.inputs) {
    const std::int64_t width = input.has_shape ? width_of(input.shape) : kAnyWidth;
    widths.push_back(width < 0 ? open_width : static_cast<std::size_t>(width));
  }
  return widths;
}

void describe_outputs(const Graph& graph, const std::vector<std::string>& classes, Description& out) {
  const std::vector<std::size_t> widths = widths_of(graph, 1);
  const std::vector<std::size_t> all = all_outputs(graph);
  const std::vector<std::vector<std::int64_t>> unknown(all.size());
  const std::unique_ptr<Run> run = graph.make_run(widths, all, unknown);
  std::vector<std::vector<std::int64_t>> one;
  std::vector<std::vector<std::int64_t>> three;
  std::string reason = try_rows(graph, *run, widths, 1, one);
  if (reason.empty() && !out.one_row_at_a_time) reason = try_rows(graph, *run, widths, 3, three);

  std::string faults;
  std::vector<OutputField> plain;
  std::vector<OutputField> labelled;
  bool labels_used = false;
  for (std::size_t i = 0; i < graph.outputs.size(); ++i) {
    const OutputTensor& tensor = graph.outputs[i];
    const auto complain = [&](const std::string& what) {
      faults += (faults.empty() ? "" : "; ") + ("output '" + tensor.name + "' " + what);
    };
    std::vector<std::int64_t> shape = tensor.shape;
    bool seen = false;
    if (reason.empty()) {
      shape = one[i];
      seen = follows(shape, 1);
      if (seen && !out.one_row_at_a_time) {
        seen = follows(three[i], 3) && std::equal(shape.begin() + 1, shape.end(), three[i].begin() + 1, three[i].end());
      }
      if (!seen) shape.clear();
    }
    const std::int64_t width = shape.empty() || (!seen && !tensor.has_shape) ? kNoBatch : width_of(shape);
    out.output_widths.push_back(width);
    if (tensor.element == Element::kOther) {
      complain("has a type of elements weir cannot read");
    } else if (width == kNoBatch && reason.empty()) {
      complain("does not have one row for each row of the inputs");
    } else if (width < 0) {
      complain("is " + describe_tensor(tensor) + ", and a first run failed: " + reason);
    } else if (width > kMostColumns) {
      complain("has more than " + std::to_string(kMostColumns) + " values a row");
    }
    if (seen && !shape.empty()) shape[0] = -1;
    out.run_shapes.push_back(seen ? shape : std::vector<std::int64_t>{});
    if (width < 0) continue;
    const bool takes_classes = !classes.empty() && !labels_used && tensor.element != Element::kText &&
                               width == static_cast<std::int64_t>(classes.size());
    labels_used = labels_used || takes_classes;
    const bool has_labels = width == static_cast<std::int64_t>(tensor.labels.size());
    static const std::vector<std::string> kNone;
    name_columns(tensor, i, width, takes_classes ? classes : has_labels ? tensor.labels : kNone, plain, labelled);
  }
  if (!classes.empty() && !labels_used) {
    faults += (faults.empty() ? "" : "; ") +
              ("the sender named " + std::to_string(classes.size()) + " classes, but no output has as many columns");
  }
  if (!faults.empty()) throw Refusal(faults);

  // Plain names first, in the graph's order; of fields with the same name the first counts.
  std::set<std::string> names;
  for (auto* fields : {&plain, &labelled}) {
    for (OutputField& field : *fields)
      if (names.insert(field.name).second) out.fields.push_back(std::move(field));
  }
  for (const OutputField& field : out.fields) {
    const bool is_text = graph.outputs[field.tensor].element == Element::kText;
    out.outputs.push_back({{field.name.data(), field.name.size()}, is_text ? WEIR_TEXT : WEIR_NUMBER});
  }
  out.summary = graph.summary + "; inputs";
  for (const InputTensor& input : graph.inputs) out.summary += " " + input.name + " " + describe_tensor(input);
  out.summary += "; outputs";
  for (const OutputTensor& output : graph.outputs) out.summary += " " + output.name + " " + describe_tensor(output);
}

}  // namespace weir::tensors
