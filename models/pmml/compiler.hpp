#pragma once
/// Turns a parsed document into the flat form: names to slots, texts to codes, expressions to instructions.
///
/// A Scope maps names to operands. A DerivedField is compiled when something first refers to it, into the block of the
/// scope that holds it: unused ones cost nothing, shared ones are computed once, and a cycle is seen as it happens.

#include <map>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "models/pmml/problems.hpp"
#include "models/pmml/program.hpp"

namespace weir::pmml {

/// A value that instructions can read.
struct Operand {
  std::uint32_t slot = 0;  ///< slot 0 is always missing
  Type type = kDoubleType;
  bool constant = false;
  std::string_view text;    ///< of a constant, as written
  double value = kMissing;  ///< of a constant
};

/// A block under construction. An instruction equal to one that ran before is not emitted again.
struct BlockBuilder {
  using Key = std::tuple<int, std::vector<std::uint32_t>, std::uint32_t>;
  Block code;
  std::map<Key, std::uint32_t> known;
  const BlockBuilder* base = nullptr;  ///< runs before this one; may be null
  int conditional = 0;                 ///< above 0: may be jumped over, so later code must not rely on it

  [[nodiscard]] const std::uint32_t* find(const Key& key) const {
    for (const BlockBuilder* at = this; at != nullptr; at = at->base)
      if (const auto found = at->known.find(key); found != at->known.end()) return &found->second;
    return nullptr;
  }
  /// Appends another block's code, its jumps moved along.
  void splice(const BlockBuilder& other) {
    const auto offset = static_cast<std::uint32_t>(code.size());
    for (Instruction at : other.code) {
      if (at.op == Op::kJump || at.op == Op::kJumpUnless || at.op == Op::kJumpMissing) at.b += offset;
      code.push_back(at);
    }
  }
};

class Scope {
 public:
  /// `parent` may be null. Derived fields of this scope are computed in `block`.
  Scope(Scope* parent, BlockBuilder* block) : parent_(parent), block_(block) {}

  struct Entry {
    enum class State : unsigned char { kReady, kDerived, kInProgress };
    State state = State::kReady;
    Element derived;
    Operand operand;
  };
  /// False when the scope has the name already.
  bool define(std::string_view name, const Operand& operand) {
    return entries_.emplace(name, Entry{Entry::State::kReady, {}, operand}).second;
  }
  void redefine(std::string_view name, const Operand& operand) {
    entries_[name] = Entry{Entry::State::kReady, {}, operand};
  }
  bool define_derived(std::string_view name, Element derived) {
    return entries_.emplace(name, Entry{Entry::State::kDerived, derived, {}}).second;
  }
  [[nodiscard]] Entry* find(std::string_view name) {
    const auto found = entries_.find(name);
    return found == entries_.end() ? nullptr : &found->second;
  }
  [[nodiscard]] Scope* parent() const noexcept { return parent_; }
  [[nodiscard]] BlockBuilder& block() const noexcept { return *block_; }

 private:
  Scope* parent_;
  BlockBuilder* block_;
  std::unordered_map<std::string_view, Entry> entries_;
};

/// Bounds of compilation.
inline constexpr std::size_t kMaxInstructions = std::size_t{1} << 22;
inline constexpr std::size_t kMaxExpansions = 100'000;
inline constexpr int kMaxNesting = 3'000;
inline constexpr std::size_t kMaxInputs = 100'000;

class Compiler {
 public:
  Compiler(Problems& problems, Tables& tables, const ModelLimits& limits, const Deadline& deadline);

  Problems& problems() noexcept { return problems_; }
  Tables& tables() noexcept { return tables_; }
  /// True when the load must be given up (a bound, the time budget, too many problems); checked now and then.
  bool stop();
  /// Accounts for memory that grows faster than the document; false, and reported, when it is more than the limit.
  bool fits(std::size_t bytes);

  // Slots.
  std::uint32_t new_slot() { return new_slots(1); }
  std::uint32_t new_slots(std::size_t count);
  std::uint32_t constant_slot(double value);
  Operand constant(double value, const Type& type) { return {constant_slot(value), type, true, {}, value}; }
  /// The value of every slot before a row is scored: constants, and missing for the rest.
  [[nodiscard]] const std::vector<double>& image() const noexcept { return image_; }
  /// How many texts a row can add at most, beside its inputs.
  [[nodiscard]] std::size_t text_instructions() const noexcept { return text_instructions_; }

