// Apply: PMML's built-in functions and those that a document defines itself.

#include <re2/re2.h>

#include <algorithm>
#include <array>

#include "models/pmml/compiler.hpp"
#include "models/pmml/regular_expression.hpp"
#include "models/pmml/unused_fields.hpp"

namespace weir::pmml {
namespace {

// What a built-in's result is, given its arguments.
enum class Rule : unsigned char {
  kCommon,  // the widest of the arguments' types; whole numbers stay whole
  kSame,    // the first argument's type
  kDouble,
  kBoolean,
};

struct Builtin {
  std::string_view name;
  std::size_t least, most;
  Op op;
  Rule rule;
};

constexpr std::size_t kAny = 60'000;

constexpr std::array<Builtin, 51> kBuiltins = {{
    {"+", 2, 2, Op::kAdd, Rule::kCommon},
    {"-", 2, 2, Op::kSubtract, Rule::kCommon},
    {"*", 2, 2, Op::kMultiply, Rule::kCommon},
    {"/", 2, 2, Op::kDivide, Rule::kCommon},
    {"min", 1, kAny, Op::kMin, Rule::kCommon},
    {"max", 1, kAny, Op::kMax, Rule::kCommon},
    {"sum", 1, kAny, Op::kSum, Rule::kCommon},
    {"avg", 1, kAny, Op::kAvg, Rule::kDouble},
    {"median", 1, kAny, Op::kMedian, Rule::kDouble},
    {"product", 1, kAny, Op::kProduct, Rule::kCommon},
    {"log10", 1, 1, Op::kLog10, Rule::kDouble},
    {"ln", 1, 1, Op::kLn, Rule::kDouble},
    {"ln1p", 1, 1, Op::kLn1p, Rule::kDouble},
    {"sqrt", 1, 1, Op::kSqrt, Rule::kDouble},
    {"abs", 1, 1, Op::kAbs, Rule::kSame},
    {"exp", 1, 1, Op::kExp, Rule::kDouble},
    {"expm1", 1, 1, Op::kExpm1, Rule::kDouble},
    {"pow", 2, 2, Op::kPow, Rule::kCommon},
    {"threshold", 2, 2, Op::kThreshold, Rule::kCommon},
    {"floor", 1, 1, Op::kFloor, Rule::kSame},
    {"ceil", 1, 1, Op::kCeil, Rule::kSame},
    {"round", 1, 1, Op::kRound, Rule::kSame},
    {"rint", 1, 1, Op::kRint, Rule::kSame},
    {"modulo", 2, 2, Op::kModulo, Rule::kCommon},
    {"sin", 1, 1, Op::kSin, Rule::kDouble},
    {"cos", 1, 1, Op::kCos, Rule::kDouble},
    {"tan", 1, 1, Op::kTan, Rule::kDouble},
    {"asin", 1, 1, Op::kAsin, Rule::kDouble},
    {"acos", 1, 1, Op::kAcos, Rule::kDouble},
    {"atan", 1, 1, Op::kAtan, Rule::kDouble},
    {"atan2", 2, 2, Op::kAtan2, Rule::kDouble},
    {"sinh", 1, 1, Op::kSinh, Rule::kDouble},
    {"cosh", 1, 1, Op::kCosh, Rule::kDouble},
    {"tanh", 1, 1, Op::kTanh, Rule::kDouble},
    {"hypot", 2, 2, Op::kHypot, Rule::kDouble},
    {"erf", 1, 1, Op::kErf, Rule::kDouble},
    {"normalCDF", 3, 3, Op::kNormalCdf, Rule::kDouble},
    {"normalPDF", 3, 3, Op::kNormalPdf, Rule::kDouble},
    {"normalIDF", 3, 3, Op::kNormalIdf, Rule::kDouble},
    {"stdNormalCDF", 1, 1, Op::kStdNormalCdf, Rule::kDouble},
    {"stdNormalPDF", 1, 1, Op::kStdNormalPdf, Rule::kDouble},
    {"stdNormalIDF", 1, 1, Op::kStdNormalIdf, Rule::kDouble},
    {"isMissing", 1, 1, Op::kIsMissing, Rule::kBoolean},
    {"isNotMissing", 1, 1, Op::kIsNotMissing, Rule::kBoolean},
    // Invalid values never get as far as an expression: a row with one has failed, or the value was replaced.
    {"isValid", 1, 1, Op::kIsNotMissing, Rule::kBoolean},
    {"isNotValid", 1, 1, Op::kIsMissing, Rule::kBoolean},
    {"and", 2, kAny, Op::kAnd, Rule::kBoolean},
    {"or", 2, kAny, Op::kOr, Rule::kBoolean},
    {"not", 1, 1, Op::kNot, Rule::kBoolean},
    {"isIn", 2, kAny, Op::kIsIn, Rule::kBoolean},
    {"isNotIn", 2, kAny, Op::kIsNotIn, Rule::kBoolean},
}};

struct Comparison {
  std::string_view name;
  Op numbers, texts;
};
constexpr std::array<Comparison, 6> kComparisons = {{{"equal", Op::kEqual, Op::kEqual},
                                                     {"notEqual", Op::kNotEqual, Op::kNotEqual},
                                                     {"lessThan", Op::kLess, Op::kTextLess},
                                                     {"lessOrEqual", Op::kLessOrEqual, Op::kTextLessOrEqual},
                                                     {"greaterThan", Op::kGreater, Op::kTextGreater},
                                                     {"greaterOrEqual", Op::kGreaterOrEqual, Op::kTextGreaterOrEqual}}};

bool is_whole(const Type& type) {
  return type.data == DataType::kInteger || type.data == DataType::kBoolean || type.data == DataType::kDateDaysSince ||
         type.data == DataType::kTimeSeconds || type.data == DataType::kDateTimeSecondsSince;
}

Type common_type(const std::vector<Operand>& arguments) {
  bool whole = true, single = true;
  for (const Operand& argument : arguments) {
    whole = whole && is_whole(argument.type);
    single = single && (is_whole(argument.type) || argument.type.data == DataType::kFloat);
  }
  return whole ? kIntegerType : single ? kFloatType : kDoubleType;
}

std::vector<std::uint32_t> slots_of(const std::vector<Operand>& operands) {
  std::vector<std::uint32_t> slots;
  for (const Operand& operand : operands) slots.push_back(operand.slot);
  return slots;
}

}  // namespace

bool is_builtin_function(std::string_view name) {
  if (name.starts_with("x-")) name.remove_prefix(2);
  static constexpr std::array<std::string_view, 14> kOthers = {"if",
                                                               "uppercase",
                                                               "lowercase",
                                                               "trimBlanks",
                                                               "substring",
                                                               "concat",
                                                               "replace",
                                                               "matches",
                                                               "stringLength",
                                                               "formatNumber",
                                                               "formatDatetime",
                                                               "dateDaysSinceYear",
                                                               "dateSecondsSinceYear",
                                                               "dateSecondsSinceMidnight"};
  const auto named = [name](const auto& at) { return at.name == name; };
  return std::any_of(kBuiltins.begin(), kBuiltins.end(), named) ||
         std::any_of(kComparisons.begin(), kComparisons.end(), named) ||
         std::find(kOthers.begin(), kOthers.end(), name) != kOthers.end();
}

void Compiler::define_functions(Element holder) {
  for (const Element at : holder) {
    if (!at.is("DefineFunction")) continue;
    const std::string_view name = required(at, "name");
    if (!functions_.emplace(name, at).second)
      problems_.wrong(at, "name", "function '" + std::string(name) + "' is defined twice");
  }
}

// Makes all arguments texts as soon as one is: constants take the others' type.
void Compiler::unify(Element at, std::vector<Operand>& arguments, BlockBuilder& block) {
  const auto typed =
      std::find_if(arguments.begin(), arguments.end(), [](const Operand& o) { return !o.constant && o.slot != 0; });
  if (typed != arguments.end())
    for (Operand& argument : arguments)
      if (argument.constant && (argument.type.is_text() != typed->type.is_text() || typed->type.is_calendar()))
        argument = cast(argument, typed->type, block, at);
  const bool text =
      std::any_of(arguments.begin(), arguments.end(), [](const Operand& o) { return o.slot != 0 && o.type.is_text(); });
  if (text)
    for (Operand& argument : arguments) argument = cast(argument, kStringType, block, at);
}

Operand Compiler::apply(Element at, Scope& scope, BlockBuilder& block) {
  const std::string_view function = required(at, "function");
  const std::string_view invalid = at.attribute_or("invalidValueTreatment", "returnInvalid");
  if (invalid != "returnInvalid" && invalid != "asIs" && invalid != "asMissing")
    problems_.unsupported(at, "invalidValueTreatment", "'" + std::string(invalid) + "'");
  if (function == "if") return with_default(apply_if(at, scope, block), at, "defaultValue", block);
  std::vector<Operand> arguments;
  for (const Element child : at) arguments.push_back(expression(child, scope, block));
  if (stop()) return {};
  const auto definition = functions_.find(function);
  Operand result = definition != functions_.end() ? apply_defined(at, definition->second, arguments, block)
                                                  : apply_builtin(at, function, arguments, block);
  if (const auto text = at.attribute("mapMissingTo")) {
    const std::uint32_t replacement = literal_operand(at, "mapMissingTo", *text, result.type).slot;
    const std::uint32_t target = new_slot();
    emit_to(block, target, Op::kCopy, result.slot);
    emit_to(block, target, Op::kIfAnyMissing, static_cast<std::uint32_t>(tables_.arguments.size()), replacement);
    if (!block.code.empty()) block.code.back().count = static_cast<std::uint16_t>(arguments.size());
    for (const Operand& argument : arguments) tables_.arguments.push_back(argument.slot);
    result.slot = target;
    result.constant = false;
  }
  return with_default(result, at, "defaultValue", block);
}

// if(condition, then[, else]): only the branch taken runs. A missing condition gives a missing result.
Operand Compiler::apply_if(Element at, Scope& scope, BlockBuilder& block) {
  std::vector<Element> parts;
  for (const Element child : at) parts.push_back(child);
  if (parts.size() < 2 || parts.size() > 3) {
    problems_.wrong(at, "function", "'if' takes 2 or 3 arguments, not " + std::to_string(parts.size()));
    return {};
  }
  const Operand condition = expression(parts[0], scope, block);
  // The branches are compiled apart, so that fields they are the first to need are computed outside of them.
  BlockBuilder yes_block, no_block;
  yes_block.base = no_block.base = &block;
  yes_block.conditional = no_block.conditional = 1;
  Operand yes = expression(parts[1], scope, yes_block);
  Operand no;
  if (parts.size() == 3) no = expression(parts[2], scope, no_block);
  // They agree on a type: text when either is one, else the wider number.
  Type type = yes.slot == 0 ? no.type : yes.type;
  if (yes.slot != 0 && no.slot != 0 && no.type.data != yes.type.data)
    type = no.type.is_text() || yes.type.is_text() ? kStringType : common_type({yes, no});
  yes = cast(yes, type, yes_block, at);
  no = cast(no, type, no_block, at);
  const std::uint32_t target = new_slot();
  emit_to(yes_block, target, Op::kCopy, yes.slot);
  emit_to(no_block, target, Op::kCopy, no.slot);
  if (stop()) return {};
  const auto begin = static_cast<std::uint32_t>(block.code.size());
  const auto yes_size = static_cast<std::uint32_t>(yes_block.code.size());
  const auto no_size = static_cast<std::uint32_t>(no_block.code.size());
  emit_to(block, target, Op::kCopy, 0);
  emit_to(block, 0, Op::kJumpMissing, condition.slot, begin + 4 + yes_size + no_size);
  emit_to(block, 0, Op::kJumpUnless, condition.slot, begin + 4 + yes_size);
  block.splice(yes_block);
  emit_to(block, 0, Op::kJump, 0, begin + 4 + yes_size + no_size);
  block.splice(no_block);
  return {target, type, false, {}, kMissing};
}

Operand Compiler::apply_defined(Element at, Element definition, std::vector<Operand>& arguments, BlockBuilder& block) {
  const std::string_view name = definition.attribute_or("name", "");
  if (std::find(expanding_.begin(), expanding_.end(), name) != expanding_.end()) {
    problems_.wrong(at, "function", "function '" + std::string(name) + "' calls itself");
    return {};
  }
  if (++expansions_ > kMaxExpansions) {
    problems_.exhausted("defined functions expand to more than " + std::to_string(kMaxExpansions) + " calls");
    return {};
  }
  Scope parameters(nullptr, &block);
  std::size_t count = 0;
  for (const Element parameter : definition) {
    if (!parameter.is("ParameterField")) continue;
    if (count < arguments.size()) {
      Operand value = arguments[count];
      if (const auto type = parameter.attribute("dataType")) {
        const auto named = type_named(*type);
        if (named)
          value = cast(value, *named, block, parameter);
        else
          problems_.unsupported(parameter, "dataType", "type '" + std::string(*type) + "'");
      }
      if (!parameters.define(required(parameter, "name"), value))
        problems_.wrong(parameter, "name", "is defined twice");
    }
    ++count;
  }
  if (count != arguments.size()) {
    problems_.wrong(at, "function",
                    "'" + std::string(name) + "' takes " + std::to_string(count) + " arguments, not " +
                        std::to_string(arguments.size()));
    return {};
  }
  expanding_.push_back(name);
  const Operand result = derived(definition, parameters, block);
  expanding_.pop_back();
  return result;
}

Operand Compiler::apply_comparison(Element at, std::string_view function, Op op, std::vector<Operand>& arguments,
                                   BlockBuilder& block) {
  if (arguments.size() != 2) {
    problems_.wrong(at, "function",
                    "'" + std::string(function) + "' takes 2 arguments, not " + std::to_string(arguments.size()));
    return {};
  }
  return {emit(block, op, arguments[0].slot, arguments[1].slot), kBooleanType, false, {}, kMissing};
}

Operand Compiler::apply_builtin(Element at, std::string_view function, std::vector<Operand>& arguments,
                                BlockBuilder& block) {
  // Vendors wrote functions of later versions as x-name.
  if (function.starts_with("x-")) function.remove_prefix(2);
  const auto* comparison =
      std::find_if(kComparisons.begin(), kComparisons.end(), [&](const Comparison& c) { return c.name == function; });
  if (comparison != kComparisons.end()) {
    unify(at, arguments, block);
    const bool texts = std::any_of(arguments.begin(), arguments.end(),
                                   [](const Operand& o) { return o.slot != 0 && o.type.is_text(); });
    return apply_comparison(at, function, texts ? comparison->texts : comparison->numbers, arguments, block);
  }
  const auto* builtin =
      std::find_if(kBuiltins.begin(), kBuiltins.end(), [&](const Builtin& b) { return b.name == function; });
  if (builtin == kBuiltins.end()) return apply_text(at, function, arguments, block);
  if (arguments.size() < builtin->least || arguments.size() > builtin->most) {
    problems_.wrong(at, "function",
                    "'" + std::string(function) + "' does not take " + std::to_string(arguments.size()) + " arguments");
    return {};
  }
  if (builtin->op == Op::kIsIn || builtin->op == Op::kIsNotIn) {
    unify(at, arguments, block);
  } else if (builtin->rule != Rule::kBoolean) {
    for (Operand& argument : arguments)
      if (argument.type.is_text()) argument = cast(argument, kDoubleType, block, at);
  }
  const std::vector<std::uint32_t> slots = slots_of(arguments);
  Operand result;
  result.slot = takes_arguments(builtin->op) ? emit(block, builtin->op, slots)
                                             : emit(block, builtin->op, slots[0], slots.size() > 1 ? slots[1] : 0);
  switch (builtin->rule) {
    case Rule::kCommon: result.type = common_type(arguments); break;
    case Rule::kSame: result.type = is_whole(arguments[0].type) ? kIntegerType : arguments[0].type; break;
    case Rule::kDouble: result.type = kDoubleType; break;
    case Rule::kBoolean: result.type = kBooleanType; break;
  }
  if (result.type.data == DataType::kFloat) result.slot = emit(block, Op::kRoundFloat, result.slot);
  // The quotient and power of whole numbers are whole.
  if (result.type.data == DataType::kInteger && (builtin->op == Op::kDivide || builtin->op == Op::kPow))
    result.slot = emit(block, Op::kTruncate, result.slot);
  return result;
}

std::uint32_t Compiler::format_index(std::string text) {
  tables_.formats.push_back(std::move(text));
  return static_cast<std::uint32_t>(tables_.formats.size() - 1);
}

std::uint32_t Compiler::regex_index(Element at, std::string_view pattern) {
  std::string problem;
  auto regex = compile_regular_expression(pattern, true, problem);
  if (regex == nullptr)
    problems_.wrong(at, "function", "regular expression '" + std::string(pattern) + "': " + problem);
  tables_.regexes.push_back(std::move(regex));
  return static_cast<std::uint32_t>(tables_.regexes.size() - 1);
}

Operand Compiler::apply_text(Element at, std::string_view function, std::vector<Operand>& arguments,
                             BlockBuilder& block) {
  struct TextFunction {
    std::string_view name;
    std::size_t least, most;
    Op op;
  };
  static constexpr std::array<TextFunction, 9> kFunctions = {{{"uppercase", 1, 1, Op::kUppercase},
                                                              {"lowercase", 1, 1, Op::kLowercase},
                                                              {"trimBlanks", 1, 1, Op::kTrimBlanks},
                                                              {"substring", 2, 3, Op::kSubstring},
                                                              {"concat", 2, kAny, Op::kConcat},
                                                              {"replace", 3, 3, Op::kReplace},
                                                              {"matches", 2, 2, Op::kMatches},
                                                              {"stringLength", 1, 1, Op::kStringLength},
                                                              {"formatNumber", 2, 2, Op::kFormatNumber}}};
  const auto* found =
      std::find_if(kFunctions.begin(), kFunctions.end(), [&](const TextFunction& f) { return f.name == function; });
  if (found == kFunctions.end()) return apply_date(at, function, arguments, block);
  if (arguments.size() < found->least || arguments.size() > found->most) {
    problems_.wrong(at, "function",
                    "'" + std::string(function) + "' does not take " + std::to_string(arguments.size()) + " arguments");
    return {};
  }
  const auto constant_text = [&](std::size_t i) -> std::string {
    if (arguments[i].constant) return std::string(arguments[i].text);
    problems_.unsupported(at, "function", "'" + std::string(function) + "' with a computed pattern or format");
    return {};
  };
  Operand result;
  result.type = kStringType;
  if (found->op == Op::kFormatNumber) {
    const std::string format = constant_text(1);
    // Exactly one conversion of a number, of bounded width.
    static const RE2 kFormat("^(?:[^%]|%%)*%[-+ 0#]*[0-9]{0,2}(?:\\.[0-9]{0,2})?[dfeEgG](?:[^%]|%%)*$");
    if (!RE2::FullMatch(format, kFormat)) {
      problems_.unsupported(at, "function", "format '" + format + "'");
      return {};
    }
    result.slot = emit(block, Op::kFormatNumber, cast(arguments[0], kDoubleType, block, at).slot, format_index(format));
    return result;
  }
  const std::size_t texts = found->op == Op::kSubstring ? 1 : arguments.size();
  for (std::size_t i = 0; i < texts; ++i) arguments[i] = cast(arguments[i], kStringType, block, at);
  switch (found->op) {
    case Op::kMatches:
      result.type = kBooleanType;
      result.slot = emit(block, Op::kMatches, arguments[0].slot, regex_index(at, constant_text(1)));
      return result;
    case Op::kReplace: {
      const std::uint32_t regex = regex_index(at, constant_text(1));
      // Java writes a group as $1 where RE2 writes \1.
      std::string replacement;
      const std::string java = constant_text(2);
      for (std::size_t i = 0; i < java.size(); ++i) {
        if (java[i] == '$' && i + 1 < java.size() && java[i + 1] >= '0' && java[i + 1] <= '9')
          replacement += '\\';
        else if (java[i] == '\\')
          replacement += i + 1 < java.size() && java[i + 1] == '$' ? "" : "\\\\";
        else
          replacement += java[i];
      }
      const std::vector<std::uint32_t> slots = {arguments[0].slot, format_index(replacement)};
      result.slot = new_slot();
      emit_to(block, result.slot, Op::kReplace, static_cast<std::uint32_t>(tables_.arguments.size()), regex);
      if (!block.code.empty()) block.code.back().count = 2;
      tables_.arguments.insert(tables_.arguments.end(), slots.begin(), slots.end());
      return result;
    }
    case Op::kStringLength:
      result.type = kIntegerType;
      result.slot = emit(block, Op::kStringLength, arguments[0].slot);
      return result;
    case Op::kSubstring:
    case Op::kConcat: result.slot = emit(block, found->op, slots_of(arguments)); return result;
    default: result.slot = emit(block, found->op, arguments[0].slot); return result;
  }
}

Operand Compiler::apply_date(Element at, std::string_view function, std::vector<Operand>& arguments,
                             BlockBuilder& block) {
  const auto expects = [&](std::size_t count) {
    if (arguments.size() == count) return true;
    problems_.wrong(at, "function", "'" + std::string(function) + "' takes " + std::to_string(count) + " arguments");
    return false;
  };
  const Type date_time{DataType::kDateTime, OpType::kOrdinal, 0};
  // A text may hold a date or a date with a time: a moment is read from it.
  const auto moment = [&](const Operand& from) {
    // A time of day is formatted as one of the first day.
    const bool time = from.type.data == DataType::kDateTime || from.type.data == DataType::kTime;
    return time ? from : cast(from, date_time, block, at);
  };
  const auto year = [&](const Operand& of) {
    if (of.constant && !of.type.is_text() && of.value >= 1 && of.value <= 9999) return static_cast<int>(of.value);
    problems_.unsupported(at, "function",
                          "'" + std::string(function) + "' with a year that is computed or not within 1 and 9999");
    return 1970;
  };
  if (function == "dateDaysSinceYear") {
    if (!expects(2)) return {};
    const Type date{DataType::kDate, OpType::kOrdinal, 0};
    Operand days = cast(cast(arguments[0], date, block, at),
                        Type{DataType::kDateDaysSince, OpType::kContinuous, year(arguments[1])}, block, at);
    days.type = kIntegerType;
    return days;
  }
  if (function == "dateSecondsSinceYear") {
    if (!expects(2)) return {};
    const Operand seconds =
        cast(moment(arguments[0]), Type{DataType::kDateTimeSecondsSince, OpType::kContinuous, year(arguments[1])},
             block, at);
    return {emit(block, Op::kFloor, seconds.slot), kIntegerType, false, {}, kMissing};
  }
  if (function == "dateSecondsSinceMidnight") {
    if (!expects(1)) return {};
    const Operand from = arguments[0].type.data == DataType::kTime ? arguments[0] : moment(arguments[0]);
    const std::uint32_t seconds = emit(block, Op::kSecondsSinceMidnight, from.slot);
    return {emit(block, Op::kFloor, seconds), kIntegerType, false, {}, kMissing};
  }
  if (function == "formatDatetime") {
    if (!expects(2)) return {};
    if (!arguments[1].constant) {
      problems_.unsupported(at, "function", "'formatDatetime' with a computed format");
      return {};
    }
    return {emit(block, Op::kFormatDatetime, moment(arguments[0]).slot, format_index(std::string(arguments[1].text))),
            kStringType,
            false,
            {},
            kMissing};
  }
  problems_.unsupported(at, "function", "function '" + std::string(function) + "'");
  return {};
}

}  // namespace weir::pmml
