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

bool is_defined(Element at, std::string_view function) {
  Element root = at;
  while (root.parent()) root = root.parent();
  const Element dictionary = root.child("TransformationDictionary");
  if (!dictionary) return false;
  for (const Element child : dictionary)
    if (child.is("DefineFunction") && child.attribute_or("name", "") == function) return true;
  return false;
}

void check_functions(Compiler& compiler, Element top) {
  walk(top, [&](Element at) {
    if (!at.is("Apply")) return;
    const std::string_view function = compiler.required(at, "function");
    if (!function.empty() && !is_builtin_function(function) && !is_defined(at, function))
      compiler.problems().unsupported(at, "function", "function '" + std::string(function) + "'");
  });
}

}  // namespace

void check_unused_fields(Element holder, Scope& scope, DocumentContext& document) {
  Compiler& compiler = document.compiler;
  enum class State : unsigned char { kOpen, kDone };
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
    check_functions(compiler, field);
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
    if (at.is("DefineFunction")) check_functions(compiler, at);
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
