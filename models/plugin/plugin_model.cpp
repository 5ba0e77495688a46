#include "models/plugin/plugin_model.hpp"

#include <algorithm>
#include <limits>
#include <utility>

#include "models/plugin/plugin_library.hpp"

namespace weir::plugin {
namespace {

std::string to_string(weir_text text) {
  return text.data == nullptr ? std::string() : std::string(text.data, text.size);
}

FieldType field_type(std::int32_t type) { return type == WEIR_TEXT ? FieldType::kText : FieldType::kNumber; }

class PluginScorer final : public Scorer {
 public:
  PluginScorer(std::shared_ptr<const Model> model, const weir_runtime& runtime, weir_scorer* scorer,
               std::vector<Field> outputs, bool reads_texts)
      : model_(std::move(model)),
        runtime_(runtime),
        scorer_(scorer),
        outputs_(std::move(outputs)),
        reads_texts_(reads_texts) {
    for (const Field& output : outputs_) ++(output.type == FieldType::kNumber ? number_outputs_ : text_outputs_);
  }
  ~PluginScorer() override { runtime_.free_scorer(scorer_); }
  PluginScorer(const PluginScorer&) = delete;
  PluginScorer& operator=(const PluginScorer&) = delete;

  void score(const FeatureRows& in, const ScoreRows& out, ScoreErrors& errors,
             ScoreScratch& scratch) const noexcept override {
    weir_rows rows{in.rows, in.numbers, in.number_columns, nullptr, in.text_columns};
    if (reads_texts_) rows.texts = copy_texts(in, scratch);
    std::fill_n(out.failed, in.rows, static_cast<unsigned char>(0));
    for (std::size_t i = 0; i < in.rows * text_outputs_; ++i) out.texts[i].clear();
    Call call{*this, out, errors};
    const weir_answers answers{out.numbers, &call, put_text, fail};
    runtime_.score(scorer_, &rows, &answers);
    if (call.failures != 0) [[unlikely]]
      empty_failed_rows(in.rows, out);
  }
  [[nodiscard]] std::span<const Field> outputs() const noexcept override { return outputs_; }

 private:
  struct Call {
    const PluginScorer& scorer;
    const ScoreRows& out;
    ScoreErrors& errors;
    std::size_t failures = 0;
  };

  static void put_text(void* context, size_t row, size_t text_output, const char* data, size_t size) {
    const Call& call = *static_cast<Call*>(context);
    call.out.texts[row * call.scorer.text_outputs_ + text_output].assign(data, size);
  }
  static void fail(void* context, size_t row, const char* message, size_t size) {
    Call& call = *static_cast<Call*>(context);
    call.out.failed[row] = 1;
    call.errors.add(row, std::string(message, size));
    ++call.failures;
  }
  static const weir_text* copy_texts(const FeatureRows& in, ScoreScratch& scratch) {
    const std::size_t count = in.rows * in.text_columns;
    auto* texts = static_cast<weir_text*>(scratch.reserve(count * sizeof(weir_text)));
    for (std::size_t i = 0; i < count; ++i) texts[i] = {in.texts[i].data(), in.texts[i].size()};
    return texts;
  }
  void empty_failed_rows(std::size_t rows, const ScoreRows& out) const {
    for (std::size_t row = 0; row < rows; ++row) {
      if (out.failed[row] == 0) continue;
      std::fill_n(out.numbers + row * number_outputs_, number_outputs_, std::numeric_limits<double>::quiet_NaN());
      for (std::size_t i = 0; i < text_outputs_; ++i) out.texts[row * text_outputs_ + i].clear();
    }
  }

  std::shared_ptr<const Model> model_;
  const weir_runtime& runtime_;
  weir_scorer* scorer_;
  std::vector<Field> outputs_;
  std::size_t number_outputs_ = 0;
  std::size_t text_outputs_ = 0;
  bool reads_texts_;
};

}  // namespace

PluginModel::PluginModel(const weir_runtime& runtime, weir_model* model, std::vector<std::string> features)
    : runtime_(runtime), model_(model), features_(std::move(features)) {
  weir_model_description description{};
  runtime_.describe(model_, &description);
  std::size_t next_feature = 0;
  for (std::size_t i = 0; i < description.input_count; ++i) {
    const weir_input& input = description.inputs[i];
    Tensor tensor{to_string(input.name), to_string(input.describes), field_type(input.type), input.width};
    const std::size_t width = input.width < 0 ? 1 : static_cast<std::size_t>(input.width);
    for (std::size_t j = 0; j < width; ++j, ++next_feature) {
      if (next_feature < features_.size()) {
        inputs_.push_back({features_[next_feature], tensor.type});
      } else {
        inputs_.push_back({tensor.name + (width == 1 ? "" : "[" + std::to_string(j) + "]"), tensor.type});
      }
    }
    tensors_.push_back(std::move(tensor));
  }
  for (std::size_t i = 0; i < description.output_count; ++i)
    outputs_.push_back({to_string(description.outputs[i].name), field_type(description.outputs[i].type)});
  summary_ = to_string(description.summary);
  memory_bytes_ = sizeof *this + description.memory_bytes;
}

PluginModel::~PluginModel() { runtime_.free_model(model_); }

/// Finds the columns of every input and gathers what does not fit.
class PluginModel::Binder {
 public:
  Binder(const PluginModel& model, const FeatureSchema& supplied) : model_(model), supplied_(supplied) {}

