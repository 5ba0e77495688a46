#include "operators/inference/inference.hpp"

#include <algorithm>
#include <limits>
#include <utility>

#include <weir/json.hpp>
#include <weir/model_record.hpp>

namespace weir::inference {
namespace {

std::string_view datatype_of(FieldType type) { return type == FieldType::kNumber ? "FP64" : "BYTES"; }

const Field* find(const std::vector<Field>& fields, std::string_view name) {
  const auto found = std::find_if(fields.begin(), fields.end(), [&](const Field& one) { return one.name == name; });
  return found == fields.end() ? nullptr : &*found;
}

/// The first few, for messages.
std::string names_of(const std::vector<Field>& fields) {
  constexpr std::size_t kShown = 16;
  std::string text;
  for (std::size_t i = 0; i < std::min(fields.size(), kShown); ++i)
    text += (i == 0 ? "'" : ", '") + fields[i].name + "'";
  return fields.size() > kShown ? text + ", ..." : text;
}

/// `[n]`, or `[-1]` in metadata.
void write_shape(JsonWriter& json, std::int64_t rows) {
  json.key("shape");
  json.begin_array();
  json.number(rows);
  json.end_array();
}

void write_tensors(JsonWriter& json, std::string_view key, const std::vector<Field>& fields) {
  json.key(key);
  json.begin_array();
  for (const Field& field : fields) {
    json.begin_object();
    json.key("name");
    json.string(field.name);
    json.key("datatype");
    json.string(datatype_of(field.type));
    write_shape(json, -1);
    json.end_object();
  }
  json.end_array();
}

/// What the protocol has no member for: who answered, exactly.
void write_parameters(JsonWriter& json, const serving::ServedModel& served) {
  json.key("parameters");
  json.begin_object();
  const std::pair<std::string_view, std::string> parameters[] = {{"uid", served.uid},
                                                                 {"key", served.key},
                                                                 {"name", served.name},
                                                                 {"sha256", to_hex(served.digest)},
                                                                 {"state", std::string(to_string(served.state))}};
  for (const auto& [name, value] : parameters) {
    json.key(name);
    json.string(value);
  }
  json.end_object();
}

std::string platform_of(std::string_view type) {
  std::string platform = "weir_";
  for (const char letter : type) platform += letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter + 32) : letter;
  return platform;
}

Status scoring_failed(const ScoreErrors& errors) {
  std::string text = std::to_string(errors.count()) + (errors.count() == 1 ? " row" : " rows") + " cannot be scored";
  constexpr std::size_t kShown = 3;
  for (std::size_t i = 0; i < std::min(errors.entries().size(), kShown); ++i)
    text += "; row " + std::to_string(errors.entries()[i].row) + ": " + errors.entries()[i].message;
  return Status::invalid_argument(text);
}

}  // namespace

ModelInterface interface_of(const Model& model, const FeatureSchema& features) {
  const auto own = model.inputs();
  const bool by_name = !own.empty() && std::all_of(own.begin(), own.end(), [&](const Field& field) {
    return features.find(field.name) != nullptr;
  });
  ModelInterface interface;
  for (const Field& feature : features.fields()) {
    const bool is_read =
        !by_name || std::any_of(own.begin(), own.end(), [&](const Field& field) { return field.name == feature.name; });
    if (is_read) interface.inputs.push_back(feature);
  }
  interface.outputs.assign(model.outputs().begin(), model.outputs().end());
  return interface;
}

std::string metadata_json(std::string_view name, const serving::ServedModel& served, const ModelInterface& interface,
                          const std::vector<std::int64_t>& versions) {
  JsonWriter json;
  json.begin_object();
  json.key("name");
  json.string(name);
  json.key("versions");
  json.begin_array();
  for (const std::int64_t version : versions) json.string(std::to_string(version));
  json.end_array();
  json.key("platform");
  json.string(platform_of(served.type));
  write_tensors(json, "inputs", interface.inputs);
  write_tensors(json, "outputs", interface.outputs);
  write_parameters(json, served);
  json.end_object();
  return json.take();
}

Result<std::vector<std::string>> wanted_outputs(const InferenceRequest& request, const ModelInterface& interface) {
  std::vector<std::string> names = request.outputs;
  for (const std::string& name : names) {
    if (find(interface.outputs, name) == nullptr) {
      return Status::invalid_argument("output '" + name + "' is not one of the model's (" +
                                      names_of(interface.outputs) + ")");
    }
  }
  if (names.empty())
    for (const Field& output : interface.outputs) names.push_back(output.name);
  if (names.size() * request.rows > kMaxAnswers) {
    return Status::invalid_argument(std::to_string(request.rows) + " rows with " + std::to_string(names.size()) +
                                    " outputs are more than " + std::to_string(kMaxAnswers) +
                                    " values: ask for fewer rows, or only for the outputs you want");
  }
  return names;
}

