// BayesianNetworkModel (PMML 4.3) of discrete nodes: the target's probabilities given what a row knows, summed over all
// values of what it does not know. Exact, so only for small networks.

#include <algorithm>
#include <cmath>

#include "models/pmml/model_unit.hpp"

namespace weir::pmml {
namespace {

constexpr std::size_t kMostStates = 65'536;  // combinations of all nodes' values
constexpr std::uint32_t kUnseen = 0xffffffff;

struct NetworkNode {
  std::vector<double> values;          ///< in the type of the evidence; the target's: indexes of its classes
  std::uint32_t evidence = 0;          ///< slot; 0 when a row cannot know the value
  std::vector<std::uint32_t> parents;  ///< earlier nodes
  std::vector<double> probabilities;   ///< by the parents' values (the last one changes fastest), then by the own value
};

struct Network {
  std::vector<NetworkNode> nodes;  ///< parents first
  std::uint32_t target = 0;        ///< its node
};

class NetworkEvaluator final : public Evaluator {
 public:
  NetworkEvaluator(Network network, const Answer& answer) : network_(std::move(network)), answer_(answer) {}

  void evaluate(Frame& frame) const noexcept override {
    const std::size_t count = network_.nodes.size();
    double* sums = frame.slots + answer_.probabilities;
    std::fill_n(sums, answer_.categories.size(), 0.0);
    std::uint32_t seen[kMostNodes], assigned[kMostNodes];
    bool known = true;
    for (std::size_t i = 0; i < count; ++i) known = observe(network_.nodes[i], frame.slots, seen[i]) && known;
    if (known) enumerate(0, 1, seen, assigned, sums);
    double total = 0;
    for (std::size_t i = 0; i < answer_.categories.size(); ++i) total += sums[i];
    // Evidence that cannot be, or that the network does not know, has no answer.
    for (std::size_t i = 0; i < answer_.categories.size(); ++i) sums[i] = total > 0 ? sums[i] / total : kMissing;
    choose_winner(answer_, frame);
  }
  [[nodiscard]] std::size_t memory_bytes() const noexcept override {
    std::size_t bytes = sizeof(*this);
    for (const NetworkNode& node : network_.nodes)
      bytes += sizeof(node) + (node.values.size() + node.probabilities.size() + node.parents.size()) * sizeof(double);
    return bytes;
  }
  static constexpr std::size_t kMostNodes = 64;

 private:
  // False when the row's value is none of the node's.
  static bool observe(const NetworkNode& node, const double* slots, std::uint32_t& seen) noexcept {
    seen = kUnseen;
    if (node.evidence == 0 || is_missing(slots[node.evidence])) return true;
    const auto found = std::find(node.values.begin(), node.values.end(), slots[node.evidence]);
    if (found == node.values.end()) return false;
    seen = static_cast<std::uint32_t>(found - node.values.begin());
    return true;
  }

  void enumerate(std::size_t at, double weight, const std::uint32_t* seen, std::uint32_t* assigned,
                 double* sums) const noexcept {
    if (at == network_.nodes.size()) {
      const NetworkNode& target = network_.nodes[network_.target];
      sums[static_cast<std::size_t>(target.values[assigned[network_.target]])] += weight;
      return;
    }
    const NetworkNode& node = network_.nodes[at];
    std::size_t row = 0;
    for (const std::uint32_t parent : node.parents) row = row * network_.nodes[parent].values.size() + assigned[parent];
    const double* probabilities = node.probabilities.data() + row * node.values.size();
    const std::uint32_t first = seen[at] == kUnseen ? 0 : seen[at];
    const auto end = seen[at] == kUnseen ? static_cast<std::uint32_t>(node.values.size()) : seen[at] + 1;
    for (std::uint32_t value = first; value < end; ++value) {
      if (probabilities[value] == 0) continue;
      assigned[at] = value;
      enumerate(at + 1, weight * probabilities[value], seen, assigned, sums);
    }
  }

