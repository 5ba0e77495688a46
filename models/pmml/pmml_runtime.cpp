// The PMML runtime: parse, check, compile, verify.

#include <array>

#include <weir/model.hpp>

#include "models/pmml/pmml_model.hpp"
#include "models/pmml/unused_fields.hpp"

namespace weir {
namespace pmml {
namespace {

void check_version(Element root, Problems& problems) {
  if (!root.is("PMML")) return problems.wrong(root, "", "the root element is not PMML");
  const auto version = root.attribute("version");
  if (!version) return problems.wrong(root, "version", "the attribute is missing");
  static constexpr std::array<std::string_view, 9> kKnown = {"3.0", "3.1",   "3.2", "4.0", "4.1",
                                                             "4.2", "4.2.1", "4.3", "4.4"};
  for (const std::string_view known : kKnown)
    if (*version == known || *version == "4.4.1") return;
  problems.unsupported(root, "version", "PMML version '" + std::string(*version) + "'");
}

// The order of an ordinal field's declared values; 0 when it declares none.
std::uint32_t read_order(Element field, const Type& type, Compiler& compiler) {
  ValueMap ranks(1, kMissing);
  double rank = 0;
  for (const Element at : field)
    if (at.is("Value") && at.attribute_or("property", "valid") == "valid")
      ranks.add({compiler.literal(at, "value", compiler.required(at, "value"), type)}, rank++);
  if (rank == 0) return 0;
  ranks.finish();
  compiler.tables().maps.push_back(std::move(ranks));
  return static_cast<std::uint32_t>(compiler.tables().maps.size());
}

void read_data_dictionary(Element root, DocumentContext& document) {
  Problems& problems = document.compiler.problems();
  const Element dictionary = root.child("DataDictionary");
  if (!dictionary) return problems.wrong(root, "", "no DataDictionary inside");
  for (const Element at : dictionary) {
    if (at.is("Taxonomy")) continue;
    if (!at.is("DataField")) {
      problems.unsupported(at, "", std::string(at.name()) + " in a DataDictionary");
      continue;
    }
    const std::string_view name = document.compiler.required(at, "name");
    const std::string_view type_name = at.attribute_or("dataType", "string");
    auto type = type_named(type_name);
    if (!type) {
      problems.unsupported(at, "dataType", "type '" + std::string(type_name) + "'");
      continue;
    }
    const std::string_view op = at.attribute_or("optype", "");
    if (op == "continuous")
      type->op = OpType::kContinuous;
    else if (op == "categorical")
      type->op = OpType::kCategorical;
    else if (op == "ordinal")
      type->op = OpType::kOrdinal;
    else if (!op.empty())
      problems.unsupported(at, "optype", "'" + std::string(op) + "'");
    if (type->op == OpType::kOrdinal) type->order = read_order(at, *type, document.compiler);
    if (!document.data_fields.emplace(name, DataField{at, *type}).second)
      problems.wrong(at, "name", "field '" + std::string(name) + "' is defined twice");
  }
}

void mark_used(Compiled& compiled, const Compiler& compiler) {
  for (const Treatment& input : compiled.inputs) compiled.used.push_back(compiler.is_read(input.name));
}

Result<std::shared_ptr<const Model>> load_document(std::string_view bytes, const ModelLimits& limits) {
  const Deadline deadline(limits.max_load_ms);
  WEIR_ASSIGN_OR_RETURN(const std::unique_ptr<Document> parsed, Document::parse(bytes, limits, deadline));
  Problems problems;
  const Element root = parsed->root();
  check_version(root, problems);
  if (problems.any()) return problems.to_status();

  auto compiled = std::make_unique<Compiled>();
  Compiler compiler(problems, compiled->tables, limits, deadline);
  DocumentContext document{compiler, {}};
  read_data_dictionary(root, document);
  // Fields of the DataDictionary become visible through the model's MiningSchema; transformations of the document stand
  // beside them and are computed once, before the model's own.
  BlockBuilder shared;
  Scope global(nullptr, &shared);
  if (const Element dictionary = root.child("TransformationDictionary")) {
    compiler.define_functions(dictionary);
    compiler.define_derived_fields(dictionary, global);
  }
  Element model;
  for (const Element child : root)
    if (!model && is_model(child.name())) model = child;
  if (!model) {
    problems.wrong(root, "", "no model inside");
    return problems.to_status();
  }
  compiled->unit = compile_model(model, global, document, true, nullptr);
  if (const Element dictionary = root.child("TransformationDictionary"))
    check_unused_fields(dictionary, global, document);
  if (problems.any()) return problems.to_status();
  if (compiled->unit == nullptr) return Status::internal("load PMML: the model was not compiled, without a reason");

  // The document's block runs first.
  BlockBuilder prologue = std::move(shared);
  prologue.splice(compiled->unit->prologue);
  compiled->unit->prologue = std::move(prologue);
  compiled->inputs = std::move(compiled->unit->treatments);
  compiled->unit->treatments.clear();
  compiled->inputs.shrink_to_fit();
  compiled->image = compiler.image();
  compiled->row_texts = compiler.text_instructions();
  mark_used(*compiled, compiler);
  compiled->unit->prologue.known.clear();
  compiled->unit->epilogue.known.clear();

  auto result = std::make_shared<PmmlModel>(std::move(compiled));
  if (result->memory_bytes() > limits.max_memory_bytes)
    return Status::resource_exhausted("load PMML: the model needs " + std::to_string(result->memory_bytes()) +
                                      " bytes, more than max_memory_bytes");
  WEIR_RETURN_IF_ERROR(verify(model, *result, deadline));
  return std::shared_ptr<const Model>(std::move(result));
}

class PmmlRuntime final : public ModelRuntime {
 public:
  [[nodiscard]] std::string_view type() const noexcept override { return "PMML"; }
  [[nodiscard]] Result<std::shared_ptr<const Model>> load(std::string_view bytes,
                                                          const ModelLimits& limits) const override {
    return load_document(bytes, limits);
  }
};

}  // namespace
}  // namespace pmml

std::shared_ptr<const ModelRuntime> pmml_runtime() {
  static const std::shared_ptr<const ModelRuntime> runtime = std::make_shared<pmml::PmmlRuntime>();
  return runtime;
}

}  // namespace weir
