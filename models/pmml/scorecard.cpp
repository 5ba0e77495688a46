// Scorecard: points for each characteristic, and the reasons why they are few.

#include <algorithm>

#include "models/pmml/model_unit.hpp"

namespace weir::pmml {
namespace {

struct ScoreAttribute {
  Block predicate;
  std::uint32_t truth = 0;
  Block formula;            ///< of a ComplexPartialScore
  std::uint32_t score = 0;  ///< slot of the points
  std::size_t reason = 0;   ///< index into the reasons
};

struct Characteristic {
  double baseline = 0;
  std::vector<ScoreAttribute> attributes;
};

struct Card {
  double initial = 0;
  bool points_above = false;
  std::vector<Characteristic> characteristics;
  std::vector<double> reasons;   ///< text codes
  std::uint32_t shortfalls = 0;  ///< slots: by reason, how far the points are from the baseline
  std::uint32_t ranking = 0;     ///< slots: codes by rank; 0 when reasons are not used
};

class ScorecardEvaluator final : public Evaluator {
 public:
  ScorecardEvaluator(Card card, const Answer& answer) : card_(std::move(card)), answer_(answer) {}

  void evaluate(Frame& frame) const noexcept override {
    double* slots = frame.slots;
    const std::size_t reasons = card_.reasons.size();
    std::fill_n(slots + card_.shortfalls, reasons, kMissing);
    double sum = card_.initial;
    for (const Characteristic& characteristic : card_.characteristics) {
      const ScoreAttribute* hit = nullptr;
      for (const ScoreAttribute& attribute : characteristic.attributes) {
        run(attribute.predicate, frame);
        const double truth = slots[attribute.truth];
        if (is_missing(truth) || truth == 0) continue;
        hit = &attribute;
        break;
      }
      if (hit != nullptr) run(hit->formula, frame);
      const double score = hit == nullptr ? kMissing : slots[hit->score];
      sum += score;
      if (hit == nullptr || card_.ranking == 0) continue;
      double& shortfall = slots[card_.shortfalls + hit->reason];
      const double below = characteristic.baseline - score;
      shortfall = (is_missing(shortfall) ? 0 : shortfall) + (card_.points_above ? -below : below);
    }
    slots[answer_.value] = sum;
    if (card_.ranking != 0) rank(slots, is_missing(sum));
  }
  [[nodiscard]] std::size_t memory_bytes() const noexcept override {
    std::size_t bytes = sizeof(*this) + card_.reasons.size() * sizeof(double);
    for (const Characteristic& characteristic : card_.characteristics)
      for (const ScoreAttribute& attribute : characteristic.attributes)
        bytes += sizeof(attribute) + (attribute.predicate.size() + attribute.formula.size()) * sizeof(Instruction);
    return bytes;
  }

 private:
  // The largest shortfall first; what is better than its baseline is no reason.
  void rank(double* slots, bool unknown) const noexcept {
    double* shortfalls = slots + card_.shortfalls;
    for (std::size_t k = 0; k < card_.reasons.size(); ++k) {
      std::size_t best = card_.reasons.size();
      for (std::size_t i = 0; i < card_.reasons.size(); ++i)
        if (shortfalls[i] >= 0 && (best == card_.reasons.size() || shortfalls[i] > shortfalls[best])) best = i;
      const bool any = best < card_.reasons.size() && !unknown;
      slots[card_.ranking + k] = any ? card_.reasons[best] : kMissing;
      if (best < card_.reasons.size()) shortfalls[best] = kMissing;
    }
  }

  Card card_;
  Answer answer_;
};

class ScorecardCompiler {
 public:
  explicit ScorecardCompiler(ModelBuild& build)
      : build_(build), compiler_(build.compiler), problems_(compiler_.problems()) {}

