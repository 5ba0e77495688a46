#pragma once
/// ArchiveOutput: the side output kModelInputs of one serving operator instance.

#include <algorithm>
#include <cstddef>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include <weir/archived_inputs.hpp>
#include <weir/operator.hpp>

namespace weir::serving {

/// Where a BatchScorer puts the inputs of what it scores.
struct ArchiveTarget {
  Batch<ArchiveRecord>* batch = nullptr;  ///< null: nobody archives
  ModelDigest features{};
};

/// Thread: the task's.
class ArchiveOutput {
 public:
  /// When somebody listens, puts the schema into the job's store of models (on disk when it returns). Fails then when
  /// the job has no directory.
  Status open(OperatorContext& context, const FeatureSchema& features, const std::vector<std::string>& outputs);

  /// Records the operator may score now: each makes at most one ArchiveRecord.
  [[nodiscard]] std::size_t room(const Outbox& out) const noexcept {
    return std::min(out.room(), output_ ? out.room(*output_) : std::numeric_limits<std::size_t>::max());
  }
  [[nodiscard]] ArchiveTarget target(Outbox& out) const {
    return {output_ ? &out.batch<ArchiveRecord>(*output_) : nullptr, features_};
  }

 private:
  std::optional<std::size_t> output_;  // nothing: nobody listens
  ModelDigest features_{};
};

/// Puts a schema into the job's store of models, on disk when it returns; its address. Fails when the job keeps no
/// directory.
Result<ModelDigest> store_schema(OperatorContext& context, const ArchivedSchema& schema);

struct ModelVersion;
/// As the archive names it.
ArchivedModel archived_model(const ModelVersion& version);

}  // namespace weir::serving
