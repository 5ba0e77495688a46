#pragma once
/// BatchScorer<T>: scores records of one batch, those of one model together, and puts results out in the records'
/// order.

#include <algorithm>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <weir/batch.hpp>
#include <weir/features.hpp>
#include <weir/scored.hpp>
#include <weir/serve_options.hpp>
#include <weir/serving/archive_output.hpp>
#include <weir/serving/model_slot.hpp>
#include <weir/serving/side_batch.hpp>

namespace weir::serving {

/// Records that one version scored in one call: what statistics are made of.
struct ScoredGroup {
  ModelSlot* slot = nullptr;
  ModelVersion* version = nullptr;
  std::uint32_t rows = 0;
  std::uint32_t first_row = 0;     // in the feature matrix
  std::uint32_t first_record = 0;  // of the call
  std::uint32_t failed = 0;
  std::int64_t elapsed_ns = 0;
  std::int64_t latency_ns = 0;  // of each row
  const double* numbers = nullptr;
  const std::string* texts = nullptr;
};

/// Thread: one task's. Memory grows to the largest call and stays.
template <class T>
class BatchScorer {
 public:
  BatchScorer(Features<T> features, const ServeOptions& options) : features_(std::move(features)), options_(options) {}

  /// Scores records [first, first + count) of `in` and appends the results to `out`. slots[i] and versions[i] belong to
  /// record first + i; no version: it is answered by the no-model policy. Records are moved from. One Scorer::score per
  /// version, and at most one clock read: versions so fast that it would count are timed together, about a microsecond
  /// at a time. Inputs and answers are copied to `archive` when it has a batch: at most `count` records. The groups are
  /// valid until the next call.
  std::span<const ScoredGroup> score(Batch<T>& in, std::size_t first, std::size_t count, ModelSlot* const* slots,
                                     ModelVersion* const* versions, const Clock& clock, Batch<Scored<T>>& out,
                                     const ArchiveTarget& archive = {}) {
    group(count, slots, versions);
    gather(in, first, count);
    score_groups(clock);
    if (archive.batch != nullptr) [[unlikely]]
      put_aside(in, first, count, slots, archive);
    emit(in, first, count, slots, out);
    return {groups_.data() + 1, groups_.size() - 1};
  }
  [[nodiscard]] const FeatureSchema& schema() const noexcept { return features_.schema(); }
  /// Number of the last call: the batch_mark of the versions it used.
  [[nodiscard]] std::uint64_t mark() const noexcept { return mark_; }
  /// Records of the last call that had no model.
  [[nodiscard]] std::size_t without_model() const noexcept { return groups_[0].rows; }

 private:
  struct Failure {
    std::size_t row;
    std::string message;
  };
  struct Answer {
    ScoreAnswer like;
    std::ptrdiff_t number_outputs = 0;
    std::ptrdiff_t offset = 0;  // of the numbers of row 0, were it one of the group's, in out_numbers_
  };
  // A column, or one value again and again where there is none.
  template <class Value>
  class OptionalColumn {
   public:
    OptionalColumn(const Column<Value>& column, std::size_t first, const Value& unknown)
        : values_(column.empty() ? &unknown : column.data() + first), step_(column.empty() ? 0 : 1) {}
    const Value& operator[](std::size_t index) const noexcept { return values_[index * step_]; }

   private:
    const Value* values_;
    std::size_t step_;
  };

  // Group 0 is that of records without a model; its rows come last, are extracted, and are not scored.
  void group(std::size_t count, ModelSlot* const* slots, ModelVersion* const* versions) {
    ++mark_;
    groups_.clear();
    groups_.emplace_back();
    group_of_.resize(count);
    row_of_.resize(count);
    for (std::uint32_t i = 0; i < count; ++i) {
      std::uint32_t index = 0;
      if (ModelVersion* version = versions[i]) [[likely]] {
        if (version->batch_mark != mark_) {
          version->batch_mark = mark_;
          version->group = static_cast<std::uint32_t>(groups_.size());
          ScoredGroup& added = groups_.emplace_back();
          added.slot = slots[i];
          added.version = version;
          added.first_record = i;
        }
        index = version->group;
      }
      group_of_[i] = index;
      row_of_[i] = groups_[index].rows++;
    }
    std::uint32_t row = 0;
    for (std::size_t index = 1; index < groups_.size(); ++index) {
      groups_[index].first_row = row;
      row += groups_[index].rows;
    }
    groups_[0].first_row = row;
    for (std::size_t i = 0; i < count; ++i) row_of_[i] += groups_[group_of_[i]].first_row;
  }

  void gather(const Batch<T>& in, std::size_t first, std::size_t count) {
    numbers_.resize(count * features_.schema().number_columns());
    texts_.resize(count * features_.schema().text_columns());
    features_.gather(in.records.data() + first, row_of_.data(), count, numbers_.data(), texts_.data());
  }

