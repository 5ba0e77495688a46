// ClusteringModel: the cluster whose centre is nearest, or most similar.

#include <algorithm>
#include <array>
#include <cmath>

#include "models/pmml/model_unit.hpp"

namespace weir::pmml {
namespace {

enum class Measure {
  kEuclidean,
  kSquaredEuclidean,
  kCityBlock,
  kChebychev,
  kMinkowski,
  kSimpleMatching,
  kJaccard,
  kTanimoto
};
enum class Compare : unsigned char { kAbsDiff, kGaussSim, kDelta, kEqual };

struct Dimension {
  std::uint32_t slot = 0;
  double weight = 1;
  double missing_weight = 1;
  double scale = 1;  ///< gaussSim: s
  Compare compare = Compare::kAbsDiff;
};

struct Clustering {
  Measure measure = Measure::kSquaredEuclidean;
  double power = 2;  ///< Minkowski
  std::vector<Dimension> dimensions;
  std::vector<double> centres;  ///< cluster by cluster
};

double difference(const Dimension& at, double x, double centre) noexcept {
  switch (at.compare) {
    case Compare::kGaussSim: {
      const double z = x - centre;
      return std::exp(-std::log(2.0) * z * z / (at.scale * at.scale));
    }
    case Compare::kDelta: return x == centre ? 0 : 1;
    case Compare::kEqual: return x == centre ? 1 : 0;
    default: return std::fabs(x - centre);
  }
}

class ClusteringEvaluator final : public Evaluator {
 public:
  ClusteringEvaluator(Clustering model, const Answer& answer) : model_(std::move(model)), answer_(answer) {}

  void evaluate(Frame& frame) const noexcept override {
    double* affinities = frame.slots + answer_.affinities;
    const std::size_t count = answer_.categories.size();
    const bool similar = model_.measure >= Measure::kSimpleMatching;
    std::size_t best = count;
    for (std::size_t i = 0; i < count; ++i) {
      const double affinity = similar ? similarity(frame.slots, i) : distance(frame.slots, i);
      affinities[i] = affinity;
      if (is_missing(affinity)) continue;
      if (best == count || (similar ? affinity > affinities[best] : affinity < affinities[best])) best = i;
    }
    const bool found = best < count;
    frame.slots[answer_.winner] = found ? static_cast<double>(best) : kMissing;
    frame.slots[answer_.value] = frame.slots[answer_.entity] = found ? answer_.categories[best].value : kMissing;
  }
  [[nodiscard]] std::size_t memory_bytes() const noexcept override {
    return sizeof(*this) + model_.dimensions.size() * sizeof(Dimension) + model_.centres.size() * sizeof(double);
  }

 private:
  // Missing fields are left out and the rest weighs more (adjustM).
  [[nodiscard]] double distance(const double* slots, std::size_t cluster) const noexcept {
    const double* centre = model_.centres.data() + cluster * model_.dimensions.size();
    double sum = 0, all = 0, present = 0;
    for (std::size_t i = 0; i < model_.dimensions.size(); ++i) {
      const Dimension& at = model_.dimensions[i];
      all += at.missing_weight;
      const double x = slots[at.slot];
      if (is_missing(x)) continue;
      present += at.missing_weight;
      const double d = difference(at, x, centre[i]);
      switch (model_.measure) {
        case Measure::kCityBlock: sum += at.weight * d; break;
        case Measure::kChebychev: sum = std::max(sum, at.weight * d); break;
        case Measure::kMinkowski: sum += at.weight * std::pow(d, model_.power); break;
        default: sum += at.weight * d * d; break;
      }
    }
    if (present == 0) return kMissing;
    if (model_.measure == Measure::kChebychev) return sum * (all / present);
    sum *= all / present;
    if (model_.measure == Measure::kEuclidean) return std::sqrt(sum);
    return model_.measure == Measure::kMinkowski ? std::pow(sum, 1 / model_.power) : sum;
  }

  // Binary similarities: a value that is not 0 counts as 1.
  [[nodiscard]] double similarity(const double* slots, std::size_t cluster) const noexcept {
    const double* centre = model_.centres.data() + cluster * model_.dimensions.size();
    double a11 = 0, a00 = 0, mixed = 0;
    for (std::size_t i = 0; i < model_.dimensions.size(); ++i) {
      const double x = slots[model_.dimensions[i].slot];
      if (is_missing(x)) return kMissing;
      if (x != 0 && centre[i] != 0)
        ++a11;
      else if (x == 0 && centre[i] == 0)
        ++a00;
      else
        ++mixed;
    }
    if (model_.measure == Measure::kJaccard) return a11 / (a11 + mixed);
    if (model_.measure == Measure::kTanimoto) return (a11 + a00) / (a11 + 2 * mixed + a00);
    return (a11 + a00) / (a11 + a00 + mixed);
  }

