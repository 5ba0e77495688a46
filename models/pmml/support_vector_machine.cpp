// SupportVectorMachineModel: a sum of kernels for a number, several machines that vote for a class.

#include <algorithm>
#include <cmath>

#include "models/pmml/kernels/aligned.hpp"
#include "models/pmml/model_unit.hpp"
#include "models/pmml/regression_model.hpp"

namespace weir::pmml {
namespace {

enum class Kernel { kLinear, kPolynomial, kRadialBasis, kSigmoid };

struct Machine {
  double bias = 0;
  double threshold = 0;
  std::size_t target = 0;         ///< class
  std::size_t alternate = kNone;  ///< class voted for on the other side
  std::vector<std::uint32_t> vectors;
  std::vector<double> coefficients;  ///< of the vectors, or of the fields when there are none
  static constexpr std::size_t kNone = ~std::size_t{0};
};

struct Machines {
  Kernel kernel = Kernel::kLinear;
  double gamma = 1, coefficient = 1, degree = 1;
  bool largest_wins = false;
  bool votes = false;
  std::vector<std::uint32_t> fields;
  AlignedDoubles vectors;  ///< field by field, each padded(count)
  std::size_t count = 0;   ///< of vectors
  std::vector<Machine> machines;
  std::uint32_t kernels = 0;  ///< first of padded(count) slots
  std::uint32_t inputs = 0;   ///< first of as many slots as there are fields
};

class MachineEvaluator final : public Evaluator, private BlockEvaluator {
 public:
  MachineEvaluator(Machines model, const Answer& answer) : model_(std::move(model)), answer_(answer) {}

  void evaluate(Frame& frame) const noexcept override {
    double* slots = frame.slots;
    double* x = slots + model_.inputs;
    bool known = true;
    for (std::size_t i = 0; i < model_.fields.size(); ++i) {
      x[i] = slots[model_.fields[i]];
      known = known && !is_missing(x[i]);
    }
    double* kernels_of_row = slots + model_.kernels;
    if (known) find_kernels(x, kernels_of_row);
    if (answer_.function == Function::kRegression) {
      slots[answer_.value] = known ? value(model_.machines[0], kernels_of_row, x) : kMissing;
      return;
    }
    double* scores = slots + answer_.probabilities;
    const std::size_t count = answer_.categories.size();
    std::fill_n(scores, count, known ? (model_.votes ? 0.0 : -INFINITY) : kMissing);
    if (known)
      for (const Machine& machine : model_.machines) {
        const double f = value(machine, kernels_of_row, x);
        if (!model_.votes) {
          scores[machine.target] = model_.largest_wins ? f : -f;
          continue;
        }
        const bool target = model_.largest_wins ? f > machine.threshold : f < machine.threshold;
        scores[target ? machine.target : machine.alternate] += 1.0 / static_cast<double>(model_.machines.size());
      }
    choose_winner(answer_, frame);
  }
  [[nodiscard]] const BlockEvaluator* block() const noexcept override {
    return answer_.function == Function::kRegression ? this : nullptr;
  }
  [[nodiscard]] std::size_t memory_bytes() const noexcept override {
    std::size_t bytes = sizeof(*this) + model_.vectors.size() * sizeof(double);
    for (const Machine& machine : model_.machines) bytes += sizeof(machine) + machine.vectors.size() * 12;
    return bytes;
  }

 private:
  [[nodiscard]] std::span<const std::uint32_t> block_inputs() const noexcept override { return model_.fields; }
  [[nodiscard]] std::span<const std::uint32_t> block_outputs() const noexcept override { return {&answer_.value, 1}; }
  [[nodiscard]] std::size_t block_memory_bytes() const noexcept override {
    return padded(model_.count) * sizeof(double);
  }
  void evaluate_block(const BlockRows& in, double* out, unsigned char* other, void* memory) const noexcept override {
    auto* kernels_of_row = static_cast<double*>(memory);
    for (std::size_t row = 0; row < in.rows; ++row) {
      const double* x = in.values + row * in.stride;
      bool known = true;
      for (std::size_t i = 0; i < model_.fields.size(); ++i) known &= !is_missing(x[i]);
      if (!known) {
        other[row] = 1;
        continue;
      }
      find_kernels(x, kernels_of_row);
      out[row] = value(model_.machines[0], kernels_of_row, x);
    }
  }

