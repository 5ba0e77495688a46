#pragma once
/// BatchScorer<T>: scores records of one batch, those of one model together, and puts results out in the records'
/// order.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <weir/batch.hpp>
#include <weir/features.hpp>
#include <weir/scored.hpp>
#include <weir/serve_options.hpp>
#include <weir/serving/model_slot.hpp>

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
  /// record first + i; no version: it is answered by the no-model policy. Records are moved from. Two clock reads and
  /// one Scorer::score per version. The groups are valid until the next call.
  std::span<const ScoredGroup> score(Batch<T>& in, std::size_t first, std::size_t count, ModelSlot* const* slots,
                                     ModelVersion* const* versions, const Clock& clock, Batch<Scored<T>>& out) {
    group(count, slots, versions);
    gather(in, first, count);
    score_groups(clock);
    emit(in, first, count, slots, out);
    return {groups_.data() + 1, groups_.size() - 1};
  }
  /// Number of the last call: the batch_mark of the versions it used.
  [[nodiscard]] std::uint64_t mark() const noexcept { return mark_; }
  /// Records of the last call that had no model.
  [[nodiscard]] std::size_t without_model() const noexcept { return groups_[0].rows; }

 private:
  struct Failure {
    std::size_t row;
    std::string message;
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
    // The end of one group is the beginning of the next: one clock read per group.
    std::int64_t begin = groups_.size() > 1 ? clock.monotonic_ns() : 0;
    for (std::size_t index = 1; index < groups_.size(); ++index) {
      ScoredGroup& group = groups_[index];
      group.numbers = numbers;
      group.texts = texts;
      score_group(group, {numbers, texts, failed_.data() + group.first_row});
      numbers += std::size_t{group.rows} * group.version->number_outputs;
      texts += std::size_t{group.rows} * group.version->text_outputs;
      const std::int64_t end = clock.monotonic_ns();
      group.elapsed_ns = end - begin;
      group.latency_ns = group.elapsed_ns / group.rows;
      begin = end;
    }
  }

  void score_group(ScoredGroup& group, const ScoreRows& rows) {
    const std::size_t number_columns = features_.schema().number_columns();
    const std::size_t text_columns = features_.schema().text_columns();
    const FeatureRows in{group.rows, numbers_.data() + group.first_row * number_columns, number_columns,
                         texts_.data() + group.first_row * text_columns, text_columns};
    errors_.clear();
    group.version->scorer->score(in, rows, errors_, scratch_);
    for (std::uint32_t row = 0; row < group.rows; ++row) group.failed += rows.failed[row] != 0 ? 1 : 0;
    if (group.failed == 0) [[likely]]
      return;
    for (const ScoreErrors::Entry& entry : errors_.entries())
      failures_.push_back({group.first_row + entry.row, entry.message});
  }

  void emit(Batch<T>& in, std::size_t first, std::size_t count, ModelSlot* const* slots, Batch<Scored<T>>& out) {
    out.records.reserve(out.size() + count);
    const bool has_times = joins(out, out.timestamps, !in.timestamps.empty(), kMinTimestamp);
    const bool has_positions = joins(out, out.positions, !in.positions.empty(), kNoPosition);
    const Timestamp* times = in.timestamps.empty() ? nullptr : in.timestamps.data() + first;
    const std::uint64_t* positions = in.positions.empty() ? nullptr : in.positions.data() + first;
    if (has_times) out.timestamps.reserve(out.timestamps.size() + count);
    if (has_positions) out.positions.reserve(out.positions.size() + count);
    for (std::size_t i = 0; i < count; ++i) {
      const ScoredGroup& group = groups_[group_of_[i]];
      const Timestamp time = times != nullptr ? times[i] : kMinTimestamp;
      const std::uint64_t position = positions != nullptr ? positions[i] : kNoPosition;
      if (group.version == nullptr) [[unlikely]] {
        if (options_.no_model == NoModelPolicy::kDrop) continue;
        answer_without_model(
            out.records.emplace_unchecked(std::move(in.records[first + i]), slots[i]->key_text, time, position));
      } else {
        const std::size_t row = row_of_[i];
        const ModelVersion& version = *group.version;
        Scored<T>& result =
            out.records.emplace_unchecked(std::move(in.records[first + i]), slots[i]->key_text, time, position,
                                          version.id, group.numbers + (row - group.first_row) * version.number_outputs,
                                          version.number_outputs, group.latency_ns, options_.path);
        if (version.text_outputs != 0) {
          result.texts = ScoreTexts(group.texts + (row - group.first_row) * version.text_outputs, version.text_outputs);
        }
        if (failed_[row] != 0) [[unlikely]]
          answer_failure(result, row);
      }
      if (has_times) out.timestamps.emplace_unchecked(time);
      if (has_positions) out.positions.emplace_unchecked(position);
    }
  }

  // Is the column filled? A batch that already has records with it (or without it) decides, and is filled up.
  template <class Value>
  static bool joins(const Batch<Scored<T>>& out, Column<Value>& column, bool wanted, Value unknown) {
    if (out.records.size() == 0) return wanted;
    if (wanted) {
      while (column.size() < out.records.size()) column.emplace(unknown);
    }
    return !column.empty();
  }

  void answer_without_model(Scored<T>& result) const {
    if (options_.no_model != NoModelPolicy::kFallback) return;
    result.status = ScoreStatus::kFallback;
    result.path = ScorePath::kFallback;
    result.numbers = ScoreNumbers(options_.fallback.data(), options_.fallback.size());
    result.texts = ScoreTexts(options_.fallback_texts.data(), options_.fallback_texts.size());
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
  std::vector<std::uint32_t> group_of_;
  std::vector<std::uint32_t> row_of_;
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
