#include <weir/replay.hpp>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>
#include <set>
#include <tuple>
#include <utility>

#include "operators/archive/archive_models.hpp"
#include "operators/archive/ballot_replay.hpp"
#include "operators/archive/row_sample.hpp"

namespace weir {
namespace {

using VersionName = std::tuple<std::string, std::string, std::int64_t, ModelDigest>;

VersionName name_of(const ArchivedInputs& inputs) {
  return {inputs.key, inputs.model.name, inputs.model.version, inputs.model.digest};
}

/// The models with the number asked for, by key: what the archive's events and inputs name.
class VersionTable {
 public:
  explicit VersionTable(const ReplayCandidate& candidate) : candidate_(candidate) {}

  void note(const std::string& key, const ArchivedModel& model) {
    const bool is_named = candidate_.name.empty() || candidate_.name == model.name;
    if (!is_named || !model.has_value() || model.version != candidate_.version) return;
    by_key_[key] = model;
    by_name_[{key, model.name}] = model;
  }
  /// Of this name.
  [[nodiscard]] const ArchivedModel* find(const std::string& key, const std::string& name) const {
    const auto found = by_name_.find({key, name});
    return found == by_name_.end() ? nullptr : &found->second;
  }
  [[nodiscard]] const ArchivedModel* find(const std::string& key) const {
    const auto found = by_key_.find(key);
    return found == by_key_.end() ? nullptr : &found->second;
  }
  [[nodiscard]] bool empty() const { return by_key_.empty(); }

 private:
  const ReplayCandidate& candidate_;
  std::map<std::string, ArchivedModel> by_key_;
  std::map<std::pair<std::string, std::string>, ArchivedModel> by_name_;
};

/// Makes a CompareReport out of rows.
class Comparison {
 public:
  explicit Comparison(const ReplayOptions& options) : options_(options), sample_(options.sample_rows) {}

  void add(ReplayRow row) {
    const bool was = row.before.status == ScoreStatus::kOk;
    const bool is = row.after.status == ScoreStatus::kOk;
    ++(was && is ? report_.compared : was ? report_.only_before : is ? report_.only_after : report_.neither);
    if (!was || !is) return;
    double distance = add_number(row);
    const bool has_labels = !row.before.texts.empty() && !row.after.texts.empty();
    const bool other_label = has_labels && row.before.texts[0] != row.after.texts[0];
    report_.labels += has_labels ? 1 : 0;
    report_.labels_different += other_label ? 1 : 0;
    if (distance > 0 || other_label) keep_if_bad(distance, std::move(row));
  }

  void add_decision(const ArchivedBallot& ballot, const DecisionAgain& again) {
    if (again.made == DecisionMade::kUnknown) {
      ++report_.decisions_unknown;
    } else if (again.made == DecisionMade::kOpen) {
      ++report_.decisions_open;
    } else {
      ++report_.decisions;
      report_.decisions_changed += is_same(answer_of(ballot), again.answer) ? 0 : 1;
    }
  }

  CompareReport finish(std::uint64_t records, std::uint64_t skipped) {
    report_.records = records;
    report_.skipped = skipped;
    if (report_.numbers != 0) {
      const auto count = static_cast<double>(report_.numbers);
      report_.before.mean = before_ / count;
      report_.after.mean = after_ / count;
      report_.mean_difference = difference_ / count;
      report_.mean_absolute = absolute_ / count;
      report_.before.quantiles = sample_.quantiles(0);
      report_.after.quantiles = sample_.quantiles(1);
    }
    for (Bad& bad : worst_) report_.worst.push_back(std::move(bad.row));
    return std::move(report_);
  }

 private:
  struct Bad {
    double distance;
    ReplayRow row;
  };

