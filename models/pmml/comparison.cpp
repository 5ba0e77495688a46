#include "models/pmml/comparison.hpp"

#include <algorithm>
#include <array>
#include <cmath>

namespace weir::pmml {
namespace {

double difference(const Dimension& at, double x, double y) noexcept {
  switch (at.compare) {
    case Compare::kGaussSim: {
      const double z = x - y;
      return std::exp(-std::log(2.0) * z * z / (at.scale * at.scale));
    }
    case Compare::kDelta: return x == y ? 0 : 1;
    case Compare::kEqual: return x == y ? 1 : 0;
    default: return std::fabs(x - y);
  }
}

void read_compare(Compiler& compiler, Element at, Compare& compare) {
  const auto name = at.attribute("compareFunction");
  if (!name) return;
  if (*name == "absDiff")
    compare = Compare::kAbsDiff;
  else if (*name == "gaussSim")
    compare = Compare::kGaussSim;
  else if (*name == "delta")
    compare = Compare::kDelta;
  else if (*name == "equal")
    compare = Compare::kEqual;
  else
    compiler.problems().unsupported(at, "compareFunction", "'" + std::string(*name) + "'");
}

}  // namespace

void Comparison::read(ModelBuild& build) {
  Compiler& compiler = build.compiler;
  const Element measure = build.at.child("ComparisonMeasure");
  if (!measure) return compiler.problems().wrong(build.at, "", "no ComparisonMeasure inside");
  static constexpr std::array<std::string_view, 9> kNames = {"euclidean", "squaredEuclidean", "cityBlock",
                                                             "chebychev", "minkowski",        "simpleMatching",
                                                             "jaccard",   "tanimoto",         "binarySimilarity"};
  static constexpr std::array<std::string_view, 8> kParameters = {"c11-parameter", "c10-parameter", "c01-parameter",
                                                                  "c00-parameter", "d11-parameter", "d10-parameter",
                                                                  "d01-parameter", "d00-parameter"};
  bool known = false;
  for (const Element at : measure) {
    const auto* found = std::find(kNames.begin(), kNames.end(), at.name());
    if (found == kNames.end()) {
      compiler.problems().unsupported(at, "", "measure " + std::string(at.name()));
      continue;
    }
    known = true;
    measure_ = static_cast<Measure>(found - kNames.begin());
    if (measure_ == Measure::kMinkowski) power_ = compiler.required_number(at, "p-parameter");
    if (measure_ == Measure::kBinarySimilarity)
      for (std::size_t i = 0; i < kParameters.size(); ++i) binary_[i] = compiler.required_number(at, kParameters[i]);
  }
  if (!known) compiler.problems().wrong(measure, "", "no measure inside");
  read_compare(compiler, measure, compare_);
}

void Comparison::add_field(ModelBuild& build, Element at, const Operand& value) {
  Dimension dimension;
  dimension.weight = build.compiler.number(at, "fieldWeight", 1);
  dimension.scale = build.compiler.number(at, "similarityScale", 1);
  dimension.compare = compare_;
  read_compare(build.compiler, at, dimension.compare);
  const bool by_value = dimension.compare == Compare::kDelta || dimension.compare == Compare::kEqual;
  dimension.slot = by_value ? value.slot : build.compiler.cast(value, kDoubleType, build.unit.prologue, at).slot;
  if (dimension.compare == Compare::kGaussSim && !at.attribute("similarityScale"))
    build.compiler.problems().wrong(at, "similarityScale", "the attribute is missing");
  dimensions_.push_back(dimension);
}

void Comparison::set_missing_weights(const std::vector<double>& weights) {
  for (std::size_t i = 0; i < weights.size() && i < dimensions_.size(); ++i) dimensions_[i].missing_weight = weights[i];
}

void Comparison::finish() {
  plain_ = std::all_of(dimensions_.begin(), dimensions_.end(),
                       [](const Dimension& at) { return at.weight == 1 && at.compare == Compare::kAbsDiff; });
}

bool Comparison::gather(const double* slots, double* x) const noexcept {
  bool complete = true;
  for (std::size_t i = 0; i < dimensions_.size(); ++i) {
    x[i] = slots[dimensions_[i].slot];
    complete = complete && !is_missing(x[i]);
  }
  return complete;
}

double Comparison::between(const double* x, const double* point, bool complete) const noexcept {
  if (is_similarity()) return similarity(x, point);
  return plain_ && complete ? plain_distance(x, point) : distance(x, point);
}

double Comparison::plain_distance(const double* x, const double* point) const noexcept {
  const std::size_t count = dimensions_.size();
  double sum = 0;
  switch (measure_) {
    case Measure::kCityBlock:
      for (std::size_t i = 0; i < count; ++i) sum += std::fabs(x[i] - point[i]);
      return sum;
    case Measure::kChebychev:
      for (std::size_t i = 0; i < count; ++i) sum = std::max(sum, std::fabs(x[i] - point[i]));
      return sum;
    case Measure::kMinkowski:
      for (std::size_t i = 0; i < count; ++i) sum += std::pow(std::fabs(x[i] - point[i]), power_);
      return std::pow(sum, 1 / power_);
    default:
      for (std::size_t i = 0; i < count; ++i) sum += (x[i] - point[i]) * (x[i] - point[i]);
      return measure_ == Measure::kEuclidean ? std::sqrt(sum) : sum;
  }
}

// Missing fields are left out and the rest weighs more (adjustM).
double Comparison::distance(const double* x, const double* point) const noexcept {
  double sum = 0, all = 0, present = 0;
  for (std::size_t i = 0; i < dimensions_.size(); ++i) {
    const Dimension& at = dimensions_[i];
    all += at.missing_weight;
    if (is_missing(x[i])) continue;
    present += at.missing_weight;
    const double d = difference(at, x[i], point[i]);
    switch (measure_) {
      case Measure::kCityBlock: sum += at.weight * d; break;
      case Measure::kChebychev: sum = std::max(sum, at.weight * d); break;
      case Measure::kMinkowski: sum += at.weight * std::pow(d, power_); break;
      default: sum += at.weight * d * d; break;
    }
  }
  if (present == 0) return kMissing;
  sum *= all / present;
  if (measure_ == Measure::kEuclidean) return std::sqrt(sum);
  return measure_ == Measure::kMinkowski ? std::pow(sum, 1 / power_) : sum;
}

// A value that is not 0 counts as 1.
double Comparison::similarity(const double* x, const double* point) const noexcept {
  double a11 = 0, a10 = 0, a01 = 0, a00 = 0;
  for (std::size_t i = 0; i < dimensions_.size(); ++i) {
    if (is_missing(x[i])) return kMissing;
    const bool left = x[i] != 0, right = point[i] != 0;
    ++(left ? right ? a11 : a10 : right ? a01 : a00);
  }
  const double mixed = a10 + a01;
  switch (measure_) {
    case Measure::kJaccard: return a11 / (a11 + mixed);
    case Measure::kTanimoto: return (a11 + a00) / (a11 + 2 * mixed + a00);
    case Measure::kBinarySimilarity:
      return (binary_[0] * a11 + binary_[1] * a10 + binary_[2] * a01 + binary_[3] * a00) /
             (binary_[4] * a11 + binary_[5] * a10 + binary_[6] * a01 + binary_[7] * a00);
    default: return (a11 + a00) / (a11 + mixed + a00);
  }
}

}  // namespace weir::pmml
