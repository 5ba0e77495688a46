// GaussianProcessModel (PMML 4.3): a number from the covariances between a row and the training instances.
//
// With K the covariances of the instances, n the noise variance, y their targets and k the row's covariances with them:
//   mean = k' (K + nI)^-1 y        variance = k(x, x) - k' (K + nI)^-1 k + n
// K + nI = L L' is factorised at load, so that a row costs one product for the mean and one substitution for the
// variance.

#include <algorithm>
#include <cmath>

#include "models/pmml/model_unit.hpp"

namespace weir::pmml {
namespace {

enum class Kernel : unsigned char { kRadialBasis, kSquaredExponential, kAbsoluteExponential, kGeneralizedExponential };

constexpr std::size_t kMostInstances = 2'000;

struct GaussianProcess {
  Kernel kernel = Kernel::kRadialBasis;
  double gamma = 1;
  double noise_variance = 1;
  double degree = 1;
  std::vector<double> scales;         ///< lambda, by field
  std::vector<std::uint32_t> fields;  ///< slots
  std::vector<double> instances;      ///< row by row
  std::vector<double> weights;        ///< (K + nI)^-1 y
  std::vector<double> factor;         ///< L, row by row; empty when nobody asks for the variance
  std::uint32_t value = 0;            ///< slot of the mean
  std::uint32_t deviation = 0;        ///< slot of the standard deviation; 0 when nobody asks
  std::uint32_t covariances = 0;      ///< working slots, one for each instance

  [[nodiscard]] double covariance(const double* a, const double* b) const noexcept {
    double sum = 0;
    for (std::size_t i = 0; i < scales.size(); ++i) {
      const double distance = std::fabs(a[i] - b[i]) / scales[i];
      switch (kernel) {
        case Kernel::kRadialBasis:
        case Kernel::kSquaredExponential: sum += distance * distance / 2; break;
        case Kernel::kAbsoluteExponential: sum += distance; break;
        case Kernel::kGeneralizedExponential: sum += std::pow(distance, degree); break;
      }
    }
    return gamma * std::exp(-sum);
  }
};

class GaussianProcessEvaluator final : public Evaluator {
 public:
  explicit GaussianProcessEvaluator(GaussianProcess process) : process_(std::move(process)) {}

  void evaluate(Frame& frame) const noexcept override {
    const std::size_t width = process_.scales.size(), count = process_.weights.size();
    double* const slots = frame.slots;
    double* const k = slots + process_.covariances;
    double* const row = k + count;  // the working slots end with the row itself
    for (std::size_t i = 0; i < width; ++i) row[i] = slots[process_.fields[i]];
    double mean = 0;
    for (std::size_t i = 0; i < count; ++i) {
      k[i] = process_.covariance(row, process_.instances.data() + i * width);
      mean += k[i] * process_.weights[i];
    }
    slots[process_.value] = mean;
    if (process_.deviation == 0) return;
    double explained = 0;
    for (std::size_t i = 0; i < count; ++i) {
      const double* factor = process_.factor.data() + i * count;
      double sum = k[i];
      for (std::size_t j = 0; j < i; ++j) sum -= factor[j] * k[j];
      k[i] = sum / factor[i];
      explained += k[i] * k[i];
    }
    const double variance = process_.covariance(row, row) - explained + process_.noise_variance;
    slots[process_.deviation] = is_missing(mean) ? kMissing : std::sqrt(std::max(variance, 0.0));
  }
  [[nodiscard]] std::size_t memory_bytes() const noexcept override {
    return sizeof(*this) +
           (process_.instances.size() + process_.weights.size() + process_.factor.size()) * sizeof(double);
  }

 private:
  GaussianProcess process_;
};

class GaussianProcessCompiler {
 public:
  explicit GaussianProcessCompiler(ModelBuild& build)
      : build_(build), compiler_(build.compiler), problems_(compiler_.problems()) {}

  std::unique_ptr<Evaluator> compile() {
    if (compiler_.required(build_.at, "functionName") != "regression")
      problems_.unsupported(build_.at, "functionName", "a Gaussian process that is no regression");
    if (build_.unit.target.empty()) problems_.wrong(build_.at, "", "no target in the MiningSchema");
    read_instances();
    read_kernel();
    if (problems_.any()) return nullptr;
    if (!factorize()) return nullptr;
    process_.value = build_.unit.answer.value = compiler_.new_slot();
    build_.unit.answer.type = kDoubleType;
    process_.covariances = compiler_.new_slots(targets_.size() + process_.scales.size());
    const bool wanted = asks_for(build_, "standardDeviation") || asks_for(build_, "standardError");
    if (wanted) process_.deviation = compiler_.new_slot();
    if (!wanted) process_.factor.clear();
    build_.feature = [slot = process_.deviation](Element, std::string_view feature) -> std::optional<Operand> {
      if (feature != "standardDeviation" && feature != "standardError") return std::nullopt;
      return Operand{slot, kDoubleType, false, {}, kMissing};
    };
    return std::make_unique<GaussianProcessEvaluator>(std::move(process_));
  }

