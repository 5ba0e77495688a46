// What of the rarer kinds cannot be exact, or is wrong, is refused with the reason. Their answers are compared by the
// triples of the set `computed`.

#include <gtest/gtest.h>

#include "models/pmml/document.hpp"

namespace weir::test {
namespace {

bool says(const std::string& message, const std::string& part) { return message.find(part) != std::string::npos; }

const std::string kFields = number_field("x") + number_field("y") + text_field("c") +
                            R"(<DataField name="h" optype="continuous" dataType="integer"/>)";
std::string schema(const std::string& target, const std::string& input) {
  return "<MiningSchema><MiningField name=\"" + target + R"(" usageType="target"/><MiningField name=")" + input +
         "\"/></MiningSchema>";
}

std::string process(const std::string& kernel, const std::string& rows) {
  return pmml(kFields, R"(<GaussianProcessModel functionName="regression">)" + schema("y", "x") + kernel +
                           R"(<TrainingInstances><InstanceFields><InstanceField field="x" column="data:x"/>
<InstanceField field="y" column="y"/></InstanceFields><InlineTable>)" +
                           rows + "</InlineTable></TrainingInstances></GaussianProcessModel>");
}

TEST(PmmlGaussianProcess, OneInstance) {
  // k(0, 0) = 2, k(1, 0) = 2 exp(-1/2): the mean is 3 k / (2 + 1).
  const std::string model =
      process(R"(<RadialBasisKernel gamma="2" noiseVariance="1" lambda="1"/>)", "<row><x>0</x><y>3</y></row>");
  EXPECT_DOUBLE_EQ(number(model, {{"x", 0.0}}), 2);
  EXPECT_DOUBLE_EQ(number(model, {{"x", 1.0}}), 2 * std::exp(-0.5));
  EXPECT_TRUE(std::isnan(number(model, {{"x", Cell()}})));
}

TEST(PmmlGaussianProcess, Refusals) {
  const std::string kernel = "<RadialBasisKernel/>", row = "<row><x>0</x><y>3</y></row>";
  EXPECT_EQ(refusal(process(kernel, row)), "");
  EXPECT_TRUE(says(refusal(process("", row)), "no kernel inside"));
  EXPECT_TRUE(says(refusal(process(kernel, "")), "no row inside"));
  EXPECT_TRUE(says(refusal(process(kernel, "<row><x>0</x></row>")), "no number for 'y'"));
  EXPECT_TRUE(says(refusal(process(R"(<RadialBasisKernel lambda="0"/>)", row)), "must be above 0"));
  EXPECT_TRUE(says(refusal(process(R"(<RadialBasisKernel noiseVariance="0"/>)", row + row)), "not positive definite"));
  EXPECT_TRUE(says(refusal(process(R"(<AbsoluteExponentialKernel><Lambda><Array n="2" type="real">1 2</Array></Lambda>
</AbsoluteExponentialKernel>)",
                                   row)),
                   "one number for each of the 1 fields"));
}

std::string series(const std::string& best, const std::string& inside, const std::string& field = "h") {
  return pmml(kFields, "<TimeSeriesModel functionName=\"timeSeries\" bestFit=\"" + best + "\">" + schema("y", field) +
                           inside + "</TimeSeriesModel>");
}

