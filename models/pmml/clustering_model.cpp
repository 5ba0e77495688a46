// ClusteringModel: the cluster whose centre is nearest, or most similar.

#include <algorithm>

#include "models/pmml/comparison.hpp"

namespace weir::pmml {
namespace {

class ClusteringEvaluator final : public Evaluator {
 public:
  ClusteringEvaluator(Comparison comparison, std::vector<double> centres, std::uint32_t point, const Answer& answer)
      : comparison_(std::move(comparison)), centres_(std::move(centres)), point_(point), answer_(answer) {}

  void evaluate(Frame& frame) const noexcept override {
    double* affinities = frame.slots + answer_.affinities;
    double* x = frame.slots + point_;
    const std::size_t count = answer_.categories.size();
    const std::size_t width = comparison_.dimensions().size();
    const bool similar = comparison_.is_similarity();
    const bool complete = comparison_.gather(frame.slots, x);
    std::size_t best = count;
    for (std::size_t i = 0; i < count; ++i) {
      const double affinity = affinities[i] = comparison_.between(x, centres_.data() + i * width, complete);
      if (is_missing(affinity)) continue;
      if (best == count || (similar ? affinity > affinities[best] : affinity < affinities[best])) best = i;
    }
    const bool found = best < count;
    frame.slots[answer_.winner] = found ? static_cast<double>(best) : kMissing;
    frame.slots[answer_.value] = frame.slots[answer_.entity] = found ? answer_.categories[best].value : kMissing;
  }
  [[nodiscard]] std::size_t memory_bytes() const noexcept override {
    return sizeof(*this) + comparison_.dimensions().size() * sizeof(Dimension) + centres_.size() * sizeof(double);
  }

 private:
  Comparison comparison_;
  std::vector<double> centres_;  // cluster by cluster
  std::uint32_t point_;          // slots of the row's coordinates
  Answer answer_;
};

void read_fields(ModelBuild& build, Comparison& comparison) {
  Compiler& compiler = build.compiler;
  for (const Element at : build.at) {
    if (!at.is("ClusteringField")) continue;
    if (at.attribute_or("isCenterField", "true") == "false") continue;
    comparison.add_field(build, at, compiler.field(compiler.required(at, "field"), build.scope, at));
  }
  comparison.finish();
  const Element weights = build.at.child("MissingValueWeights");
  const Element array = weights ? weights.child("Array") : Element();
  if (!array) return;
  const std::vector<double> values = compiler.numbers(array);
  if (values.size() != comparison.dimensions().size())
    return compiler.problems().wrong(array, "", "one weight is needed for each field");
  comparison.set_missing_weights(values);
}

}  // namespace

std::unique_ptr<Evaluator> compile_clustering(ModelBuild& build) {
  Compiler& compiler = build.compiler;
  Problems& problems = compiler.problems();
  const std::string_view model_class = build.at.attribute_or("modelClass", "centerBased");
  if (model_class != "centerBased") problems.unsupported(build.at, "modelClass", "'" + std::string(model_class) + "'");
  Comparison comparison;
  comparison.read(build);
  read_fields(build, comparison);
  const std::size_t width = comparison.dimensions().size();
  Answer& answer = build.unit.answer;
  answer.function = Function::kClustering;
  answer.type = kStringType;
  answer.value = compiler.new_slot();
  answer.winner = compiler.new_slot();
  answer.entity = compiler.new_slot();
  answer.nearest_first = !comparison.is_similarity();
  std::vector<double> centres;
  for (const Element at : build.at) {
    if (!at.is("Cluster")) continue;
    const std::string id(at.attribute_or("id", std::to_string(answer.categories.size() + 1)));
    answer.categories.push_back({id, static_cast<double>(compiler.tables().texts.intern(id))});
    build.display_names[id] = at.attribute_or("name", id);
    const Element array = at.child("Array");
    const std::vector<double> centre = array ? compiler.numbers(array) : std::vector<double>();
    if (centre.size() != width)
      problems.wrong(at, "",
                     "has " + std::to_string(centre.size()) + " values for " + std::to_string(width) + " fields");
    centres.insert(centres.end(), centre.begin(), centre.end());
  }
  if (answer.categories.empty()) problems.wrong(build.at, "", "no Cluster inside");
  answer.affinities = compiler.new_slots(answer.categories.size());
  const std::uint32_t point = compiler.new_slots(width);
  if (problems.any()) return nullptr;
  return std::make_unique<ClusteringEvaluator>(std::move(comparison), std::move(centres), point, answer);
}

}  // namespace weir::pmml
