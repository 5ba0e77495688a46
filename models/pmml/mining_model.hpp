#pragma once
/// MiningModel: several models whose answers are chained, chosen from, voted on or combined.

#include <memory>
#include <vector>

#include "models/pmml/model_unit.hpp"

namespace weir::pmml {

enum class Combination : unsigned char {
  kModelChain,
  kSelectFirst,
  kSum,
  kWeightedSum,
  kAverage,
  kWeightedAverage,
  kMax,
  kMedian,
  kWeightedMedian,
  kMajorityVote,
  kWeightedMajorityVote,
  kSelectAll,
};

struct Segment {
  Block predicate;
  std::uint32_t truth = 0;  ///< slot of the predicate's value
  bool always = false;
  double weight = 1;
  std::unique_ptr<ModelUnit> unit;
  std::vector<std::uint32_t> classes;  ///< the segment's class i is the ensemble's class classes[i]
  std::vector<std::pair<std::uint32_t, std::uint32_t>> exports;  ///< selectFirst: slots to copy (from, to)
  std::uint32_t target_slot = 0;                                 ///< where the answer for another target goes
  std::vector<std::uint32_t> outputs;  ///< modelChain: slots that others see; missing when the segment does not run
};

/// What a missing prediction of a segment means for the whole (PMML 4.4 missingPredictionTreatment).
enum class MissingPrediction : unsigned char { kContinue, kSkipSegment, kReturnMissing };

struct Ensemble {
  Combination combination = Combination::kModelChain;
  MissingPrediction missing = MissingPrediction::kContinue;
  double missing_threshold = 1;  ///< skipSegment: the share of missing weight from which the result is missing
  bool float_math = false;
  bool several_targets = false;  ///< modelChain: every segment may answer another target (multiModelChain)
  std::vector<Segment> segments;
  std::vector<std::uint32_t> asked;  ///< answers of segments that OutputFields ask for; missing until they run
};

class MiningEvaluator final : public Evaluator {
 public:
  MiningEvaluator(Ensemble ensemble, const Answer& answer, std::uint32_t working_slots)
      : ensemble_(std::move(ensemble)), answer_(answer), working_slots_(working_slots) {}
  void evaluate(Frame& frame) const noexcept override;
  [[nodiscard]] std::size_t memory_bytes() const noexcept override;
  [[nodiscard]] const Ensemble& ensemble() const noexcept { return ensemble_; }

 private:
  void chain(Frame& frame) const noexcept;
  void select(Frame& frame) const noexcept;
  void select_all(Frame& frame) const noexcept;
  void combine_numbers(Frame& frame) const noexcept;
  void combine_classes(Frame& frame) const noexcept;
  void average_of_closest(Frame& frame, const double* answered, std::size_t count) const noexcept;
  void copy_answer(const Segment& from, Frame& frame) const noexcept;
  void answer_missing(Frame& frame) const noexcept;
  [[nodiscard]] bool runs(const Segment& segment, Frame& frame) const noexcept;

  Ensemble ensemble_;
  Answer answer_;
  std::uint32_t working_slots_;  // two for each segment, and one for each class
};

}  // namespace weir::pmml
