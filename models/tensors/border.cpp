#include "models/tensors/border.hpp"

#include <exception>
#include <utility>
#include <vector>

#include "models/tensors/description.hpp"
#include "models/tensors/scorer.hpp"

struct weir_model {
  std::unique_ptr<weir::tensors::Graph> graph;
  weir::tensors::Description description;
};

struct weir_scorer {
  weir::tensors::TensorScorer scorer;
};

namespace weir::tensors {
namespace {

void free_model(weir_model* model) { delete model; }

void describe(const weir_model* model, weir_model_description* out) {
  const Description& description = model->description;
  out->inputs = description.inputs.data();
  out->input_count = description.inputs.size();
  out->outputs = description.outputs.data();
  out->output_count = description.outputs.size();
  out->summary = {description.summary.data(), description.summary.size()};
  out->memory_bytes = model->graph->memory_bytes;
}

int bind(weir_model* model, const weir_binding* binding, weir_scorer** scorer, weir_text_sink error) {
  try {
    *scorer = new weir_scorer{{*model->graph, model->description, *binding}};
    return 1;
  } catch (const std::exception& fault) {
    put(error, fault.what());
    return 0;
  }
}

void free_scorer(weir_scorer* scorer) { delete scorer; }

void score(const weir_scorer* scorer, const weir_rows* rows, const weir_answers* answers) {
  try {
    scorer->scorer.score(*rows, *answers);
  } catch (const std::exception& fault) {
    const std::string_view reason = fault.what();
    for (std::size_t row = 0; row < rows->rows; ++row)
      answers->fail(answers->context, row, reason.data(), reason.size());
  }
}

}  // namespace

std::string_view to_string(Element element) noexcept {
  switch (element) {
    case Element::kFloat: return "float";
    case Element::kDouble: return "double";
    case Element::kInt64: return "int64";
    case Element::kInt32: return "int32";
    case Element::kBool: return "bool";
    case Element::kText: return "string";
    case Element::kOther: break;
  }
  return "other";
}

std::size_t size_of(Element element) noexcept {
  switch (element) {
    case Element::kFloat:
    case Element::kInt32: return 4;
    case Element::kDouble:
    case Element::kInt64: return 8;
    case Element::kBool: return 1;
    case Element::kText:
    case Element::kOther: break;
  }
  return 0;
}

void put(weir_text_sink sink, std::string_view text) noexcept { sink.put(sink.context, text.data(), text.size()); }

std::string to_string(weir_text text) {
  return text.data == nullptr ? std::string() : std::string(text.data, text.size);
}

weir_runtime border_functions() noexcept {
  weir_runtime runtime{};
  runtime.free_model = free_model;
  runtime.describe = describe;
  runtime.bind = bind;
  runtime.free_scorer = free_scorer;
  runtime.score = score;
  return runtime;
}

int load(const weir_load_request& request, const std::function<std::unique_ptr<Graph>()>& load_graph,
         weir_model** model, weir_text_sink error) noexcept {
  try {
    auto loaded = std::make_unique<weir_model>();
    loaded->graph = load_graph();
    loaded->graph->same_bits = request.same_bits != 0;
    std::vector<std::string> classes;
    for (std::size_t i = 0; i < request.class_count; ++i) classes.push_back(to_string(request.classes[i]));
    describe_inputs(*loaded->graph, loaded->description);
    describe_outputs(*loaded->graph, classes, loaded->description);
    *model = loaded.release();
    return 1;
  } catch (const std::exception& fault) {
    put(error, fault.what());
  } catch (...) {
    put(error, "something that is no std::exception was thrown");
  }
  return 0;
}

}  // namespace weir::tensors