  Clustering model_;
  Answer answer_;
};

void read_measure(ModelBuild& build, Clustering& model, Compare& compare) {
  Compiler& compiler = build.compiler;
  const Element measure = build.at.child("ComparisonMeasure");
  if (!measure) return compiler.problems().wrong(build.at, "", "no ComparisonMeasure inside");
  static constexpr std::array<std::string_view, 8> kNames = {"euclidean", "squaredEuclidean", "cityBlock", "chebychev",
                                                             "minkowski", "simpleMatching",   "jaccard",   "tanimoto"};
  bool known = false;
  for (const Element at : measure) {
    const auto* found = std::find(kNames.begin(), kNames.end(), at.name());
    if (found == kNames.end()) {
      compiler.problems().unsupported(at, "", "measure " + std::string(at.name()));
      continue;
    }
    known = true;
    model.measure = static_cast<Measure>(found - kNames.begin());
    model.power = compiler.number(at, "p-parameter", 2);
  }
  if (!known) compiler.problems().wrong(measure, "", "no measure inside");
  const std::string_view name = measure.attribute_or("compareFunction", "absDiff");
  if (name == "gaussSim")
    compare = Compare::kGaussSim;
  else if (name == "delta")
    compare = Compare::kDelta;
  else if (name == "equal")
    compare = Compare::kEqual;
  else if (name != "absDiff")
    compiler.problems().unsupported(measure, "compareFunction", "'" + std::string(name) + "'");
}

void read_fields(ModelBuild& build, Clustering& model, Compare compare) {
  Compiler& compiler = build.compiler;
  for (const Element at : build.at) {
    if (!at.is("ClusteringField")) continue;
    if (at.attribute_or("isCenterField", "true") == "false") continue;
    Dimension dimension;
    const Operand value = compiler.field(compiler.required(at, "field"), build.scope, at);
    dimension.slot = compiler.cast(value, kDoubleType, build.unit.prologue, at).slot;
    dimension.weight = compiler.number(at, "fieldWeight", 1);
    dimension.scale = compiler.number(at, "similarityScale", 1);
    dimension.compare = compare;
    if (const auto name = at.attribute("compareFunction")) {
      if (*name == "gaussSim")
        dimension.compare = Compare::kGaussSim;
      else if (*name == "delta")
        dimension.compare = Compare::kDelta;
      else if (*name == "equal")
        dimension.compare = Compare::kEqual;
      else if (*name == "absDiff")
        dimension.compare = Compare::kAbsDiff;
      else
        compiler.problems().unsupported(at, "compareFunction", "'" + std::string(*name) + "'");
    }
    if (dimension.compare == Compare::kGaussSim && !at.attribute("similarityScale"))
      compiler.problems().wrong(at, "similarityScale", "the attribute is missing");
    model.dimensions.push_back(dimension);
  }
  const Element weights = build.at.child("MissingValueWeights");
  const Element array = weights ? weights.child("Array") : Element();
  if (!array) return;
  const std::vector<double> values = compiler.numbers(array);
  if (values.size() != model.dimensions.size())
    return compiler.problems().wrong(array, "", "one weight is needed for each field");
  for (std::size_t i = 0; i < values.size(); ++i) model.dimensions[i].missing_weight = values[i];
}

}  // namespace

std::unique_ptr<Evaluator> compile_clustering(ModelBuild& build) {
  Compiler& compiler = build.compiler;
  Problems& problems = compiler.problems();
  const std::string_view model_class = build.at.attribute_or("modelClass", "centerBased");
  if (model_class != "centerBased") problems.unsupported(build.at, "modelClass", "'" + std::string(model_class) + "'");
  Clustering model;
  Compare compare = Compare::kAbsDiff;
  read_measure(build, model, compare);
  read_fields(build, model, compare);
  Answer& answer = build.unit.answer;
  answer.function = Function::kClustering;
  answer.type = kStringType;
  answer.value = compiler.new_slot();
  answer.winner = compiler.new_slot();
  answer.entity = compiler.new_slot();
  for (const Element at : build.at) {
    if (!at.is("Cluster")) continue;
    const std::string id(at.attribute_or("id", std::to_string(answer.categories.size() + 1)));
    answer.categories.push_back({id, static_cast<double>(compiler.tables().texts.intern(id))});
    build.display_names[id] = at.attribute_or("name", id);
    const Element array = at.child("Array");
    const std::vector<double> centre = array ? compiler.numbers(array) : std::vector<double>();
    if (centre.size() != model.dimensions.size())
      problems.wrong(at, "",
                     "has " + std::to_string(centre.size()) + " values for " + std::to_string(model.dimensions.size()) +
                         " fields");
    model.centres.insert(model.centres.end(), centre.begin(), centre.end());
  }
  if (answer.categories.empty()) problems.wrong(build.at, "", "no Cluster inside");
  answer.affinities = compiler.new_slots(answer.categories.size());
  if (problems.any()) return nullptr;
  return std::make_unique<ClusteringEvaluator>(std::move(model), answer);
}

}  // namespace weir::pmml