  // Instructions.
  std::uint32_t emit(BlockBuilder& block, Op op, std::uint32_t a, std::uint32_t b = 0);
  std::uint32_t emit(BlockBuilder& block, Op op, std::span<const std::uint32_t> arguments, std::uint32_t b = 0);
  /// The slot of what `native` computes, each time anew.
  std::uint32_t call(BlockBuilder& block, std::unique_ptr<const Native> native);
  /// Not shared with equal ones; writes to `target`.
  void emit_to(BlockBuilder& block, std::uint32_t target, Op op, std::uint32_t a, std::uint32_t b = 0);
  std::uint32_t type_index(const Type& type);

  // Values.
  /// `text` as a value of `type`; reports it at the element when it is none.
  double literal(Element at, std::string_view attribute, std::string_view text, const Type& type);
  Operand literal_operand(Element at, std::string_view attribute, std::string_view text, const Type& type);
  Operand cast(const Operand& from, const Type& to, BlockBuilder& block, Element at);
  /// The named field, compiled when it is a derived one that nobody asked for yet; reports an undefined one.
  Operand field(std::string_view name, Scope& scope, Element at, std::string_view attribute = "field");
  /// Whether anything asked for a field of that name.
  [[nodiscard]] bool is_read(std::string_view name) const { return read_.contains(name); }
  /// Whether a name is known, without compiling it.
  static bool knows(std::string_view name, Scope& scope);

  // Numbers in attributes, reported when wrong.
  double number(Element at, std::string_view attribute, double otherwise);
  double required_number(Element at, std::string_view attribute);
  std::string_view required(Element at, std::string_view attribute);
  /// The numbers of an Array, a REAL-SparseArray's entries and the like.
  std::vector<double> numbers(Element at);
  /// The texts of an Array element: white space separated, quoted where needed.
  std::vector<std::string> array_texts(Element at);

  // Expressions and predicates.
  Operand expression(Element at, Scope& scope, BlockBuilder& block);
  /// The expression inside an element such as DerivedField; absent when there is none.
  static Element expression_of(Element holder);
  Operand derived(Element derived_field, Scope& scope, BlockBuilder& block);
  Operand predicate(Element at, Scope& scope, BlockBuilder& block);
  /// The predicate inside an element such as Node; absent when there is none.
  static Element predicate_of(Element holder);
  void define_functions(Element transformation_dictionary);
  void define_derived_fields(Element holder, Scope& scope);
  ValueSet value_set(Element simple_set_predicate, const Type& type);

 private:
  struct Nesting;
  Operand apply(Element at, Scope& scope, BlockBuilder& block);
  Operand apply_if(Element at, Scope& scope, BlockBuilder& block);
  Operand apply_builtin(Element at, std::string_view function, std::vector<Operand>& arguments, BlockBuilder& block);
  Operand apply_text(Element at, std::string_view function, std::vector<Operand>& arguments, BlockBuilder& block);
  Operand apply_date(Element at, std::string_view function, std::vector<Operand>& arguments, BlockBuilder& block);
  Operand apply_defined(Element at, Element definition, std::vector<Operand>& arguments, BlockBuilder& block);
  Operand apply_comparison(Element at, std::string_view function, Op op, std::vector<Operand>& arguments,
                           BlockBuilder& block);
  Operand norm_continuous(Element at, Scope& scope, BlockBuilder& block);
  Operand norm_discrete(Element at, Scope& scope, BlockBuilder& block);
  Operand discretize(Element at, Scope& scope, BlockBuilder& block);
  Operand map_values(Element at, Scope& scope, BlockBuilder& block);
  Operand text_index(Element at, Scope& scope, BlockBuilder& block);
  Operand field_ref(Element at, Scope& scope, BlockBuilder& block);
  Operand constant_element(Element at);
  Operand with_default(const Operand& value, Element at, std::string_view attribute, BlockBuilder& block);
  Operand map_missing(const Operand& value, std::uint32_t input, Element at, BlockBuilder& block);
  Operand compound(Element at, Scope& scope, BlockBuilder& block);
  std::uint32_t format_index(std::string text);
  std::uint32_t regex_index(Element at, std::string_view pattern);
  void unify(Element at, std::vector<Operand>& arguments, BlockBuilder& block);

  Problems& problems_;
  Tables& tables_;
  const ModelLimits& limits_;
  const Deadline& deadline_;
  std::vector<double> image_;
  std::unordered_map<std::uint64_t, std::uint32_t> constants_;
  std::unordered_map<std::string_view, Element> functions_;
  std::unordered_set<std::string_view> read_;
  std::vector<std::string_view> expanding_;
  std::unordered_map<std::uint32_t, std::shared_ptr<const void>> text_normalizations_;  // by TextIndex element
  std::size_t accounted_bytes_ = 0;
  std::size_t instructions_ = 0;
  std::size_t expansions_ = 0;
  std::size_t text_instructions_ = 0;
  std::uint32_t stop_checks_ = 0;
  int nesting_ = 0;
};

}  // namespace weir::pmml
