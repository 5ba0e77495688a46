// NaiveBayesModel: prior counts times, for each input, how likely its value is in each class.
//
// Sums of logarithms, so that many inputs do not underflow; logarithms of counts are taken at load.

#include <algorithm>
#include <cmath>

#include "models/pmml/model_unit.hpp"

namespace weir::pmml {
namespace {

constexpr double kTwoPi = 6.283185307179586476925;

/// Counts of an input's values: a row of logarithms, one for each class, for each value.
struct CountedInput {
  std::uint32_t row = 0;  ///< slot of the value's row; missing: the value is unknown
  std::vector<double> logs;
};

struct Distribution {
  enum class Kind : unsigned char { kNone, kGaussian, kPoisson, kUniform };
  Kind kind = Kind::kNone;  ///< kNone: the class has no statistics, so the input says nothing about it
  double a = 0;             ///< mean, or lower bound
  double b = 0;             ///< variance, or upper bound
};

/// A number with a distribution for each class.
struct MeasuredInput {
  std::uint32_t slot = 0;
  std::vector<Distribution> distributions;
};

double log_density(const Distribution& of, double x) noexcept {
  switch (of.kind) {
    case Distribution::Kind::kGaussian: return -(x - of.a) * (x - of.a) / (2 * of.b) - 0.5 * std::log(kTwoPi * of.b);
    case Distribution::Kind::kPoisson: return x * std::log(of.a) - of.a - std::lgamma(x + 1);
    case Distribution::Kind::kUniform: return x >= of.a && x <= of.b ? -std::log(of.b - of.a) : -INFINITY;
    default: return 0;
  }
}

class NaiveBayesEvaluator final : public Evaluator {
 public:
  NaiveBayesEvaluator(std::vector<double> priors, std::vector<CountedInput> counted,
                      std::vector<MeasuredInput> measured, double log_threshold, const Answer& answer)
      : priors_(std::move(priors)),
        counted_(std::move(counted)),
        measured_(std::move(measured)),
        log_threshold_(log_threshold),
        answer_(answer) {}

  void evaluate(Frame& frame) const noexcept override {
    double* sums = frame.slots + answer_.probabilities;
    const std::size_t classes = answer_.categories.size();
    std::copy(priors_.begin(), priors_.end(), sums);
    for (const CountedInput& input : counted_) {
      const double row = frame.slots[input.row];
      if (is_missing(row)) continue;
      const double* logs = input.logs.data() + static_cast<std::size_t>(row) * classes;
      for (std::size_t i = 0; i < classes; ++i) sums[i] += logs[i];
    }
    for (const MeasuredInput& input : measured_) {
      const double x = frame.slots[input.slot];
      if (is_missing(x)) continue;
      for (std::size_t i = 0; i < classes; ++i)
        if (input.distributions[i].kind != Distribution::Kind::kNone)
          sums[i] += std::max(log_density(input.distributions[i], x), log_threshold_);
    }
    const double largest = *std::max_element(sums, sums + classes);
    double total = 0;
    for (std::size_t i = 0; i < classes; ++i) total += sums[i] = std::exp(sums[i] - largest);
    for (std::size_t i = 0; i < classes; ++i) sums[i] /= total;
    choose_winner(answer_, frame);
  }
  [[nodiscard]] std::size_t memory_bytes() const noexcept override {
    std::size_t bytes = sizeof(*this);
    for (const CountedInput& input : counted_) bytes += sizeof(input) + input.logs.size() * sizeof(double);
    for (const MeasuredInput& input : measured_) bytes += sizeof(input) + input.distributions.size() * 24;
    return bytes;
  }

 private:
  std::vector<double> priors_;  // logarithms
  std::vector<CountedInput> counted_;
  std::vector<MeasuredInput> measured_;
  double log_threshold_;
  Answer answer_;
};

class NaiveBayesCompiler {
 public:
  explicit NaiveBayesCompiler(ModelBuild& build)
      : build_(build), compiler_(build.compiler), problems_(compiler_.problems()) {}

  std::unique_ptr<Evaluator> compile() {
    threshold_ = compiler_.required_number(build_.at, "threshold");
    build_.start_classification();
    const Element output = build_.at.child("BayesOutput");
    const Element counts = output ? output.child("TargetValueCounts") : Element();
    const Element inputs = build_.at.child("BayesInputs");
    if (!counts) problems_.wrong(build_.at, "", "no BayesOutput with TargetValueCounts inside");
    if (!inputs) problems_.wrong(build_.at, "", "no BayesInputs inside");
    if (!counts || !inputs) return nullptr;
    // The classes are those that BayesOutput counts.
    for (const Element at : counts)
      if (at.is("TargetValueCount")) build_.prefer(build_.category(at, "value", compiler_.required(at, "value")));
    build_.finish_classification();
    std::vector<double> priors = read_counts(counts);
    for (double& prior : priors) prior = std::log(prior);
    for (const Element at : inputs)
      if (at.is("BayesInput")) read_input(at);
    if (problems_.any()) return nullptr;
    return std::make_unique<NaiveBayesEvaluator>(std::move(priors), std::move(counted_), std::move(measured_),
                                                 std::log(threshold_), build_.unit.answer);
  }

