#include "models/pmml/compiler.hpp"

#include <bit>

namespace weir::pmml {

Compiler::Compiler(Problems& problems, Tables& tables, const ModelLimits& limits, const Deadline& deadline)
    : problems_(problems), tables_(tables), limits_(limits), deadline_(deadline), image_(1, kMissing) {}

bool Compiler::stop() {
  if ((++stop_checks_ & 0x3ff) == 0) {
    if (deadline_.passed()) problems_.exhausted("the time budget max_load_ms ran out while compiling");
    if (tables_.memory_bytes() + image_.size() * sizeof(double) > limits_.max_memory_bytes)
      problems_.exhausted("the compiled model needs more than max_memory_bytes");
  }
  return problems_.hopeless();
}

bool Compiler::fits(std::size_t bytes) {
  accounted_bytes_ += bytes;
  if (accounted_bytes_ <= limits_.max_memory_bytes) return true;
  problems_.exhausted("the compiled model needs more than max_memory_bytes " +
                      std::to_string(limits_.max_memory_bytes));
  return false;
}

std::uint32_t Compiler::new_slots(std::size_t count) {
  const auto first = static_cast<std::uint32_t>(image_.size());
  if (image_.size() + count > kMaxInstructions) {
    problems_.exhausted("the model needs more than " + std::to_string(kMaxInstructions) + " values per row");
    return 0;
  }
  image_.resize(image_.size() + count, kMissing);
  return first;
}

std::uint32_t Compiler::constant_slot(double value) {
  if (is_missing(value)) return 0;
  const auto [at, added] = constants_.emplace(std::bit_cast<std::uint64_t>(value), 0);
  if (added) {
    at->second = new_slot();
    if (at->second != 0) image_[at->second] = value;
  }
  return at->second;
}

void Compiler::emit_to(BlockBuilder& block, std::uint32_t target, Op op, std::uint32_t a, std::uint32_t b) {
  if (++instructions_ > kMaxInstructions)
    return problems_.exhausted("the model's expressions expand to more than " + std::to_string(kMaxInstructions) +
                               " instructions");
  if (op >= Op::kToText || op == Op::kSubstring || op == Op::kConcat || op == Op::kReplace) ++text_instructions_;
  block.code.push_back({op, 0, target, a, b});
}

std::uint32_t Compiler::emit(BlockBuilder& block, Op op, std::uint32_t a, std::uint32_t b) {
  auto key = std::make_tuple(static_cast<int>(op), std::vector<std::uint32_t>{a}, b);
  if (const std::uint32_t* known = block.find(key)) return *known;
  const std::uint32_t target = new_slot();
  emit_to(block, target, op, a, b);
  if (block.conditional == 0) block.known.emplace(std::move(key), target);
  return target;
}

std::uint32_t Compiler::emit(BlockBuilder& block, Op op, std::span<const std::uint32_t> arguments, std::uint32_t b) {
  auto key = std::make_tuple(static_cast<int>(op), std::vector<std::uint32_t>(arguments.begin(), arguments.end()), b);
  if (const std::uint32_t* known = block.find(key)) return *known;
  const std::uint32_t target = new_slot();
  if (arguments.size() > 0xffff) {
    problems_.exhausted("a function has more than 65535 arguments");
    return target;
  }
  emit_to(block, target, op, static_cast<std::uint32_t>(tables_.arguments.size()), b);
  if (!block.code.empty()) block.code.back().count = static_cast<std::uint16_t>(arguments.size());
  tables_.arguments.insert(tables_.arguments.end(), arguments.begin(), arguments.end());
  if (block.conditional == 0) block.known.emplace(std::move(key), target);
  return target;
}

std::uint32_t Compiler::call(BlockBuilder& block, std::unique_ptr<const Native> native) {
  tables_.natives.push_back(std::move(native));
  const std::uint32_t target = new_slot();
  emit_to(block, target, Op::kCall, 0, static_cast<std::uint32_t>(tables_.natives.size() - 1));
  return target;
}

std::uint32_t Compiler::type_index(const Type& type) {
  for (std::uint32_t i = 0; i < tables_.types.size(); ++i)
    if (tables_.types[i].data == type.data && tables_.types[i].year == type.year) return i;
  tables_.types.push_back(type);
  return static_cast<std::uint32_t>(tables_.types.size() - 1);
}

double Compiler::literal(Element at, std::string_view attribute, std::string_view text, const Type& type) {
  if (type.is_text()) return tables_.texts.intern(text);
  if (const auto value = parse_value(type, text)) return *value;
  problems_.wrong(at, attribute,
                  "'" + std::string(text) + "' is not a value of type " + std::string(to_string(type.data)));
  return kMissing;
}

Operand Compiler::literal_operand(Element at, std::string_view attribute, std::string_view text, const Type& type) {
  Operand operand = constant(literal(at, attribute, text, type), type);
  operand.text = text;
  return operand;
}

Operand Compiler::cast(const Operand& from, const Type& to, BlockBuilder& block, Element at) {
  Operand result = from;
  result.type = to;
  const auto made = [&](std::uint32_t slot) {
    result.slot = slot;
    result.constant = false;
    return result;
  };
  if (from.slot == 0) return result;
  if (from.constant && !from.text.empty() && from.type.data != to.data) return literal_operand(at, "", from.text, to);
  if (from.type.data == to.data && from.type.year == to.year) return result;
  if (to.is_text()) return made(emit(block, Op::kToText, from.slot, type_index(from.type)));
  if (from.type.is_text()) return made(emit(block, Op::kFromText, from.slot, type_index(to)));
  const auto shifted = [&](double days, double scale) {
    const double offset = days * scale;
    return made(offset == 0 ? from.slot : emit(block, Op::kSubtract, from.slot, constant_slot(offset)));
  };
  const auto epoch = static_cast<double>(days_from_civil(to.year, 1, 1));
  if (from.type.data == DataType::kDate && to.data == DataType::kDateDaysSince) return shifted(epoch, 1);
  if (from.type.data == DataType::kDateTime && to.data == DataType::kDateTimeSecondsSince)
    return shifted(epoch, 86'400);
  if (from.type.data == DataType::kDate &&
      (to.data == DataType::kDateTime || to.data == DataType::kDateTimeSecondsSince)) {
    Operand moment = made(emit(block, Op::kMultiply, from.slot, constant_slot(86'400)));
    moment.type = Type{DataType::kDateTime, OpType::kOrdinal, 0};
    return cast(moment, to, block, at);
  }
  if (from.type.data == DataType::kDateTime && (to.data == DataType::kDate || to.data == DataType::kDateDaysSince)) {
    Operand day = made(emit(block, Op::kFloor, emit(block, Op::kDivide, from.slot, constant_slot(86'400))));
    day.type = Type{DataType::kDate, OpType::kOrdinal, 0};
    return cast(day, to, block, at);
  }
  if (from.type.data == DataType::kDateTime && to.data == DataType::kTime)
    return made(emit(block, Op::kSecondsSinceMidnight, from.slot));
  if (from.type.data == DataType::kTime && to.data == DataType::kTimeSeconds) return result;
  if (from.type.is_calendar() || to.is_calendar()) {
    problems_.unsupported(
        at, "", "conversion from " + std::string(to_string(from.type.data)) + " to " + std::string(to_string(to.data)));
    return result;
  }
  switch (to.data) {
    case DataType::kFloat: return made(emit(block, Op::kRoundFloat, from.slot));
    case DataType::kInteger:
      if (from.type.data == DataType::kDouble || from.type.data == DataType::kFloat)
        return made(emit(block, Op::kToInteger, from.slot));
      return result;
    case DataType::kBoolean: return made(emit(block, Op::kToBoolean, from.slot));
    default: return result;
  }
}

struct Compiler::Nesting {
  explicit Nesting(Compiler& of) : compiler(of), fits(++of.nesting_ <= kMaxNesting) {
    if (!fits) of.problems_.exhausted("expressions and derived fields nest deeper than " + std::to_string(kMaxNesting));
  }
  ~Nesting() { --compiler.nesting_; }
  Nesting(const Nesting&) = delete;
  Nesting& operator=(const Nesting&) = delete;
  Compiler& compiler;
  bool fits;
};

bool Compiler::knows(std::string_view name, Scope& scope) {
  for (Scope* at = &scope; at != nullptr; at = at->parent())
    if (at->find(name) != nullptr) return true;
  return false;
}

Operand Compiler::field(std::string_view name, Scope& scope, Element at, std::string_view attribute) {
  for (Scope* holder = &scope; holder != nullptr; holder = holder->parent()) {
    Scope::Entry* entry = holder->find(name);
    if (entry == nullptr) continue;
    read_.insert(name);
    if (entry->state == Scope::Entry::State::kInProgress) {
      problems_.wrong(at, attribute, "field '" + std::string(name) + "' depends on itself");
      return {};
    }
    if (entry->state == Scope::Entry::State::kDerived) {
      // Counts twice: five functions call each other for one derived field of a chain.
      const Nesting nesting(*this), again(*this);
      if (!again.fits || stop()) return {};
      entry->state = Scope::Entry::State::kInProgress;
      // Entries never move: the map keeps its nodes while derived fields define nothing.
      // Compiled apart and appended as a whole: what asks for it may be half emitted itself.
      BlockBuilder own;
      own.base = &holder->block();
      entry->operand = derived(entry->derived, *holder, own);
      holder->block().splice(own);
      holder->block().known.merge(own.known);
      entry->state = Scope::Entry::State::kReady;
    }
    return entry->operand;
  }
  problems_.wrong(at, attribute, "field '" + std::string(name) + "' is not defined here");
  return {};
}

Operand Compiler::expression(Element at, Scope& scope, BlockBuilder& block) {
  const Nesting nesting(*this);
  if (!nesting.fits || stop()) return {};
  if (at.is("FieldRef")) return field_ref(at, scope, block);
  if (at.is("Constant")) return constant_element(at);
  if (at.is("Apply")) return apply(at, scope, block);
  if (at.is("NormContinuous")) return norm_continuous(at, scope, block);
  if (at.is("NormDiscrete")) return norm_discrete(at, scope, block);
  if (at.is("Discretize")) return discretize(at, scope, block);
  if (at.is("MapValues")) return map_values(at, scope, block);
  if (at.is("TextIndex")) return text_index(at, scope, block);
  problems_.unsupported(at, "", "expression " + std::string(at.name()));
  return {};
}

double Compiler::number(Element at, std::string_view attribute, double otherwise) {
  const auto text = at.attribute(attribute);
  if (!text) return otherwise;
  if (const auto value = parse_number(*text)) return *value;
  problems_.wrong(at, attribute, "'" + std::string(*text) + "' is not a number");
  return otherwise;
}

std::string_view Compiler::required(Element at, std::string_view attribute) {
  if (const auto text = at.attribute(attribute)) return *text;
  problems_.wrong(at, attribute, "the attribute is missing");
  return {};
}

double Compiler::required_number(Element at, std::string_view attribute) {
  if (at.attribute(attribute)) return number(at, attribute, 0);
  problems_.wrong(at, attribute, "the attribute is missing");
  return 0;
}

std::vector<double> Compiler::numbers(Element at) {
  std::vector<double> values;
  const std::string_view text = at.text();
  std::size_t i = 0;
  while (true) {
    i = text.find_first_not_of(" \t\r\n", i);
    if (i == std::string_view::npos) return values;
    const std::size_t end = std::min(text.find_first_of(" \t\r\n", i), text.size());
    std::string_view word = text.substr(i, end - i);
    if (word.size() >= 2 && word.front() == '"' && word.back() == '"') word = word.substr(1, word.size() - 2);
    const auto value = parse_number(word);
    if (!value) problems_.wrong(at, "", "'" + std::string(word) + "' is not a number");
    values.push_back(value.value_or(0));
    if (problems_.hopeless()) return values;
    i = end;
  }
}

std::vector<std::string> Compiler::array_texts(Element at) {
  std::vector<std::string> words;
  const std::string_view text = at.text();
  std::size_t i = 0;
  while (true) {
    i = text.find_first_not_of(" \t\r\n", i);
    if (i == std::string_view::npos) return words;
    std::string word;
    if (text[i] == '"') {
      for (++i; i < text.size() && text[i] != '"'; ++i) {
        if (text[i] == '\\' && i + 1 < text.size() && (text[i + 1] == '"' || text[i + 1] == '\\')) ++i;
        word += text[i];
      }
      if (i == text.size()) problems_.wrong(at, "", "a quoted value does not end");
      ++i;
    } else {
      for (; i < text.size() && std::string_view(" \t\r\n").find(text[i]) == std::string_view::npos; ++i) {
        if (text[i] == '\\' && i + 1 < text.size() && (text[i + 1] == '"' || text[i + 1] == '\\')) ++i;
        word += text[i];
      }
    }
    words.push_back(std::move(word));
  }
}

}  // namespace weir::pmml
