#pragma once
/// Reading an input archive (weir/archive.hpp): what scored a record, is every score the same again, and what would
/// another version have said.
///
///   auto archive = weir::Archive::open("/var/lib/weir/scoring");
///   auto report = weir::verify_archive(*archive, {.runtimes = weir::all_runtimes()});      // report->different == 0?
///   auto change = weir::compare_archive(*archive, {.version = 8}, {.runtimes = weir::all_runtimes()});
///
/// Thread: all functions from any thread; they block on disk and load models, so never call them on a task's thread.

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <weir/archived_inputs.hpp>
#include <weir/model.hpp>
#include <weir/result.hpp>
#include <weir/topic_view.hpp>

namespace weir {

class BlobStore;

/// An archive topic of a job and the job's models. The job may run, here or in another process, or not: nothing is
/// written into its directory, and it may start and stop meanwhile (weir/topic_view.hpp). What a crash kept from being
/// moved into the topic shows after the job's next start.
class Archive {
 public:
  /// Names of the archives in a job's directory, sorted. kNotFound when it holds no topics.
  static Result<std::vector<std::string>> topics(const std::string& job_directory);
  /// `topic` empty: the only one there is.
  static Result<Archive> open(const std::string& job_directory, std::string topic = {});

  /// Sees a record and its offset; false: no further ones.
  using Visit = std::function<Result<bool>(std::uint64_t offset, const ArchiveRecord& record)>;
  /// What was there when it was opened, or is there now where the job runs in this process, oldest first; `key` narrows
  /// it to one (empty: all).
  Status for_each(const std::string& key, const Visit& visit) const;
  /// The same, newest first, as far as `max_bytes` of records go. True when it reached the oldest, or was stopped.
  Result<bool> for_each_back(const std::string& key, std::uint64_t max_bytes, const Visit& visit) const;

  /// What the columns of ArchivedInputs are.
  [[nodiscard]] Result<ArchivedSchema> schema(const ModelDigest& features) const;
  [[nodiscard]] const std::string& topic() const noexcept { return topic_->name(); }
  /// Of the job's models.
  [[nodiscard]] const std::shared_ptr<BlobStore>& models() const noexcept { return models_; }

 private:
  std::shared_ptr<const TopicView> topic_;
  std::shared_ptr<BlobStore> models_;
};

struct ReplayOptions {
  ModelRuntimes runtimes{};             ///< those of the job, or weir::all_runtimes()
  std::string key{};                    ///< only records of this one; empty: all
  ModelLimits limits{};                 ///< of loading a model
  std::size_t max_models = 64;          ///< loaded at the same time; others are loaded again when needed
  std::size_t worst_rows = 10;          ///< of compare_archive()
  std::size_t sample_rows = 1'000'000;  ///< from so many, chosen evenly, quantiles are taken; exact up to there
  /// Of speculate(): those that are code, by name, so that their decisions can be derived again.
  std::vector<PolicyPtr> policies{};
};

/// What a model said of a record.
struct ReplayAnswer {
  ScoreStatus status = ScoreStatus::kNoModel;
  std::vector<double> numbers;
  std::vector<std::string> texts;
  std::string reason;  ///< with kError, where it is known (the archive does not keep it)
};

/// A row of the archive, as it was scored (`before`) and as it is scored again (`after`).
struct ReplayRow {
  std::uint64_t offset = 0;  ///< in the topic
  std::size_t row = 0;       ///< of that record
  std::string key;
  std::optional<std::uint64_t> position;
  std::optional<Timestamp> time;
  std::string member{};  ///< of speculate(), whose vote it is; empty: it is the answer
  ArchivedModel model;   ///< that scored it
  ScorePath path = ScorePath::kNone;
  ReplayAnswer before;
  ReplayAnswer after;

  /// `{"offset", "row", "key", "position", "time", "member", "model", "path", "before", "after"}`.
  void weir_json(JsonWriter& json) const;
};

struct VerifyReport {
  std::uint64_t records = 0;
  std::uint64_t scored = 0;         ///< of them, by a model: these are scored again
  std::uint64_t without_model = 0;  ///< the others
  std::uint64_t different = 0;      ///< scores and votes whose status, or any bit of an output, is not the same again
  std::uint64_t versions = 0;       ///< key, name, version and digest
  std::uint64_t swaps = 0;          ///< recorded
  std::optional<ReplayRow> first;   ///< the first that is different, in score or decision

  // Of speculate().
  std::uint64_t ballots = 0;              ///< of the records
  std::uint64_t votes = 0;                ///< made again
  std::uint64_t decisions = 0;            ///< derived again from the recorded votes
  std::uint64_t decisions_different = 0;  ///< of them
  std::uint64_t decisions_unknown = 0;    ///< by policies that are code: see ReplayOptions::policies