  void score_groups(const Clock& clock) {
    failures_.clear();
    std::size_t numbers_needed = 0;
    std::size_t texts_needed = 0;
    for (std::size_t index = 1; index < groups_.size(); ++index) {
      numbers_needed += std::size_t{groups_[index].rows} * groups_[index].version->number_outputs;
      texts_needed += std::size_t{groups_[index].rows} * groups_[index].version->text_outputs;
    }
    if (out_numbers_.size() < numbers_needed) out_numbers_.resize(numbers_needed);
    if (out_texts_.size() < texts_needed) out_texts_.resize(texts_needed);
    failed_.resize(group_of_.size());
    double* numbers = out_numbers_.data();
    std::string* texts = out_texts_.data();
    std::int64_t begin = groups_.size() > 1 ? clock.monotonic_ns() : 0;
    std::size_t first = 1;  // of the groups that are timed together
    std::uint64_t expected_ns = 0;
    for (std::size_t index = 1; index < groups_.size(); ++index) {
      ScoredGroup& group = groups_[index];
      group.numbers = numbers;
      group.texts = texts;
      score_group(group, {numbers, texts, failed_.data() + group.first_row});
      numbers += std::size_t{group.rows} * group.version->number_outputs;
      texts += std::size_t{group.rows} * group.version->text_outputs;
      expected_ns += std::uint64_t{group.rows} * group.version->expected_ns;
      if (expected_ns < ModelVersion::kTimedAlone && index + 1 != groups_.size()) continue;
      // The end of these groups is the beginning of the next: one clock read.
      const std::int64_t end = clock.monotonic_ns();
      share_time(first, index + 1, end - begin);
      begin = end;
      first = index + 1;
      expected_ns = 0;
    }
    count_failures();
  }

  // Groups [first, end) took `elapsed_ns` together: each of their records the same.
  void share_time(std::size_t first, std::size_t end, std::int64_t elapsed_ns) noexcept {
    std::int64_t rows = 0;
    for (std::size_t index = first; index < end; ++index) rows += groups_[index].rows;
    const std::int64_t each = elapsed_ns / rows;
    const auto expected = static_cast<std::uint32_t>(std::min<std::int64_t>(each, ModelVersion::kTimedAlone));
    for (std::size_t index = first; index < end; ++index) {
      ScoredGroup& group = groups_[index];
      group.latency_ns = each;
      group.elapsed_ns = each * group.rows;
      group.version->expected_ns = expected;
    }
    groups_[end - 1].elapsed_ns += elapsed_ns - each * rows;
  }

  void score_group(ScoredGroup& group, const ScoreRows& rows) {
    const std::size_t number_columns = features_.schema().number_columns();
    const std::size_t text_columns = features_.schema().text_columns();
    const FeatureRows in{group.rows, numbers_.data() + group.first_row * number_columns, number_columns,
                         texts_.data() + group.first_row * text_columns, text_columns};
    group.version->scorer->score(in, rows, errors_, scratch_);
    if (errors_.count() == 0) [[likely]]
      return;
    for (const ScoreErrors::Entry& entry : errors_.entries())
      failures_.push_back({group.first_row + entry.row, entry.message});
    errors_.clear();
  }

  void count_failures() noexcept {
    const std::size_t rows = groups_[0].first_row;  // those that were scored come before
    unsigned char any = 0;
    for (std::size_t row = 0; row < rows; ++row) any |= failed_[row];
    if (any == 0) [[likely]]
      return;
    for (std::size_t index = 1; index < groups_.size(); ++index) {
      ScoredGroup& group = groups_[index];
      for (std::uint32_t row = 0; row < group.rows; ++row) group.failed += failed_[group.first_row + row] != 0 ? 1 : 0;
    }
  }

