#pragma once
/// The models of `bench pmml`: plain arrays for the hand-written loops, PMML 4.4 text for weir. No weir in here.
///
/// Made from a seed, the same on every machine. Coefficients, weights and leaves are multiples of 1/16, so that sums
/// are exact in any order; thresholds of trees are any doubles, as training gives them (no two are equal).

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace weir::bench::pmml {

constexpr std::size_t kInputs = 11;  ///< of all models but the network and the pipeline

/// Rows to score, row-major. Numbers are multiples of 1/16 in [0, 16).
struct Rows {
  std::size_t count = 0;
  std::size_t number_columns = 0;
  std::size_t text_columns = 0;
  std::vector<double> numbers;
  std::vector<std::string_view> texts;
};
Rows make_rows(std::size_t count, std::size_t number_columns, std::uint64_t seed);

/// RegressionModel: a number, or the probability of the class `1` (logit).
struct Linear {
  bool logistic = false;
  double intercept = 0;
  std::array<double, kInputs> coefficients{};
};
Linear make_linear(bool logistic, std::uint64_t seed);
std::string to_pmml(const Linear& model);

/// NeuralNetwork 30-64-32-1: rectifiers, then a plain sum. weights[input][neuron].
struct Network {
  static constexpr std::size_t kIn = 30, kFirst = 64, kSecond = 32;
  std::array<std::array<double, kFirst>, kIn> first{};
  std::array<double, kFirst> first_bias{};
  std::array<std::array<double, kSecond>, kFirst> second{};
  std::array<double, kSecond> second_bias{};
  std::array<double, kSecond> last{};
  double last_bias = 0;
};
Network make_network(std::uint64_t seed);
std::string to_pmml(const Network& model);

/// Complete trees of one depth. In a tree the children of node n are 2n + 1, taken when the feature is at most the
/// threshold, and 2n + 2; leaf l stands for node splits + l.
struct Trees {
  enum class Combine { kOne, kAverage, kSum };
  struct Split {
    double threshold;
    std::uint32_t feature;
  };
  Combine combine = Combine::kOne;
  std::size_t count = 0;
  std::size_t depth = 0;
  double constant = 0;  ///< kSum: added at the end (Targets)
  std::vector<Split> splits;
  std::vector<double> leaves;
  [[nodiscard]] std::size_t splits_of_tree() const noexcept { return (std::size_t{1} << depth) - 1; }
  [[nodiscard]] std::size_t leaves_of_tree() const noexcept { return std::size_t{1} << depth; }
};
Trees make_trees(Trees::Combine combine, std::size_t count, std::size_t depth, std::uint64_t seed);
std::string to_pmml(const Trees& model);

/// An average of trees that grew where they wanted to: some branches short, some of 30 levels.
struct DeepTrees {
  struct Node {
    double threshold;       ///< a leaf: its score
    std::uint32_t feature;  ///< a leaf: kLeaf
    std::uint32_t left;     ///< the right child follows it
  };
  static constexpr std::uint32_t kLeaf = 0xffffffff;
  std::vector<Node> nodes;
  std::vector<std::uint32_t> roots;
  std::size_t deepest = 0;
};
DeepTrees make_deep_trees(std::size_t count, std::size_t nodes_of_tree, std::uint64_t seed);
std::string to_pmml(const DeepTrees& model);

/// SupportVectorMachineModel, regression with a radial basis kernel.
struct Machine {
  double gamma = 0;
  double bias = 0;
  std::vector<std::array<double, kInputs>> vectors;
  std::vector<double> coefficients;
};
Machine make_machine(std::size_t vectors, std::uint64_t seed);
std::string to_pmml(const Machine& model);

/// NearestNeighborModel: the mean target of the nearest instances, by Euclidean distance.
struct Neighbors {
  std::size_t nearest = 5;
  std::vector<std::array<double, kInputs>> instances;
  std::vector<double> targets;
};
Neighbors make_neighbors(std::size_t instances, std::uint64_t seed);
std::string to_pmml(const Neighbors& model);

/// What a scikit-learn pipeline exports: missing numbers replaced, scaled, one through a logarithm and one cut into
/// bins, two texts to indicators, then a logistic regression.
struct SklearnPipeline {
  static constexpr std::size_t kNumbers = 6, kTexts = 2, kTextValues = 5, kBins = 4;
  std::array<double, kNumbers> replacements{};
  std::array<double, kNumbers> means{};
  std::array<double, kNumbers> deviations{};
  std::array<double, kBins - 1> cuts{};  ///< of the last number: [cuts[i - 1], cuts[i])
  std::array<std::array<std::string_view, kTextValues>, kTexts> values{};  ///< literals
  double intercept = 0;
  std::array<double, kNumbers> coefficients{};  ///< of the first kNumbers - 1 numbers; number 1 as its logarithm
  std::array<double, kBins> bin_coefficients{};
  std::array<std::array<double, kTextValues>, kTexts> text_coefficients{};
};
SklearnPipeline make_pipeline(std::uint64_t seed);
Rows make_pipeline_rows(const SklearnPipeline& model, std::size_t count, std::uint64_t seed);
std::string to_pmml(const SklearnPipeline& model);

/// A forest's document of at least `bytes` bytes: trees of depth 8 with record counts and ids, as trainers export them.
std::string large_forest_document(std::size_t bytes, std::uint64_t seed);

}  // namespace weir::bench::pmml