  Network network_;
  Answer answer_;
};

class NetworkCompiler {
 public:
  explicit NetworkCompiler(ModelBuild& build)
      : build_(build), compiler_(build.compiler), problems_(compiler_.problems()) {}

  std::unique_ptr<Evaluator> compile() {
    const Element list = build_.at.child("BayesianNetworkNodes");
    if (!list) problems_.wrong(build_.at, "", "no BayesianNetworkNodes inside");
    if (build_.target == nullptr) problems_.wrong(build_.at, "", "no target in the MiningSchema");
    if (problems_.any()) return nullptr;
    build_.start_classification();
    for (const Element at : list) {
      if (at.is("ContinuousNode"))
        problems_.unsupported(at, "", "a node of continuous values (it has no exact inference)");
      else if (at.is("DiscreteNode"))
        add_node(at);
    }
    if (problems_.any()) return nullptr;
    order();
    for (std::size_t i = 0; i < network_.nodes.size() && !problems_.any(); ++i) read_probabilities(i);
    if (!find_target()) problems_.wrong(list, "", "no node is the target '" + build_.unit.target + "'");
    if (problems_.any()) return nullptr;
    build_.finish_classification();
    return std::make_unique<NetworkEvaluator>(std::move(network_), build_.unit.answer);
  }

 private:
  struct Source {
    Element at;
    std::string_view name;
    std::vector<std::string_view> values;
  };

  // The elements that hold a node's probabilities, one for each combination of its parents' values.
  template <class Take>
  static void each_row(Element node, Take take) {
    bool conditional = false;
    for (const Element part : node)
      if (part.is("DiscreteConditionalProbability")) {
        conditional = true;
        take(part);
      }
    if (!conditional) take(node);
  }

  void add_node(Element at) {
    Source source{at, compiler_.required(at, "name"), {}};
    each_row(at, [&](Element row) {
      for (const Element part : row)
        if (part.is("ValueProbability") && source.values.size() <= kMostStates) {
          const std::string_view value = compiler_.required(part, "value");
          if (std::find(source.values.begin(), source.values.end(), value) == source.values.end())
            source.values.push_back(value);
        }
    });
    if (source.values.empty()) problems_.wrong(at, "", "no ValueProbability inside");
    for (const Source& other : sources_)
      if (other.name == source.name) problems_.wrong(at, "name", "two nodes have this name");
    states_ *= std::max<std::size_t>(source.values.size(), 1);
    sources_.push_back(std::move(source));
    if (states_ > kMostStates || sources_.size() > NetworkEvaluator::kMostNodes)
      problems_.exhausted("a Bayesian network has more than " + std::to_string(NetworkEvaluator::kMostNodes) +
                          " nodes or " + std::to_string(kMostStates) + " combinations of their values");
  }

  [[nodiscard]] std::size_t place_of(std::string_view name) const {
    std::size_t i = 0;
    while (i < sources_.size() && sources_[i].name != name) ++i;
    return i;
  }

  std::vector<std::string_view> parents_of(Element node) {
    std::vector<std::string_view> parents;
    each_row(node, [&](Element row) {
      for (const Element part : row)
        if (part.is("ParentValue")) {
          const std::string_view parent = compiler_.required(part, "parent");
          if (std::find(parents.begin(), parents.end(), parent) == parents.end()) parents.push_back(parent);
        }
    });
    return parents;
  }

