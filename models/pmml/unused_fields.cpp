#include "models/pmml/unused_fields.hpp"

namespace weir::pmml {
namespace {

// Calls `visit` with each element below `top`.
template <class Visit>
void walk(Element top, Visit visit) {
  Element at = top.first_child();
  while (at) {
    visit(at);
    Element next = at.first_child();
    for (; !next && !(at == top); at = at.parent()) {
      next = at.next_sibling();
      if (at.parent() == top && !next) return;
    }
    at = next;
  }
}

/// Names of the document's own functions, found when the first one is asked for.
class DefinedFunctions {
 public:
  bool contains(Element at, std::string_view function) {
    if (!known_) {
      Element root = at;
      while (root.parent()) root = root.parent();
      if (const Element dictionary = root.child("TransformationDictionary"))
        for (const Element child : dictionary)
          if (child.is("DefineFunction")) names_.insert(child.attribute_or("name", ""));
      known_ = true;
    }
    return names_.contains(function);
  }

 private:
  bool known_ = false;
  std::unordered_set<std::string_view> names_;
};

void check_functions(Compiler& compiler, Element top, DefinedFunctions& defined) {
  walk(top, [&](Element at) {
    if (!at.is("Apply") || compiler.stop()) return;
    const std::string_view function = compiler.required(at, "function");
    if (!function.empty() && !is_builtin_function(function) && !defined.contains(at, function))
      compiler.problems().unsupported(at, "function", "function '" + std::string(function) + "'");
  });
}

}  // namespace

void check_unused_fields(Element holder, Scope& scope, DocumentContext& document) {
  Compiler& compiler = document.compiler;
  enum class State : unsigned char { kOpen, kDone };
  DefinedFunctions defined;
  std::unordered_map<std::string_view, State> states;
  struct Step {
    Element field;
    std::string_view name;
    std::vector<std::string_view> reads;
    std::size_t next = 0;
  };
  std::vector<Step> path;
  const auto unused = [&](std::string_view name) -> Element {
    Scope::Entry* entry = scope.find(name);
    return entry != nullptr && entry->state == Scope::Entry::State::kDerived ? entry->derived : Element();
  };
  const auto enter = [&](Element field, std::string_view name) {
    states[name] = State::kOpen;
    Step step{field, name, {}, 0};
    check_functions(compiler, field, defined);
    walk(field, [&](Element at) {
      // InlineTable cells have no fields.
      const auto read = at.is("TextIndex") ? at.attribute("textField") : at.attribute("field");
      if (!read) return;
      step.reads.push_back(*read);
      if (!Compiler::knows(*read, scope) && !document.data_fields.contains(*read))
        compiler.problems().wrong(at, "field", "field '" + std::string(*read) + "' is not defined here");
    });
    path.push_back(std::move(step));
  };
  for (const Element at : holder) {
    if (compiler.stop()) return;
    if (at.is("DefineFunction")) check_functions(compiler, at, defined);
    if (!at.is("DerivedField")) continue;
    const std::string_view name = at.attribute_or("name", "");
    if (states.contains(name) || !(unused(name) == at)) continue;
    enter(at, name);
    while (!path.empty()) {
      Step& top = path.back();
      if (top.next == top.reads.size()) {
        states[top.name] = State::kDone;
        path.pop_back();
        continue;
      }
      const std::string_view read = top.reads[top.next++];
      const Element field = unused(read);
      if (!field) continue;
      const auto known = states.find(read);
      if (known == states.end())
        enter(field, read);
      else if (known->second == State::kOpen)
        compiler.problems().wrong(top.field, "", "field '" + std::string(read) + "' depends on itself");
    }
  }
}

}  // namespace weir::pmml