Result<InputRows> InputRows::make(const InferenceRequest& request, const ModelInterface& interface,
                                  const FeatureSchema& features) {
  std::string missing;
  for (const Field& input : interface.inputs) {
    const bool is_given = std::any_of(request.inputs.begin(), request.inputs.end(),
                                      [&](const InputTensor& tensor) { return tensor.name == input.name; });
    if (!is_given) missing += (missing.empty() ? "'" : ", '") + input.name + "'";
  }
  if (!missing.empty())
    return Status::invalid_argument("inputs are missing: " + missing + " (null stands for a missing value)");
  InputRows made;
  made.count_ = request.rows;
  made.number_columns_ = features.number_columns();
  made.text_columns_ = features.text_columns();
  made.numbers_.assign(made.count_ * made.number_columns_, std::numeric_limits<double>::quiet_NaN());
  made.texts_.resize(made.count_ * made.text_columns_);
  for (const InputTensor& tensor : request.inputs) {
    const Field* input = find(interface.inputs, tensor.name);
    if (input == nullptr) {
      return Status::invalid_argument("input '" + tensor.name + "' is not one of the model's (" +
                                      names_of(interface.inputs) + ")");
    }
    if (input->type != tensor.type) {
      return Status::invalid_argument("input '" + tensor.name + "' has datatype " + tensor.datatype +
                                      ", the model takes a " + std::string(to_string(input->type)) + " (" +
                                      std::string(datatype_of(input->type)) + ")");
    }
    const auto column = static_cast<std::size_t>(features.column(tensor.name));
    for (std::size_t row = 0; row < made.count_; ++row) {
      if (tensor.type == FieldType::kNumber) {
        made.numbers_[row * made.number_columns_ + column] = tensor.numbers[row];
      } else if (tensor.texts[row]) {
        made.texts_[row * made.text_columns_ + column] = *tensor.texts[row];
      }
    }
  }
  return made;
}

FeatureRows InputRows::rows() const noexcept {
  return {count_, numbers_.data(), number_columns_, texts_.data(), text_columns_};
}

Result<std::string> infer_json(std::string_view name, const serving::ServedModel& served,
                               const InferenceRequest& request, const InputRows& inputs, const Scorer& scorer) {
  const auto outputs = scorer.outputs();
  const auto number_outputs = static_cast<std::size_t>(std::count_if(
      outputs.begin(), outputs.end(), [](const Field& field) { return field.type == FieldType::kNumber; }));
  const std::size_t text_outputs = outputs.size() - number_outputs;
  std::vector<double> numbers(request.rows * number_outputs);
  std::vector<std::string> texts(request.rows * text_outputs);
  std::vector<unsigned char> failed(request.rows, 0);
  ScoreErrors errors;
  ScoreScratch scratch;
  scorer.score(inputs.rows(), {numbers.data(), texts.data(), failed.data()}, errors, scratch);
  if (errors.count() != 0) return scoring_failed(errors);
  if (std::any_of(failed.begin(), failed.end(), [](unsigned char flag) { return flag != 0; }))
    return Status::invalid_argument("the model could not score all rows");

  JsonWriter json;
  json.begin_object();
  json.key("model_name");
  json.string(name);
  json.key("model_version");
  json.string(std::to_string(served.version));
  if (request.id) {
    json.key("id");
    json.string(*request.id);
  }
  write_parameters(json, served);
  json.key("outputs");
  json.begin_array();
  std::size_t number_column = 0;
  std::size_t text_column = 0;
  for (const Field& output : outputs) {
    json.begin_object();
    json.key("name");
    json.string(output.name);
    json.key("datatype");
    json.string(datatype_of(output.type));
    write_shape(json, static_cast<std::int64_t>(request.rows));
    json.key("data");
    json.begin_array();
    const bool is_number = output.type == FieldType::kNumber;
    const std::size_t column = is_number ? number_column++ : text_column++;
    for (std::size_t row = 0; row < request.rows; ++row) {
      if (is_number) {
        json.number(numbers[row * number_outputs + column]);
      } else {
        json.string(texts[row * text_outputs + column]);
      }
    }
    json.end_array();
    json.end_object();
  }
  json.end_array();
  json.end_object();
  return json.take();
}

}  // namespace weir::inference