  // The absolute difference; 0 when there is none to be had.
  double add_number(const ReplayRow& row) {
    if (row.before.numbers.empty() || row.after.numbers.empty()) return 0;
    const double before = row.before.numbers[0];
    const double after = row.after.numbers[0];
    if (std::isnan(before) || std::isnan(after)) return 0;
    const double difference = before == after ? 0 : after - before;
    ++report_.numbers;
    report_.identical += std::memcmp(&before, &after, sizeof before) == 0 ? 1 : 0;
    before_ += before;
    after_ += after;
    difference_ += difference;
    absolute_ += std::abs(difference);
    report_.max_absolute = std::max(report_.max_absolute, std::abs(difference));
    sample_.add({before, after});
    return std::abs(difference);
  }

  void keep_if_bad(double distance, ReplayRow row) {
    if (options_.worst_rows == 0 || (worst_.size() == options_.worst_rows && distance <= worst_.back().distance))
      return;
    const auto place = std::upper_bound(worst_.begin(), worst_.end(), distance,
                                        [](double value, const Bad& bad) { return value > bad.distance; });
    worst_.insert(place, Bad{distance, std::move(row)});
    if (worst_.size() > options_.worst_rows) worst_.pop_back();
  }

  const ReplayOptions& options_;
  CompareReport report_;
  RowSample sample_;
  double before_ = 0;
  double after_ = 0;
  double difference_ = 0;
  double absolute_ = 0;
  std::vector<Bad> worst_;  // worst first
};

}  // namespace

Result<VerifyReport> verify_archive(const Archive& archive, const ReplayOptions& options) {
  ArchiveModels models(archive, options);
  VerifyReport report;
  std::set<VersionName> versions;
  const auto verify = [&](std::uint64_t offset, const ArchivedInputs& inputs) -> Result<bool> {
    report.records += inputs.rows();
    if (!inputs.model.has_value()) {
      report.without_model += inputs.rows();
      return true;
    }
    versions.insert(name_of(inputs));
    report.scored += inputs.rows();
    WEIR_ASSIGN_OR_RETURN(const auto scorer, models.scorer(inputs.model, inputs.features));
    WEIR_ASSIGN_OR_RETURN(const AnsweredRows* const answers, models.score(inputs, *scorer));
    for (std::size_t row = 0; row < inputs.rows(); ++row) {
      ReplayRow again = row_of(offset, inputs, row);
      again.after = answer_of(*answers, row);
      if (is_same(again.before, again.after)) continue;
      ++report.different;
      if (!report.first) report.first = std::move(again);
    }
    return true;
  };
  const auto verify_votes = [&](std::uint64_t offset, const ArchivedBallots& entry) -> Result<bool> {
    for (const ArchivedModel& model : entry.models)
      versions.insert({entry.key, model.name, model.version, model.digest});
    WEIR_RETURN_IF_ERROR(verify_ballots(models, options, offset, entry, report));
    return true;
  };
  WEIR_RETURN_IF_ERROR(
      archive.for_each(options.key, [&](std::uint64_t offset, const ArchiveRecord& record) -> Result<bool> {
        if (const ArchivedInputs* inputs = record.inputs()) return verify(offset, *inputs);
        if (const ArchivedBallots* ballots = record.ballots()) return verify_votes(offset, *ballots);
        report.swaps += record.event()->state == ModelState::kCurrent ? 1 : 0;
        return true;
      }));
  report.versions = versions.size();
  return report;
}

Result<CompareReport> compare_archive(const Archive& archive, const ReplayCandidate& candidate,
                                      const ReplayOptions& options) {
  VersionTable table(candidate);
  if (!candidate.bytes) {
    WEIR_RETURN_IF_ERROR(archive.for_each(options.key, [&](std::uint64_t, const ArchiveRecord& record) -> Result<bool> {
      if (const ArchivedInputs* inputs = record.inputs())
        table.note(inputs->key, inputs->model);
      else if (const ArchivedBallots* ballots = record.ballots())
        for (const ArchivedModel& model : ballots->models) table.note(ballots->key, model);
      else if (record.event()->state != ModelState::kRefused)
        table.note(record.event()->key, record.event()->model);
      return true;
    }));
    if (table.empty())
      return Status::not_found("the archive names no version " + std::to_string(candidate.version) +
                               (options.key.empty() ? "" : " of key '" + options.key + "'"));
  }
  ArchiveModels models(archive, options);
  Comparison comparison(options);
  std::uint64_t records = 0;
  std::uint64_t skipped = 0;
  const auto compare = [&](std::uint64_t offset, const ArchivedInputs& inputs) -> Result<bool> {
    records += inputs.rows();
    const ArchivedModel* model = candidate.bytes ? nullptr : table.find(inputs.key);
    if (!candidate.bytes && model == nullptr) {
      skipped += inputs.rows();
      return true;
    }
    WEIR_ASSIGN_OR_RETURN(const auto scorer, model == nullptr ? models.scorer_of(candidate, inputs.features)
                                                              : models.scorer(*model, inputs.features));
    WEIR_ASSIGN_OR_RETURN(const AnsweredRows* const answers, models.score(inputs, *scorer));
    for (std::size_t row = 0; row < inputs.rows(); ++row) {
      ReplayRow again = row_of(offset, inputs, row);
      again.after = answer_of(*answers, row);
      comparison.add(std::move(again));
    }
    return true;
  };
  const auto compare_ballots = [&](std::uint64_t offset, const ArchivedBallots& entry) -> Result<bool> {
    records += entry.ballots.size();
    WEIR_ASSIGN_OR_RETURN(const auto schema, models.schema(entry.features));
    WEIR_ASSIGN_OR_RETURN(const BallotRules rules, BallotRules::of(*schema, options.policies));
    if (candidate.bytes && candidate.name.empty() && rules.members().size() > 1)
      return Status::invalid_argument("compare with a model: several models voted, say by name which one it replaces");
    std::vector<std::map<std::size_t, ReplayAnswer>> others(entry.ballots.size());  // by row and member
    for (std::size_t member = 0; member < rules.members().size(); ++member) {
      const SpeculationMember& declared = rules.members()[member];
      const ArchivedModel* model = candidate.bytes ? nullptr : table.find(entry.key, declared.name);
      if (candidate.bytes ? !candidate.name.empty() && candidate.name != declared.name : model == nullptr) continue;
      std::vector<std::size_t> rows;
      for (std::size_t row = 0; row < entry.ballots.size(); ++row)
        if (rules.fit(entry.ballots[row]) && is_in_time(entry.ballots[row].votes[member])) rows.push_back(row);
      if (rows.empty()) continue;
      WEIR_ASSIGN_OR_RETURN(const auto scorer, model == nullptr
                                                   ? models.scorer_of(candidate, entry.features, &declared.outputs)
                                                   : models.scorer(*model, entry.features, &declared.outputs));
      WEIR_ASSIGN_OR_RETURN(std::vector<ReplayAnswer> answers, score_rows(models, entry, rows, *scorer));
      for (std::size_t i = 0; i < rows.size(); ++i) {
        ReplayRow again = row_of_vote(offset, entry, rows[i], rules, member);
        again.after = answers[i];
        comparison.add(std::move(again));
        others[rows[i]][member] = std::move(answers[i]);
      }
    }
    for (std::size_t row = 0; row < entry.ballots.size(); ++row) {
      if (others[row].empty())
        ++skipped;
      else
        comparison.add_decision(entry.ballots[row], decide_again(entry.ballots[row], rules, others[row]));
    }
    return true;
  };
  WEIR_RETURN_IF_ERROR(
      archive.for_each(options.key, [&](std::uint64_t offset, const ArchiveRecord& record) -> Result<bool> {
        if (record.ballots() != nullptr) return compare_ballots(offset, *record.ballots());
        return record.inputs() == nullptr ? Result<bool>(true) : compare(offset, *record.inputs());
      }));
  return comparison.finish(records, skipped);
}

}  // namespace weir
