#include <weir/replay.hpp>

#include <utility>

#include <weir/json.hpp>

#include "operators/archive/archive_models.hpp"

namespace weir {
namespace {

struct Found {
  std::uint64_t offset;
  std::size_t row;
  ArchivedInputs inputs;  // all rows: it is scored again as it was, beside the same others
};

bool is_asked(const ArchiveQuestion& question, const ArchivedInputs& inputs, std::size_t row) {
  if (question.position) return !inputs.positions.empty() && inputs.positions[row] == *question.position;
  return !inputs.times.empty() && inputs.times[row] == *question.time;
}

std::string value_json(const Found& found, const Field& field, std::size_t column) {
  const ArchivedInputs& inputs = found.inputs;
  JsonWriter json;
  if (field.type == FieldType::kNumber)
    json.number(inputs.numbers[found.row * inputs.number_columns() + column]);
  else if (const auto& text = inputs.texts[found.row * inputs.text_columns() + column])
    json.string(*text);
  else
    json.null();
  return json.take();
}

Result<ArchivedAnswer> answer(ArchiveModels& models, const Found& found, const ArchivedModel* other) {
  ArchivedAnswer told;
  told.row = row_of(found.offset, found.inputs, found.row);
  WEIR_ASSIGN_OR_RETURN(const auto schema, models.schema(found.inputs.features));
  const auto names_of = [&](const Scorer& scorer) {
    told.names.clear();
    for (const FieldType type : {FieldType::kNumber, FieldType::kText})
      for (const Field& output : scorer.outputs())
        if (output.type == type) told.names.push_back(output.name);
  };
  if (other != nullptr) {
    WEIR_ASSIGN_OR_RETURN(const auto scorer, models.scorer(*other, found.inputs.features));
    WEIR_ASSIGN_OR_RETURN(const AnsweredRows* const answers, models.score(found.inputs, *scorer));
    told.other = *other;
    told.of_other = answer_of(*answers, found.row);
    names_of(*scorer);
  }
  if (found.inputs.model.has_value()) {
    WEIR_ASSIGN_OR_RETURN(const auto scorer, models.scorer(found.inputs.model, found.inputs.features));
    WEIR_ASSIGN_OR_RETURN(const AnsweredRows* const answers, models.score(found.inputs, *scorer));
    told.row.after = answer_of(*answers, found.row);
    told.is_reproduced = is_same(told.row.before, told.row.after);
    names_of(*scorer);
  }
  const FeatureSchema features(schema->features);
  if (found.inputs.number_columns() != features.number_columns() ||
      found.inputs.text_columns() != features.text_columns())
    return Status::data_loss("the archived record does not fit its list of features");
  for (const Field& field : schema->features)
    told.inputs.emplace_back(field, value_json(found, field, static_cast<std::size_t>(features.column(field.name))));
  return told;
}

}  // namespace

Result<ArchiveFindings> audit_archive(const Archive& archive, const ArchiveQuestion& question,
                                      const ReplayOptions& options) {
  if (question.position.has_value() == question.time.has_value())
    return Status::invalid_argument("ask the archive for one record: by position or by time");
  std::vector<Found> found;
  std::optional<ArchivedModel> other;
  const auto note_version = [&](const ArchivedModel& model) {
    if (!other && question.version != 0 && model.version == question.version && model.has_value()) other = model;
  };
  for (const ArchivedModel& model : question.known) note_version(model);
  // A position is answered when it is found; of a time there may be several records.
  const auto is_done = [&] {
    const bool has_records = found.size() == question.max_records || (question.position && !found.empty());
    return has_records && (question.version == 0 || other);
  };
  ArchiveFindings findings;
  WEIR_ASSIGN_OR_RETURN(
      findings.is_complete,
      archive.for_each_back(question.key, question.max_bytes,
                            [&](std::uint64_t offset, const ArchiveRecord& record) -> Result<bool> {
                              if (const ArchivedEvent* event = record.event()) {
                                if (event->state != ModelState::kRefused) note_version(event->model);
                                return !is_done();
                              }
                              const ArchivedInputs& inputs = *record.inputs();
                              note_version(inputs.model);
                              for (std::size_t row = 0; row < inputs.rows(); ++row)
                                if (found.size() < question.max_records && is_asked(question, inputs, row))
                                  found.push_back({offset, row, inputs});
                              return !is_done();
                            }));
  if (!found.empty() && question.version != 0 && !other) {
    return Status::not_found("the archive names no version " + std::to_string(question.version) + " of key '" +
                             question.key + "'" + (findings.is_complete ? "" : " as far back as was looked"));
  }
  ArchiveModels models(archive, options);
  for (const Found& one : found) {
    WEIR_ASSIGN_OR_RETURN(ArchivedAnswer told, answer(models, one, other ? &*other : nullptr));
    findings.answers.push_back(std::move(told));
  }
  return findings;
}

}  // namespace weir