TEST(PmmlTimeSeries, ForecastsAndHorizons) {
  const std::string model = series("ExponentialSmoothing", R"(<ExponentialSmoothing transformation="squareroot">
<Level smoothedValue="3"/><Trend_ExpoSmooth smoothedValue="0.5"/></ExponentialSmoothing>)");
  EXPECT_DOUBLE_EQ(number(model, {{"h", 2.0}}), 16);
  EXPECT_TRUE(std::isnan(number(model, {{"h", Cell()}})));
  for (const double horizon : {0.0, -1.0, 10'001.0})
    EXPECT_TRUE(says(score(model, {{"h", horizon}})->error, "forecast horizon")) << horizon;
}

TEST(PmmlTimeSeries, Refusals) {
  const std::string level = R"(<Level smoothedValue="3"/>)";
  EXPECT_TRUE(says(refusal(series("ARIMA", "<ARIMA/>")), "'ARIMA' (not supported)"));
  EXPECT_TRUE(says(refusal(series("ExponentialSmoothing", "")), "no ExponentialSmoothing inside"));
  EXPECT_TRUE(says(refusal(series("ExponentialSmoothing", "<ExponentialSmoothing>" + level +
                                                              R"(<Seasonality_ExpoSmooth type="additive" period="4"/>
</ExponentialSmoothing>)")),
                   "which season"));
  EXPECT_TRUE(
      says(refusal(series("ExponentialSmoothing", "<ExponentialSmoothing>" + level + "</ExponentialSmoothing>", "x")),
           "'x' is no integer"));
  const std::string matrix = R"(<Matrix><Array n="2" type="real">1 2</Array></Matrix>)";
  EXPECT_TRUE(says(refusal(series("StateSpaceModel", R"(<StateSpaceModel><StateVector><Array n="1" type="real">1</Array>
</StateVector><TransitionMatrix>)" + matrix + "</TransitionMatrix><MeasurementMatrix>" +
                                                         matrix + "</MeasurementMatrix></StateSpaceModel>")),
                   "does not fit a matrix of 1 rows and 1 columns"));
}

TEST(PmmlBaseline, StatisticsOfEarlierRowsAreRefused) {
  const auto model = [](const std::string& statistic, const std::string& distribution) {
    return pmml(kFields, R"(<BaselineModel functionName="regression">)" + schema("y", "x") +
                             "<TestDistributions field=\"x\" testStatistic=\"" + statistic + "\"><Baseline>" +
                             distribution + "</Baseline></TestDistributions></BaselineModel>");
  };
  const std::string gauss = R"(<GaussianDistribution mean="5" variance="4"/>)";
  EXPECT_DOUBLE_EQ(number(model("zValue", gauss), {{"x", 8.0}}), 1.5);
  EXPECT_DOUBLE_EQ(number(model("zValue", R"(<PoissonDistribution mean="4"/>)"), {{"x", 8.0}}), 2);
  EXPECT_TRUE(says(refusal(model("CUSUM", gauss)), "earlier rows"));
  EXPECT_TRUE(says(refusal(model("zValue", "<AnyDistribution mean=\"1\"/>")), "AnyDistribution"));
  EXPECT_TRUE(says(refusal(model("zValue", R"(<GaussianDistribution mean="5" variance="0"/>)")), "above 0"));
}

std::string network(const std::string& nodes) {
  return pmml(kFields + text_field("d"), R"(<BayesianNetworkModel functionName="classification">)" + schema("c", "d") +
                                             "<BayesianNetworkNodes>" + nodes +
                                             "</BayesianNetworkNodes></BayesianNetworkModel>");
}
std::string conditional(const std::string& parent, const std::string& given, const std::string& p) {
  return "<DiscreteConditionalProbability><ParentValue parent=\"" + parent + "\" value=\"" + given +
         R"("/><ValueProbability value="yes" probability=")" + p +
         R"("/><ValueProbability value="no" probability="0.5"/>
</DiscreteConditionalProbability>)";
}

TEST(PmmlBayesianNetwork, EvidenceThatCannotBeHasNoAnswer) {
  const std::string model = network(
      R"(<DiscreteNode name="c"><ValueProbability value="yes" probability="1"/><ValueProbability value="no" probability="0"/>
</DiscreteNode><DiscreteNode name="d">)" +
      conditional("c", "yes", "0") + conditional("c", "no", "0.5") + "</DiscreteNode>");
  EXPECT_EQ(text(model, {{"d", "no"}}), "yes");
  EXPECT_EQ(text(model, {{"d", "yes"}}), "");
  EXPECT_EQ(text(model, {{"d", "else"}}), "");
  EXPECT_EQ(text(model, {{"d", Cell()}}), "yes");
}

TEST(PmmlBayesianNetwork, Refusals) {
  const std::string target =
      R"(<DiscreteNode name="c"><ValueProbability value="yes" probability="0.5"/><ValueProbability value="no" probability="0.5"/>
</DiscreteNode>)";
  EXPECT_EQ(refusal(network(target)), "");
  EXPECT_TRUE(says(refusal(network(target + R"(<ContinuousNode name="d"/>)")), "no exact inference"));
  EXPECT_TRUE(
      says(refusal(network(target + R"(<DiscreteNode name="d">)" + conditional("c", "yes", "1") + "</DiscreteNode>")),
           "a combination of values has no probability"));
  EXPECT_TRUE(
      says(refusal(network(target + R"(<DiscreteNode name="d">)" + conditional("e", "yes", "1") + "</DiscreteNode>")),
           "the parent 'e' is no node"));
  EXPECT_TRUE(says(refusal(network(R"(<DiscreteNode name="c">)" + conditional("d", "yes", "1") +
                                   conditional("d", "no", "1") + R"(</DiscreteNode><DiscreteNode name="d">)" +
                                   conditional("c", "yes", "1") + conditional("c", "no", "1") + "</DiscreteNode>")),
                   "form a cycle"));
  std::string many = target;
  for (int i = 0; i < 16; ++i)
    many += "<DiscreteNode name=\"n" + std::to_string(i) + R"("><ValueProbability value="yes" probability="0.5"/>
<ValueProbability value="no" probability="0.5"/></DiscreteNode>)";
  EXPECT_TRUE(says(refusal(network(many)), "combinations of their values"));
}

TEST(PmmlKinds, KindsWithoutAnExactAnswerSayWhy) {
  const auto model = [](const std::string& kind) {
    return refusal(
        pmml(kFields, "<" + kind + " functionName=\"classification\">" + schema("c", "x") + "</" + kind + ">"));
  };
  EXPECT_TRUE(says(model("TextModel"), "PMML does not say what it answers"));
  EXPECT_TRUE(says(model("SequenceModel"), "events before a row"));
}

}  // namespace
}  // namespace weir::test
