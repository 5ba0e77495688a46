#pragma once
/// The flat form of expressions: three-address instructions over a row's slots, run in order, no allocation.
///
/// A slot is one double (types.hpp). Missing is NaN and truth values are 1, 0 and NaN for unknown, so that most
/// instructions need no special case for missing values. Constants live in slots too (Frame's image).

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "models/pmml/texts.hpp"
#include "models/pmml/types.hpp"

namespace re2 {
class RE2;
}

namespace weir::pmml {

enum class Op : unsigned char {
  // target = f(a) or f(a, b)
  kCopy,
  kAdd,
  kSubtract,
  kMultiply,
  kDivide,
  kPow,
  kModulo,
  kThreshold,
  kAtan2,
  kHypot,
  kAbs,
  kExp,
  kExpm1,
  kLn,
  kLn1p,
  kLog10,
  kSqrt,
  kFloor,
  kCeil,
  kRound,
  kRint,
  kTruncate,
  kRoundFloat,
  kSin,
  kCos,
  kTan,
  kAsin,
  kAcos,
  kAtan,
  kSinh,
  kCosh,
  kTanh,
  kErf,
  kEqual,
  kNotEqual,
  kLess,
  kLessOrEqual,
  kGreater,
  kGreaterOrEqual,
  kTextLess,
  kTextLessOrEqual,
  kTextGreater,
  kTextGreaterOrEqual,
  kNot,
  kIsMissing,
  kIsNotMissing,
  kIsInSet,
  kIsNotInSet,
  // target = f(arguments[a] ... arguments[a + count - 1])
  kMin,
  kMax,
  kSum,
  kAvg,
  kMedian,
  kProduct,
  kAnd,
  kOr,
  kXor,
  kSurrogate,
  kIsIn,
  kIsNotIn,
  kNormalCdf,
  kNormalPdf,
  kNormalIdf,
  kStdNormalCdf,
  kStdNormalPdf,
  kStdNormalIdf,
  kMapValues,
  kSubstring,
  kConcat,
  kReplace,       // b: the map, -, -, the regular expression
  kIfAnyMissing,  // target = any argument missing ? slot b : target as it is; the last one of this kind
  // target = f(a, b) again
  kDefault,  // target = a missing ? b : a
  kIndexed,  // target = slot b + value of a
  // control
  kJump,         // to instruction b
  kJumpUnless,   // to instruction b unless a is true
  kJumpMissing,  // to instruction b when a is missing
  // transformations: b names the table
  kNormContinuous,
  kDiscretize,
  // texts and types: b names the type, text or regular expression
  kToText,
  kFromText,
  kToInteger,
  kToBoolean,
  kUppercase,
  kLowercase,
  kTrimBlanks,
  kMatches,
  kStringLength,
  kFormatNumber,
  kFormatDatetime,
  kSecondsSinceMidnight,
  kCall,  // target = Tables::natives[b], which knows its slots
};

/// True when `a` is a place in the argument list, not a slot.
constexpr bool takes_arguments(Op op) noexcept { return op >= Op::kMin && op <= Op::kIfAnyMissing; }

struct Instruction {
  Op op;
  std::uint16_t count = 0;
  std::uint32_t target = 0;
  std::uint32_t a = 0;
  std::uint32_t b = 0;
};
static_assert(sizeof(Instruction) == 16);

/// Instructions that run together: a model's prologue, a predicate, an output.
using Block = std::vector<Instruction>;

enum class Outliers : unsigned char { kAsIs, kAsMissing, kAsExtreme };

struct Interpolation {
  std::vector<double> from;
  std::vector<double> to;
  Outliers outliers = Outliers::kAsIs;
};

struct Bin {
  double low, high;
  bool low_open, high_open;
  double value;
};
struct Bins {
  std::vector<Bin> bins;
  double otherwise = kMissing;
};

/// Membership in a set of values of one type.
class ValueSet {
 public:
  explicit ValueSet(std::vector<double> values);
  [[nodiscard]] bool contains(double value) const noexcept;
  [[nodiscard]] const std::vector<double>& values() const noexcept { return values_; }

 private:
  std::vector<double> values_;  // sorted
  std::vector<std::uint64_t> bits_;
  double base_ = 0;
  double limit_ = 0;  // bits_ covers the whole numbers in [base_, limit_)
};

/// A table from one or more input values to one.
class ValueMap {
 public:
  ValueMap(std::size_t columns, double otherwise) : columns_(columns), otherwise_(otherwise) {}
  void add(const std::vector<double>& key, double value);
  void finish();
  [[nodiscard]] double find(const double* slots, const std::uint32_t* columns) const noexcept;
  [[nodiscard]] std::size_t columns() const noexcept { return columns_; }

 private:
  [[nodiscard]] static std::uint64_t mix(std::uint64_t hash, double value) noexcept;
  std::size_t columns_;
  double otherwise_;
  std::vector<double> keys_;
  std::vector<double> values_;
  std::vector<std::uint32_t> table_;
};

struct Frame;

/// A function of a row that is too large for an instruction. Immutable; reads and writes slots it was told of at load.
class Native {
 public:
  virtual ~Native() = default;
  [[nodiscard]] virtual double call(Frame& frame) const noexcept = 0;
  [[nodiscard]] virtual std::size_t memory_bytes() const noexcept = 0;
};

/// What instructions refer to; one per document, read-only after load.
struct Tables {
  Tables();
  ~Tables();
  Tables(const Tables&) = delete;
  Tables& operator=(const Tables&) = delete;
  [[nodiscard]] std::size_t memory_bytes() const noexcept;

  Texts texts;
  std::vector<std::uint32_t> arguments;
  std::vector<Type> types;
  std::vector<Interpolation> interpolations;
  std::vector<Bins> bins;
  std::vector<ValueMap> maps;
  std::vector<ValueSet> sets;
  std::vector<std::unique_ptr<const re2::RE2>> regexes;
  std::vector<std::string> formats;
  std::vector<std::unique_ptr<const Native>> natives;
};

/// A row while it is scored.
struct Frame {
  double* slots;
  const Tables* tables;
  RowTexts texts;
  bool failed = false;
  std::string message;

  /// The row fails; the first reason counts.
  void fail(std::string why) {
    if (!failed) message = std::move(why);
    failed = true;
  }
};

void run(const Block& block, Frame& frame) noexcept;

/// The inverse of the standard normal distribution function.
double normal_quantile(double probability) noexcept;

}  // namespace weir::pmml