 private:
  std::vector<double> read_counts(Element counts) {
    if (!compiler_.fits(2 * build_.unit.answer.categories.size() * sizeof(double))) return {};
    std::vector<double> result(build_.unit.answer.categories.size(), 0);
    for (const Element at : counts) {
      if (!at.is("TargetValueCount")) continue;
      const std::size_t i = known_category(at);
      if (i < result.size()) result[i] = compiler_.required_number(at, "count");
    }
    return result;
  }

  std::size_t known_category(Element at) {
    const std::size_t before = build_.unit.answer.categories.size();
    const std::size_t i = build_.category(at, "value", compiler_.required(at, "value"));
    if (i < before) return i;
    build_.unit.answer.categories.pop_back();
    problems_.wrong(at, "value", "is none of the classes that BayesOutput counts");
    return before;
  }

  void read_input(Element at) {
    if (compiler_.stop()) return;
    BlockBuilder& block = build_.unit.prologue;
    // Up to PMML 4.1 a DerivedField inside may discretise the input.
    const Element derived = at.child("DerivedField");
    const Operand value = derived ? compiler_.derived(derived, build_.scope, block)
                                  : compiler_.field(compiler_.required(at, "fieldName"), build_.scope, at, "fieldName");
    Element stats = at.child("TargetValueStats");
    if (const Element extension = at.child("Extension"); !stats && extension)
      stats = extension.child("TargetValueStats");
    if (stats) return read_distributions(at, stats, value);
    CountedInput input;
    ValueMap rows(1, kMissing);
    std::vector<std::vector<double>> counts;
    std::vector<double> totals(build_.unit.answer.categories.size(), 0);
    for (const Element pair : at) {
      if (!pair.is("PairCounts")) continue;
      const Element of_class = pair.child("TargetValueCounts");
      if (!of_class) {
        problems_.wrong(pair, "", "no TargetValueCounts inside");
        continue;
      }
      rows.add({compiler_.literal(pair, "value", compiler_.required(pair, "value"), value.type)},
               static_cast<double>(counts.size()));
      counts.push_back(read_counts(of_class));
      if (counts.back().size() != totals.size()) return;  // too much memory: reported
      for (std::size_t i = 0; i < totals.size(); ++i) totals[i] += counts.back()[i];
    }
    if (counts.empty()) return problems_.wrong(at, "", "no PairCounts or TargetValueStats inside");
    for (const std::vector<double>& row : counts)
      for (std::size_t i = 0; i < totals.size(); ++i)
        input.logs.push_back(std::log(std::max(totals[i] > 0 ? row[i] / totals[i] : 0, threshold_)));
    rows.finish();
    compiler_.tables().maps.push_back(std::move(rows));
    const std::vector<std::uint32_t> key = {value.slot};
    input.row =
        compiler_.emit(block, Op::kMapValues, key, static_cast<std::uint32_t>(compiler_.tables().maps.size() - 1));
    counted_.push_back(std::move(input));
  }

  void read_distributions(Element at, Element stats, const Operand& value) {
    MeasuredInput input;
    input.slot = compiler_.cast(value, kDoubleType, build_.unit.prologue, at).slot;
    if (!compiler_.fits(build_.unit.answer.categories.size() * sizeof(Distribution))) return;
    input.distributions.resize(build_.unit.answer.categories.size());
    for (const Element of_class : stats) {
      if (!of_class.is("TargetValueStat")) continue;
      const std::size_t i = known_category(of_class);
      if (i >= input.distributions.size()) continue;
      Distribution& to = input.distributions[i];
      if (const Element gaussian = of_class.child("GaussianDistribution")) {
        to = {Distribution::Kind::kGaussian, compiler_.required_number(gaussian, "mean"),
              compiler_.required_number(gaussian, "variance")};
        if (!(to.b > 0)) problems_.wrong(gaussian, "variance", "must be above 0");
      } else if (const Element poisson = of_class.child("PoissonDistribution")) {
        to = {Distribution::Kind::kPoisson, compiler_.required_number(poisson, "mean"), 0};
      } else if (const Element uniform = of_class.child("UniformDistribution")) {
        to = {Distribution::Kind::kUniform, compiler_.required_number(uniform, "lower"),
              compiler_.required_number(uniform, "upper")};
      } else {
        problems_.unsupported(of_class, "", "a TargetValueStat without Gaussian, Poisson or uniform distribution");
      }
    }
    measured_.push_back(std::move(input));
  }

  ModelBuild& build_;
  Compiler& compiler_;
  Problems& problems_;
  double threshold_ = 0;
  std::vector<CountedInput> counted_;
  std::vector<MeasuredInput> measured_;
};

}  // namespace

std::unique_ptr<Evaluator> compile_naive_bayes(ModelBuild& build) { return NaiveBayesCompiler(build).compile(); }

}  // namespace weir::pmml
