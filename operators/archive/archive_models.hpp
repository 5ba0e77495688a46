#pragma once
/// ArchiveModels: models of an archive, loaded from the job's store when needed, and scoring its rows again.

#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <weir/replay.hpp>

namespace weir {

/// What a model says of all rows of one ArchivedInputs.
struct AnsweredRows {
  std::vector<double> numbers;
  std::vector<std::string> texts;
  std::vector<unsigned char> failed;
  ScoreErrors errors;
  std::size_t number_outputs = 0;
  std::size_t text_outputs = 0;
};

/// Thread: one at a time.
class ArchiveModels {
 public:
  ArchiveModels(const Archive& archive, const ReplayOptions& options) : archive_(archive), options_(options) {}

  /// The scorer of a model for rows of these features; kept until more than ReplayOptions::max_models others were used.
  /// `outputs`: other ones than those of all; null: those.
  Result<std::shared_ptr<const Scorer>> scorer(const ArchivedModel& model, const ModelDigest& features,
                                               const std::vector<std::string>* outputs = nullptr);
  /// The same for a model that is not in the store.
  Result<std::shared_ptr<const Scorer>> scorer_of(const ReplayCandidate& candidate, const ModelDigest& features,
                                                  const std::vector<std::string>* outputs = nullptr);
  Result<std::shared_ptr<const ArchivedSchema>> schema(const ModelDigest& features);
  /// Valid until the next call. kDataLoss when the rows do not fit the features that they name.
  Result<const AnsweredRows*> score(const ArchivedInputs& inputs, const Scorer& scorer);

 private:
  Result<std::shared_ptr<const Scorer>> load(const ModelDigest& features, const ArchivedModel& model,
                                             const std::string* bytes, const std::vector<std::string>* outputs);

  using Key = std::pair<std::string, ModelDigest>;  // digest, type and options; features
  struct Loaded {
    std::shared_ptr<const Scorer> scorer;
    std::list<Key>::iterator used;
  };
  const Archive& archive_;
  const ReplayOptions& options_;
  std::map<Key, Loaded> loaded_;
  std::list<Key> used_;  // most recently used first
  std::map<ModelDigest, std::shared_ptr<const ArchivedSchema>> schemas_;
  std::map<ModelDigest, std::shared_ptr<const Scorer>> candidates_;  // by features
  ScoreScratch scratch_;
  std::vector<std::string_view> texts_;
  AnsweredRows answers_;
};

/// Features and their values; kDataLoss when the values do not fit the list.
Status tell_inputs(const ArchivedSchema& schema, std::span<const double> numbers,
                   std::span<const std::optional<std::string>> texts, ArchivedAnswer& told);
/// The row of an ArchivedInputs, with what the archive says was answered.
ReplayRow row_of(std::uint64_t offset, const ArchivedInputs& inputs, std::size_t row);
/// What `answers` say of a row.
ReplayAnswer answer_of(const AnsweredRows& answers, std::size_t row);
/// Status and every bit of every output.
bool is_same(const ReplayAnswer& one, const ReplayAnswer& other);
/// By a model, successfully or not: kOk or kError.
bool is_scored(ScoreStatus status);

}  // namespace weir