  // Sorts the nodes so that parents come first.
  void order() {
    std::vector<Source> sorted;
    std::vector<bool> done(sources_.size(), false);
    while (sorted.size() < sources_.size()) {
      const std::size_t before = sorted.size();
      for (std::size_t i = 0; i < sources_.size(); ++i) {
        if (done[i]) continue;
        bool ready = true;
        for (const std::string_view parent : parents_of(sources_[i].at)) {
          const std::size_t place = place_of(parent);
          if (place == sources_.size())
            return problems_.wrong(sources_[i].at, "", "the parent '" + std::string(parent) + "' is no node");
          ready = ready && done[place];
        }
        if (!ready) continue;
        done[i] = true;
        sorted.push_back(sources_[i]);
      }
      if (sorted.size() == before)
        return problems_.wrong(build_.at.child("BayesianNetworkNodes"), "", "the nodes' parents form a cycle");
    }
    sources_ = std::move(sorted);
    for (const Source& source : sources_) network_.nodes.push_back(node_of(source));
  }

  NetworkNode node_of(const Source& source) {
    NetworkNode node;
    for (const std::string_view parent : parents_of(source.at))
      node.parents.push_back(static_cast<std::uint32_t>(place_of(parent)));
    if (source.name == build_.unit.target) {
      for (const std::string_view value : source.values)
        node.values.push_back(static_cast<double>(build_.category(source.at, "", value)));
      return node;
    }
    Operand evidence{0, kStringType, false, {}, kMissing};
    if (const Element derived = source.at.child("DerivedField"))
      evidence = compiler_.derived(derived, build_.scope, build_.unit.prologue);
    else if (Compiler::knows(source.name, build_.scope))
      evidence = compiler_.field(source.name, build_.scope, source.at, "name");
    node.evidence = evidence.slot;
    for (const std::string_view value : source.values)
      node.values.push_back(compiler_.literal(source.at, "", value, evidence.type));
    return node;
  }

  void read_probabilities(std::size_t index) {
    const Source& source = sources_[index];
    NetworkNode& node = network_.nodes[index];
    std::size_t rows = 1;
    for (const std::uint32_t parent : node.parents) rows *= sources_[parent].values.size();
    node.probabilities.assign(rows * source.values.size(), kMissing);
    each_row(source.at, [&](Element row) {
      std::size_t place = 0;
      for (const std::uint32_t parent : node.parents) {
        const std::size_t value = parent_value(row, sources_[parent]);
        place = place * sources_[parent].values.size() + value;
      }
      for (const Element part : row) {
        if (!part.is("ValueProbability")) continue;
        const auto found = std::find(source.values.begin(), source.values.end(), compiler_.required(part, "value"));
        const double probability = compiler_.required_number(part, "probability");
        if (!(probability >= 0 && probability <= 1)) problems_.wrong(part, "probability", "must be from 0 to 1");
        node.probabilities[place * source.values.size() + static_cast<std::size_t>(found - source.values.begin())] =
            probability;
      }
    });
    if (std::any_of(node.probabilities.begin(), node.probabilities.end(), [](double p) { return is_missing(p); }))
      problems_.wrong(source.at, "", "a combination of values has no probability");
  }

  std::size_t parent_value(Element row, const Source& parent) {
    for (const Element part : row) {
      if (!part.is("ParentValue") || part.attribute_or("parent", "") != parent.name) continue;
      const auto found = std::find(parent.values.begin(), parent.values.end(), compiler_.required(part, "value"));
      if (found != parent.values.end()) return static_cast<std::size_t>(found - parent.values.begin());
      problems_.wrong(part, "value", "is no value of '" + std::string(parent.name) + "'");
      return 0;
    }
    problems_.wrong(row, "", "no ParentValue of '" + std::string(parent.name) + "'");
    return 0;
  }

  bool find_target() {
    const std::size_t place = place_of(build_.unit.target);
    network_.target = static_cast<std::uint32_t>(place);
    return place < sources_.size();
  }

  ModelBuild& build_;
  Compiler& compiler_;
  Problems& problems_;
  Network network_;
  std::vector<Source> sources_;
  std::size_t states_ = 1;
};

}  // namespace

std::unique_ptr<Evaluator> compile_bayesian_network(ModelBuild& build) { return NetworkCompiler(build).compile(); }

}  // namespace weir::pmml