 private:
  void read_kernel() {
    static constexpr std::pair<std::string_view, Kernel> kKernels[] = {
        {"RadialBasisKernel", Kernel::kRadialBasis},
        {"ARDSquaredExponentialKernel", Kernel::kSquaredExponential},
        {"AbsoluteExponentialKernel", Kernel::kAbsoluteExponential},
        {"GeneralizedExponentialKernel", Kernel::kGeneralizedExponential}};
    Element at;
    for (const auto& [name, kernel] : kKernels)
      if (const Element found = build_.at.child(name)) {
        at = found;
        process_.kernel = kernel;
      }
    if (!at) return problems_.wrong(build_.at, "", "no kernel inside");
    process_.gamma = compiler_.number(at, "gamma", 1);
    process_.noise_variance = compiler_.number(at, "noiseVariance", 1);
    process_.degree = compiler_.number(at, "degree", 1);
    const std::size_t width = process_.fields.size();
    if (process_.kernel == Kernel::kRadialBasis) {
      process_.scales.assign(width, compiler_.number(at, "lambda", 1));
    } else if (const Element lambda = at.child("Lambda")) {
      const Element array = lambda.child("Array");
      if (array) process_.scales = compiler_.numbers(array);
    } else {
      process_.scales.assign(width, 1);
    }
    if (process_.scales.size() != width)
      problems_.wrong(at, "Lambda", "needs one number for each of the " + std::to_string(width) + " fields");
    for (const double scale : process_.scales)
      if (!(scale > 0)) problems_.wrong(at, "lambda", "must be above 0");
    if (!(process_.noise_variance >= 0)) problems_.wrong(at, "noiseVariance", "must not be below 0");
  }

  void read_instances() {
    const Element training = build_.at.child("TrainingInstances");
    const Element fields = training ? training.child("InstanceFields") : Element();
    const Element table = training ? training.child("InlineTable") : Element();
    if (!training || !fields) return problems_.wrong(build_.at, "", "no TrainingInstances with InstanceFields inside");
    if (!table) return problems_.unsupported(training, "", "TrainingInstances without InlineTable");
    std::vector<std::string_view> columns;
    std::string_view target_column;
    for (const Element at : fields) {
      if (!at.is("InstanceField")) continue;
      const std::string_view name = compiler_.required(at, "field");
      const std::string_view column = local(at.attribute_or("column", name));
      if (name == build_.unit.target) {
        target_column = column;
        continue;
      }
      const Operand field = compiler_.field(name, build_.scope, at);
      if (field.type.is_text()) problems_.wrong(at, "field", "'" + std::string(name) + "' is no number");
      process_.fields.push_back(field.slot);
      columns.push_back(column);
    }
    if (target_column.empty()) problems_.wrong(fields, "", "the target is no InstanceField");
    for (const Element row : table) {
      if (!row.is("row") || compiler_.stop() || problems_.any()) continue;
      for (const std::string_view column : columns) process_.instances.push_back(cell(row, column));
      targets_.push_back(cell(row, target_column));
    }
    if (targets_.empty() && !problems_.any()) problems_.wrong(table, "", "no row inside");
    if (targets_.size() > kMostInstances)
      problems_.exhausted("a Gaussian process has more than " + std::to_string(kMostInstances) + " instances");
  }

  // A name without the prefix of its namespace.
  static std::string_view local(std::string_view name) { return name.substr(name.find(':') + 1); }

  double cell(Element row, std::string_view column) {
    const Element at = row.child(column);
    const auto value = at ? parse_number(at.text()) : std::nullopt;
    if (!value) problems_.wrong(at ? at : row, "", "no number for '" + std::string(column) + "'");
    return value.value_or(0);
  }

  // Cholesky's factor of the covariances, and the weights of the instances.
  bool factorize() {
    const std::size_t count = targets_.size(), width = process_.scales.size();
    std::vector<double>& factor = process_.factor;
    if (!compiler_.fits(count * count * sizeof(double))) return false;
    factor.assign(count * count, 0);
    for (std::size_t i = 0; i < count; ++i) {
      for (std::size_t j = 0; j <= i; ++j) {
        if (compiler_.stop()) return false;
        double sum = process_.covariance(&process_.instances[i * width], &process_.instances[j * width]);
        if (i == j) sum += process_.noise_variance;
        for (std::size_t k = 0; k < j; ++k) sum -= factor[i * count + k] * factor[j * count + k];
        if (i == j && !(sum > 0)) {
          problems_.wrong(build_.at, "", "the covariances of the instances are not positive definite");
          return false;
        }
        factor[i * count + j] = i == j ? std::sqrt(sum) : sum / factor[j * count + j];
      }
    }
    std::vector<double>& weights = process_.weights = targets_;
    for (std::size_t i = 0; i < count; ++i) {
      for (std::size_t j = 0; j < i; ++j) weights[i] -= factor[i * count + j] * weights[j];
      weights[i] /= factor[i * count + i];
    }
    for (std::size_t i = count; i-- > 0;) {
      for (std::size_t j = i + 1; j < count; ++j) weights[i] -= factor[j * count + i] * weights[j];
      weights[i] /= factor[i * count + i];
    }
    return true;
  }

  ModelBuild& build_;
  Compiler& compiler_;
  Problems& problems_;
  GaussianProcess process_;
  std::vector<double> targets_;
};

}  // namespace

std::unique_ptr<Evaluator> compile_gaussian_process(ModelBuild& build) {
  return GaussianProcessCompiler(build).compile();
}

}  // namespace weir::pmml