  // Machines share vectors: each kernel is computed once.
  void find_kernels(const double* x, double* out) const noexcept {
    const Kernels& with = kernels();
    const std::size_t fields = model_.fields.size(), width = padded(model_.count);
    if (model_.kernel == Kernel::kRadialBasis) {
      with.squared_distances(model_.vectors.data(), width, x, fields, out);
      for (std::size_t i = 0; i < model_.count; ++i) out[i] *= -model_.gamma;
      return with.exponentials(out, model_.count);
    }
    with.dot_products(model_.vectors.data(), width, x, fields, out);
    if (model_.kernel == Kernel::kLinear) return;
    for (std::size_t i = 0; i < model_.count; ++i) {
      const double sum = model_.gamma * out[i] + model_.coefficient;
      out[i] = model_.kernel == Kernel::kPolynomial ? std::pow(sum, model_.degree) : std::tanh(sum);
    }
  }
  [[nodiscard]] static double value(const Machine& machine, const double* kernels_of_row, const double* x) noexcept {
    const double* c = machine.coefficients.data();
    if (machine.vectors.empty())
      return machine.bias + sum_of_terms(machine.coefficients.size(), [&](std::size_t i) { return c[i] * x[i]; });
    const std::uint32_t* at = machine.vectors.data();
    return machine.bias +
           sum_of_terms(machine.vectors.size(), [&](std::size_t i) { return c[i] * kernels_of_row[at[i]]; });
  }

  Machines model_;
  Answer answer_;
};

class MachineCompiler {
 public:
  explicit MachineCompiler(ModelBuild& build)
      : build_(build), compiler_(build.compiler), problems_(compiler_.problems()) {}

  std::unique_ptr<Evaluator> compile() {
    const std::string_view function = compiler_.required(build_.at, "functionName");
    Answer& answer = build_.unit.answer;
    const bool classes = function == "classification";
    if (!classes && function != "regression")
      problems_.unsupported(build_.at, "functionName", "'" + std::string(function) + "'");
    if (classes)
      build_.start_classification();
    else
      answer.value = compiler_.new_slot();
    model_.largest_wins = build_.at.attribute_or("maxWins", "false") == "true";
    read_kernel();
    if (const Element dictionary = build_.at.child("VectorDictionary"))
      read_vectors(dictionary);
    else
      problems_.wrong(build_.at, "", "no VectorDictionary inside");
    for (const Element at : build_.at)
      if (at.is("SupportVectorMachine")) read_machine(at, classes);
    if (model_.machines.empty() || (!classes && model_.machines.size() > 1))
      problems_.wrong(
          build_.at, "",
          std::to_string(model_.machines.size()) + " SupportVectorMachine elements for a " + std::string(function));
    if (classes) choose_method();
    if (classes) build_.finish_classification();
    model_.inputs = compiler_.new_slots(model_.fields.size());
    model_.count = vector_ids_.size();
    model_.kernels = compiler_.new_slots(padded(model_.count));
    transpose();
    if (problems_.any()) return nullptr;
    auto evaluator = std::make_unique<MachineEvaluator>(std::move(model_), answer);
    // Distances are no probabilities; shares of votes may pass for some.
    if (classes && !votes_) answer.probabilities = 0;
    return evaluator;
  }

 private:
  void read_kernel() {
    const auto read = [&](Element at, Kernel kernel) {
      model_.kernel = kernel;
      model_.gamma = compiler_.number(at, "gamma", 1);
      model_.coefficient = compiler_.number(at, "coef0", 1);
      model_.degree = compiler_.number(at, "degree", 1);
    };
    if (const Element at = build_.at.child("LinearKernelType")) return read(at, Kernel::kLinear);
    if (const Element at = build_.at.child("PolynomialKernelType")) return read(at, Kernel::kPolynomial);
    if (const Element at = build_.at.child("RadialBasisKernelType")) return read(at, Kernel::kRadialBasis);
    if (const Element at = build_.at.child("SigmoidKernelType")) return read(at, Kernel::kSigmoid);
    problems_.wrong(build_.at, "", "no kernel inside");
  }

