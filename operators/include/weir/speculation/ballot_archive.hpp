#pragma once
/// BallotArchive: the side output kModelInputs of one speculating operator instance.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <weir/archived_inputs.hpp>
#include <weir/operator.hpp>
#include <weir/serving/model_slot.hpp>
#include <weir/speculated.hpp>
#include <weir/speculation_options.hpp>

namespace weir::speculation {

struct KeySlot;

/// What the archive needs of a record until it leaves; part of the state of one that stays open.
struct OpenBallot {
  ModelDigest features{};  ///< address of the ArchivedSchema that the inputs fit; zero: nothing is archived
  std::vector<double> numbers;
  std::vector<std::optional<std::string>> texts;
  std::vector<ArchivedModel> models;  ///< by member: who scored these inputs or was asked to; shorter: nobody else

  [[nodiscard]] bool has_value() const noexcept { return features != ModelDigest{}; }
  void weir_write(ByteWriter& writer) const;
  void weir_read(ByteReader& reader);
};

/// Thread: the task's.
class BallotArchive {
 public:
  /// When somebody listens, puts features, members and policies into the job's store of models (on disk when it
  /// returns). Fails then when the job has no directory.
  Status open(OperatorContext& context, const FeatureSchema& features, const SpeculationOptions& options);

  [[nodiscard]] bool is_on() const noexcept { return output_.has_value(); }
  /// Records that may leave now: each makes at most one ArchiveRecord.
  [[nodiscard]] std::size_t room(const Outbox& out) const noexcept {
    return std::min(out.room(), output_ ? out.room(*output_) : std::numeric_limits<std::size_t>::max());
  }

  /// Copies a row of features. Precondition, as of all that follows: is_on().
  [[nodiscard]] OpenBallot inputs(const double* numbers, const std::string_view* texts) const;
  /// Do its inputs fit the features, and its models the members, as declared now?
  [[nodiscard]] bool fits(const OpenBallot& ballot) const noexcept { return ballot.features == features_; }
  static void note(OpenBallot& ballot, std::size_t member, const serving::ModelVersion& version);

  /// Records of a key that leave between two calls of this are one ArchiveRecord. Within a call of the operator.
  void begin() noexcept { ++mark_; }
  void put(Outbox& out, KeySlot& slot, const SpeculationAnswer& answer, Timestamp time, std::uint64_t position,
           std::int64_t deadline_ns, OpenBallot ballot);

 private:
  std::optional<std::size_t> output_;  // nothing: nobody listens
  ModelDigest features_{};
  std::size_t number_columns_ = 0;
  std::size_t text_columns_ = 0;
  std::uint64_t mark_ = 0;
};

}  // namespace weir::speculation
