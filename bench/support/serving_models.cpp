#include "bench/support/serving_models.hpp"

#include <charconv>
#include <utility>

#include "bench/support/random.hpp"

namespace weir::bench {
namespace {

std::string number(double value) {
  char text[32];
  return {text, std::to_chars(text, text + sizeof text, value).ptr};
}

std::string feature_name(std::size_t feature) { return "x" + std::to_string(feature); }

std::string pmml(const std::string& model) {
  std::string text =
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
      "<PMML xmlns=\"http://www.dmg.org/PMML-4_4\" version=\"4.4\">\n"
      "<Header><Application name=\"weir bench\"/></Header>\n<DataDictionary>\n";
  for (std::size_t i = 0; i < kFeatures; ++i)
    text += "<DataField name=\"" + feature_name(i) + "\" optype=\"continuous\" dataType=\"double\"/>\n";
  return text + "<DataField name=\"score\" optype=\"continuous\" dataType=\"double\"/>\n</DataDictionary>\n" + model +
         "</PMML>\n";
}

std::string mining_schema() {
  std::string text = "<MiningSchema>\n";
  for (std::size_t i = 0; i < kFeatures; ++i) text += "<MiningField name=\"" + feature_name(i) + "\"/>\n";
  return text + "<MiningField name=\"score\" usageType=\"target\"/>\n</MiningSchema>\n";
}

// `node` of the tree with the condition its parent puts on it, and everything below.
void append_node(std::string& text, const Forest::Tree& tree, std::size_t node, const std::string& condition) {
  if (node >= Forest::kSplits) {
    text += "<Node score=\"" + number(tree.leaves[node - Forest::kSplits]) + "\">" + condition + "</Node>\n";
    return;
  }
  const Forest::Split& split = tree.splits[node];
  const auto test = [&](const char* comparison) {
    return "<SimplePredicate field=\"" + feature_name(split.feature) + "\" operator=\"" + comparison + "\" value=\"" +
           number(split.threshold) + "\"/>";
  };
  text += "<Node>" + condition + "\n";
  append_node(text, tree, 2 * node + 1, test("lessOrEqual"));
  append_node(text, tree, 2 * node + 2, test("greaterThan"));
  text += "</Node>\n";
}

}  // namespace

std::vector<Sample> make_samples(std::size_t count, std::uint64_t seed) {
  Random random(seed);
  std::vector<Sample> samples(count);
  for (Sample& sample : samples) {
    sample.key = static_cast<std::int64_t>(random.below(kServingKeys));
    for (double& feature : sample.features) feature = random.sixteenths();
  }
  return samples;
}

LinearModel make_linear(std::uint64_t seed) {
  Random random(seed);
  LinearModel model{};
  model.intercept = random.sixteenths() - 8;
  for (double& coefficient : model.coefficients) coefficient = random.sixteenths() - 8;
  return model;
}

Forest make_forest(std::uint64_t seed) {
  Random random(seed);
  Forest forest;
  forest.trees.resize(Forest::kTrees);
  for (Forest::Tree& tree : forest.trees) {
    for (Forest::Split& split : tree.splits)
      split = {random.sixteenths(), static_cast<std::uint32_t>(random.below(kFeatures))};
    for (double& leaf : tree.leaves) leaf = random.sixteenths() - 8;
  }
  return forest;
}

double score(const Forest& forest, const std::array<double, kFeatures>& features) noexcept {
  constexpr std::size_t kTogether = 10;
  static_assert(Forest::kTrees % kTogether == 0);
  double sum = 0;
  for (std::size_t first = 0; first < Forest::kTrees; first += kTogether) {
    std::array<std::size_t, kTogether> nodes{};
    for (std::size_t level = 0; level < Forest::kDepth; ++level) {
      for (std::size_t i = 0; i < kTogether; ++i) {
        const Forest::Split& split = forest.trees[first + i].splits[nodes[i]];
        nodes[i] = 2 * nodes[i] + 1 + (features[split.feature] <= split.threshold ? 0 : 1);
      }
    }
    for (std::size_t i = 0; i < kTogether; ++i) sum += forest.trees[first + i].leaves[nodes[i] - Forest::kSplits];
  }
  return sum;
}

std::string linear_to_pmml(const LinearModel& model) {
  std::string text = "<RegressionModel functionName=\"regression\">\n" + mining_schema() +
                     "<RegressionTable intercept=\"" + number(model.intercept) + "\">\n";
  for (std::size_t i = 0; i < kFeatures; ++i) {
    text +=
        "<NumericPredictor name=\"" + feature_name(i) + "\" coefficient=\"" + number(model.coefficients[i]) + "\"/>\n";
  }
  return pmml(text + "</RegressionTable>\n</RegressionModel>\n");
}

std::string forest_to_pmml(const Forest& forest) {
  std::string text =
      "<MiningModel functionName=\"regression\">\n" + mining_schema() + "<Segmentation multipleModelMethod=\"sum\">\n";
  for (const Forest::Tree& tree : forest.trees) {
    text += "<Segment><True/><TreeModel functionName=\"regression\" splitCharacteristic=\"binarySplit\">\n";
    text += mining_schema();
    append_node(text, tree, 0, "<True/>");
    text += "</TreeModel></Segment>\n";
  }
  return pmml(text + "</Segmentation>\n</MiningModel>\n");
}

std::string mlp_pmml(std::uint64_t seed) {
  Random random(seed);
  const auto weight = [&] { return number(random.sixteenths() / 4 - 2); };
  std::string text = "<NeuralNetwork functionName=\"regression\" activationFunction=\"rectifier\">\n" +
                     mining_schema() + "<NeuralInputs>\n";
  for (std::size_t i = 0; i < kFeatures; ++i) {
    text += "<NeuralInput id=\"0," + std::to_string(i) + R"("><DerivedField optype="continuous" dataType="double">)" +
            "<FieldRef field=\"" + feature_name(i) + "\"/></DerivedField></NeuralInput>\n";
  }
  text += "</NeuralInputs>\n";
  const std::array<std::size_t, 4> sizes{kFeatures, 64, 32, 1};
  for (std::size_t layer = 1; layer < sizes.size(); ++layer) {
    text += layer + 1 == sizes.size() ? "<NeuralLayer activationFunction=\"identity\">\n" : "<NeuralLayer>\n";
    for (std::size_t to = 0; to < sizes[layer]; ++to) {
      text += "<Neuron id=\"" + std::to_string(layer) + "," + std::to_string(to) + "\" bias=\"" + weight() + "\">\n";
      for (std::size_t from = 0; from < sizes[layer - 1]; ++from) {
        text += "<Con from=\"" + std::to_string(layer - 1) + "," + std::to_string(from) + "\" weight=\"" + weight() +
                "\"/>\n";
      }
      text += "</Neuron>\n";
    }
    text += "</NeuralLayer>\n";
  }
  return pmml(text + R"(<NeuralOutputs><NeuralOutput outputNeuron="3,0">)" +
              R"(<DerivedField optype="continuous" dataType="double"><FieldRef field="score"/></DerivedField>)" +
              "</NeuralOutput></NeuralOutputs>\n</NeuralNetwork>\n");
}

}  // namespace weir::bench
