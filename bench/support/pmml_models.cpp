#include "bench/support/pmml_models.hpp"

#include <algorithm>
#include <charconv>

#include "bench/support/random.hpp"

namespace weir::bench::pmml {
namespace {

std::string number(double value) {
  char text[32];
  return {text, std::to_chars(text, text + sizeof text, value).ptr};
}
std::string number_name(std::size_t i) { return "x" + std::to_string(i); }
std::string text_name(std::size_t i) { return "t" + std::to_string(i); }
double small(Random& random) { return random.sixteenths() - 8; }

std::string quoted(const char* name, std::string_view value) {
  return std::string(" ").append(name).append("=\"").append(value).append("\"");
}

std::string document(std::size_t numbers, const std::string& other_fields, const std::string& model) {
  std::string text =
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
      "<PMML xmlns=\"http://www.dmg.org/PMML-4_4\" version=\"4.4\">\n"
      "<Header><Application name=\"weir bench\"/></Header>\n<DataDictionary>\n";
  for (std::size_t i = 0; i < numbers; ++i)
    text += "<DataField" + quoted("name", number_name(i)) + " optype=\"continuous\" dataType=\"double\"/>\n";
  return text + other_fields + "</DataDictionary>\n" + model + "</PMML>\n";
}
const std::string kNumberTarget = "<DataField name=\"score\" optype=\"continuous\" dataType=\"double\"/>\n";
const std::string kClassTarget =
    "<DataField name=\"score\" optype=\"categorical\" dataType=\"integer\"><Value value=\"0\"/><Value "
    "value=\"1\"/></DataField>\n";

std::string schema(std::size_t numbers, const std::string& other_fields = "") {
  std::string text = "<MiningSchema>\n";
  for (std::size_t i = 0; i < numbers; ++i) text += "<MiningField" + quoted("name", number_name(i)) + "/>\n";
  return text + other_fields + "<MiningField name=\"score\" usageType=\"target\"/>\n</MiningSchema>\n";
}

std::string derived(const std::string& name, const std::string& expression) {
  return "<DerivedField" + quoted("name", name) + " optype=\"continuous\" dataType=\"double\">" + expression +
         "</DerivedField>\n";
}
std::string field(const std::string& name) { return "<FieldRef" + quoted("field", name) + "/>"; }
std::string constant(double value) { return "<Constant dataType=\"double\">" + number(value) + "</Constant>"; }
std::string apply(const char* function, const std::string& arguments) {
  return "<Apply" + quoted("function", function) + ">" + arguments + "</Apply>";
}
std::string predictor(const std::string& name, double coefficient) {
  return "<NumericPredictor" + quoted("name", name) + quoted("coefficient", number(coefficient)) + "/>\n";
}

std::string simple_predicate(std::size_t feature, const char* comparison, double threshold) {
  return "<SimplePredicate" + quoted("field", number_name(feature)) + quoted("operator", comparison) +
         quoted("value", number(threshold)) + "/>";
}

// `node` of tree `tree` with the condition its parent puts on it, and everything below.
void append_node(std::string& text, const Trees& trees, std::size_t tree, std::size_t node,
                 const std::string& condition) {
  const std::size_t splits = trees.splits_of_tree();
  if (node >= splits) {
    text += "<Node" + quoted("score", number(trees.leaves[tree * trees.leaves_of_tree() + node - splits])) + ">" +
            condition + "</Node>\n";
    return;
  }
  const Trees::Split& split = trees.splits[tree * splits + node];
  text += "<Node>" + condition + "\n";
  append_node(text, trees, tree, 2 * node + 1, simple_predicate(split.feature, "lessOrEqual", split.threshold));
  append_node(text, trees, tree, 2 * node + 2, simple_predicate(split.feature, "greaterThan", split.threshold));
  text += "</Node>\n";
}

void append_node(std::string& text, const DeepTrees& trees, std::uint32_t index, const std::string& condition) {
  const DeepTrees::Node& node = trees.nodes[index];
  if (node.feature == DeepTrees::kLeaf) {
    text += "<Node" + quoted("score", number(node.threshold)) + ">" + condition + "</Node>\n";
    return;
  }
  text += "<Node>" + condition + "\n";
  append_node(text, trees, node.left, simple_predicate(node.feature, "lessOrEqual", node.threshold));
  append_node(text, trees, node.left + 1, simple_predicate(node.feature, "greaterThan", node.threshold));
  text += "</Node>\n";
}

std::string tree_model(const std::string& nodes) {
  return "<TreeModel functionName=\"regression\" splitCharacteristic=\"binarySplit\">\n" + schema(kInputs) + nodes +
         "</TreeModel>";
}

std::string mining_model(const char* method, const std::string& targets, const std::vector<std::string>& trees) {
  std::string text = "<MiningModel functionName=\"regression\">\n" + schema(kInputs) + targets + "<Segmentation" +
                     quoted("multipleModelMethod", method) + ">\n";
  for (const std::string& tree : trees) text += "<Segment><True/>" + tree_model(tree) + "</Segment>\n";
  return text + "</Segmentation>\n</MiningModel>\n";
}

std::string neuron(const std::string& id, double bias, const std::string& connections) {
  return "<Neuron" + quoted("id", id) + quoted("bias", number(bias)) + ">\n" + connections + "</Neuron>\n";
}
std::string connection(const std::string& from, double weight) {
  return "<Con" + quoted("from", from) + quoted("weight", number(weight)) + "/>\n";
}

}  // namespace

Rows make_rows(std::size_t count, std::size_t number_columns, std::uint64_t seed) {
  Random random(seed);
  Rows rows{count, number_columns, 0, {}, {}};
  for (std::size_t i = 0; i < count * number_columns; ++i) rows.numbers.push_back(random.sixteenths());
  return rows;
}

Linear make_linear(bool logistic, std::uint64_t seed) {
  Random random(seed);
  Linear model;
  model.logistic = logistic;
  const double scale = logistic ? 0.0625 : 1;
  model.intercept = small(random) * scale;
  for (double& coefficient : model.coefficients) coefficient = small(random) * scale;
  return model;
}

std::string to_pmml(const Linear& model) {
  std::string table = "<RegressionTable" + quoted("intercept", number(model.intercept)) +
                      (model.logistic ? quoted("targetCategory", "1") : "") + ">\n";
  for (std::size_t i = 0; i < kInputs; ++i) table += predictor(number_name(i), model.coefficients[i]);
  table += "</RegressionTable>\n";
  if (model.logistic) table += "<RegressionTable intercept=\"0\" targetCategory=\"0\"/>\n";
  return document(kInputs, model.logistic ? kClassTarget : kNumberTarget,
                  "<RegressionModel" + quoted("functionName", model.logistic ? "classification" : "regression") +
                      quoted("normalizationMethod", model.logistic ? "logit" : "none") + ">\n" + schema(kInputs) +
                      table + "</RegressionModel>\n");
}

Network make_network(std::uint64_t seed) {
  Random random(seed);
  Network model;
  for (auto& weights : model.first)
    for (double& weight : weights) weight = small(random);
  for (double& bias : model.first_bias) bias = small(random);
  for (auto& weights : model.second)
    for (double& weight : weights) weight = small(random);
  for (double& bias : model.second_bias) bias = small(random);
  for (double& weight : model.last) weight = small(random);
  model.last_bias = small(random);
  return model;
}

std::string to_pmml(const Network& model) {
  std::string text = "<NeuralNetwork functionName=\"regression\" activationFunction=\"rectifier\">\n" +
                     schema(Network::kIn) + "<NeuralInputs>\n";
  for (std::size_t i = 0; i < Network::kIn; ++i)
    text += "<NeuralInput" + quoted("id", "0," + std::to_string(i)) + ">" +
            derived("input" + std::to_string(i), field(number_name(i))) + "</NeuralInput>\n";
  text += "</NeuralInputs>\n<NeuralLayer>\n";
  for (std::size_t j = 0; j < Network::kFirst; ++j) {
    std::string connections;
    for (std::size_t i = 0; i < Network::kIn; ++i)
      connections += connection("0," + std::to_string(i), model.first[i][j]);
    text += neuron("1," + std::to_string(j), model.first_bias[j], connections);
  }
  text += "</NeuralLayer>\n<NeuralLayer>\n";
  for (std::size_t j = 0; j < Network::kSecond; ++j) {
    std::string connections;
    for (std::size_t i = 0; i < Network::kFirst; ++i)
      connections += connection("1," + std::to_string(i), model.second[i][j]);
    text += neuron("2," + std::to_string(j), model.second_bias[j], connections);
  }
  text += "</NeuralLayer>\n<NeuralLayer activationFunction=\"identity\">\n";
  std::string connections;
  for (std::size_t i = 0; i < Network::kSecond; ++i) connections += connection("2," + std::to_string(i), model.last[i]);
  text += neuron("3,0", model.last_bias, connections) +
          "</NeuralLayer>\n<NeuralOutputs><NeuralOutput outputNeuron=\"3,0\">" + derived("output", field("score")) +
          "</NeuralOutput></NeuralOutputs>\n</NeuralNetwork>\n";
  return document(Network::kIn, kNumberTarget, text);
}

Trees make_trees(Trees::Combine combine, std::size_t count, std::size_t depth, std::uint64_t seed) {
  Random random(seed);
  Trees trees;
  trees.combine = combine;
  trees.count = count;
  trees.depth = depth;
  trees.constant = combine == Trees::Combine::kSum ? 0.5 : 0;
  for (std::size_t i = 0; i < count * trees.splits_of_tree(); ++i)
    trees.splits.push_back({random.fraction() * 16, static_cast<std::uint32_t>(random.below(kInputs))});
  for (std::size_t i = 0; i < count * trees.leaves_of_tree(); ++i) trees.leaves.push_back(small(random));
  return trees;
}

std::string to_pmml(const Trees& model) {
  std::vector<std::string> texts(model.count);
  for (std::size_t tree = 0; tree < model.count; ++tree) append_node(texts[tree], model, tree, 0, "<True/>");
  if (model.combine == Trees::Combine::kOne) return document(kInputs, kNumberTarget, tree_model(texts.front()) + "\n");
  const bool sum = model.combine == Trees::Combine::kSum;
  const std::string targets =
      "<Targets><Target field=\"score\"" + quoted("rescaleConstant", number(model.constant)) + "/></Targets>\n";
  return document(kInputs, kNumberTarget, mining_model(sum ? "sum" : "average", sum ? targets : "", texts));
}

DeepTrees make_deep_trees(std::size_t count, std::size_t nodes_of_tree, std::uint64_t seed) {
  Random random(seed);
  DeepTrees trees;
  for (std::size_t tree = 0; tree < count; ++tree) {
    struct Open {
      std::uint32_t node;
      std::size_t depth;
    };
    const auto root = static_cast<std::uint32_t>(trees.nodes.size());
    trees.roots.push_back(root);
    trees.nodes.push_back({0, DeepTrees::kLeaf, 0});
    std::vector<Open> open = {{root, 0}};
    while (trees.nodes.size() - root + 2 <= nodes_of_tree) {
      // Grow one of the last few: some branches become long.
      const std::size_t from = open.size() > 4 && random.below(2) == 0 ? open.size() - 4 : 0;
      const std::size_t chosen = from + random.below(open.size() - from);
      const Open at = open[chosen];
      open.erase(open.begin() + static_cast<std::ptrdiff_t>(chosen));
      const auto left = static_cast<std::uint32_t>(trees.nodes.size());
      trees.nodes[at.node] = {random.fraction() * 16, static_cast<std::uint32_t>(random.below(kInputs)), left};
      for (std::uint32_t child = left; child < left + 2; ++child) {
        trees.nodes.push_back({small(random), DeepTrees::kLeaf, 0});
        open.push_back({child, at.depth + 1});
        trees.deepest = std::max(trees.deepest, at.depth + 1);
      }
    }
  }
  return trees;
}

std::string to_pmml(const DeepTrees& model) {
  std::vector<std::string> texts(model.roots.size());
  for (std::size_t i = 0; i < texts.size(); ++i) append_node(texts[i], model, model.roots[i], "<True/>");
  return document(kInputs, kNumberTarget, mining_model("average", "", texts));
}

Machine make_machine(std::size_t vectors, std::uint64_t seed) {
  Random random(seed);
  Machine model{1.0 / 256, small(random), {}, {}};
  for (std::size_t i = 0; i < vectors; ++i) {
    auto& vector = model.vectors.emplace_back();
    for (double& value : vector) value = random.sixteenths();
    model.coefficients.push_back(small(random));
  }
  return model;
}

std::string to_pmml(const Machine& model) {
  std::string fields = "<VectorFields>\n";
  for (std::size_t i = 0; i < kInputs; ++i) fields += field(number_name(i)) + "\n";
  std::string vectors, ids, coefficients;
  for (std::size_t i = 0; i < model.vectors.size(); ++i) {
    const std::string id = "v" + std::to_string(i);
    std::string values;
    for (const double value : model.vectors[i]) values += number(value) + " ";
    vectors += "<VectorInstance" + quoted("id", id) + "><Array type=\"real\">" + values + "</Array></VectorInstance>\n";
    ids += "<SupportVector" + quoted("vectorId", id) + "/>\n";
    coefficients += "<Coefficient" + quoted("value", number(model.coefficients[i])) + "/>\n";
  }
  return document(kInputs, kNumberTarget,
                  "<SupportVectorMachineModel functionName=\"regression\">\n" + schema(kInputs) +
                      "<RadialBasisKernelType" + quoted("gamma", number(model.gamma)) + "/>\n<VectorDictionary>\n" +
                      fields + "</VectorFields>\n" + vectors + "</VectorDictionary>\n<SupportVectorMachine>\n" +
                      "<SupportVectors>\n" + ids + "</SupportVectors>\n<Coefficients" +
                      quoted("absoluteValue", number(model.bias)) + ">\n" + coefficients +
                      "</Coefficients>\n</SupportVectorMachine>\n</SupportVectorMachineModel>\n");
}

Neighbors make_neighbors(std::size_t instances, std::uint64_t seed) {
  Random random(seed);
  Neighbors model;
  for (std::size_t i = 0; i < instances; ++i) {
    auto& instance = model.instances.emplace_back();
    for (double& value : instance) value = random.fraction() * 16;
    model.targets.push_back(small(random));
  }
  return model;
}

std::string to_pmml(const Neighbors& model) {
  std::string fields, inputs, rows;
  for (std::size_t i = 0; i < kInputs; ++i) {
    fields += "<InstanceField" + quoted("field", number_name(i)) + quoted("column", number_name(i)) + "/>\n";
    inputs += "<KNNInput" + quoted("field", number_name(i)) + " compareFunction=\"absDiff\"/>\n";
  }
  for (std::size_t i = 0; i < model.instances.size(); ++i) {
    rows += "<row>";
    for (std::size_t j = 0; j < kInputs; ++j)
      rows += "<" + number_name(j) + ">" + number(model.instances[i][j]) + "</" + number_name(j) + ">";
    rows += "<y>" + number(model.targets[i]) + "</y></row>\n";
  }
  return document(kInputs, kNumberTarget,
                  "<NearestNeighborModel functionName=\"regression\" continuousScoringMethod=\"average\"" +
                      quoted("numberOfNeighbors", std::to_string(model.nearest)) + ">\n" + schema(kInputs) +
                      "<TrainingInstances isTransformed=\"true\">\n<InstanceFields>\n" + fields +
                      "<InstanceField field=\"score\" column=\"y\"/>\n</InstanceFields>\n<InlineTable>\n" + rows +
                      "</InlineTable>\n</TrainingInstances>\n<ComparisonMeasure kind=\"distance\"><euclidean/>" +
                      "</ComparisonMeasure>\n<KNNInputs>\n" + inputs + "</KNNInputs>\n</NearestNeighborModel>\n");
}

SklearnPipeline make_pipeline(std::uint64_t seed) {
  Random random(seed);
  SklearnPipeline model;
  for (std::size_t i = 0; i < SklearnPipeline::kNumbers; ++i) {
    model.replacements[i] = random.sixteenths();
    model.means[i] = random.fraction() * 16;
    model.deviations[i] = 1 + random.fraction() * 8;
    model.coefficients[i] = small(random) / 16;
  }
  for (std::size_t i = 0; i < model.cuts.size(); ++i)
    model.cuts[i] = static_cast<double>(4 * (i + 1)) + random.fraction();
  model.values = {
      {{"carrier", "airport", "north", "late", "unknown value"}, {"one", "two", "three", "four", "five or more"}}};
  for (auto& coefficients : model.text_coefficients)
    for (double& coefficient : coefficients) coefficient = small(random) / 16;
  for (double& coefficient : model.bin_coefficients) coefficient = small(random) / 16;
  model.intercept = small(random) / 16;
  return model;
}

// One number in 16 is missing.
Rows make_pipeline_rows(const SklearnPipeline& model, std::size_t count, std::uint64_t seed) {
  Random random(seed);
  Rows rows{count, SklearnPipeline::kNumbers, SklearnPipeline::kTexts, {}, {}};
  for (std::size_t row = 0; row < count; ++row) {
    for (std::size_t i = 0; i < SklearnPipeline::kNumbers; ++i)
      rows.numbers.push_back(random.below(16) == 0 ? __builtin_nan("") : random.sixteenths());
    for (std::size_t i = 0; i < SklearnPipeline::kTexts; ++i)
      rows.texts.push_back(model.values[i][random.below(SklearnPipeline::kTextValues)]);
  }
  return rows;
}

std::string to_pmml(const SklearnPipeline& model) {
  using P = SklearnPipeline;
  std::string fields, mining, transformations, table;
  for (std::size_t i = 0; i < P::kTexts; ++i) {
    fields += "<DataField" + quoted("name", text_name(i)) + " optype=\"categorical\" dataType=\"string\">";
    for (const std::string_view value : model.values[i]) fields += "<Value" + quoted("value", value) + "/>";
    fields += "</DataField>\n";
    mining += "<MiningField" + quoted("name", text_name(i)) + "/>\n";
  }
  std::string numbers;
  for (std::size_t i = 0; i < P::kNumbers; ++i)
    numbers += "<MiningField" + quoted("name", number_name(i)) +
               quoted("missingValueReplacement", number(model.replacements[i])) +
               " missingValueTreatment=\"asMean\"/>\n";
  for (std::size_t i = 0; i + 1 < P::kNumbers; ++i) {
    const std::string name = "scaled(" + number_name(i) + ")";
    const std::string raw =
        i == 1 ? apply("ln", apply("+", field(number_name(i)) + constant(1))) : field(number_name(i));
    transformations +=
        derived(name, apply("/", apply("-", raw + constant(model.means[i])) + constant(model.deviations[i])));
    table += predictor(name, model.coefficients[i]);
  }
  std::string bins = "<Discretize" + quoted("field", number_name(P::kNumbers - 1)) + ">";
  for (std::size_t i = 0; i < P::kBins; ++i)
    bins += "<DiscretizeBin" + quoted("binValue", std::to_string(i)) + "><Interval closure=\"closedOpen\"" +
            (i > 0 ? quoted("leftMargin", number(model.cuts[i - 1])) : "") +
            (i + 1 < P::kBins ? quoted("rightMargin", number(model.cuts[i])) : "") + "/></DiscretizeBin>";
  transformations += "<DerivedField name=\"bin\" optype=\"categorical\" dataType=\"integer\">" + bins +
                     "</Discretize></DerivedField>\n";
  const auto categorical = [&](const std::string& name, std::string_view value, double coefficient) {
    table += "<CategoricalPredictor" + quoted("name", name) + quoted("value", value) +
             quoted("coefficient", number(coefficient)) + "/>\n";
  };
  for (std::size_t i = 0; i < P::kBins; ++i) categorical("bin", std::to_string(i), model.bin_coefficients[i]);
  for (std::size_t text = 0; text < P::kTexts; ++text)
    for (std::size_t i = 0; i < P::kTextValues; ++i)
      categorical(text_name(text), model.values[text][i], model.text_coefficients[text][i]);
  return document(
      P::kNumbers, fields + kClassTarget,
      "<RegressionModel functionName=\"classification\" normalizationMethod=\"logit\">\n<MiningSchema>\n" + numbers +
          mining + "<MiningField name=\"score\" usageType=\"target\"/>\n</MiningSchema>\n" +
          "<LocalTransformations>\n" + transformations + "</LocalTransformations>\n<RegressionTable" +
          quoted("intercept", number(model.intercept)) + " targetCategory=\"1\">\n" + table +
          "</RegressionTable>\n<RegressionTable intercept=\"0\" targetCategory=\"0\"/>\n</RegressionModel>\n");
}

std::string large_forest_document(std::size_t bytes, std::uint64_t seed) {
  Random random(seed);
  std::string text = "<MiningModel functionName=\"regression\">\n" + schema(kInputs) +
                     "<Segmentation multipleModelMethod=\"average\">\n";
  text.reserve(bytes + (std::size_t{1} << 20));
  for (std::size_t tree = 0; text.size() < bytes; ++tree) {
    text += "<Segment" + quoted("id", std::to_string(tree + 1)) +
            ">\n<True/>\n<TreeModel functionName=\"regression\" missingValueStrategy=\"defaultChild\" "
            "splitCharacteristic=\"binarySplit\">\n" +
            schema(kInputs);
    std::size_t next = 1;
    const auto append = [&](const auto& self, std::size_t depth, const std::string& condition) -> void {
      const std::string indent(depth, '\t');
      const std::size_t id = next++;
      text += indent + "<Node" + quoted("id", std::to_string(id));
      if (depth == 8) {
        text += quoted("score", number(random.fraction())) + quoted("recordCount", std::to_string(random.below(100))) +
                ">\n" + indent + '\t' + condition + "\n" + indent + "</Node>\n";
        return;
      }
      text += quoted("defaultChild", std::to_string(id + 1)) + ">\n" + indent + '\t' + condition + "\n";
      const std::size_t feature = random.below(kInputs);
      const double threshold = random.fraction() * 16;
      self(self, depth + 1, simple_predicate(feature, "lessOrEqual", threshold));
      self(self, depth + 1, simple_predicate(feature, "greaterThan", threshold));
      text += indent + "</Node>\n";
    };
    append(append, 0, "<True/>");
    text += "</TreeModel>\n</Segment>\n";
  }
  return document(kInputs, kNumberTarget, text + "</Segmentation>\n</MiningModel>\n");
}

}  // namespace weir::bench::pmml