  void read_vectors(Element dictionary) {
    BlockBuilder& block = build_.unit.prologue;
    const Element fields = dictionary.child("VectorFields");
    if (!fields) return problems_.wrong(dictionary, "", "no VectorFields inside");
    for (const Element at : fields) {
      if (at.is("FieldRef")) {
        model_.fields.push_back(
            compiler_.cast(compiler_.expression(at, build_.scope, block), kDoubleType, block, at).slot);
      } else if (at.is("CategoricalPredictor")) {
        const Operand value = compiler_.field(compiler_.required(at, "name"), build_.scope, at, "name");
        const Operand category = compiler_.literal_operand(at, "value", compiler_.required(at, "value"), value.type);
        const std::uint32_t equal = compiler_.emit(block, Op::kEqual, value.slot, category.slot);
        const double coefficient = compiler_.number(at, "coefficient", 1);
        model_.fields.push_back(
            coefficient == 1 ? equal
                             : compiler_.emit(block, Op::kMultiply, equal, compiler_.constant_slot(coefficient)));
      } else {
        problems_.unsupported(at, "", std::string(at.name()) + " in VectorFields");
      }
    }
    const std::size_t size = model_.fields.size();
    for (const Element at : dictionary) {
      if (!at.is("VectorInstance") || compiler_.stop()) continue;
      if (!compiler_.fits(2 * size * sizeof(double))) return;
      std::vector<double> vector(size, 0);
      if (const Element sparse = at.child("REAL-SparseArray")) {
        const Element indices = sparse.child("Indices"), entries = sparse.child("REAL-Entries");
        const std::vector<double> where = indices ? compiler_.numbers(indices) : std::vector<double>();
        const std::vector<double> values = entries ? compiler_.numbers(entries) : std::vector<double>();
        if (where.size() != values.size()) problems_.wrong(sparse, "", "as many Indices as REAL-Entries are needed");
        for (std::size_t i = 0; i < std::min(where.size(), values.size()); ++i) {
          if (!(where[i] >= 1 && where[i] <= static_cast<double>(size)))
            problems_.wrong(sparse, "", "an index is out of range");
          else
            vector[static_cast<std::size_t>(where[i]) - 1] = values[i];
        }
      } else if (const Element array = at.child("Array")) {
        const std::vector<double> values = compiler_.numbers(array);
        if (values.size() != size)
          problems_.wrong(array, "",
                          "has " + std::to_string(values.size()) + " values for " + std::to_string(size) + " fields");
        else
          vector = values;
      } else {
        problems_.wrong(at, "", "no array inside");
      }
      const auto index = static_cast<std::uint32_t>(vector_ids_.size());
      if (!vector_ids_.emplace(compiler_.required(at, "id"), index).second)
        problems_.wrong(at, "id", "is used twice");
      else
        model_.vectors.insert(model_.vectors.end(), vector.begin(), vector.end());
    }
  }

  // From vector by vector to field by field.
  void transpose() {
    const std::size_t fields = model_.fields.size(), width = padded(model_.count);
    AlignedDoubles transposed(fields * width, 0);
    for (std::size_t i = 0; i < model_.vectors.size(); ++i)
      transposed[i % fields * width + i / fields] = model_.vectors[i];
    model_.vectors = std::move(transposed);
  }

  void read_machine(Element at, bool classes) {
    Machine machine;
    if (classes) {
      if (const auto target = at.attribute("targetCategory"))
        machine.target = build_.category(at, "targetCategory", *target);
      else
        problems_.wrong(at, "targetCategory", "the attribute is missing");
      if (const auto other = at.attribute("alternateTargetCategory"))
        machine.alternate = build_.category(at, "alternateTargetCategory", *other);
    }
    machine.threshold = compiler_.number(at, "threshold", compiler_.number(build_.at, "threshold", 0));
    if (const Element vectors = at.child("SupportVectors"))
      for (const Element vector : vectors) {
        if (!vector.is("SupportVector")) continue;
        const auto known = vector_ids_.find(compiler_.required(vector, "vectorId"));
        if (known == vector_ids_.end())
          problems_.wrong(vector, "vectorId", "is no VectorInstance");
        else
          machine.vectors.push_back(known->second);
      }
    const Element coefficients = at.child("Coefficients");
    if (!coefficients) return problems_.wrong(at, "", "no Coefficients inside");
    machine.bias = compiler_.number(coefficients, "absoluteValue", 0);
    for (const Element value : coefficients)
      if (value.is("Coefficient")) machine.coefficients.push_back(compiler_.number(value, "value", 0));
    const std::size_t expected = machine.vectors.empty() ? model_.fields.size() : machine.vectors.size();
    if (machine.coefficients.size() != expected)
      problems_.wrong(coefficients, "",
                      std::to_string(machine.coefficients.size()) + " coefficients for " + std::to_string(expected) +
                          (machine.vectors.empty() ? " fields" : " vectors"));
    model_.machines.push_back(std::move(machine));
  }

  void choose_method() {
    const std::string_view method = build_.at.attribute_or("classificationMethod", "OneAgainstAll");
    if (method != "OneAgainstAll" && method != "OneAgainstOne")
      problems_.unsupported(build_.at, "classificationMethod", "'" + std::string(method) + "'");
    const bool alternates = std::all_of(model_.machines.begin(), model_.machines.end(),
                                        [](const Machine& machine) { return machine.alternate != Machine::kNone; });
    // One machine decides between two classes, whatever the method says.
    if (model_.machines.size() == 1 && !alternates && build_.unit.answer.categories.size() == 2) {
      model_.machines[0].alternate = 1 - model_.machines[0].target;
      votes_ = model_.votes = true;
      return;
    }
    votes_ = model_.votes = method == "OneAgainstOne" || (model_.machines.size() == 1 && alternates);
    if (votes_ && !alternates)
      problems_.wrong(build_.at, "", "OneAgainstOne needs an alternateTargetCategory for each machine");
  }

  ModelBuild& build_;
  Compiler& compiler_;
  Problems& problems_;
  Machines model_;
  bool votes_ = false;
  std::unordered_map<std::string_view, std::uint32_t> vector_ids_;
};

}  // namespace

std::unique_ptr<Evaluator> compile_support_vector_machine(ModelBuild& build) {
  return MachineCompiler(build).compile();
}

}  // namespace weir::pmml
