#include "models/pmml/mining_model.hpp"

#include <algorithm>

namespace weir::pmml {

bool MiningEvaluator::runs(const Segment& segment, Frame& frame) const noexcept {
  if (segment.always) return true;
  run(segment.predicate, frame);
  const double truth = frame.slots[segment.truth];
  return !is_missing(truth) && truth != 0;
}

void MiningEvaluator::answer_missing(Frame& frame) const noexcept {
  frame.slots[answer_.value] = kMissing;
  if (answer_.winner != 0) frame.slots[answer_.winner] = kMissing;
  if (answer_.probabilities != 0) std::fill_n(frame.slots + answer_.probabilities, answer_.categories.size(), kMissing);
}

void MiningEvaluator::copy_answer(const Segment& from, Frame& frame) const noexcept {
  const Answer& answer = from.unit->answer;
  double* slots = frame.slots;
  slots[answer_.value] = slots[answer.value];
  if (answer_.entity != 0) slots[answer_.entity] = answer.entity == 0 ? kMissing : slots[answer.entity];
  if (answer_.affinities != 0)
    for (std::size_t i = 0; i < answer_.categories.size(); ++i)
      slots[answer_.affinities + i] = answer.affinities == 0 ? kMissing : slots[answer.affinities + i];
  if (answer_.winner == 0) return;
  const double winner = slots[answer.winner];
  slots[answer_.winner] = is_missing(winner) ? kMissing : from.classes[static_cast<std::size_t>(winner)];
  if (answer_.probabilities == 0) return;
  std::fill_n(slots + answer_.probabilities, answer_.categories.size(),
              is_missing(winner) || answer.probabilities == 0 ? kMissing : 0.0);
  if (answer.probabilities == 0) return;
  for (std::size_t i = 0; i < from.classes.size(); ++i)
    slots[answer_.probabilities + from.classes[i]] = slots[answer.probabilities + i];
}

// The last segment that ran gives the answer.
void MiningEvaluator::chain(Frame& frame) const noexcept {
  answer_missing(frame);
  bool given_up = false;
  for (const Segment& segment : ensemble_.segments) {
    if (given_up || !runs(segment, frame)) {
      for (const std::uint32_t slot : segment.outputs) frame.slots[slot] = kMissing;
      if (segment.target_slot != 0) frame.slots[segment.target_slot] = kMissing;
      continue;
    }
    segment.unit->evaluate(frame);
    if (frame.failed) return;
    if (ensemble_.missing == MissingPrediction::kReturnMissing && is_missing(frame.slots[segment.unit->answer.value])) {
      answer_missing(frame);
      given_up = true;
    } else if (ensemble_.several_targets) {
      if (segment.target_slot != 0)
        frame.slots[segment.target_slot] = frame.slots[segment.unit->answer.value];
      else
        copy_answer(segment, frame);
    } else if (&segment == &ensemble_.segments.back() || segment.unit->answer.function == answer_.function) {
      copy_answer(segment, frame);
    }
  }
}

void MiningEvaluator::select(Frame& frame) const noexcept {
  answer_missing(frame);
  for (const Segment& segment : ensemble_.segments)
    for (const auto& at : segment.exports) frame.slots[at.second] = kMissing;
  for (const Segment& segment : ensemble_.segments) {
    if (!runs(segment, frame)) continue;
    segment.unit->evaluate(frame);
    if (frame.failed) return;
    if (ensemble_.missing == MissingPrediction::kSkipSegment && is_missing(frame.slots[segment.unit->answer.value]))
      continue;
    copy_answer(segment, frame);
    for (const auto& [from, to] : segment.exports) frame.slots[to] = frame.slots[from];
    return;
  }
}

// Every segment whose predicate is true answers for itself; the first of them answers for the whole.
void MiningEvaluator::select_all(Frame& frame) const noexcept {
  answer_missing(frame);
  bool answered = false;
  for (const Segment& segment : ensemble_.segments) {
    if (!runs(segment, frame)) continue;
    segment.unit->evaluate(frame);
    if (frame.failed) return;
    if (!answered) copy_answer(segment, frame);
    answered = true;
  }
}

void MiningEvaluator::combine_numbers(Frame& frame) const noexcept {
  double* values = frame.slots + working_slots_;
  std::size_t count = 0;
  double sum = 0, weights = 0, all_weights = 0, missing_weights = 0, largest = kMissing;
  float float_sum = 0;
  const Combination how = ensemble_.combination;
  const bool weighted =
      how == Combination::kWeightedSum || how == Combination::kWeightedAverage || how == Combination::kWeightedMedian;
  frame.slots[answer_.value] = kMissing;
  for (const Segment& segment : ensemble_.segments) {
    if (!runs(segment, frame)) continue;
    segment.unit->evaluate(frame);
    if (frame.failed) return;
    const double value = frame.slots[segment.unit->answer.value];
    const double weight = weighted ? segment.weight : 1;
    all_weights += segment.weight;
    if (is_missing(value)) {
      if (ensemble_.missing != MissingPrediction::kSkipSegment) return;
      missing_weights += segment.weight;
      continue;
    }
    if (ensemble_.float_math) float_sum += static_cast<float>(weight) * static_cast<float>(value);
    sum += weight * value;
    weights += weight;
    largest = count == 0 ? value : std::max(largest, value);
    values[2 * count] = value;
    values[2 * count + 1] = weight;
    ++count;
  }
  if (count == 0) return;
  if (ensemble_.missing == MissingPrediction::kSkipSegment &&
      missing_weights > ensemble_.missing_threshold * all_weights)
    return;
  double result = sum;
  switch (how) {
    case Combination::kAverage:
    case Combination::kWeightedAverage:
      result = ensemble_.float_math ? static_cast<double>(float_sum / static_cast<float>(weights)) : sum / weights;
      break;
    case Combination::kMax: result = largest; break;
    case Combination::kMedian:
    case Combination::kWeightedMedian: {
      auto* pairs = reinterpret_cast<std::pair<double, double>*>(values);
      std::sort(pairs, pairs + count);
      if (how == Combination::kMedian) {
        result = count % 2 == 1 ? pairs[count / 2].first : (pairs[count / 2 - 1].first + pairs[count / 2].first) / 2;
      } else {
        double below = 0;
        std::size_t i = 0;
        while (i + 1 < count && (below += pairs[i].second) < weights / 2) ++i;
        result = pairs[i].first;
      }
      break;
    }
    default: result = ensemble_.float_math ? static_cast<double>(float_sum) : sum; break;
  }
  frame.slots[answer_.value] = result;
}

// Votes: a class's share of the segments' weight; a missing prediction may win too, and then there is no answer. The
// other methods combine the segments' probabilities.
void MiningEvaluator::combine_classes(Frame& frame) const noexcept {
  const std::size_t classes = answer_.categories.size();
  double* sums = frame.slots + answer_.probabilities;
  const Combination how = ensemble_.combination;
  const bool votes = how == Combination::kMajorityVote || how == Combination::kWeightedMajorityVote;
  const bool weighted = how == Combination::kWeightedMajorityVote || how == Combination::kWeightedAverage;
  const bool skips = ensemble_.missing == MissingPrediction::kSkipSegment;
  std::fill_n(sums, classes, 0.0);
  double* first_votes = frame.slots + working_slots_;
  const auto never = static_cast<double>(ensemble_.segments.size());
  if (votes) std::fill_n(first_votes, classes, never);
  double votes_seen = 0;
  double weights = 0, all_weights = 0, missing_weights = 0, missing_votes = 0;
  double* answered = frame.slots + working_slots_ + classes;  // max and median: indexes of the segments that answered
  std::size_t count = 0;
  for (std::size_t index = 0; index < ensemble_.segments.size(); ++index) {
    const Segment& segment = ensemble_.segments[index];
    if (!runs(segment, frame)) continue;
    segment.unit->evaluate(frame);
    if (frame.failed) return;
    const Answer& answer = segment.unit->answer;
    const double winner = frame.slots[answer.winner];
    const double weight = weighted ? segment.weight : 1;
    all_weights += segment.weight;
    if (is_missing(winner)) {
      if (ensemble_.missing == MissingPrediction::kReturnMissing || (!votes && !skips)) return answer_missing(frame);
      missing_weights += segment.weight;
      missing_votes += weight;
      continue;
    }
    weights += weight;
    if (votes) {
      const std::uint32_t voted = segment.classes[static_cast<std::size_t>(winner)];
      sums[voted] += weight;
      first_votes[voted] = std::min(first_votes[voted], votes_seen++);
    } else if (how == Combination::kMax || how == Combination::kMedian) {
      answered[count++] = static_cast<double>(index);
    } else {
      const double* probabilities = frame.slots + answer.probabilities;
      for (std::size_t i = 0; i < segment.classes.size(); ++i) sums[segment.classes[i]] += weight * probabilities[i];
    }
  }
  if (weights == 0 || (skips && missing_weights > ensemble_.missing_threshold * all_weights))
    return answer_missing(frame);
  if (how == Combination::kMax || how == Combination::kMedian)
    average_of_closest(frame, answered, count);
  else
    for (std::size_t i = 0; i < classes; ++i) sums[i] /= weights;
  choose_winner(answer_, frame);
  if (!votes) return;
  // Among classes with as many votes, the one that was voted for first.
  auto chosen = static_cast<std::size_t>(frame.slots[answer_.winner]);
  for (std::size_t i = 0; i < classes; ++i)
    if (sums[i] == sums[chosen] && first_votes[i] < first_votes[chosen]) chosen = i;
  const double most = sums[chosen] * weights;
  if (!skips && missing_votes > most) return answer_missing(frame);
  frame.slots[answer_.winner] = static_cast<double>(chosen);
  frame.slots[answer_.value] = answer_.categories[chosen].value;
}

// max and median: each class has the largest, or the median, of its probabilities; the segments closest to that of the
// best class are averaged.
void MiningEvaluator::average_of_closest(Frame& frame, const double* answered, std::size_t count) const noexcept {
  const std::size_t classes = answer_.categories.size();
  double* sums = frame.slots + answer_.probabilities;
  double* values = frame.slots + working_slots_ + classes + ensemble_.segments.size();
  const auto probability = [&](std::size_t k, std::size_t category) {
    const Segment& segment = ensemble_.segments[static_cast<std::size_t>(answered[k])];
    for (std::size_t i = 0; i < segment.classes.size(); ++i)
      if (segment.classes[i] == category) return frame.slots[segment.unit->answer.probabilities + i];
    return 0.0;
  };
  std::size_t best = 0;
  double best_value = -1;
  for (std::size_t category = 0; category < classes; ++category) {
    for (std::size_t k = 0; k < count; ++k) values[k] = probability(k, category);
    std::sort(values, values + count);
    double value = values[count - 1];
    if (ensemble_.combination == Combination::kMedian)
      value = count % 2 == 1 ? values[count / 2] : (values[count / 2 - 1] + values[count / 2]) / 2;
    if (!(value > best_value)) continue;
    best_value = value;
    best = category;
  }
  double closest = INFINITY, chosen = 0;
  for (std::size_t k = 0; k < count; ++k) {
    const double distance = std::fabs(probability(k, best) - best_value);
    if (distance > closest) continue;
    if (distance < closest) {
      closest = distance;
      chosen = 0;
      std::fill_n(sums, classes, 0.0);
    }
    ++chosen;
    for (std::size_t category = 0; category < classes; ++category) sums[category] += probability(k, category);
  }
  for (std::size_t category = 0; category < classes; ++category) sums[category] /= chosen;
}

void MiningEvaluator::evaluate(Frame& frame) const noexcept {
  for (const std::uint32_t slot : ensemble_.asked) frame.slots[slot] = kMissing;
  if (ensemble_.combination == Combination::kModelChain) return chain(frame);
  if (ensemble_.combination == Combination::kSelectAll) return select_all(frame);
  if (ensemble_.combination == Combination::kSelectFirst) return select(frame);
  if (answer_.function == Function::kClassification) return combine_classes(frame);
  combine_numbers(frame);
}

std::size_t MiningEvaluator::memory_bytes() const noexcept {
  std::size_t bytes = sizeof(*this);
  for (const Segment& segment : ensemble_.segments)
    bytes += sizeof(segment) + sizeof(ModelUnit) + segment.unit->evaluator->memory_bytes() +
             (segment.unit->prologue.code.size() + segment.unit->epilogue.code.size()) * sizeof(Instruction);
  return bytes;
}

}  // namespace weir::pmml
