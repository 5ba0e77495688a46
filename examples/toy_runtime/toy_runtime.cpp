// A model runtime of one's own as a plug-in: a whole one, in 60 lines. Its models are weights as text, `0.5 2 -1`: an
// intercept and one weight for each feature. `weir::plugin_runtime("TOY", "libweir_toy.so")` serves them.
#include <cstring>
#include <sstream>
#include <string>
#include <vector>

#include <weir/runtime_plugin.h>

struct weir_model {
  std::vector<double> weights;
  std::string shape;
  weir_input input;
  weir_output output;
};

struct weir_scorer {
  const weir_model* model;
  std::vector<size_t> columns;
  size_t outputs;  // how often the one output is wanted
};

namespace {

int load(void*, const weir_load_request* request, weir_model** model, weir_text_sink error) {
  std::istringstream text(std::string(static_cast<const char*>(request->bytes), request->size));
  std::vector<double> weights;
  for (double weight = 0; text >> weight;) weights.push_back(weight);
  if (weights.empty() || !text.eof()) {
    static constexpr std::string_view kReason = "a toy model is a list of numbers";
    return error.put(error.context, kReason.data(), kReason.size()), 0;
  }
  const auto width = static_cast<int64_t>(weights.size() - 1);
  *model = new weir_model{weights, "[" + std::to_string(width) + "]", {}, {{"score", 5}, WEIR_NUMBER}};
  (*model)->input = {{"x", 1}, WEIR_NUMBER, width, {(*model)->shape.data(), (*model)->shape.size()}};
  return 1;
}

void free_model(weir_model* model) { delete model; }

void describe(const weir_model* model, weir_model_description* out) {
  *out = {&model->input, 1, &model->output, 1, {"weights", 7}, model->weights.size() * sizeof(double)};
}

int bind(weir_model* model, const weir_binding* binding, weir_scorer** scorer, weir_text_sink) {
  *scorer = new weir_scorer{model, {binding->columns, binding->columns + binding->widths[0]}, binding->output_count};
  return 1;
}

void free_scorer(weir_scorer* scorer) { delete scorer; }

void score(const weir_scorer* scorer, const weir_rows* rows, const weir_answers* answers) {
  for (size_t row = 0; row < rows->rows; ++row) {
    const double* features = rows->numbers + row * rows->number_columns;
    double sum = scorer->model->weights[0];
    for (size_t i = 0; i < scorer->columns.size(); ++i)
      sum += scorer->model->weights[i + 1] * features[scorer->columns[i]];
    for (size_t i = 0; i < scorer->outputs; ++i) answers->numbers[row * scorer->outputs + i] = sum;
    if (sum != sum) answers->fail(answers->context, row, "a feature is missing", 20);
  }
}

constexpr weir_runtime kToy{"TOY", "toy 1.0", nullptr, load, free_model, describe, bind, free_scorer, score};

}  // namespace

#define WEIR_EXPORT extern "C" __attribute__((visibility("default")))
WEIR_EXPORT uint32_t weir_runtime_abi_version() { return WEIR_RUNTIME_ABI_VERSION; }
WEIR_EXPORT const weir_runtime* weir_runtime_open(const weir_runtime_host*, const char* type, weir_text_sink error) {
  if (std::strcmp(type, kToy.type) == 0) return &kToy;
  return error.put(error.context, "it serves TOY only", 18), nullptr;
}