  // Before the records are moved from: texts are views into them. One ArchiveRecord for each group, and for each key
  // with records that met no model.
  void put_aside(const Batch<T>& in, std::size_t first, std::size_t count, ModelSlot* const* slots,
                 const ArchiveTarget& archive) {
    record_of_.resize(count);
    rows_.resize(count);
    for (std::uint32_t i = 0; i < count; ++i) {
      record_of_[row_of_[i]] = i;
      rows_[i] = i;
    }
    for (std::size_t index = 1; index < groups_.size(); ++index) {
      const ScoredGroup& group = groups_[index];
      ArchivedInputs& inputs = put_rows(in, first, {rows_.data() + group.first_row, group.rows}, archive);
      inputs.key = group.slot->key_text;
      inputs.model = archived_model(*group.version);
      inputs.path = options_.path;
      for (std::size_t row = group.first_row; row < std::size_t{group.first_row} + group.rows; ++row)
        inputs.statuses.push_back(failed_[row] == 0 ? ScoreStatus::kOk : ScoreStatus::kError);
      const std::size_t numbers = std::size_t{group.rows} * group.version->number_outputs;
      const std::size_t texts = std::size_t{group.rows} * group.version->text_outputs;
      inputs.number_outputs.assign(group.numbers, group.numbers + numbers);
      inputs.text_outputs.assign(group.texts, group.texts + texts);
    }
    const auto slot_of = [&](std::uint32_t row) { return slots[record_of_[row]]; };
    const auto begin = rows_.begin() + groups_[0].first_row;
    std::stable_sort(begin, rows_.end(), [&](std::uint32_t left, std::uint32_t right) {
      return std::less<>()(slot_of(left), slot_of(right));
    });
    for (auto row = begin, next = row; row != rows_.end(); row = next) {
      next = std::find_if(row, rows_.end(), [&](std::uint32_t other) { return slot_of(other) != slot_of(*row); });
      ArchivedInputs& inputs = put_rows(in, first, {row, next}, archive);
      inputs.key = slot_of(*row)->key_text;
      const bool has_fallback = options_.no_model == NoModelPolicy::kFallback;
      inputs.path = has_fallback ? ScorePath::kFallback : ScorePath::kNone;
      const auto rows = static_cast<std::size_t>(next - row);
      inputs.statuses.assign(rows, has_fallback ? ScoreStatus::kFallback : ScoreStatus::kNoModel);
      for (std::size_t i = 0; has_fallback && i < rows; ++i) {
        inputs.number_outputs.insert(inputs.number_outputs.end(), options_.fallback.begin(), options_.fallback.end());
        inputs.text_outputs.insert(inputs.text_outputs.end(), options_.fallback_texts.begin(),
                                   options_.fallback_texts.end());
      }
    }
  }

  ArchivedInputs& put_rows(const Batch<T>& in, std::size_t first, std::span<const std::uint32_t> rows,
                           const ArchiveTarget& archive) {
    ArchivedInputs& inputs = archive.batch->records.emplace().what.template emplace<ArchivedInputs>();
    inputs.features = archive.features;
    const std::size_t number_columns = features_.schema().number_columns();
    const std::size_t text_columns = features_.schema().text_columns();
    inputs.numbers.reserve(rows.size() * number_columns);
    inputs.texts.reserve(rows.size() * text_columns);
    if (!in.timestamps.empty()) inputs.times.reserve(rows.size());
    if (!in.positions.empty()) inputs.positions.reserve(rows.size());
    for (const std::uint32_t row : rows) {
      const double* numbers = numbers_.data() + row * number_columns;
      inputs.numbers.insert(inputs.numbers.end(), numbers, numbers + number_columns);
      for (std::size_t column = 0; column < text_columns; ++column) {
        const std::string_view text = texts_[row * text_columns + column];
        auto& kept = inputs.texts.emplace_back();
        if (text.data() != nullptr) kept.emplace(text);
      }
      if (!in.timestamps.empty()) inputs.times.push_back(time_of(in, first + record_of_[row]));
      if (!in.positions.empty()) inputs.positions.push_back(position_of(in, first + record_of_[row]));
    }
    return inputs;
  }

  void emit(Batch<T>& in, std::size_t first, std::size_t count, ModelSlot* const* slots, Batch<Scored<T>>& out) {
    make_answers();
    const bool any_dropped = without_model() != 0 && options_.no_model == NoModelPolicy::kDrop;
    append_column(out, out.timestamps, in.timestamps, first, count, any_dropped, kMinTimestamp);
    append_column(out, out.positions, in.positions, first, count, any_dropped, kNoPosition);
    out.records.reserve(out.size() + count);
    if (without_model() == 0) [[likely]] {
      emit_scored(in, first, count, out);
    } else {
      emit_mixed(in, first, count, slots, any_dropped, out);
    }
  }

  // The usual case: every record was scored. Everything the loop needs is in local variables: the compiler cannot know
  // that what it writes is not what it reads.
  void emit_scored(Batch<T>& in, std::size_t first, std::size_t count, Batch<Scored<T>>& out) {
    const OptionalColumn<Timestamp> times(in.timestamps, first, kMinTimestamp);
    const OptionalColumn<std::uint64_t> positions(in.positions, first, kNoPosition);
    T* const records = in.records.data() + first;
    const std::uint32_t* const group_of = group_of_.data();
    const std::uint32_t* const row_of = row_of_.data();
    const Answer* const answers = answers_.data();
    const double* const numbers = out_numbers_.data();
    Scored<T>* const results = out.records.data() + out.size();
    for (std::size_t i = 0; i < count; ++i) {
      const Answer& answer = answers[group_of[i]];
      const double* const values = numbers + (answer.offset + row_of[i] * answer.number_outputs);
      ::new (static_cast<void*>(results + i))
          Scored<T>(std::move(records[i]), answer.like, values, answer.number_outputs, times[i], positions[i]);
    }
    out.records.constructed(out.size() + count);
    if (all_plain_) [[likely]]
      return;
    for (std::size_t i = 0; i < count; ++i) finish(results[i], i);
  }

