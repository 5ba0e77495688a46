#include <gtest/gtest.h>

#include "models/pmml/document.hpp"

namespace weir::test {
namespace {

const std::string kClass =
    R"(<DataField name="class" optype="categorical" dataType="string"><Value value="a"/><Value value="b"/><Value value="c"/></DataField>)";
const std::string kSchema =
    R"(<MiningSchema><MiningField name="class" usageType="target"/><MiningField name="x"/><MiningField name="t"/></MiningSchema>)";

std::string classifier(const std::string& normalization, int tables) {
  std::string document =
      "<RegressionModel functionName=\"classification\" normalizationMethod=\"" + normalization + "\">" + kSchema;
  for (int i = 0; i < tables; ++i)
    document += "<RegressionTable intercept=\"" + std::to_string(i == tables - 1 ? 0 : i) + "\" targetCategory=\"" +
                std::string(1, static_cast<char>('a' + i)) + "\">" +
                (i == tables - 1 ? "" : "<NumericPredictor name=\"x\" coefficient=\"1\"/>") + "</RegressionTable>";
  return pmml(number_field("x") + text_field("t") + kClass, document + "</RegressionModel>");
}

TEST(PmmlRegression, NormalizesClasses) {
  const Row row = {{"x", 0.5}, {"t", "q"}};
  const double all = std::exp(0.5) + std::exp(1.5) + 1;
  EXPECT_DOUBLE_EQ(number(classifier("softmax", 3), row, "probability(b)"), std::exp(1.5) / all);
  EXPECT_DOUBLE_EQ(number(classifier("logit", 2), row, "probability(a)"), 1 / (1 + std::exp(-0.5)));
  EXPECT_DOUBLE_EQ(number(classifier("logit", 2), row, "probability(b)"), 1 - 1 / (1 + std::exp(-0.5)));
  EXPECT_DOUBLE_EQ(number(classifier("probit", 2), row, "probability(a)"), 0.5 * std::erfc(-0.5 / std::sqrt(2.0)));
  EXPECT_DOUBLE_EQ(number(classifier("cloglog", 2), row, "probability(a)"), 1 - std::exp(-std::exp(0.5)));
  EXPECT_DOUBLE_EQ(number(classifier("loglog", 2), row, "probability(a)"), std::exp(-std::exp(-0.5)));
  EXPECT_DOUBLE_EQ(number(classifier("cauchit", 2), row, "probability(a)"), 0.5 + std::atan(0.5) / M_PI);
  EXPECT_DOUBLE_EQ(number(classifier("none", 2), row, "probability(b)"), 0.5);
  EXPECT_DOUBLE_EQ(number(classifier("simplemax", 3), row, "probability(b)"), 0.75);
  EXPECT_EQ(text(classifier("softmax", 3), row), "b");
}

TEST(PmmlRegression, AMissingNumberGivesNoAnswer) {
  EXPECT_EQ(text(classifier("softmax", 3), {{"x", Cell()}, {"t", "q"}}), "");
  EXPECT_TRUE(std::isnan(number(classifier("softmax", 3), {{"x", Cell()}, {"t", "q"}}, "probability(a)")));
}

TEST(PmmlRegression, SumsAllKindsOfTerms) {
  const std::string document = pmml(
      number_field("x") + text_field("t") + number_field("y"),
      R"(<RegressionModel functionName="regression"><MiningSchema><MiningField name="y" usageType="target"/><MiningField name="x"/>
  <MiningField name="t"/></MiningSchema><RegressionTable intercept="1"><NumericPredictor name="x" coefficient="2"/>
  <NumericPredictor name="x" exponent="2" coefficient="3"/><CategoricalPredictor name="t" value="q" coefficient="100"/>
  <CategoricalPredictor name="t" value="r" coefficient="200"/><PredictorTerm coefficient="1000"><FieldRef field="x"/><FieldRef field="x"/></PredictorTerm>
  </RegressionTable></RegressionModel>)");
  EXPECT_DOUBLE_EQ(number(document, {{"x", 2.0}, {"t", "q"}}), 1 + 4 + 12 + 100 + 4000);
  EXPECT_DOUBLE_EQ(number(document, {{"x", 2.0}, {"t", "r"}}), 1 + 4 + 12 + 200 + 4000);
  EXPECT_DOUBLE_EQ(number(document, {{"x", 2.0}, {"t", "new"}}), 1 + 4 + 12 + 4000);
  EXPECT_DOUBLE_EQ(number(document, {{"x", 2.0}, {"t", Cell()}}), 1 + 4 + 12 + 4000);
}

TEST(PmmlRegression, TargetsRescaleCastAndBound) {
  const auto document = [](const std::string& target) {
    return pmml(
        number_field("x") + number_field("y"),
        R"(<RegressionModel functionName="regression"><MiningSchema><MiningField name="y" usageType="target"/><MiningField name="x"/></MiningSchema>
  <Targets><Target field="y" )" +
            target +
            R"(/></Targets><RegressionTable intercept="0"><NumericPredictor name="x" coefficient="1"/></RegressionTable></RegressionModel>)");
  };
  EXPECT_DOUBLE_EQ(number(document(R"(rescaleFactor="2" rescaleConstant="0.25")"), {{"x", 3.0}}), 6.25);
  EXPECT_DOUBLE_EQ(number(document(R"(castInteger="round")"), {{"x", 2.5}}), 3);
  EXPECT_DOUBLE_EQ(number(document(R"(castInteger="ceiling")"), {{"x", 2.1}}), 3);
  EXPECT_DOUBLE_EQ(number(document(R"(castInteger="floor")"), {{"x", 2.9}}), 2);
  EXPECT_DOUBLE_EQ(number(document(R"(min="0" max="10")"), {{"x", -1.0}}), 0);
  EXPECT_DOUBLE_EQ(number(document(R"(min="0" max="10")"), {{"x", 11.0}}), 10);
  EXPECT_TRUE(std::isnan(number(document(R"(min="0" max="10")"), {{"x", Cell()}})));
}

std::string network(const std::string& activation, const std::string& outer = "identity") {
  return pmml(number_field("x") + number_field("y"),
              "<NeuralNetwork functionName=\"regression\" activationFunction=\"" + activation +
                  R"("><MiningSchema><MiningField name="y" usageType="target"/>
  <MiningField name="x"/></MiningSchema><NeuralInputs><NeuralInput id="i"><DerivedField optype="continuous" dataType="double"><FieldRef field="x"/></DerivedField></NeuralInput></NeuralInputs>
  <NeuralLayer><Neuron id="h" bias="0.25"><Con from="i" weight="0.5"/></Neuron></NeuralLayer>
  <NeuralLayer activationFunction=")" +
                  outer + R"("><Neuron id="o" bias="0"><Con from="h" weight="1"/></Neuron></NeuralLayer>
  <NeuralOutputs><NeuralOutput outputNeuron="o"><DerivedField optype="continuous" dataType="double"><NormContinuous field="y"><LinearNorm orig="10" norm="0"/>
  <LinearNorm orig="30" norm="1"/></NormContinuous></DerivedField></NeuralOutput></NeuralOutputs></NeuralNetwork>)");
}

TEST(PmmlNetwork, ActivatesAndUndoesTheTargetsNorm) {
  const double z = 0.25 + 0.5 * 1.5;
  const auto expect = [&](const char* name, double activated) {
    EXPECT_NEAR(number(network(name), {{"x", 1.5}}), 10 + 20 * activated, 1e-12) << name;
  };
  expect("logistic", 1 / (1 + std::exp(-z)));
  expect("tanh", std::tanh(z));
  expect("identity", z);
  expect("exponential", std::exp(z));
  expect("reciprocal", 1 / z);
  expect("square", z * z);
  expect("Gauss", std::exp(-z * z));
  expect("sine", std::sin(z));
  expect("cosine", std::cos(z));
  expect("Elliott", z / (1 + z));
  expect("arctan", 2 * std::atan(z) / M_PI);
  expect("rectifier", z);
  expect("threshold", 1);
  EXPECT_TRUE(std::isnan(number(network("threshold"), {{"x", Cell()}})));
}

std::string treated(const std::string& data_field, const std::string& mining_field) {
  return pmml(
      data_field + number_field("y"),
      "<RegressionModel functionName=\"regression\"><MiningSchema><MiningField name=\"y\" usageType=\"target\"/>" +
          mining_field +
          R"(</MiningSchema><RegressionTable intercept="0"><NumericPredictor name="x" coefficient="1"/></RegressionTable></RegressionModel>)");
}

TEST(PmmlFields, TreatMissingInvalidAndExtremeValues) {
  const std::string plain = number_field("x");
  const std::string ranged =
      R"(<DataField name="x" optype="continuous" dataType="double"><Interval closure="closedOpen" leftMargin="0" rightMargin="10"/></DataField>)";
  EXPECT_EQ(number(treated(plain, R"(<MiningField name="x" missingValueReplacement="5"/>)"), {{"x", Cell()}}), 5);
  EXPECT_EQ(number(treated(plain, R"(<MiningField name="x" missingValueReplacement="5"/>)"), {}), 5)
      << "an absent input is missing";
  EXPECT_EQ(number(treated(ranged, R"(<MiningField name="x"/>)"), {{"x", 9.5}}), 9.5);
  const auto failed = score(treated(ranged, R"(<MiningField name="x"/>)"), {{"x", 10.0}});
  ASSERT_TRUE(failed.is_ok());
  EXPECT_TRUE(failed->failed);
  EXPECT_NE(failed->error.find("field 'x': 10"), std::string::npos) << failed->error;
  EXPECT_EQ(number(treated(ranged, R"(<MiningField name="x" invalidValueTreatment="asIs"/>)"), {{"x", 10.0}}), 10);
  EXPECT_TRUE(std::isnan(
      number(treated(ranged, R"(<MiningField name="x" invalidValueTreatment="asMissing"/>)"), {{"x", 10.0}})));
  EXPECT_EQ(number(treated(ranged,
                           R"(<MiningField name="x" invalidValueTreatment="asMissing" missingValueReplacement="3"/>)"),
                   {{"x", 10.0}}),
            3);
  EXPECT_EQ(
      number(treated(ranged, R"(<MiningField name="x" invalidValueTreatment="asValue" invalidValueReplacement="4"/>)"),
             {{"x", 10.0}}),
      4);
  EXPECT_EQ(number(treated(plain, R"(<MiningField name="x" outliers="asExtremeValues" lowValue="1" highValue="2"/>)"),
                   {{"x", 10.0}}),
            2);
  EXPECT_TRUE(std::isnan(
      number(treated(plain, R"(<MiningField name="x" outliers="asMissingValues" lowValue="1" highValue="2"/>)"),
             {{"x", 0.0}})));
  const std::string marked =
      R"(<DataField name="x" optype="continuous" dataType="double"><Value value="-999" property="missing"/><Value value="-1" property="invalid"/></DataField>)";
  EXPECT_EQ(number(treated(marked, R"(<MiningField name="x" missingValueReplacement="6"/>)"), {{"x", -999.0}}), 6);
  EXPECT_TRUE(score(treated(marked, R"(<MiningField name="x"/>)"), {{"x", -1.0}})->failed);
  EXPECT_TRUE(
      score(treated(R"(<DataField name="x" optype="continuous" dataType="integer"/>)", R"(<MiningField name="x"/>)"),
            {{"x", 1.5}})
          ->failed);
  EXPECT_TRUE(score(treated(plain, R"(<MiningField name="x" missingValueTreatment="returnInvalid"/>)"), {{"x", Cell()}})
                  ->failed);
}

TEST(PmmlBind, ReportsEveryMismatch) {
  const auto model = pmml_runtime()->load(classifier("softmax", 3), {});
  ASSERT_TRUE(model.is_ok());
  const FeatureSchema wrong({{"x", FieldType::kText}});
  const std::vector<std::string> outputs = {"class", "nothing"};
  const auto scorer = (*model)->bind(wrong, outputs);
  ASSERT_FALSE(scorer.is_ok());
  EXPECT_NE(scorer.status().message().find("'x' is a number, but a text is supplied"), std::string::npos);
  EXPECT_NE(scorer.status().message().find("output 'nothing'"), std::string::npos);
  // The text field is listed but never read: it need not be supplied.
  EXPECT_EQ(scorer.status().message().find("'t'"), std::string::npos);
  EXPECT_FALSE((*model)->bind(FeatureSchema(), {}).is_ok());
}

TEST(PmmlBind, OutputsAreNamedAsDocumented) {
  const auto model = pmml_runtime()->load(classifier("softmax", 3), {});
  ASSERT_TRUE(model.is_ok());
  std::string names;
  for (const Field& output : (*model)->outputs()) names += output.name + " ";
  EXPECT_EQ(names, "class probability(a) probability(b) probability(c) predictedValue ");
  EXPECT_EQ((*model)->summary(), "RegressionModel, classification, 2 inputs");
  EXPECT_GT((*model)->memory_bytes(), 0U);
}

TEST(PmmlScore, BatchesAndSingleRowsAgreeAndFailedRowsAreMarked) {
  const std::string document = treated(
      R"(<DataField name="x" optype="continuous" dataType="double"><Interval closure="closedClosed" leftMargin="0" rightMargin="10"/></DataField>)",
      R"(<MiningField name="x"/>)");
  const auto model = pmml_runtime()->load(document, {});
  ASSERT_TRUE(model.is_ok());
  const auto scorer = (*model)->bind(FeatureSchema({{"x"}}), {});
  ASSERT_TRUE(scorer.is_ok());
  std::vector<double> in, out(40);
  for (int i = 0; i < 40; ++i) in.push_back(i);
  std::vector<unsigned char> failed(40, 9);
  ScoreErrors errors;
  ScoreScratch scratch;
  (*scorer)->score({40, in.data(), 1, nullptr, 0}, {out.data(), nullptr, failed.data()}, errors, scratch);
  for (std::size_t i = 0; i < 40; ++i) {
    EXPECT_EQ(failed[i], i > 10 ? 1 : 0);
    if (i > 10)
      EXPECT_TRUE(std::isnan(out[i]));
    else
      EXPECT_EQ(out[i], in[i]);
  }
  EXPECT_EQ(errors.count(), 29U);
  EXPECT_EQ(errors.entries().size(), ScoreErrors::kMaxRows);
  EXPECT_EQ(errors.entries().front().row, 11U);
}

}  // namespace
}  // namespace weir::test
