// NearestNeighborModel: the training instances nearest to the row, and what they say about the targets.

#include <algorithm>
#include <cmath>

#include "models/pmml/comparison.hpp"
#include "models/pmml/kernels/aligned.hpp"
#include "models/pmml/kernels/kernels.hpp"

namespace weir::pmml {
namespace {

enum class Continuous : unsigned char { kAverage, kMedian, kWeightedAverage };
enum class Categorical : unsigned char { kMajorityVote, kWeightedMajorityVote };

/// What is known of one target field in the instances.
struct NeighborTarget {
  bool classifies = false;
  std::uint32_t value = 0;             ///< slot of the answer
  std::uint32_t winner = 0;            ///< classification: slot of the class's index
  std::vector<double> values;          ///< by instance: the number, or the index of the class
  std::vector<Category> categories;    ///< classification
  std::vector<std::size_t> instances;  ///< by class: how many instances have it
};

struct Neighbors {
  Comparison comparison;
  std::size_t count = 0;  ///< k
  double threshold = 0.001;
  Continuous continuous = Continuous::kAverage;
  Categorical categorical = Categorical::kMajorityVote;
  std::vector<double> points;  ///< instance by instance
  std::size_t instances = 0;
  std::vector<NeighborTarget> targets;
  std::vector<double> ids;      ///< text codes, by instance; empty when nobody asks
  std::uint32_t point = 0;      ///< slots of the row's coordinates
  std::uint32_t nearest = 0;    ///< k slots: indexes of instances
  std::uint32_t distances = 0;  ///< k slots beside
  std::uint32_t entities = 0;   ///< k slots beside: ids; 0 when nobody asks
  std::uint32_t work = 0;       ///< k slots, or one for each class
};

class NeighborEvaluator final : public Evaluator {
 public:
  explicit NeighborEvaluator(Neighbors model) : model_(std::move(model)) {
    if (model_.comparison.is_sum_of_squares()) make_blocks();
  }

  void evaluate(Frame& frame) const noexcept override {
    double* slots = frame.slots;
    const std::size_t found = search(slots);
    if (model_.entities != 0)
      for (std::size_t i = 0; i < model_.count; ++i)
        slots[model_.entities + i] =
            i < found ? model_.ids[static_cast<std::size_t>(slots[model_.nearest + i])] : kMissing;
    for (const NeighborTarget& target : model_.targets) {
      if (target.classifies)
        vote(target, slots, found);
      else
        slots[target.value] = found == 0 ? kMissing : number(target, slots, found);
    }
  }
  [[nodiscard]] std::size_t memory_bytes() const noexcept override {
    return sizeof(*this) + (model_.points.size() + blocks_.size() + model_.ids.size()) * sizeof(double) +
           model_.targets.size() * (model_.instances * sizeof(double) + sizeof(NeighborTarget));
  }

 private:
  // Instances whose distances are computed together: a block's coordinates, field by field, fit into the first cache.
  static constexpr std::size_t kBlock = 256;

  void make_blocks() {
    const std::size_t width = model_.comparison.dimensions().size();
    blocks_.assign((model_.instances + kBlock - 1) / kBlock * kBlock * width, 0);
    for (std::size_t i = 0; i < model_.instances; ++i)
      for (std::size_t field = 0; field < width; ++field)
        blocks_[i / kBlock * kBlock * width + field * kBlock + i % kBlock] = model_.points[i * width + field];
  }

  // The k nearest, kept sorted; among equally near ones the earlier instance comes first.
  struct Nearest {
    double* instances;
    double* distances;
    std::size_t most;
    std::size_t found = 0;

    [[nodiscard]] bool full() const noexcept { return found == most; }
    [[nodiscard]] double worst() const noexcept { return distances[found - 1]; }
    void add(double distance, std::size_t instance) noexcept {
      if (is_missing(distance) || (full() && !(distance < worst()))) return;
      std::size_t at = full() ? found - 1 : found++;
      for (; at > 0 && distance < distances[at - 1]; --at) {
        distances[at] = distances[at - 1];
        instances[at] = instances[at - 1];
      }
      distances[at] = distance;
      instances[at] = static_cast<double>(instance);
    }
  };

