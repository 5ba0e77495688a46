#pragma once
/// One model element in its compiled form, and what the compilers of the model kinds share.

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "models/pmml/block_evaluator.hpp"
#include "models/pmml/compiler.hpp"

namespace weir::pmml {

enum class Function : unsigned char { kRegression, kClassification, kClustering };

/// One class of a classification, or one entity (cluster, rule) of another model.
struct Category {
  std::string label;  ///< as the document writes it
  double value;       ///< in the type of the predicted value
};

/// Where a model leaves its answer. Slot 0 stands for "does not have it".
struct Answer {
  Function function = Function::kRegression;
  Type type;                ///< of `value`
  std::uint32_t value = 0;  ///< predicted value
  std::vector<Category> categories;
  std::vector<std::uint32_t> order;  ///< of categories, for ties: the earlier one wins; empty: as they are
  std::uint32_t winner = 0;          ///< index of the predicted category
  std::uint32_t probabilities = 0;   ///< first of as many slots as there are categories
  std::uint32_t confidences = 0;     ///< likewise
  std::uint32_t entity = 0;          ///< id of the node, cluster, neuron, rule
  Type entity_type = kStringType;
  std::uint32_t affinities = 0;  ///< clustering: first of as many slots as there are categories
  bool nearest_first = false;    ///< affinities are distances: the smallest ranks first
};

/// Computes a model's answer from the row's slots. Immutable; any thread.
class Evaluator {
 public:
  virtual ~Evaluator() = default;
  virtual void evaluate(Frame& frame) const noexcept = 0;
  /// How it scores rows in blocks; null when it does not. Its answer is all that a unit's evaluate() gives.
  [[nodiscard]] virtual const BlockEvaluator* block() const noexcept { return nullptr; }
  [[nodiscard]] virtual std::size_t memory_bytes() const noexcept = 0;
};

enum class Invalid : unsigned char { kReturnInvalid, kAsIs, kAsMissing, kAsValue };

/// What a MiningField does to its value, and what its DataField says about it.
struct Treatment {
  std::string name;
  Type type;
  std::uint32_t source = 0;  ///< slot; at the top the value comes from the features instead
  std::uint32_t target = 0;  ///< slot
  bool plain = true;         ///< nothing to do: any value is fine
  double missing_replacement = kMissing;
  bool missing_is_invalid = false;
  Invalid invalid = Invalid::kReturnInvalid;
  double invalid_replacement = kMissing;
  Outliers outliers = Outliers::kAsIs;
  double low = -INFINITY, high = INFINITY;
  std::vector<Bin> intervals;          ///< valid ranges; empty: any
  std::vector<double> valid_values;    ///< sorted; empty: any
  std::vector<double> invalid_values;  ///< sorted
  std::vector<double> missing_values;  ///< sorted

  /// No value is invalid, extreme or a marker; a missing one may be replaced, a float rounded.
  [[nodiscard]] bool unchecked() const noexcept {
    const bool checks =
        invalid != Invalid::kAsIs && (!intervals.empty() || !valid_values.empty() || !invalid_values.empty() ||
                                      type.data == DataType::kInteger || type.data == DataType::kBoolean);
    return !checks && missing_values.empty() && !missing_is_invalid && outliers == Outliers::kAsIs;
  }
};

/// The value after treatment; fails the row where the field says so.
double treat(const Treatment& treatment, double value, Frame& frame) noexcept;

struct NamedOutput {
  std::string name;
  Operand operand;
};

struct ModelUnit {
  std::vector<Treatment> treatments;
  BlockBuilder prologue;
  std::unique_ptr<Evaluator> evaluator;
  BlockBuilder epilogue;
  Answer answer;
  std::vector<NamedOutput> outputs;          ///< own ones, then those of the segments
  std::string target;                        ///< name of the target field, may be empty
  std::vector<NamedOutput> further_targets;  ///< of a model with several
  std::string group_field;                   ///< of a model of baskets
  std::string kind;                          ///< element name
  bool bare = true;                          ///< nothing but the evaluator runs