  void emit_mixed(Batch<T>& in, std::size_t first, std::size_t count, ModelSlot* const* slots, bool any_dropped,
                  Batch<Scored<T>>& out) {
    const OptionalColumn<Timestamp> times(in.timestamps, first, kMinTimestamp);
    const OptionalColumn<std::uint64_t> positions(in.positions, first, kNoPosition);
    for (std::size_t i = 0; i < count; ++i) {
      if (group_of_[i] == 0 && any_dropped) continue;
      const Answer& answer = answers_[group_of_[i]];
      Scored<T>& result =
          out.records.emplace_unchecked(std::move(in.records[first + i]), answer.like,
                                        out_numbers_.data() + (answer.offset + row_of_[i] * answer.number_outputs),
                                        answer.number_outputs, times[i], positions[i]);
      group_of_[i] == 0 ? answer_without_model(result, *slots[i]) : finish(result, i);
    }
  }

  // What the answers of each group have in common.
  void make_answers() {
    answers_.resize(std::max(answers_.size(), groups_.size()));
    all_plain_ = true;
    for (std::size_t index = 1; index < groups_.size(); ++index) {
      const ScoredGroup& group = groups_[index];
      Answer& answer = answers_[index];
      answer.like.key = group.slot->key_text;
      answer.like.model = group.version->id;
      answer.like.latency_ns = group.latency_ns;
      answer.like.status = ScoreStatus::kOk;
      answer.like.path = options_.path;
      answer.number_outputs = group.version->number_outputs;
      answer.offset = (group.numbers - out_numbers_.data()) - std::ptrdiff_t{group.first_row} * answer.number_outputs;
      all_plain_ = all_plain_ && group.failed == 0 && group.version->text_outputs == 0;
    }
  }

  // Gives the results their column. A batch that has records already decides whether there is one, and is filled up.
  template <class Value>
  void append_column(const Batch<Scored<T>>& out, Column<Value>& to, const Column<Value>& from, std::size_t first,
                     std::size_t count, bool any_dropped, Value unknown) {
    if (from.empty() && to.empty()) return;
    to.reserve(out.size() + count);
    while (to.size() < out.size()) to.emplace_unchecked(unknown);
    for (std::size_t i = 0; i < count; ++i)
      if (!any_dropped || group_of_[i] != 0) to.emplace_unchecked(from.empty() ? unknown : from[first + i]);
  }

  void answer_without_model(Scored<T>& result, const ModelSlot& slot) const {
    result.key = slot.key_text;
    if (options_.no_model != NoModelPolicy::kFallback) return;
    result.status = ScoreStatus::kFallback;
    result.path = ScorePath::kFallback;
    result.numbers = ScoreNumbers(options_.fallback.data(), options_.fallback.size());
    result.texts = ScoreTexts(options_.fallback_texts.data(), options_.fallback_texts.size());
  }

  void finish(Scored<T>& result, std::size_t index) const {
    const ScoredGroup& group = groups_[group_of_[index]];
    const std::size_t row = row_of_[index];
    const std::size_t texts = group.version->text_outputs;
    if (texts != 0) result.texts = ScoreTexts(group.texts + (row - group.first_row) * texts, texts);
    if (group.failed != 0 && failed_[row] != 0) [[unlikely]]
      answer_failure(result, row);
  }

  void answer_failure(Scored<T>& result, std::size_t row) const {
    result.status = ScoreStatus::kError;
    std::string_view reason = "the model could not score the record";
    for (const Failure& failure : failures_)
      if (failure.row == row) reason = failure.message;
    result.texts = ScoreTexts(reason);
  }

  Features<T> features_;
  const ServeOptions& options_;
  std::uint64_t mark_ = 0;
  std::vector<ScoredGroup> groups_;
  std::vector<Answer> answers_;  // by group; the first is that of records without a model
  bool all_plain_ = true;        // no texts, no failures
  std::vector<std::uint32_t> group_of_;
  std::vector<std::uint32_t> row_of_;
  std::vector<std::uint32_t> record_of_;  // archive only: by row
  std::vector<std::uint32_t> rows_;       // archive only: those without a model by key
  std::vector<double> numbers_;
  std::vector<std::string_view> texts_;
  std::vector<double> out_numbers_;
  std::vector<std::string> out_texts_;
  std::vector<unsigned char> failed_;
  std::vector<Failure> failures_;
  ScoreErrors errors_;
  ScoreScratch scratch_;
};

}  // namespace weir::serving