  std::size_t search(double* slots) const noexcept {
    double* x = slots + model_.point;
    Nearest nearest{slots + model_.nearest, slots + model_.distances, model_.count};
    const std::size_t width = model_.comparison.dimensions().size();
    const double sign = model_.comparison.is_similarity() ? -1 : 1;
    const bool complete = model_.comparison.gather(slots, x);
    if (complete && !blocks_.empty())
      search_blocks(x, nearest);
    else
      for (std::size_t i = 0; i < model_.instances; ++i)
        nearest.add(sign * model_.comparison.between(x, model_.points.data() + i * width, complete), i);
    for (std::size_t i = 0; i < nearest.found; ++i) nearest.distances[i] *= sign;
    for (std::size_t i = nearest.found; i < model_.count; ++i) nearest.distances[i] = nearest.instances[i] = kMissing;
    return nearest.found;
  }

  // By squares; the root is taken of the nearest only.
  void search_blocks(const double* x, Nearest& nearest) const noexcept {
    const Kernels& with = kernels();
    const std::size_t width = model_.comparison.dimensions().size();
    alignas(64) double squares[kBlock];
    for (std::size_t first = 0; first < model_.instances; first += kBlock) {
      const std::size_t count = std::min(kBlock, model_.instances - first);
      with.squared_distances(blocks_.data() + first * width, kBlock, x, width, squares);
      for (std::size_t i = 0; i < count; ++i) {
        if (nearest.full()) i = with.find_below(squares, i, count, nearest.worst());
        if (i < count) nearest.add(squares[i], first + i);
      }
    }
    if (model_.comparison.is_root())
      for (std::size_t i = 0; i < nearest.found; ++i) nearest.distances[i] = std::sqrt(nearest.distances[i]);
  }

  [[nodiscard]] double weight(const double* slots, std::size_t rank) const noexcept {
    return 1 / (slots[model_.distances + rank] + model_.threshold);
  }

  [[nodiscard]] double number(const NeighborTarget& target, double* slots, std::size_t found) const noexcept {
    const double* nearest = slots + model_.nearest;
    const auto value = [&](std::size_t i) { return target.values[static_cast<std::size_t>(nearest[i])]; };
    if (model_.continuous == Continuous::kMedian) {
      double* values = slots + model_.work;
      for (std::size_t i = 0; i < found; ++i) values[i] = value(i);
      std::sort(values, values + found);
      return found % 2 == 1 ? values[found / 2] : (values[found / 2 - 1] + values[found / 2]) / 2;
    }
    const bool weighted = model_.continuous == Continuous::kWeightedAverage;
    double sum = 0, weights = 0;
    for (std::size_t i = 0; i < found; ++i) {
      const double w = weighted ? weight(slots, i) : 1;
      sum += w * value(i);
      weights += w;
    }
    return sum / weights;
  }

  // Ties go to the class with more instances, then to the one that comes first in the order of values.
  void vote(const NeighborTarget& target, double* slots, std::size_t found) const noexcept {
    double* votes = slots + model_.work;
    const std::size_t classes = target.categories.size();
    std::fill_n(votes, classes, 0.0);
    for (std::size_t i = 0; i < found; ++i) {
      const double category = target.values[static_cast<std::size_t>(slots[model_.nearest + i])];
      votes[static_cast<std::size_t>(category)] +=
          model_.categorical == Categorical::kWeightedMajorityVote ? weight(slots, i) : 1;
    }
    std::size_t best = 0;
    for (std::size_t i = 1; i < classes; ++i) {
      if (votes[i] != votes[best]) {
        if (votes[i] > votes[best]) best = i;
      } else if (target.instances[i] != target.instances[best]) {
        if (target.instances[i] > target.instances[best]) best = i;
      } else if (target.categories[i].label < target.categories[best].label) {
        best = i;
      }
    }
    slots[target.winner] = found == 0 ? kMissing : static_cast<double>(best);
    slots[target.value] = found == 0 ? kMissing : target.categories[best].value;
  }

  Neighbors model_;
  AlignedDoubles blocks_;  // of kBlock instances, field by field; empty where other distances are wanted
};

class NeighborCompiler {
 public:
  explicit NeighborCompiler(ModelBuild& build)
      : build_(build), compiler_(build.compiler), problems_(compiler_.problems()) {}

