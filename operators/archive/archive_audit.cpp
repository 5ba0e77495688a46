#include <weir/replay.hpp>

#include <algorithm>
#include <map>
#include <span>
#include <utility>
#include <variant>

#include "operators/archive/archive_models.hpp"
#include "operators/archive/ballot_replay.hpp"

namespace weir {
namespace {

struct Found {
  std::uint64_t offset;
  std::size_t row;
  std::variant<ArchivedInputs, ArchivedBallots> what;  // inputs: all rows, scored again as it was
};

bool is_asked(const ArchiveQuestion& question, const ArchivedInputs& inputs, std::size_t row) {
  if (question.position) return !inputs.positions.empty() && inputs.positions[row] == *question.position;
  return !inputs.times.empty() && inputs.times[row] == *question.time;
}
bool is_asked(const ArchiveQuestion& question, const ArchivedBallot& ballot) {
  return question.position ? ballot.position == *question.position : ballot.time == *question.time;
}

Result<ArchivedAnswer> answer(ArchiveModels& models, std::uint64_t offset, const ArchivedInputs& inputs,
                              std::size_t row, const ArchivedModel* other) {
  ArchivedAnswer told;
  told.row = row_of(offset, inputs, row);
  WEIR_ASSIGN_OR_RETURN(const auto schema, models.schema(inputs.features));
  const auto names_of = [&](const Scorer& scorer) {
    told.names.clear();
    for (const FieldType type : {FieldType::kNumber, FieldType::kText})
      for (const Field& output : scorer.outputs())
        if (output.type == type) told.names.push_back(output.name);
  };
  if (other != nullptr) {
    WEIR_ASSIGN_OR_RETURN(const auto scorer, models.scorer(*other, inputs.features));
    WEIR_ASSIGN_OR_RETURN(const AnsweredRows* const answers, models.score(inputs, *scorer));
    told.other = *other;
    told.of_other = answer_of(*answers, row);
    names_of(*scorer);
  }
  if (inputs.model.has_value()) {
    WEIR_ASSIGN_OR_RETURN(const auto scorer, models.scorer(inputs.model, inputs.features));
    WEIR_ASSIGN_OR_RETURN(const AnsweredRows* const answers, models.score(inputs, *scorer));
    told.row.after = answer_of(*answers, row);
    told.is_reproduced = is_same(told.row.before, told.row.after);
    names_of(*scorer);
  }
  const auto first_number = static_cast<std::size_t>(row * inputs.number_columns());
  const auto first_text = static_cast<std::size_t>(row * inputs.text_columns());
  WEIR_RETURN_IF_ERROR(tell_inputs(*schema, std::span(inputs.numbers).subspan(first_number, inputs.number_columns()),
                                   std::span(inputs.texts).subspan(first_text, inputs.text_columns()), told));
  return told;
}

}  // namespace

Result<ArchiveFindings> audit_archive(const Archive& archive, const ArchiveQuestion& question,
                                      const ReplayOptions& options) {
  if (question.position.has_value() == question.time.has_value())
    return Status::invalid_argument("ask the archive for one record: by position or by time");
  std::vector<Found> found;
  std::optional<ArchivedModel> other;
  std::map<std::string, ArchivedModel> others;  // by name
  std::size_t members = 1;                      // of the records found
  const auto note_version = [&](const ArchivedModel& model) {
    if (question.version == 0 || model.version != question.version || !model.has_value()) return;
    if (!other) other = model;
    others.emplace(model.name, model);
  };
  for (const ArchivedModel& model : question.known) note_version(model);
  // A position is answered when it is found; of a time there may be several records.
  const auto is_done = [&] {
    const bool has_records = found.size() == question.max_records || (question.position && !found.empty());
    return has_records && (question.version == 0 || others.size() >= members);
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
                              if (const ArchivedBallots* ballots = record.ballots()) {
                                for (const ArchivedModel& model : ballots->models) note_version(model);
                                for (std::size_t row = 0; row < ballots->ballots.size(); ++row) {
                                  if (found.size() == question.max_records) break;
                                  if (!is_asked(question, ballots->ballots[row])) continue;
                                  members = std::max(members, ballots->ballots[row].votes.size());
                                  found.push_back({offset, row, *ballots});
                                }
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
    const auto* const ballots = std::get_if<ArchivedBallots>(&one.what);
    Result<ArchivedAnswer> told =
        ballots != nullptr
            ? audit_ballot(models, options, one.offset, *ballots, one.row, others)
            : answer(models, one.offset, std::get<ArchivedInputs>(one.what), one.row, other ? &*other : nullptr);
    if (!told) return told.status();
    findings.answers.push_back(std::move(*told));
  }
  return findings;
}

}  // namespace weir
