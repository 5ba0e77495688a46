#include "operators/archive/archive_models.hpp"

#include <cstring>

#include <weir/json.hpp>
#include <weir/serde.hpp>
#include <weir/serving/model_loader.hpp>

namespace weir {

Result<std::shared_ptr<const ArchivedSchema>> ArchiveModels::schema(const ModelDigest& features) {
  std::shared_ptr<const ArchivedSchema>& known = schemas_[features];
  if (known) return known;
  Result<ArchivedSchema> read = archive_.schema(features);
  if (!read) return read.status().with_context("read the features of the archive");
  known = std::make_shared<const ArchivedSchema>(std::move(*read));
  return known;
}

Result<std::shared_ptr<const Scorer>> ArchiveModels::load(const ModelDigest& features, const ArchivedModel& model,
                                                          const std::string* bytes,
                                                          const std::vector<std::string>* outputs) {
  WEIR_ASSIGN_OR_RETURN(const std::shared_ptr<const ArchivedSchema> known, schema(features));
  serving::LoaderConfig config;
  config.runtimes = options_.runtimes;
  config.features = FeatureSchema(known->features);
  config.outputs = outputs != nullptr ? *outputs : known->outputs;
  config.limits = options_.limits;
  config.warm_up_rows = 0;
  serving::LoadRequest request;
  request.record.name = model.name;
  request.record.type = model.type;
  request.record.options = model.options;
  if (bytes != nullptr) {
    request.bytes = std::make_shared<const std::string>(*bytes);
  } else {
    config.blobs = archive_.models();
    request.digest = model.digest;
  }
  serving::LoadResult result = serving::load_model(config, request, {});
  if (result.status.is_ok()) return result.scorer;
  if (bytes != nullptr) return result.status.with_context("load the model");
  return result.status.with_context("load model '" + model.name + "' version " + std::to_string(model.version) + " (" +
                                    to_hex(model.digest) + ")");
}

Result<std::shared_ptr<const Scorer>> ArchiveModels::scorer(const ArchivedModel& model, const ModelDigest& features,
                                                            const std::vector<std::string>* outputs) {
  std::string identity = to_hex(model.digest) + model.type + '\n' + serialize(model.options);
  if (outputs != nullptr) identity += '\n' + serialize(*outputs);
  const Key key{std::move(identity), features};
  if (const auto found = loaded_.find(key); found != loaded_.end()) {
    used_.splice(used_.begin(), used_, found->second.used);
    return found->second.scorer;
  }
  WEIR_ASSIGN_OR_RETURN(std::shared_ptr<const Scorer> scorer, load(features, model, nullptr, outputs));
  if (!loaded_.empty() && loaded_.size() >= options_.max_models) {
    loaded_.erase(used_.back());
    used_.pop_back();
  }
  used_.push_front(key);
  loaded_[key] = {scorer, used_.begin()};
  return scorer;
}

Result<std::shared_ptr<const Scorer>> ArchiveModels::scorer_of(const ReplayCandidate& candidate,
                                                               const ModelDigest& features,
                                                               const std::vector<std::string>* outputs) {
  if (const auto found = candidates_.find(features); found != candidates_.end()) return found->second;
  WEIR_ASSIGN_OR_RETURN(std::shared_ptr<const Scorer> scorer,
                        load(features, {{}, 0, {}, candidate.type, candidate.options}, &*candidate.bytes, outputs));
  candidates_[features] = scorer;
  return scorer;
}

Result<const AnsweredRows*> ArchiveModels::score(const ArchivedInputs& inputs, const Scorer& scorer) {
  WEIR_ASSIGN_OR_RETURN(const std::shared_ptr<const ArchivedSchema> known, schema(inputs.features));
  const FeatureSchema features(known->features);
  const std::size_t rows = inputs.rows();
  if (inputs.numbers.size() != rows * features.number_columns() ||
      inputs.texts.size() != rows * features.text_columns()) {
    return Status::data_loss(
        "score the archived inputs of key '" + inputs.key + "': they have " + std::to_string(inputs.number_columns()) +
        " numbers and " + std::to_string(inputs.text_columns()) + " texts, their list of features " +
        std::to_string(features.number_columns()) + " and " + std::to_string(features.text_columns()));
  }
  answers_.number_outputs = answers_.text_outputs = 0;
  for (const Field& output : scorer.outputs())
    ++(output.type == FieldType::kNumber ? answers_.number_outputs : answers_.text_outputs);
  answers_.numbers.assign(rows * answers_.number_outputs, 0);
  answers_.texts.assign(rows * answers_.text_outputs, {});
  answers_.failed.assign(rows, 0);
  answers_.errors.clear();
  texts_.assign(inputs.texts.size(), {});
  for (std::size_t i = 0; i < inputs.texts.size(); ++i)
    if (inputs.texts[i]) texts_[i] = *inputs.texts[i];
  scorer.score({rows, inputs.numbers.data(), features.number_columns(), texts_.data(), features.text_columns()},
               {answers_.numbers.data(), answers_.texts.data(), answers_.failed.data()}, answers_.errors, scratch_);
  return &answers_;
}

Status tell_inputs(const ArchivedSchema& schema, std::span<const double> numbers,
                   std::span<const std::optional<std::string>> texts, ArchivedAnswer& told) {
  const FeatureSchema features(schema.features);
  if (numbers.size() != features.number_columns() || texts.size() != features.text_columns())
    return Status::data_loss("the archived record does not fit its list of features");
  for (const Field& field : schema.features) {
    const auto column = static_cast<std::size_t>(features.column(field.name));
    JsonWriter json;
    if (field.type == FieldType::kNumber)
      json.number(numbers[column]);
    else if (texts[column])
      json.string(*texts[column]);
    else
      json.null();
    told.inputs.emplace_back(field, json.take());
  }
  return {};
}

ReplayRow row_of(std::uint64_t offset, const ArchivedInputs& inputs, std::size_t row) {
  ReplayRow found;
  found.offset = offset;
  found.row = row;
  found.key = inputs.key;
  if (!inputs.positions.empty() && inputs.positions[row] != kNoPosition) found.position = inputs.positions[row];
  if (!inputs.times.empty() && inputs.times[row] != kMinTimestamp) found.time = inputs.times[row];
  found.model = inputs.model;
  found.path = inputs.path;
  found.before.status = inputs.statuses[row];
  const auto number = inputs.number_outputs.begin() + static_cast<std::ptrdiff_t>(row * inputs.numbers_out());
  found.before.numbers.assign(number, number + static_cast<std::ptrdiff_t>(inputs.numbers_out()));
  const auto text = inputs.text_outputs.begin() + static_cast<std::ptrdiff_t>(row * inputs.texts_out());
  found.before.texts.assign(text, text + static_cast<std::ptrdiff_t>(inputs.texts_out()));
  return found;
}

ReplayAnswer answer_of(const AnsweredRows& answers, std::size_t row) {
  ReplayAnswer answer;
  answer.status = answers.failed[row] == 0 ? ScoreStatus::kOk : ScoreStatus::kError;
  const auto number = answers.numbers.begin() + static_cast<std::ptrdiff_t>(row * answers.number_outputs);
  answer.numbers.assign(number, number + static_cast<std::ptrdiff_t>(answers.number_outputs));
  const auto text = answers.texts.begin() + static_cast<std::ptrdiff_t>(row * answers.text_outputs);
  answer.texts.assign(text, text + static_cast<std::ptrdiff_t>(answers.text_outputs));
  for (const ScoreErrors::Entry& error : answers.errors.entries())
    if (error.row == row) answer.reason = error.message;
  return answer;
}

bool is_same(const ReplayAnswer& one, const ReplayAnswer& other) {
  return one.status == other.status && one.numbers.size() == other.numbers.size() &&
         (one.numbers.empty() ||
          std::memcmp(one.numbers.data(), other.numbers.data(), one.numbers.size() * sizeof(double)) == 0) &&
         one.texts == other.texts;
}

bool is_scored(ScoreStatus status) { return status == ScoreStatus::kOk || status == ScoreStatus::kError; }

}  // namespace weir