  std::unique_ptr<Evaluator> compile() {
    const double count = compiler_.required_number(build_.at, "numberOfNeighbors");
    if (!(count >= 1 && count <= 100'000 && count == std::trunc(count)))
      problems_.wrong(build_.at, "numberOfNeighbors", "must be a whole number from 1 to 100000");
    model_.count = count >= 1 && count <= 100'000 ? static_cast<std::size_t>(count) : 1;
    model_.threshold = compiler_.number(build_.at, "threshold", 0.001);
    read_methods();
    model_.comparison.read(build_);
    read_instances();
    if (problems_.any()) return nullptr;
    answer();
    build_.feature = [this_build = &build_, entities = model_.entities, distances = model_.distances,
                      count = model_.count](Element at, std::string_view feature) -> std::optional<Operand> {
      const bool entity = feature == "entityId" || feature == "clusterId";
      if (!entity && feature != "affinity" && feature != "entityAffinity" && feature != "clusterAffinity")
        return std::nullopt;
      const double rank = this_build->compiler.number(at, "rank", 1);
      if (!(rank >= 1 && rank <= static_cast<double>(count))) return Operand{};
      const auto offset = static_cast<std::uint32_t>(rank) - 1;
      return Operand{(entity ? entities : distances) + offset, entity ? kStringType : kDoubleType, false, {}, kMissing};
    };
    return std::make_unique<NeighborEvaluator>(std::move(model_));
  }

 private:
  void read_methods() {
    const std::string_view numbers = build_.at.attribute_or("continuousScoringMethod", "average");
    if (numbers == "median")
      model_.continuous = Continuous::kMedian;
    else if (numbers == "weightedAverage")
      model_.continuous = Continuous::kWeightedAverage;
    else if (numbers != "average")
      problems_.unsupported(build_.at, "continuousScoringMethod", "'" + std::string(numbers) + "'");
    const std::string_view classes = build_.at.attribute_or("categoricalScoringMethod", "majorityVote");
    if (classes == "weightedMajorityVote")
      model_.categorical = Categorical::kWeightedMajorityVote;
    else if (classes != "majorityVote")
      problems_.unsupported(build_.at, "categoricalScoringMethod", "'" + std::string(classes) + "'");
  }

  static std::string_view local(std::string_view column) {
    const std::size_t colon = column.rfind(':');
    return colon == std::string_view::npos ? column : column.substr(colon + 1);
  }

  void read_instances() {
    const Element training = build_.at.child("TrainingInstances");
    const Element fields = training ? training.child("InstanceFields") : Element();
    const Element table = training ? training.child("InlineTable") : Element();
    const Element inputs = build_.at.child("KNNInputs");
    if (!training) return problems_.wrong(build_.at, "", "no TrainingInstances inside");
    if (!fields) return problems_.wrong(training, "", "no InstanceFields inside");
    if (!table) return problems_.unsupported(training, "", "TrainingInstances without InlineTable");
    if (!inputs) return problems_.wrong(build_.at, "", "no KNNInputs inside");
    std::unordered_map<std::string_view, std::string_view> columns;
    for (const Element at : fields)
      if (at.is("InstanceField")) {
        const std::string_view name = compiler_.required(at, "field");
        columns[name] = local(at.attribute_or("column", name));
      }
    const bool transformed = training.attribute_or("isTransformed", "false") == "true";
    std::vector<std::pair<std::string_view, Type>> coordinates;
    for (const Element at : inputs) {
      if (!at.is("KNNInput")) continue;
      const std::string_view name = compiler_.required(at, "field");
      const Operand value = compiler_.field(name, build_.scope, at);
      model_.comparison.add_field(build_, at, value);
      const auto column = columns.find(name);
      if (column == columns.end())
        problems_.unsupported(at, "field",
                              transformed ? "a field that is no InstanceField"
                                          : "a derived field over instances that are not transformed");
      else
        coordinates.emplace_back(column->second, value.type);
    }
    model_.comparison.finish();
    for (const auto& [name, field] : build_.targets) {
      const auto column = columns.find(name);
      if (column == columns.end()) {
        problems_.wrong(fields, "", "the target '" + std::string(name) + "' is no InstanceField");
        continue;
      }
      NeighborTarget target;
      target.classifies = field->type.op != OpType::kContinuous;
      if (target.classifies)
        for (const Element value : field->element)
          if (value.is("Value") && value.attribute_or("property", "valid") == "valid")
            category(target, value, compiler_.required(value, "value"), field->type);
      model_.targets.push_back(std::move(target));
      target_columns_.emplace_back(column->second, field->type);
    }
    if (problems_.any()) return;
    read_rows(table, columns, coordinates);
  }

  void read_rows(Element table, const std::unordered_map<std::string_view, std::string_view>& columns,
                 const std::vector<std::pair<std::string_view, Type>>& coordinates) {
    std::string_view id_column;
    if (const auto name = build_.at.attribute("instanceIdVariable")) {
      const auto known = columns.find(*name);
      if (known == columns.end())
        problems_.wrong(build_.at, "instanceIdVariable", "is no InstanceField");
      else
        id_column = known->second;
    }
    const bool ids = asks_for(build_, "entityId") || asks_for(build_, "clusterId") || build_.targets.empty();
    for (const Element row : table) {
      if (!row.is("row")) continue;
      if (compiler_.stop()) return;
      ++model_.instances;
      for (const auto& [column, type] : coordinates) model_.points.push_back(cell(row, column, type));
      for (std::size_t i = 0; i < model_.targets.size(); ++i) {
        NeighborTarget& target = model_.targets[i];
        const auto& [column, type] = target_columns_[i];
        if (!target.classifies) {
          target.values.push_back(cell(row, column, type));
          continue;
        }
        const Element at = row.child(column);
        if (!at) {
          problems_.wrong(row, "", "no cell '" + std::string(column) + "'");
          continue;
        }
        const std::size_t index = category(target, at, trim(at.text()), type);
        target.values.push_back(static_cast<double>(index));
        ++target.instances[index];
      }
      if (!ids) continue;
      const Element id = id_column.empty() ? Element() : row.child(id_column);
      model_.ids.push_back(
          compiler_.tables().texts.intern(id ? std::string(trim(id.text())) : std::to_string(model_.instances)));
    }
    if (model_.instances == 0) problems_.wrong(table, "", "no row inside");
  }

  double cell(Element row, std::string_view column, const Type& type) {
    const Element at = row.child(column);
    if (at) return compiler_.literal(at, "", type.is_text() ? at.text() : trim(at.text()), type);
    problems_.wrong(row, "", "no cell '" + std::string(column) + "'");
    return kMissing;
  }

  std::size_t category(NeighborTarget& target, Element at, std::string_view text, const Type& type) {
    const double value = compiler_.literal(at, "", text, type);
    const auto known = std::find_if(target.categories.begin(), target.categories.end(),
                                    [value](const Category& category) { return category.value == value; });
    if (known != target.categories.end()) return static_cast<std::size_t>(known - target.categories.begin());
    target.categories.push_back({std::string(text), value});
    target.instances.push_back(0);
    return target.categories.size() - 1;
  }

  // The first target is the model's answer, the others stand beside it; without any, the nearest instance is.
  void answer() {
    Answer& answer = build_.unit.answer;
    std::size_t work = model_.count;
    for (std::size_t i = 0; i < model_.targets.size(); ++i) {
      NeighborTarget& target = model_.targets[i];
      target.value = compiler_.new_slot();
      if (target.classifies) target.winner = compiler_.new_slot();
      work = std::max(work, target.categories.size());
      if (i > 0)
        build_.unit.further_targets.push_back({std::string(build_.targets[i].first),
                                               {target.value, build_.targets[i].second->type, false, {}, kMissing}});
    }
    model_.point = compiler_.new_slots(model_.comparison.dimensions().size());
    model_.nearest = compiler_.new_slots(model_.count);
    model_.distances = compiler_.new_slots(model_.count);
    if (!model_.ids.empty()) model_.entities = compiler_.new_slots(model_.count);
    model_.work = compiler_.new_slots(work);
    if (model_.targets.empty()) {
      answer.function = Function::kClustering;
      answer.type = kStringType;
      answer.value = model_.entities;
      return;
    }
    const NeighborTarget& first = model_.targets.front();
    answer.value = first.value;
    answer.type = first.classifies ? build_.target->type : kDoubleType;
    if (!first.classifies) return;
    answer.function = Function::kClassification;
    answer.winner = first.winner;
    answer.categories = first.categories;
  }

  ModelBuild& build_;
  Compiler& compiler_;
  Problems& problems_;
  Neighbors model_;
  std::vector<std::pair<std::string_view, Type>> target_columns_;
};

}  // namespace

std::unique_ptr<Evaluator> compile_nearest_neighbor(ModelBuild& build) { return NeighborCompiler(build).compile(); }

}  // namespace weir::pmml