  std::unique_ptr<Evaluator> compile() {
    const std::string_view function = compiler_.required(build_.at, "functionName");
    if (function != "regression") problems_.unsupported(build_.at, "functionName", "'" + std::string(function) + "'");
    build_.unit.answer.value = compiler_.new_slot();
    card_.initial = compiler_.number(build_.at, "initialScore", 0);
    uses_reasons_ = build_.at.attribute_or("useReasonCodes", "true") == "true";
    const std::string_view algorithm = build_.at.attribute_or("reasonCodeAlgorithm", "pointsBelow");
    card_.points_above = algorithm == "pointsAbove";
    if (!card_.points_above && algorithm != "pointsBelow")
      problems_.unsupported(build_.at, "reasonCodeAlgorithm", "'" + std::string(algorithm) + "'");
    const Element characteristics = build_.at.child("Characteristics");
    if (!characteristics) {
      problems_.wrong(build_.at, "", "no Characteristics inside");
      return nullptr;
    }
    for (const Element at : characteristics)
      if (at.is("Characteristic")) read_characteristic(at);
    card_.shortfalls = compiler_.new_slots(card_.reasons.size());
    if (uses_reasons_ && !card_.reasons.empty()) card_.ranking = compiler_.new_slots(card_.reasons.size());
    if (problems_.any()) return nullptr;
    build_.feature = [build = &build_, ranking = card_.ranking, count = card_.reasons.size()](
                         Element at, std::string_view feature) -> std::optional<Operand> {
      if (feature != "reasonCode" || ranking == 0) return std::nullopt;
      const double rank = build->compiler.number(at, "rank", 1);
      if (!(rank >= 1 && rank <= static_cast<double>(count))) return Operand{0, kStringType, false, {}, kMissing};
      return Operand{ranking + static_cast<std::uint32_t>(rank) - 1, kStringType, false, {}, kMissing};
    };
    return std::make_unique<ScorecardEvaluator>(std::move(card_), build_.unit.answer);
  }

 private:
  void read_characteristic(Element at) {
    if (compiler_.stop()) return;
    Characteristic characteristic;
    if (uses_reasons_) {
      const bool own = static_cast<bool>(at.attribute("baselineScore"));
      if (!own && !build_.at.attribute("baselineScore"))
        problems_.wrong(at, "baselineScore", "the attribute is missing");
      characteristic.baseline = compiler_.number(own ? at : build_.at, "baselineScore", 0);
    }
    for (const Element part : at)
      if (part.is("Attribute")) characteristic.attributes.push_back(read_attribute(at, part));
    if (characteristic.attributes.empty()) problems_.wrong(at, "", "no Attribute inside");
    card_.characteristics.push_back(std::move(characteristic));
  }

  ScoreAttribute read_attribute(Element characteristic, Element at) {
    ScoreAttribute attribute;
    const Element predicate = Compiler::predicate_of(at);
    if (!predicate) {
      problems_.wrong(at, "", "no predicate inside");
      return attribute;
    }
    BlockBuilder block;
    attribute.truth = compiler_.predicate(predicate, build_.scope, block).slot;
    attribute.predicate = std::move(block.code);
    if (const Element complex = at.child("ComplexPartialScore")) {
      const Element inner = Compiler::expression_of(complex);
      if (!inner) problems_.wrong(complex, "", "no expression inside");
      BlockBuilder formula;
      if (inner)
        attribute.score =
            compiler_.cast(compiler_.expression(inner, build_.scope, formula), kDoubleType, formula, inner).slot;
      attribute.formula = std::move(formula.code);
    } else {
      attribute.score = compiler_.constant_slot(compiler_.required_number(at, "partialScore"));
    }
    if (!uses_reasons_) return attribute;
    const auto code = at.attribute("reasonCode") ? at.attribute("reasonCode") : characteristic.attribute("reasonCode");
    if (!code) {
      problems_.wrong(at, "reasonCode", "the attribute is missing");
      return attribute;
    }
    const double value = compiler_.tables().texts.intern(*code);
    const auto known = std::find(card_.reasons.begin(), card_.reasons.end(), value);
    attribute.reason = static_cast<std::size_t>(known - card_.reasons.begin());
    if (known == card_.reasons.end()) card_.reasons.push_back(value);
    return attribute;
  }

  ModelBuild& build_;
  Compiler& compiler_;
  Problems& problems_;
  Card card_;
  bool uses_reasons_ = true;
};

}  // namespace

std::unique_ptr<Evaluator> compile_scorecard(ModelBuild& build) { return ScorecardCompiler(build).compile(); }

}  // namespace weir::pmml
