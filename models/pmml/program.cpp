#include "models/pmml/program.hpp"

#include <algorithm>
#include <cmath>

#include "models/pmml/text_functions.hpp"

namespace weir::pmml {
namespace {

double truth(bool value) noexcept { return value ? 1.0 : 0.0; }

double interpolate(const Interpolation& line, double x) noexcept {
  const std::size_t last = line.from.size() - 1;
  if (x < line.from.front() || x > line.from.back()) {
    if (line.outliers == Outliers::kAsMissing) return kMissing;
    if (line.outliers == Outliers::kAsExtreme) return x < line.from.front() ? line.to.front() : line.to.back();
  }
  // The segment that holds x, the first or last one for values outside.
  std::size_t i = 1;
  while (i < last && x > line.from[i]) ++i;
  const double x1 = line.from[i - 1], x2 = line.from[i], y1 = line.to[i - 1], y2 = line.to[i];
  // Points with the same `from` make a jump (quantiles of repeated values): the lower end counts there.
  return x1 == x2 ? y1 : y1 + (x - x1) / (x2 - x1) * (y2 - y1);
}

double discretize(const Bins& bins, double x) noexcept {
  for (const Bin& bin : bins.bins) {
    const bool above = bin.low_open ? x > bin.low : x >= bin.low;
    const bool below = bin.high_open ? x < bin.high : x <= bin.high;
    if (above && below) return bin.value;
  }
  return bins.otherwise;
}

double median_of(double* values, std::size_t count) noexcept {
  std::sort(values, values + count);
  return count % 2 == 1 ? values[count / 2] : (values[count / 2 - 1] + values[count / 2]) / 2;
}

// Functions of several arguments that leave missing ones out.
double aggregate(const Instruction& at, Frame& frame) noexcept {
  const std::uint32_t* arguments = frame.tables->arguments.data() + at.a;
  double result = at.op == Op::kProduct ? 1 : 0;
  std::size_t seen = 0;
  if (at.op == Op::kMedian) {
    auto* values = reinterpret_cast<double*>(frame.texts.allocate(at.count * sizeof(double) + alignof(double)));
    if (values == nullptr) {
      frame.fail("median of too many values");
      return kMissing;
    }
    values = reinterpret_cast<double*>((reinterpret_cast<std::uintptr_t>(values) + 7) & ~std::uintptr_t{7});
    for (std::size_t i = 0; i < at.count; ++i)
      if (const double value = frame.slots[arguments[i]]; !is_missing(value)) values[seen++] = value;
    return seen == 0 ? kMissing : median_of(values, seen);
  }
  for (std::size_t i = 0; i < at.count; ++i) {
    const double value = frame.slots[arguments[i]];
    if (is_missing(value)) continue;
    ++seen;
    switch (at.op) {
      case Op::kMin: result = seen == 1 ? value : std::min(result, value); break;
      case Op::kMax: result = seen == 1 ? value : std::max(result, value); break;
      case Op::kProduct: result *= value; break;
      default: result += value; break;
    }
  }
  if (seen == 0) return kMissing;
  return at.op == Op::kAvg ? result / static_cast<double>(seen) : result;
}

// Three-valued logic (PMML: CompoundPredicate).
double logic(const Instruction& at, const Frame& frame) noexcept {
  const std::uint32_t* arguments = frame.tables->arguments.data() + at.a;
  bool unknown = false;
  double parity = 0;
  for (std::size_t i = 0; i < at.count; ++i) {
    const double value = frame.slots[arguments[i]];
    if (at.op == Op::kSurrogate) {
      if (!is_missing(value)) return value;
    } else if (is_missing(value)) {
      unknown = true;
    } else if (at.op == Op::kAnd) {
      if (value == 0) return 0;
    } else if (at.op == Op::kOr) {
      if (value != 0) return 1;
    } else {
      parity = truth((parity != 0) != (value != 0));
    }
  }
  if (unknown || at.op == Op::kSurrogate) return kMissing;
  return at.op == Op::kAnd ? 1 : at.op == Op::kOr ? 0 : parity;
}

// A missing value is in a list that holds a missing one.
double is_in(const Instruction& at, const Frame& frame) noexcept {
  const std::uint32_t* arguments = frame.tables->arguments.data() + at.a;
  const double value = frame.slots[arguments[0]];
  bool found = false;
  for (std::size_t i = 1; i < at.count && !found; ++i) {
    const double other = frame.slots[arguments[i]];
    found = other == value || (is_missing(other) && is_missing(value));
  }
  return truth(found == (at.op == Op::kIsIn));
}

double pow_of(double base, double exponent) noexcept {
  return is_missing(base) || is_missing(exponent) ? kMissing : std::pow(base, exponent);
}

// Binary operators that give a truth value, unknown when a side is missing.
double compare(Op op, double a, double b) noexcept {
  if (is_missing(a) || is_missing(b)) return kMissing;
  switch (op) {
    case Op::kEqual: return truth(a == b);
    case Op::kNotEqual: return truth(a != b);
    case Op::kLess: return truth(a < b);
    case Op::kLessOrEqual: return truth(a <= b);
    case Op::kGreater: return truth(a > b);
    default: return truth(a >= b);
  }
}

double compare_texts(Op op, double a, double b, const Frame& frame) noexcept {
  if (is_missing(a) || is_missing(b)) return kMissing;
  const int order = frame.texts.at(a).compare(frame.texts.at(b));
  switch (op) {
    case Op::kTextLess: return truth(order < 0);
    case Op::kTextLessOrEqual: return truth(order <= 0);
    case Op::kTextGreater: return truth(order > 0);
    default: return truth(order >= 0);
  }
}

constexpr double kSqrtTwo = 1.41421356237309504880;
constexpr double kInverseSqrtTwoPi = 0.39894228040143267794;

double normal(const Instruction& at, const Frame& frame) noexcept {
  const double* slots = frame.slots;
  const bool standard = at.op == Op::kStdNormalCdf || at.op == Op::kStdNormalPdf || at.op == Op::kStdNormalIdf;
  const std::uint32_t* arguments = frame.tables->arguments.data() + at.a;
  const double x = slots[arguments[0]];
  const double mean = standard ? 0 : slots[arguments[1]];
  const double deviation = standard ? 1 : slots[arguments[2]];
  const double z = (x - mean) / deviation;
  switch (at.op) {
    case Op::kNormalCdf:
    case Op::kStdNormalCdf: return 0.5 * std::erfc(-z / kSqrtTwo);
    case Op::kNormalPdf:
    case Op::kStdNormalPdf: return kInverseSqrtTwoPi * std::exp(-z * z / 2) / deviation;
    default: return normal_quantile(x) * deviation + mean;
  }
}

}  // namespace

// Acklam's rational approximation refined by one step of Halley's method.
double normal_quantile(double p) noexcept {
  if (!(p > 0 && p < 1)) return p == 0 ? -INFINITY : p == 1 ? INFINITY : kMissing;
  static constexpr double kA[] = {-3.969683028665376e+01, 2.209460984245205e+02,  -2.759285104469687e+02,
                                  1.383577518672690e+02,  -3.066479806614716e+01, 2.506628277459239e+00};
  static constexpr double kB[] = {-5.447609879822406e+01, 1.615858368580409e+02, -1.556989798598866e+02,
                                  6.680131188771972e+01, -1.328068155288572e+01};
  static constexpr double kC[] = {-7.784894002430293e-03, -3.223964580411365e-01, -2.400758277161838e+00,
                                  -2.549732539343734e+00, 4.374664141464968e+00,  2.938163982698783e+00};
  static constexpr double kD[] = {7.784695709041462e-03, 3.224671290700398e-01, 2.445134137142996e+00,
                                  3.754408661907416e+00};
  const auto tail = [&](double q) {
    return (((((kC[0] * q + kC[1]) * q + kC[2]) * q + kC[3]) * q + kC[4]) * q + kC[5]) /
           ((((kD[0] * q + kD[1]) * q + kD[2]) * q + kD[3]) * q + 1);
  };
  double x;
  if (p < 0.02425) {
    x = tail(std::sqrt(-2 * std::log(p)));
  } else if (p > 1 - 0.02425) {
    x = -tail(std::sqrt(-2 * std::log1p(-p)));
  } else {
    const double q = p - 0.5, r = q * q;
    x = (((((kA[0] * r + kA[1]) * r + kA[2]) * r + kA[3]) * r + kA[4]) * r + kA[5]) * q /
        (((((kB[0] * r + kB[1]) * r + kB[2]) * r + kB[3]) * r + kB[4]) * r + 1);
  }
  const double error = 0.5 * std::erfc(-x / kSqrtTwo) - p;
  const double step = error / kInverseSqrtTwoPi * std::exp(x * x / 2);
  return x - step / (1 + x * step / 2);
}

void run(const Block& block, Frame& frame) noexcept {
  double* slots = frame.slots;
  const std::size_t size = block.size();
  for (std::size_t i = 0; i < size; ++i) {
    const Instruction& at = block[i];
    double& target = slots[at.target];
    const double a = slots[takes_arguments(at.op) ? 0 : at.a];
    switch (at.op) {
      case Op::kCopy: target = a; break;
      case Op::kAdd: target = a + slots[at.b]; break;
      case Op::kSubtract: target = a - slots[at.b]; break;
      case Op::kMultiply: target = a * slots[at.b]; break;
      case Op::kDivide: target = a / slots[at.b]; break;
      case Op::kPow: target = pow_of(a, slots[at.b]); break;
      case Op::kModulo: target = a - std::floor(a / slots[at.b]) * slots[at.b]; break;
      case Op::kThreshold: target = compare(Op::kGreater, a, slots[at.b]); break;
      case Op::kAtan2: target = std::atan2(a, slots[at.b]); break;
      case Op::kHypot: target = is_missing(a) || is_missing(slots[at.b]) ? kMissing : std::hypot(a, slots[at.b]); break;
      case Op::kAbs: target = std::fabs(a); break;
      case Op::kExp: target = std::exp(a); break;
      case Op::kExpm1: target = std::expm1(a); break;
      case Op::kLn: target = std::log(a); break;
      case Op::kLn1p: target = std::log1p(a); break;
      case Op::kLog10: target = std::log10(a); break;
      case Op::kSqrt: target = std::sqrt(a); break;
      case Op::kFloor: target = std::floor(a); break;
      case Op::kCeil: target = std::ceil(a); break;
      case Op::kRound: target = std::floor(a + 0.5); break;
      case Op::kRint: target = std::nearbyint(a); break;
      case Op::kTruncate: target = std::trunc(a); break;
      case Op::kRoundFloat: target = static_cast<double>(static_cast<float>(a)); break;
      case Op::kSin: target = std::sin(a); break;
      case Op::kCos: target = std::cos(a); break;
      case Op::kTan: target = std::tan(a); break;
      case Op::kAsin: target = std::asin(a); break;
      case Op::kAcos: target = std::acos(a); break;
      case Op::kAtan: target = std::atan(a); break;
      case Op::kSinh: target = std::sinh(a); break;
      case Op::kCosh: target = std::cosh(a); break;
      case Op::kTanh: target = std::tanh(a); break;
      case Op::kErf: target = std::erf(a); break;
      case Op::kNormalCdf:
      case Op::kNormalPdf:
      case Op::kNormalIdf:
      case Op::kStdNormalCdf:
      case Op::kStdNormalPdf:
      case Op::kStdNormalIdf: target = normal(at, frame); break;
      case Op::kEqual:
      case Op::kNotEqual:
      case Op::kLess:
      case Op::kLessOrEqual:
      case Op::kGreater:
      case Op::kGreaterOrEqual: target = compare(at.op, a, slots[at.b]); break;
      case Op::kTextLess:
      case Op::kTextLessOrEqual:
      case Op::kTextGreater:
      case Op::kTextGreaterOrEqual: target = compare_texts(at.op, a, slots[at.b], frame); break;
      case Op::kNot: target = is_missing(a) ? kMissing : truth(a == 0); break;
      case Op::kIsMissing: target = truth(is_missing(a)); break;
      case Op::kIsNotMissing: target = truth(!is_missing(a)); break;
      case Op::kIsInSet: target = is_missing(a) ? kMissing : truth(frame.tables->sets[at.b].contains(a)); break;
      case Op::kIsNotInSet: target = is_missing(a) ? kMissing : truth(!frame.tables->sets[at.b].contains(a)); break;
      case Op::kMin:
      case Op::kMax:
      case Op::kSum:
      case Op::kAvg:
      case Op::kMedian:
      case Op::kProduct: target = aggregate(at, frame); break;
      case Op::kAnd:
      case Op::kOr:
      case Op::kXor:
      case Op::kSurrogate: target = logic(at, frame); break;
      case Op::kIsIn:
      case Op::kIsNotIn: target = is_in(at, frame); break;
      case Op::kIfAnyMissing: {
        const std::uint32_t* arguments = frame.tables->arguments.data() + at.a;
        if (std::any_of(arguments, arguments + at.count, [&](std::uint32_t slot) { return is_missing(slots[slot]); }))
          target = slots[at.b];
        break;
      }
      case Op::kDefault: target = is_missing(a) ? slots[at.b] : a; break;
      case Op::kIndexed: target = is_missing(a) ? kMissing : slots[at.b + static_cast<std::uint32_t>(a)]; break;
      case Op::kJump: i = at.b - 1; break;
      case Op::kJumpUnless:
        if (!(a != 0) || is_missing(a)) i = at.b - 1;
        break;
      case Op::kJumpMissing:
        if (is_missing(a)) i = at.b - 1;
        break;
      case Op::kNormContinuous:
        target = is_missing(a) ? kMissing : interpolate(frame.tables->interpolations[at.b], a);
        break;
      case Op::kDiscretize: target = is_missing(a) ? kMissing : discretize(frame.tables->bins[at.b], a); break;
      case Op::kMapValues: target = frame.tables->maps[at.b].find(slots, frame.tables->arguments.data() + at.a); break;
      case Op::kCall: target = frame.tables->natives[at.b]->call(frame); break;
      default: target = text_function(at, frame); break;
    }
  }
}

}  // namespace weir::pmml
