#include <weir/speculation/batch_votes.hpp>

#include <utility>

namespace weir::speculation {

void BatchVotes::begin(std::size_t records) {
  ++mark_;
  groups_.clear();
  group_of_.clear();
  row_of_.clear();
  group_of_.reserve(records);
  row_of_.reserve(records);
}

void BatchVotes::add(KeySlot& slot) {
  if (slot.batch_mark != mark_) {
    slot.batch_mark = mark_;
    slot.group = static_cast<std::uint32_t>(groups_.size());
    groups_.push_back({&slot, 0, 0, static_cast<std::uint32_t>(group_of_.size()), nullptr});
  }
  group_of_.push_back(slot.group);
  row_of_.push_back(groups_[slot.group].rows++);
}

void BatchVotes::lay_out() {
  std::uint32_t row = 0;
  for (Group& group : groups_) {
    group.first_row = row;
    row += group.rows;
  }
  for (std::size_t i = 0; i < row_of_.size(); ++i) row_of_[i] += groups_[group_of_[i]].first_row;
  numbers_.resize(row_of_.size() * number_columns_);
  texts_.resize(row_of_.size() * text_columns_);
}

// Finds the versions, and makes room for what they say: no buffer moves while they say it.
void BatchVotes::make_room() {
  const std::size_t members = speculator_.members();
  outcomes_.assign(groups_.size() * members, {});
  failures_.clear();
  std::size_t numbers = 0;
  std::size_t texts = 0;
  std::size_t rows = 0;
  for (std::size_t group = 0; group < groups_.size(); ++group) {
    for (std::size_t member = 0; member < members; ++member) {
      Outcome& made = outcome(group, member);
      made.version = groups_[group].slot->models[member]->current;
      if (made.version == nullptr || speculator_.member(member).slow || made.version->scorer == nullptr) continue;
      made.is_scored = true;
      numbers += std::size_t{groups_[group].rows} * made.version->number_outputs;
      texts += std::size_t{groups_[group].rows} * made.version->text_outputs;
      rows += groups_[group].rows;
    }
  }
  if (out_numbers_.size() < numbers) out_numbers_.resize(numbers);
  if (out_texts_.size() < texts) out_texts_.resize(texts);
  if (failed_.size() < rows) failed_.resize(rows);
}

std::int64_t BatchVotes::score(const Clock& clock) {
  make_room();
  double* numbers = out_numbers_.data();
  std::string* texts = out_texts_.data();
  unsigned char* failed = failed_.data();
  // The end of one call is the beginning of the next: one clock read for each.
  std::int64_t begin = clock.monotonic_ns();
  for (std::size_t index = 0; index < groups_.size(); ++index) {
    const Group& group = groups_[index];
    for (std::size_t member = 0; member < speculator_.members(); ++member) {
      Outcome& made = outcome(index, member);
      if (!made.is_scored) continue;
      made.numbers = numbers;
      made.texts = texts;
      made.failed = failed;
      const FeatureRows in{group.rows, numbers_.data() + group.first_row * number_columns_, number_columns_,
                           texts_.data() + group.first_row * text_columns_, text_columns_};
      errors_.clear();
      made.version->scorer->score(in, {numbers, texts, failed}, errors_, scratch_);
      for (std::uint32_t row = 0; row < group.rows; ++row) made.any_failed = made.any_failed || failed[row] != 0;
      for (const ScoreErrors::Entry& entry : errors_.entries())
        failures_.push_back({failed + entry.row, entry.message});
      numbers += std::size_t{group.rows} * made.version->number_outputs;
      texts += std::size_t{group.rows} * made.version->text_outputs;
      failed += group.rows;
      const std::int64_t end = clock.monotonic_ns();
      made.latency_ns = (end - begin) / group.rows;
      begin = end;
    }
  }
  return begin;
}

MemberScore BatchVotes::score_one(std::size_t member, const Clock& clock) {
  const serving::ModelVersion& version = *groups_[0].slot->models[member]->current;
  out_numbers_.resize(std::max<std::size_t>(out_numbers_.size(), version.number_outputs));
  out_texts_.resize(std::max<std::size_t>(out_texts_.size(), version.text_outputs));
  unsigned char failed = 0;
  errors_.clear();
  const std::int64_t begin = clock.monotonic_ns();
  version.scorer->score({1, numbers_.data(), number_columns_, texts_.data(), text_columns_},
                        {out_numbers_.data(), out_texts_.data(), &failed}, errors_, scratch_);
  const std::int64_t latency_ns = clock.monotonic_ns() - begin;
  MemberScore score;
  if (failed != 0) {
    fill_failure(score, version.id, reason_of_row(errors_, 0), latency_ns);
  } else {
    fill_score(score, version.id, out_numbers_.data(), version.number_outputs, out_texts_.data(), version.text_outputs,
               latency_ns);
  }
  return score;
}

std::uint32_t BatchVotes::fill(std::size_t record, std::vector<MemberScore>& scores) const {
  const std::size_t members = speculator_.members();
  const std::size_t group = group_of_[record];
  const std::size_t row = row_of_[record] - groups_[group].first_row;
  scores.resize(members);
  std::uint32_t votes = 0;
  for (std::size_t member = 0; member < members; ++member) {
    MemberScore& score = scores[member];
    const Outcome& made = outcomes_[group * members + member];
    if (!made.is_scored) {
      score.model = made.version == nullptr ? speculator_.nobody(member) : made.version->id;
      const bool is_absent = made.version == nullptr && !speculator_.member(member).wait_for_model;
      score.status = is_absent ? VoteStatus::kAbsent : VoteStatus::kWaiting;
    } else if (made.any_failed && made.failed[row] != 0) [[unlikely]] {
      fill_failure(score, made.version->id, reason_of(made.failed + row), made.latency_ns);
    } else {
      fill_score(score, made.version->id, made.numbers + row * made.version->number_outputs,
                 made.version->number_outputs, made.texts + row * made.version->text_outputs,
                 made.version->text_outputs, made.latency_ns);
      if (score.status == VoteStatus::kVoted) score.order = ++votes;
    }
  }
  return votes;
}

void BatchVotes::count_latency(const Group& group) const {
  const auto index = static_cast<std::size_t>(&group - groups_.data());
  for (std::size_t member = 0; member < speculator_.members(); ++member) {
    const Outcome& made = outcomes_[index * speculator_.members() + member];
    if (made.is_scored) group.statistics->members[member].add_latency(made.latency_ns, group.rows);
  }
}

std::string_view BatchVotes::reason_of(const unsigned char* row) const {
  for (const Failure& failure : failures_)
    if (failure.row == row) return failure.reason;
  return "the model could not score the record";
}

}  // namespace weir::speculation
