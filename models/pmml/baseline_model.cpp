// BaselineModel (PMML 4.1): how unusual a value is. Only zValue depends on the row alone; the other statistics count
// the rows before it.

#include <cmath>

#include "models/pmml/model_unit.hpp"

namespace weir::pmml {
namespace {

class ZValueEvaluator final : public Evaluator {
 public:
  ZValueEvaluator(std::uint32_t field, double mean, double deviation, std::uint32_t value)
      : field_(field), mean_(mean), deviation_(deviation), value_(value) {}
  void evaluate(Frame& frame) const noexcept override {
    frame.slots[value_] = (frame.slots[field_] - mean_) / deviation_;
  }
  [[nodiscard]] std::size_t memory_bytes() const noexcept override { return sizeof(*this); }

 private:
  std::uint32_t field_;
  double mean_, deviation_;
  std::uint32_t value_;
};

// Mean and variance of a distribution of numbers.
struct Moments {
  double mean = 0;
  double variance = 0;
};

Moments moments_of(Compiler& compiler, Element at) {
  if (at.is("GaussianDistribution"))
    return {compiler.required_number(at, "mean"), compiler.required_number(at, "variance")};
  if (at.is("PoissonDistribution")) {
    const double mean = compiler.required_number(at, "mean");
    return {mean, mean};
  }
  if (at.is("UniformDistribution")) {
    const double lower = compiler.required_number(at, "lower"), upper = compiler.required_number(at, "upper");
    return {(lower + upper) / 2, (upper - lower) * (upper - lower) / 12};
  }
  compiler.problems().unsupported(at, "", "a z value of " + std::string(at.name()));
  return {0, 1};
}

}  // namespace

std::unique_ptr<Evaluator> compile_baseline(ModelBuild& build) {
  Compiler& compiler = build.compiler;
  Problems& problems = compiler.problems();
  const Element test = build.at.child("TestDistributions");
  if (!test) {
    problems.wrong(build.at, "", "no TestDistributions inside");
    return nullptr;
  }
  const std::string_view statistic = compiler.required(test, "testStatistic");
  if (statistic != "zValue")
    problems.unsupported(test, "testStatistic", "'" + std::string(statistic) + "', which depends on earlier rows,");
  if (compiler.number(test, "windowSize", 0) > 1) problems.unsupported(test, "windowSize", "a window of several rows");
  const Element baseline = test.child("Baseline");
  const Element distribution = baseline ? baseline.first_child() : Element();
  if (!distribution) {
    problems.wrong(test, "", "no Baseline with a distribution inside");
    return nullptr;
  }
  if (problems.any()) return nullptr;
  const Operand field = compiler.cast(compiler.field(compiler.required(test, "field"), build.scope, test), kDoubleType,
                                      build.unit.prologue, test);
  const Moments moments = moments_of(compiler, distribution);
  if (!(moments.variance > 0)) problems.wrong(distribution, "variance", "must be above 0");
  if (problems.any()) return nullptr;
  build.unit.answer.value = compiler.new_slot();
  build.unit.answer.type = kDoubleType;
  return std::make_unique<ZValueEvaluator>(field.slot, moments.mean, std::sqrt(moments.variance),
                                           build.unit.answer.value);
}

}  // namespace weir::pmml