  void find_inputs() {
    if (model_.features_.empty()) {
      for (const Tensor& tensor : model_.tensors_) find_unnamed(tensor);
      return;
    }
    std::int64_t fixed = 0;
    std::size_t open = 0;
    for (const Tensor& tensor : model_.tensors_) tensor.width < 0 ? void(++open) : void(fixed += tensor.width);
    const auto named = static_cast<std::int64_t>(model_.features_.size());
    if (open > 1 || named < fixed || (open == 0 && named != fixed)) {
      complain("the sender named " + std::to_string(named) + " features, the model's inputs take " +
               std::to_string(fixed) + (open == 0 ? "" : " and more") + ": " + shapes());
      return;
    }
    auto next = model_.features_.begin();
    for (const Tensor& tensor : model_.tensors_) {
      const std::int64_t width = tensor.width < 0 ? named - fixed : tensor.width;
      for (std::int64_t i = 0; i < width; ++i) take(*next++, tensor);
      widths.push_back(static_cast<std::size_t>(width));
    }
  }
  void find_output(const std::string& name) {
    const auto& outputs = model_.outputs_;
    const auto found = std::find_if(outputs.begin(), outputs.end(), [&](const Field& one) { return one.name == name; });
    if (found == outputs.end()) {
      complain("output '" + name + "' is not one of the model's (" + output_names() + ")");
    } else {
      indices.push_back(static_cast<std::size_t>(found - outputs.begin()));
      fields.push_back(*found);
    }
  }

  std::vector<std::size_t> widths;
  std::vector<std::size_t> columns;
  std::vector<std::size_t> indices;  // of the wanted outputs
  std::vector<Field> fields;
  std::string faults;

 private:
  void complain(const std::string& what) { faults += (faults.empty() ? "" : "; ") + what; }

  void take(const std::string& name, const Tensor& tensor) {
    const Field* feature = supplied_.find(name);
    if (feature == nullptr) {
      complain("input '" + name + "' is not supplied");
    } else if (feature->type != tensor.type) {
      complain("input '" + name + "' is " + tensor.describes + ", but a " +
               std::string(weir::to_string(feature->type)) + " is supplied");
    } else {
      columns.push_back(static_cast<std::size_t>(supplied_.column(name)));
    }
  }
  /// One feature by its name; else a tensor that is alone of its type takes the job's features of that type in order.
  void find_unnamed(const Tensor& tensor) {
    const auto same_type = std::count_if(model_.tensors_.begin(), model_.tensors_.end(),
                                         [&](const Tensor& other) { return other.type == tensor.type; });
    const bool by_name = tensor.width == 1 && (model_.tensors_.size() != 1 || supplied_.find(tensor.name) != nullptr);
    if (by_name) {
      take(tensor.name, tensor);
      widths.push_back(1);
      return;
    }
    const std::size_t supplied =
        tensor.type == FieldType::kNumber ? supplied_.number_columns() : supplied_.text_columns();
    const std::string kind = tensor.type == FieldType::kNumber ? " numbers" : " texts";
    if (same_type != 1) {
      complain("input '" + tensor.name + "' is " + tensor.describes + " and not the only one of" + kind +
               ": the sender must name the features");
    } else if (tensor.width >= 0 && static_cast<std::size_t>(tensor.width) != supplied) {
      complain("input '" + tensor.name + "' is " + tensor.describes + ", the job supplies " + std::to_string(supplied) +
               kind + ": the sender may name the features");
    } else {
      for (std::size_t column = 0; column < supplied; ++column) columns.push_back(column);
      widths.push_back(supplied);
    }
  }
  [[nodiscard]] std::string shapes() const {
    std::string text;
    for (const Tensor& tensor : model_.tensors_)
      text += (text.empty() ? "'" : ", '") + tensor.name + "' " + tensor.describes;
    return text;
  }
  [[nodiscard]] std::string output_names() const {
    std::string text;
    for (std::size_t i = 0; i < model_.outputs_.size() && i < 16; ++i)
      text += (i == 0 ? "" : ", ") + model_.outputs_[i].name;
    return model_.outputs_.size() > 16 ? text + ", ..." : text;
  }

  const PluginModel& model_;
  const FeatureSchema& supplied_;
};

Result<std::shared_ptr<const Scorer>> PluginModel::bind(const FeatureSchema& features,
                                                        std::span<const std::string> outputs) const {
  const std::string what = std::string("bind ") + runtime_.type + " model: ";
  Binder binder(*this, features);
  binder.find_inputs();
  for (const std::string& name : outputs) binder.find_output(name);
  if (outputs.empty()) {
    if (outputs_.empty()) return Status::invalid_argument(what + "it has no outputs");
    binder.find_output(outputs_.front().name);
  }
  if (!binder.faults.empty()) return Status::invalid_argument(what + binder.faults);
  const weir_binding binding{binder.widths.data(), binder.columns.data(), binder.indices.data(), binder.indices.size()};
  weir_scorer* scorer = nullptr;
  std::string reason;
  if (runtime_.bind(model_, &binding, &scorer, sink_of(reason)) == 0)
    return Status::invalid_argument(what + (reason.empty() ? "no reason was given" : reason));
  const bool reads_texts = std::any_of(tensors_.begin(), tensors_.end(),
                                       [](const Tensor& tensor) { return tensor.type == FieldType::kText; });
  return std::shared_ptr<const Scorer>(std::make_shared<const PluginScorer>(shared_from_this(), runtime_, scorer,
                                                                            std::move(binder.fields), reads_texts));
}

}  // namespace weir::plugin