  [[nodiscard]] bool is_same() const noexcept { return different == 0 && decisions_different == 0; }
  void weir_json(JsonWriter& json) const;
};
/// Scores every archived input again, with the version that scored it and in the same groups (votes of speculate(): in
/// groups of their own). When a decision was made depends on time, so it is derived again from the votes that were in.
/// Fails when the archive cannot be read or a model cannot be loaded any more.
Result<VerifyReport> verify_archive(const Archive& archive, const ReplayOptions& options);

/// Another model: that version of each key, or the model given.
struct ReplayCandidate {
  std::int64_t version = 0;
  /// With `version`: only models of this name; empty: any. With `bytes`: of the member of speculate() it stands for.
  std::string name{};
  std::optional<std::string> bytes{};  ///< wins over `version`
  std::string type{};                  ///< of `bytes`
  ModelOptions options{};              ///< of `bytes`
};

struct Distribution {
  static constexpr std::array<double, 9> kAt = {0, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 1};
  double mean = 0;
  std::array<double, 9> quantiles{};  ///< at kAt, nearest rank
};

struct CompareReport {
  std::uint64_t records = 0;
  std::uint64_t skipped = 0;      ///< their key has no such version
  std::uint64_t compared = 0;     ///< both answered
  std::uint64_t only_before = 0;  ///< the candidate could not score them
  std::uint64_t only_after = 0;   ///< had no answer of a model before
  std::uint64_t neither = 0;

  // First numeric output, of those compared where both gave a value.
  std::uint64_t numbers = 0;
  std::uint64_t identical = 0;  ///< bit by bit
  Distribution before;
  Distribution after;
  double mean_difference = 0;  ///< after - before
  double mean_absolute = 0;
  double max_absolute = 0;

  // First text output, of those compared.
  std::uint64_t labels = 0;
  std::uint64_t labels_different = 0;

  std::vector<ReplayRow> worst;  ///< largest absolute difference first, then other labels

  // Of speculate(): what is compared above are votes that were in time. And what the policy makes of them:
  std::uint64_t decisions = 0;          ///< with at least one vote by the candidate
  std::uint64_t decisions_changed = 0;  ///< of them
  std::uint64_t decisions_open = 0;     ///< the policy would have waited for votes that were not needed then
  std::uint64_t decisions_unknown = 0;  ///< by policies that are code

  void weir_json(JsonWriter& json) const;
};
/// Scores every archived input, also those that met no model, with the candidate. kNotFound when no key has it.
Result<CompareReport> compare_archive(const Archive& archive, const ReplayCandidate& candidate,
                                      const ReplayOptions& options);

/// Which record, and which version is asked about beside the one that scored it.
struct ArchiveQuestion {
  std::string key;
  std::optional<std::uint64_t> position{};  ///< one of the two
  std::optional<Timestamp> time{};
  std::int64_t version = 0;                     ///< 0: none
  std::vector<ArchivedModel> known{};           ///< of the key, beside those the archive names
  std::uint64_t max_bytes = ~std::uint64_t{0};  ///< of the archive, read back from its end
  std::size_t max_records = 16;                 ///< found; further ones of the same time are left out
};

/// One member of speculate() and one record.
struct AuditedVote {
  std::string member;
  VoteStatus status = VoteStatus::kAbsent;
  ArchivedModel model;      ///< that voted or was asked
  std::uint32_t order = 0;  ///< of arrival, from 1; 0: no vote
  std::int64_t latency_ns = 0;
  ReplayAnswer answer;                   ///< as recorded
  std::optional<bool> is_reproduced{};   ///< bit by bit; nothing: it cannot be made again
  std::optional<ReplayAnswer> would_be;  ///< what a model that was too late, or not needed, says
  std::optional<ArchivedModel> other;    ///< the version asked about
  ReplayAnswer of_other;
};
/// How speculate() came to an answer.
struct ArchivedDecision {
  std::string policy;
  std::int64_t deadline_ns = 0;
  std::int64_t latency_ns = 0;
  bool at_deadline = false;
  AnswerStatus status = AnswerStatus::kNone;
  std::string winner;                    ///< a member; empty: none
  std::optional<bool> is_derived;        ///< the policy says the same again; nothing: it is code
  std::optional<ReplayAnswer> of_other;  ///< what it says with the votes of the version asked about, if that is known
  std::vector<AuditedVote> votes;

  void weir_json(JsonWriter& json) const;
};

struct ArchivedAnswer {
  ReplayRow row;                                      ///< `after`: scored again by the same version
  std::vector<std::string> names;                     ///< of the outputs
  std::vector<std::pair<Field, std::string>> inputs;  ///< with their values as JSON
  bool is_reproduced = false;                         ///< bit by bit; false also when there was no model
  std::optional<ArchivedModel> other;                 ///< the version asked about
  ReplayAnswer of_other;
  std::optional<ArchivedDecision> decision;  ///< of speculate(): instead of what follows `inputs`, but is_reproduced
};

struct ArchiveFindings {
  std::vector<ArchivedAnswer> answers;  ///< newest first
  bool is_complete = true;              ///< false: the bounds were reached, older records were not looked at

  void weir_json(JsonWriter& json) const;
};
/// Finds a record in the archive. None found: an empty list. kNotFound when the record is there, but not the version.
Result<ArchiveFindings> audit_archive(const Archive& archive, const ArchiveQuestion& question,
                                      const ReplayOptions& options);

}  // namespace weir