  void evaluate(Frame& frame) const noexcept {
    for (const Treatment& at : treatments) frame.slots[at.target] = treat(at, frame.slots[at.source], frame);
    run(prologue.code, frame);
    evaluator->evaluate(frame);
    run(epilogue.code, frame);
  }
};

struct DataField {
  Element element;
  Type type;
};

/// What holds for the whole document.
struct DocumentContext {
  Compiler& compiler;
  std::unordered_map<std::string_view, DataField> data_fields;
};

/// One model under compilation.
struct ModelBuild {
  DocumentContext& document;
  Compiler& compiler;
  Element at;
  Scope& scope;
  ModelUnit& unit;
  const DataField* target = nullptr;  ///< null when the model names none
  bool float_math = false;            ///< x-mathContext="float"
  std::map<std::string, std::string, std::less<>>
      display_names;  ///< of predicted values that have another one for people
  std::vector<std::pair<std::string_view, const DataField*>> targets = {};  ///< all of them, `target` first
  /// Segments by id, for OutputFields that ask one of them.
  std::vector<std::pair<std::string_view, const ModelUnit*>> segments = {};
  /// What the row says the target is; slot 0 unless the Output asks for a residual.
  Operand actual = {};
  /// A kind's own features of an OutputField, asked first; nullopt for others.
  std::function<std::optional<Operand>(Element output_field, std::string_view feature)> feature = {};

  /// The type of the predicted value: the target's, else `otherwise`.
  [[nodiscard]] Type target_type(const Type& otherwise) const { return target != nullptr ? target->type : otherwise; }
  /// Index of a class by its text; added when new.
  std::size_t category(Element where, std::string_view attribute, std::string_view text);
  /// The first categories of the answer, by label and by value: kept up by category().
  std::unordered_map<std::string, std::size_t> category_by_label = {};
  std::unordered_map<double, std::size_t> category_by_value = {};
  std::size_t indexed_categories = 0;
  std::vector<bool> preferred = {};  ///< by category: whether it has its place in the answer's order
  /// Among as likely classes the one that the model names first wins; to be told in that order.
  void prefer(std::size_t category);
  /// Makes the categories of the target's declared values and the answer's slots for a classification.
  void start_classification();
  /// Allocates the probability slots once all categories are known.
  void finish_classification();
};

/// Compiles a model element; null after reporting why not. `parent` is the scope that the model sees.
std::unique_ptr<ModelUnit> compile_model(Element at, Scope& parent, DocumentContext& document, bool top,
                                         const DataField* inherited_target);
/// True for elements that are models (of any kind, supported or not).
bool is_model(std::string_view name);

/// The kinds. Each reports problems through the build's compiler and may then return null.
std::unique_ptr<Evaluator> compile_regression(ModelBuild& build);
std::unique_ptr<Evaluator> compile_tree(ModelBuild& build);
std::unique_ptr<Evaluator> compile_mining(ModelBuild& build);
std::unique_ptr<Evaluator> compile_neural_network(ModelBuild& build);
std::unique_ptr<Evaluator> compile_general_regression(ModelBuild& build);
std::unique_ptr<Evaluator> compile_clustering(ModelBuild& build);
std::unique_ptr<Evaluator> compile_support_vector_machine(ModelBuild& build);
std::unique_ptr<Evaluator> compile_rule_set(ModelBuild& build);
std::unique_ptr<Evaluator> compile_nearest_neighbor(ModelBuild& build);
std::unique_ptr<Evaluator> compile_naive_bayes(ModelBuild& build);
std::unique_ptr<Evaluator> compile_anomaly_detection(ModelBuild& build);
std::unique_ptr<Evaluator> compile_association(ModelBuild& build);
std::unique_ptr<Evaluator> compile_scorecard(ModelBuild& build);
std::unique_ptr<Evaluator> compile_gaussian_process(ModelBuild& build);
std::unique_ptr<Evaluator> compile_baseline(ModelBuild& build);
std::unique_ptr<Evaluator> compile_bayesian_network(ModelBuild& build);
std::unique_ptr<Evaluator> compile_time_series(ModelBuild& build);

/// Fields, targets and outputs of a model.
void compile_mining_schema(ModelBuild& build, bool top, Scope& parent);
void compile_targets(ModelBuild& build);
void compile_outputs(ModelBuild& build);

/// Whether the model's own Output has a field with this feature.
bool asks_for(const ModelBuild& build, std::string_view feature);

/// The slot of the index, among `count` slots from `first`, of the value that is the rank-th (1 is the largest, or the
/// smallest); the earlier one of equals comes first, missing ones have no rank.
std::uint32_t ranked(Compiler& compiler, BlockBuilder& block, std::uint32_t first, std::size_t count, std::size_t rank,
                     bool smallest_first);

/// The class with the largest probability, the first in the answer's order among equals; the number of classes when
/// none is known.
std::size_t likeliest(const Answer& answer, const double* probabilities) noexcept;

/// Writes the likeliest class to winner and value; missing when none is known.
void choose_winner(const Answer& answer, Frame& frame) noexcept;

}  // namespace weir::pmml
