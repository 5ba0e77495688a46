#include <algorithm>
#include <array>

#include "models/pmml/compiler.hpp"

namespace weir::pmml {

Element Compiler::predicate_of(Element holder) {
  static constexpr std::array<std::string_view, 5> kPredicates = {"SimplePredicate", "True", "False",
                                                                  "SimpleSetPredicate", "CompoundPredicate"};
  for (const Element child : holder)
    if (std::find(kPredicates.begin(), kPredicates.end(), child.name()) != kPredicates.end()) return child;
  return {};
}

ValueSet Compiler::value_set(Element at, const Type& type) {
  std::vector<double> values;
  const Element array = at.child("Array");
  if (!array) {
    problems_.wrong(at, "", "no Array inside");
    return ValueSet({});
  }
  for (const std::string& text : array_texts(array)) values.push_back(literal(array, "", text, type));
  if (const auto count = array.attribute("n");
      count && parse_number(*count).value_or(-1) != static_cast<double>(values.size()))
    problems_.wrong(array, "n",
                    "says " + std::string(*count) + ", but there are " + std::to_string(values.size()) + " values");
  if (!fits(values.size() * sizeof(double))) return ValueSet({});
  values.erase(std::remove_if(values.begin(), values.end(), [](double value) { return is_missing(value); }),
               values.end());
  return ValueSet(std::move(values));
}

Operand Compiler::predicate(Element at, Scope& scope, BlockBuilder& block) {
  const auto truth = [](std::uint32_t slot) { return Operand{slot, kBooleanType, false, {}, kMissing}; };
  if (at.is("True")) return constant(1, kBooleanType);
  if (at.is("False")) return constant(0, kBooleanType);
  if (at.is("CompoundPredicate")) return compound(at, scope, block);
  const Operand value = field(required(at, "field"), scope, at);
  if (at.is("SimpleSetPredicate")) {
    const std::string_view name = required(at, "booleanOperator");
    if (name != "isIn" && name != "isNotIn")
      problems_.unsupported(at, "booleanOperator", "'" + std::string(name) + "'");
    tables_.sets.push_back(value_set(at, value.type));
    return truth(emit(block, name == "isIn" ? Op::kIsInSet : Op::kIsNotInSet, value.slot,
                      static_cast<std::uint32_t>(tables_.sets.size() - 1)));
  }
  if (!at.is("SimplePredicate")) {
    problems_.unsupported(at, "", "predicate " + std::string(at.name()));
    return {};
  }
  const std::string_view name = required(at, "operator");
  if (name == "isMissing") return truth(emit(block, Op::kIsMissing, value.slot));
  if (name == "isNotMissing") return truth(emit(block, Op::kIsNotMissing, value.slot));
  struct Comparison {
    std::string_view name;
    Op numbers, texts;
  };
  static constexpr std::array<Comparison, 6> kComparisons = {
      {{"equal", Op::kEqual, Op::kEqual},
       {"notEqual", Op::kNotEqual, Op::kNotEqual},
       {"lessThan", Op::kLess, Op::kTextLess},
       {"lessOrEqual", Op::kLessOrEqual, Op::kTextLessOrEqual},
       {"greaterThan", Op::kGreater, Op::kTextGreater},
       {"greaterOrEqual", Op::kGreaterOrEqual, Op::kTextGreaterOrEqual}}};
  const auto* found =
      std::find_if(kComparisons.begin(), kComparisons.end(), [&](const Comparison& c) { return c.name == name; });
  if (found == kComparisons.end()) {
    problems_.unsupported(at, "operator", "'" + std::string(name) + "'");
    return {};
  }
  const Operand other = literal_operand(at, "value", required(at, "value"), value.type);
  if (value.type.order != 0 && found - kComparisons.begin() >= 2) {
    // The order of the values is the one in which they are declared.
    const std::uint32_t map = value.type.order - 1;
    const std::vector<std::uint32_t> key = {value.slot};
    const std::uint32_t column = 0;
    const double rank = tables_.maps[map].find(&other.value, &column);
    return truth(emit(block, found->numbers, emit(block, Op::kMapValues, key, map), constant_slot(rank)));
  }
  return truth(emit(block, value.type.is_text() ? found->texts : found->numbers, value.slot, other.slot));
}

Operand Compiler::compound(Element at, Scope& scope, BlockBuilder& block) {
  if (stop()) return {};
  // The document's own depth is bounded, so this recursion is too.
  const std::string_view name = required(at, "booleanOperator");
  std::vector<std::uint32_t> parts;
  for (const Element child : at) parts.push_back(predicate(child, scope, block).slot);
  Op op = Op::kAnd;
  if (name == "or")
    op = Op::kOr;
  else if (name == "xor")
    op = Op::kXor;
  else if (name == "surrogate")
    op = Op::kSurrogate;
  else if (name != "and")
    problems_.unsupported(at, "booleanOperator", "'" + std::string(name) + "'");
  if (parts.empty()) problems_.wrong(at, "", "no predicate inside");
  return {emit(block, op, parts), kBooleanType, false, {}, kMissing};
}

}  // namespace weir::pmml
