#include <weir/speculation/ballot_archive.hpp>

#include <utility>

#include <weir/blob_store.hpp>
#include <weir/serde.hpp>
#include <weir/serving/archive_output.hpp>
#include <weir/speculation/speculator.hpp>

#include "operators/archive/archive_bytes.hpp"

namespace weir::speculation {
namespace {

ArchivedSchema schema_of(const FeatureSchema& features, const SpeculationOptions& options) {
  ArchivedSchema schema{{features.fields().begin(), features.fields().end()}, {}};
  for (const SpeculationMember& member : options.members)
    schema.members.push_back(
        {member.name, member.priority, member.quality, member.weight, member.wait_for_model, member.outputs});
  for (const PolicyPtr& policy : options.policies) schema.policies.push_back({policy->name(), policy->definition()});
  return schema;
}

std::vector<std::string> texts_of(const ScoreTexts& texts) {
  std::vector<std::string> copied;
  for (std::size_t i = 0; i < texts.size(); ++i) copied.emplace_back(texts[i]);
  return copied;
}

ArchivedVote vote_of(const MemberScore& score) {
  ArchivedVote vote;
  vote.status = score.status;
  vote.order = score.order;
  vote.latency_ns = score.latency_ns;
  vote.numbers.assign(score.numbers.values().begin(), score.numbers.values().end());
  if (score.status == VoteStatus::kFailed) {
    if (score.texts.size() != 0) vote.reason = score.texts[0];
  } else {
    vote.texts = texts_of(score.texts);
  }
  return vote;
}

std::uint32_t index_of(std::vector<ArchivedModel>& models, ArchivedModel&& model) {
  const auto found = std::find(models.begin(), models.end(), model);
  const auto index = static_cast<std::uint32_t>(found - models.begin());
  if (found == models.end()) models.push_back(std::move(model));
  return index;
}

}  // namespace

void OpenBallot::weir_write(ByteWriter& writer) const {
  archive::write_digest(writer, features);
  Serde<std::vector<double>>::write(writer, numbers);
  writer.varint(texts.size());
  for (const std::optional<std::string>& text : texts) {
    writer.varint(text ? text->size() + 1 : 0);
    if (text) writer.bytes(text->data(), text->size());
  }
  writer.varint(models.size());
  for (const ArchivedModel& model : models) archive::write_model(writer, model);
}

void OpenBallot::weir_read(ByteReader& reader) {
  archive::read_digest(reader, features);
  Serde<std::vector<double>>::read(reader, numbers);
  const std::uint64_t count = reader.varint();
  if (count > reader.remaining()) return reader.fail();
  texts.assign(count, std::nullopt);
  for (std::optional<std::string>& text : texts) {
    const std::uint64_t length = reader.varint();
    if (length == 0) continue;
    if (length - 1 > reader.remaining()) return reader.fail();
    text.emplace(reader.bytes(length - 1), length - 1);
  }
  const std::uint64_t members = reader.varint();
  if (members > reader.remaining()) return reader.fail();
  models.resize(members);
  for (ArchivedModel& model : models) archive::read_model(reader, model);
}

Status BallotArchive::open(OperatorContext& context, const FeatureSchema& features, const SpeculationOptions& options) {
  output_ = context.side_output(kModelInputs.name);
  if (!output_) return {};
  number_columns_ = features.number_columns();
  text_columns_ = features.text_columns();
  WEIR_ASSIGN_OR_RETURN(features_, serving::store_schema(context, schema_of(features, options)));
  return {};
}

OpenBallot BallotArchive::inputs(const double* numbers, const std::string_view* texts) const {
  OpenBallot ballot;
  ballot.features = features_;
  ballot.numbers.assign(numbers, numbers + number_columns_);
  for (std::size_t i = 0; i < text_columns_; ++i)
    ballot.texts.push_back(texts[i].data() == nullptr ? std::nullopt : std::optional<std::string>(texts[i]));
  return ballot;
}

void BallotArchive::note(OpenBallot& ballot, std::size_t member, const serving::ModelVersion& version) {
  if (ballot.models.size() <= member) ballot.models.resize(member + 1);
  ballot.models[member] = serving::archived_model(version);
}

void BallotArchive::put(Outbox& out, KeySlot& slot, const SpeculationAnswer& answer, Timestamp time,
                        std::uint64_t position, std::int64_t deadline_ns, OpenBallot ballot) {
  Batch<ArchiveRecord>& batch = out.batch<ArchiveRecord>(*output_);
  if (slot.archive_mark != mark_) {
    slot.archive_mark = mark_;
    slot.archive_entry = batch.size();
    auto& added = batch.records.emplace().what.emplace<ArchivedBallots>();
    added.key = slot.key_text;
    added.features = features_;
  }
  auto& entry = std::get<ArchivedBallots>(batch.records[slot.archive_entry].what);
  ArchivedBallot& archived = entry.ballots.emplace_back();
  archived.time = time;
  archived.position = position;
  archived.numbers = std::move(ballot.numbers);
  archived.texts = std::move(ballot.texts);
  archived.policy = answer.policy;
  archived.deadline_ns = deadline_ns;
  archived.latency_ns = answer.latency_ns;
  archived.at_deadline = answer.at_deadline;
  archived.status = answer.status;
  archived.winner = answer.winner;
  archived.answer_numbers.assign(answer.numbers.values().begin(), answer.numbers.values().end());
  archived.answer_texts = texts_of(answer.texts);
  for (std::size_t member = 0; member < answer.scores.size(); ++member) {
    ArchivedVote& vote = archived.votes.emplace_back(vote_of(answer.scores[member]));
    if (member < ballot.models.size() && ballot.models[member].has_value())
      vote.model = index_of(entry.models, std::move(ballot.models[member]));
  }
}

}  // namespace weir::speculation
