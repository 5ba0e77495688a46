#include <algorithm>
#include <array>

#include "models/pmml/compiler.hpp"

namespace weir::pmml {

Element Compiler::expression_of(Element holder) {
  static constexpr std::array<std::string_view, 10> kExpressions = {
      "Constant",  "FieldRef", "NormContinuous", "NormDiscrete", "Discretize",
      "MapValues", "Apply",    "Aggregate",      "TextIndex",    "Lag"};
  for (const Element child : holder)
    if (std::find(kExpressions.begin(), kExpressions.end(), child.name()) != kExpressions.end()) return child;
  return {};
}

namespace {

// What a Discretize gives is text unless it says otherwise: when its field has another type, the bins' values are
// converted once, here, instead of in every row. False when that is not all, or when one is no value of the type.
// Not inlined: its locals would lie in each frame of a deep recursion.
[[gnu::noinline]] bool convert_bins(Tables& tables, const BlockBuilder& block, const Operand& value, const Type& to) {
  if (!value.type.is_text() || to.is_text() || block.code.empty()) return false;
  const Instruction& last = block.code.back();
  if (last.op != Op::kDiscretize || last.target != value.slot) return false;
  Bins converted = tables.bins[last.b];
  const auto convert = [&](double& code) {
    if (is_missing(code)) return true;
    const auto parsed = parse_value(to, tables.texts.at(static_cast<std::uint32_t>(code)));
    code = parsed.value_or(code);
    return parsed.has_value();
  };
  if (!convert(converted.otherwise)) return false;
  for (Bin& bin : converted.bins)
    if (!convert(bin.value)) return false;
  tables.bins[last.b] = std::move(converted);
  return true;
}

}  // namespace

Operand Compiler::derived(Element at, Scope& scope, BlockBuilder& block) {
  const Element inner = expression_of(at);
  if (!inner) {
    problems_.wrong(at, "", "no expression inside");
    return {};
  }
  Operand value = expression(inner, scope, block);
  // RapidMiner spells the attribute in lower case.
  const auto name = at.attribute("dataType") ? at.attribute("dataType") : at.attribute("datatype");
  if (!name) return value;
  auto type = type_named(*name);
  if (!type) {
    problems_.unsupported(at, "dataType", "type '" + std::string(*name) + "'");
    return value;
  }
  const std::string_view op = at.attribute_or("optype", "");
  if (op == "continuous") type->op = OpType::kContinuous;
  if (op == "categorical") type->op = OpType::kCategorical;
  if (op == "ordinal") type->op = OpType::kOrdinal;
  if (convert_bins(tables_, block, value, *type)) value.type = *type;
  return cast(value, *type, block, at);
}

void Compiler::define_derived_fields(Element holder, Scope& scope) {
  for (const Element at : holder) {
    if (!at.is("DerivedField")) continue;
    const auto name = at.attribute("name");
    if (!name) {
      problems_.wrong(at, "name", "the attribute is missing");
    } else if (!scope.define_derived(*name, at)) {
      problems_.wrong(at, "name", "field '" + std::string(*name) + "' is defined twice");
    }
  }
}

Operand Compiler::with_default(const Operand& value, Element at, std::string_view attribute, BlockBuilder& block) {
  const auto text = at.attribute(attribute);
  if (!text) return value;
  Operand result = value;
  result.slot = emit(block, Op::kDefault, value.slot, literal_operand(at, attribute, *text, value.type).slot);
  result.constant = false;
  return result;
}

Operand Compiler::field_ref(Element at, Scope& scope, BlockBuilder& block) {
  const Operand value = field(required(at, "field"), scope, at);
  return with_default(value, at, "mapMissingTo", block);
}

Operand Compiler::constant_element(Element at) {
  const std::string_view text = at.text();
  if (at.attribute_or("missing", "false") == "true") return {};
  if (const auto name = at.attribute("dataType")) {
    const auto type = type_named(*name);
    if (!type) {
      problems_.unsupported(at, "dataType", "type '" + std::string(*name) + "'");
      return {};
    }
    if (type->data != DataType::kString && (trim(text) == "NaN")) return {0, *type, false, {}, kMissing};
    return literal_operand(at, "", text, *type);
  }
  // Without a type the text decides: 1 is whole, 1.0 is not, all else is a text.
  if (const auto value = parse_number(text)) {
    const bool whole = text.find_first_of(".eEIN") == std::string_view::npos;
    Operand operand = constant(*value, whole ? kIntegerType : kDoubleType);
    operand.text = text;
    return operand;
  }
  return literal_operand(at, "", text, kStringType);
}

Operand Compiler::norm_continuous(Element at, Scope& scope, BlockBuilder& block) {
  Operand value = cast(field(required(at, "field"), scope, at), kDoubleType, block, at);
  Interpolation line;
  for (const Element point : at) {
    if (!point.is("LinearNorm")) continue;
    line.from.push_back(required_number(point, "orig"));
    line.to.push_back(required_number(point, "norm"));
  }
  if (line.from.size() < 2 || !std::is_sorted(line.from.begin(), line.from.end())) {
    problems_.wrong(at, "", "needs two or more LinearNorm, ordered by orig");
    return value;
  }
  const std::string_view outliers = at.attribute_or("outliers", "asIs");
  if (outliers == "asMissingValues")
    line.outliers = Outliers::kAsMissing;
  else if (outliers == "asExtremeValues")
    line.outliers = Outliers::kAsExtreme;
  else if (outliers != "asIs")
    problems_.unsupported(at, "outliers", "'" + std::string(outliers) + "'");
  const std::uint32_t input = value.slot;
  if (!fits(line.from.size() * 2 * sizeof(double))) return value;
  tables_.interpolations.push_back(std::move(line));
  value.slot =
      emit(block, Op::kNormContinuous, value.slot, static_cast<std::uint32_t>(tables_.interpolations.size() - 1));
  value.constant = false;
  return map_missing(value, input, at, block);
}

// mapMissingTo answers for a missing input only, not for a value that maps to nothing.
Operand Compiler::map_missing(const Operand& value, std::uint32_t input, Element at, BlockBuilder& block) {
  const auto text = at.attribute("mapMissingTo");
  if (!text) return value;
  Operand result = value;
  const std::uint32_t replacement = literal_operand(at, "mapMissingTo", *text, value.type).slot;
  result.slot = new_slot();
  result.constant = false;
  emit_to(block, result.slot, Op::kCopy, value.slot);
  emit_to(block, result.slot, Op::kIfAnyMissing, static_cast<std::uint32_t>(tables_.arguments.size()), replacement);
  if (!block.code.empty()) block.code.back().count = 1;
  tables_.arguments.push_back(input);
  return result;
}

Operand Compiler::norm_discrete(Element at, Scope& scope, BlockBuilder& block) {
  const Operand value = field(required(at, "field"), scope, at);
  const std::string_view method = at.attribute_or("method", "indicator");
  if (method != "indicator") problems_.unsupported(at, "method", "'" + std::string(method) + "'");
  const Operand category = literal_operand(at, "value", required(at, "value"), value.type);
  const Operand result{emit(block, Op::kEqual, value.slot, category.slot), kDoubleType, false, {}, kMissing};
  return with_default(result, at, "mapMissingTo", block);
}

Operand Compiler::discretize(Element at, Scope& scope, BlockBuilder& block) {
  const Operand value = cast(field(required(at, "field"), scope, at), kDoubleType, block, at);
  const auto named = type_named(at.attribute_or("dataType", "string"));
  if (!named) problems_.unsupported(at, "dataType", "'" + std::string(at.attribute_or("dataType", "")) + "'");
  const Type type = named.value_or(kStringType);
  Bins bins;
  for (const Element at_bin : at) {
    if (!at_bin.is("DiscretizeBin")) continue;
    const Element interval = at_bin.child("Interval");
    if (!interval) {
      problems_.wrong(at_bin, "", "no Interval inside");
      continue;
    }
    const std::string_view closure = required(interval, "closure");
    bins.bins.push_back({number(interval, "leftMargin", -INFINITY), number(interval, "rightMargin", INFINITY),
                         closure.starts_with("open"), closure.ends_with("Open"),
                         literal(at_bin, "binValue", required(at_bin, "binValue"), type)});
  }
  if (const auto text = at.attribute("defaultValue")) bins.otherwise = literal(at, "defaultValue", *text, type);
  if (!fits(bins.bins.size() * sizeof(Bin))) return {};
  tables_.bins.push_back(std::move(bins));
  const Operand result{emit(block, Op::kDiscretize, value.slot, static_cast<std::uint32_t>(tables_.bins.size() - 1)),
                       type,
                       false,
                       {},
                       kMissing};
  return map_missing(result, value.slot, at, block);
}

Operand Compiler::map_values(Element at, Scope& scope, BlockBuilder& block) {
  std::vector<std::uint32_t> slots;
  std::vector<Type> types;
  std::vector<std::string_view> columns;
  for (const Element pair : at) {
    if (!pair.is("FieldColumnPair")) continue;
    const Operand value = field(required(pair, "field"), scope, pair);
    slots.push_back(value.slot);
    types.push_back(value.type);
    columns.push_back(required(pair, "column"));
  }
  const std::string_view output = required(at, "outputColumn");
  const auto named = type_named(at.attribute_or("dataType", "string"));
  if (!named) problems_.unsupported(at, "dataType", "'" + std::string(at.attribute_or("dataType", "")) + "'");
  const Type type = named.value_or(kStringType);
  const Element table = at.child("InlineTable");
  if (!table || columns.empty()) {
    problems_.unsupported(at, "", "MapValues without InlineTable or FieldColumnPair");
    return {};
  }
  const auto local = [](std::string_view column) {
    const std::size_t colon = column.rfind(':');
    return colon == std::string_view::npos ? column : column.substr(colon + 1);
  };
  double otherwise = kMissing;
  if (const auto text = at.attribute("defaultValue")) otherwise = literal(at, "defaultValue", *text, type);
  ValueMap map(columns.size(), otherwise);
  for (const Element row : table) {
    if (!row.is("row")) continue;
    if (stop() || !fits((columns.size() + 1) * sizeof(double))) return {};
    std::vector<double> key(columns.size(), kMissing);
    double result = kMissing;
    bool complete = true;
    for (std::size_t i = 0; i < columns.size(); ++i) {
      const Element cell = row.child(local(columns[i]));
      if (cell) key[i] = literal(cell, "", types[i].is_text() ? cell.text() : trim(cell.text()), types[i]);
      complete = complete && cell;
    }
    if (const Element cell = row.child(local(output))) result = literal(cell, "", cell.text(), type);
    if (complete) map.add(key, result);
  }
  map.finish();
  tables_.maps.push_back(std::move(map));
  Operand result{emit(block, Op::kMapValues, slots, static_cast<std::uint32_t>(tables_.maps.size() - 1)),
                 type,
                 false,
                 {},
                 kMissing};
  // A missing input gives mapMissingTo, or missing: never the default value.
  std::uint32_t missing = 0;
  if (const auto text = at.attribute("mapMissingTo")) missing = literal_operand(at, "mapMissingTo", *text, type).slot;
  const std::uint32_t slot = new_slot();
  emit_to(block, slot, Op::kCopy, result.slot);
  emit_to(block, slot, Op::kIfAnyMissing, static_cast<std::uint32_t>(tables_.arguments.size()), missing);
  if (!block.code.empty()) block.code.back().count = static_cast<std::uint16_t>(slots.size());
  tables_.arguments.insert(tables_.arguments.end(), slots.begin(), slots.end());
  result.slot = slot;
  return result;
}

}  // namespace weir::pmml
