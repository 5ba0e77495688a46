// AnomalyDetectionModel: a model inside, and how unusual its answer is (PMML 4.4).

#include <algorithm>
#include <cmath>

#include "models/pmml/model_unit.hpp"

namespace weir::pmml {
namespace {

enum class Anomaly : unsigned char { kAsIs, kIsolationForest, kClusterMeanDistance };

class AnomalyEvaluator final : public Evaluator {
 public:
  AnomalyEvaluator(std::unique_ptr<ModelUnit> inner, Anomaly kind, double usual_depth, std::vector<double> distances,
                   std::uint32_t value)
      : inner_(std::move(inner)),
        kind_(kind),
        usual_depth_(usual_depth),
        distances_(std::move(distances)),
        value_(value) {}

  void evaluate(Frame& frame) const noexcept override {
    inner_->evaluate(frame);
    const Answer& answer = inner_->answer;
    double& value = frame.slots[value_];
    switch (kind_) {
      case Anomaly::kIsolationForest: value = std::exp2(-frame.slots[answer.value] / usual_depth_); break;
      case Anomaly::kClusterMeanDistance: {
        const double cluster = frame.slots[answer.winner];
        value = kMissing;
        if (is_missing(cluster)) break;
        const auto index = static_cast<std::uint32_t>(cluster);
        value = frame.slots[answer.affinities + index] / distances_[index];
        break;
      }
      default: value = frame.slots[answer.value]; break;
    }
  }
  [[nodiscard]] std::size_t memory_bytes() const noexcept override {
    return sizeof(*this) + sizeof(ModelUnit) + inner_->evaluator->memory_bytes() +
           (inner_->prologue.code.size() + inner_->epilogue.code.size()) * sizeof(Instruction);
  }

 private:
  std::unique_ptr<ModelUnit> inner_;
  Anomaly kind_;
  double usual_depth_;  // of a forest grown from so many samples
  std::vector<double> distances_;
  std::uint32_t value_;
};

// The depth at which a search fails in a binary tree of `samples` values, on average.
double usual_depth(double samples) {
  constexpr double kEuler = 0.57721566490153286;
  if (samples <= 1) return 1;
  if (samples == 2) return 1;
  return 2 * (std::log(samples - 1) + kEuler) - 2 * (samples - 1) / samples;
}

}  // namespace

std::unique_ptr<Evaluator> compile_anomaly_detection(ModelBuild& build) {
  Compiler& compiler = build.compiler;
  Problems& problems = compiler.problems();
  const std::string_view algorithm = compiler.required(build.at, "algorithmType");
  Anomaly kind = Anomaly::kAsIs;
  double depth = 1;
  if (algorithm == "iforest") {
    kind = Anomaly::kIsolationForest;
    const double samples = compiler.required_number(build.at, "sampleDataSize");
    if (!(samples >= 1)) problems.wrong(build.at, "sampleDataSize", "must be 1 or more");
    depth = usual_depth(samples);
  } else if (algorithm == "clusterMeanDist") {
    kind = Anomaly::kClusterMeanDistance;
  } else if (algorithm != "ocsvm" && algorithm != "other") {
    problems.unsupported(build.at, "algorithmType", "'" + std::string(algorithm) + "'");
  }
  Element model;
  for (const Element child : build.at)
    if (is_model(child.name())) model = child;
  if (!model) {
    problems.wrong(build.at, "", "no model inside");
    return nullptr;
  }
  auto inner = compile_model(model, build.scope, build.document, false, build.target);
  if (inner == nullptr) return nullptr;
  std::vector<double> distances;
  if (kind == Anomaly::kClusterMeanDistance) {
    const Element list = build.at.child("MeanClusterDistances");
    const Element array = list ? list.child("Array") : Element();
    if (!array) problems.wrong(build.at, "", "no MeanClusterDistances with an Array inside");
    if (array) distances = compiler.numbers(array);
    if (inner->answer.function != Function::kClustering || inner->answer.affinities == 0)
      problems.wrong(model, "", "clusterMeanDist needs a ClusteringModel");
    else if (array && distances.size() != inner->answer.categories.size())
      problems.wrong(array, "", "one distance is needed for each cluster");
  } else if (inner->answer.function != Function::kRegression) {
    problems.wrong(model, "functionName", "must be regression");
  }
  build.unit.answer.value = compiler.new_slot();
  build.unit.answer.type = kDoubleType;
  if (problems.any()) return nullptr;
  return std::make_unique<AnomalyEvaluator>(std::move(inner), kind, depth, std::move(distances),
                                            build.unit.answer.value);
}

}  // namespace weir::pmml
