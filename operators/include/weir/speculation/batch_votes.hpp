#pragma once
/// BatchVotes: the votes of the fast members on records of one batch, scored key by key.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <weir/model.hpp>
#include <weir/speculation/speculator.hpp>

namespace weir::speculation {

/// In this order: begin, add for each record, lay_out, the caller writes the features of record i into row rows()[i] of
/// numbers() and texts(), score, and then what is asked of it until the next begin. Thread: the task's. Memory grows to
/// the largest batch and stays.
class BatchVotes {
 public:
  /// The records of one key.
  struct Group {
    KeySlot* slot = nullptr;
    std::uint32_t rows = 0;
    std::uint32_t first_row = 0;
    std::uint32_t first_record = 0;               // of the call
    SpeculationStatistics* statistics = nullptr;  // the caller's
  };

  BatchVotes(const FeatureSchema& features, const Speculator& speculator)
      : number_columns_(features.number_columns()), text_columns_(features.text_columns()), speculator_(speculator) {}

  void begin(std::size_t records);
  void add(KeySlot& slot);
  void lay_out();
  [[nodiscard]] const std::uint32_t* rows() const noexcept { return row_of_.data(); }
  [[nodiscard]] double* numbers() noexcept { return numbers_.data(); }
  [[nodiscard]] std::string_view* texts() noexcept { return texts_.data(); }

  /// Every fast member on every record, one call of a model for a member and key. The time at its end.
  std::int64_t score(const Clock& clock);
  /// One member on the one record there is. Precondition: its model is there.
  MemberScore score_one(std::size_t member, const Clock& clock);

  [[nodiscard]] std::span<Group> groups() noexcept { return groups_; }
  [[nodiscard]] const Group& group_of(std::size_t record) const noexcept { return groups_[group_of_[record]]; }
  /// What each member says of one record; the number of votes. A slow member, or one whose model is being loaded again,
  /// is waited for.
  std::uint32_t fill(std::size_t record, std::vector<MemberScore>& scores) const;
  /// Adds the latencies of a group to its statistics.
  void count_latency(const Group& group) const;
  [[nodiscard]] const double* numbers_of(std::size_t record) const noexcept {
    return numbers_.data() + row_of_[record] * number_columns_;
  }
  [[nodiscard]] const std::string_view* texts_of(std::size_t record) const noexcept {
    return texts_.data() + row_of_[record] * text_columns_;
  }

 private:
  /// What one member said of one group; outputs by row of the group.
  struct Outcome {
    const serving::ModelVersion* version = nullptr;  // null: there is none
    bool is_scored = false;
    bool any_failed = false;
    const double* numbers = nullptr;
    const std::string* texts = nullptr;
    const unsigned char* failed = nullptr;
    std::int64_t latency_ns = 0;
  };
  struct Failure {
    const unsigned char* row;  // of Outcome::failed
    std::string reason;
  };

  void make_room();
  void score_group(const Group& group, Outcome& outcome);
  [[nodiscard]] Outcome& outcome(std::size_t group, std::size_t member) {
    return outcomes_[group * speculator_.members() + member];
  }
  [[nodiscard]] std::string_view reason_of(const unsigned char* row) const;

  std::size_t number_columns_;
  std::size_t text_columns_;
  const Speculator& speculator_;
  std::uint64_t mark_ = 0;
  std::vector<Group> groups_;
  std::vector<std::uint32_t> group_of_;
  std::vector<std::uint32_t> row_of_;
  std::vector<double> numbers_;
  std::vector<std::string_view> texts_;
  std::vector<Outcome> outcomes_;  // by group and member
  std::vector<double> out_numbers_;
  std::vector<std::string> out_texts_;
  std::vector<unsigned char> failed_;
  std::vector<Failure> failures_;
  ScoreErrors errors_;
  ScoreScratch scratch_;
};

}  // namespace weir::speculation
