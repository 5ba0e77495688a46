// Documents made to cost more than their size: they are refused by a bound, not by the clock or the system's memory.

#include <gtest/gtest.h>

#include <functional>

#include "models/pmml/document.hpp"

namespace weir::test {
namespace {

constexpr ModelLimits kSmall = {.max_memory_bytes = std::size_t{64} << 20};
const std::string kNumbers = number_field("x") + number_field("y");
const std::string kSchema =
    R"(<MiningSchema><MiningField name="y" usageType="target"/><MiningField name="x"/></MiningSchema>)";

/// Refused for want of memory, and not of time.
testing::AssertionResult needs_too_much(const std::string& document, const ModelLimits& limits = kSmall) {
  const std::string why = refusal(document, limits);
  if (why.find("max_memory_bytes") != std::string::npos) return testing::AssertionSuccess();
  return testing::AssertionFailure() << "'" << why.substr(0, 300) << "'";
}

std::string repeated(int count, const std::function<std::string(const std::string&)>& element) {
  std::string all;
  for (int i = 0; i < count; ++i) all += element(std::to_string(i));
  return all;
}
std::string classes(int count) {
  return "<DataField name=\"y\" optype=\"categorical\" dataType=\"string\">" +
         repeated(count, [](const std::string& i) { return "<Value value=\"c" + i + "\"/>"; }) + "</DataField>";
}

TEST(PmmlHostile, AProbabilityForEachClassInEachNode) {
  const std::string nodes = repeated(20'000, [](const std::string& i) {
    return "<Node id=\"" + i + "\" score=\"c1\"><SimplePredicate field=\"x\" operator=\"lessThan\" value=\"" + i +
           "\"/><ScoreDistribution value=\"c" + i + "\" recordCount=\"1\"/></Node>";
  });
  EXPECT_TRUE(
      needs_too_much(pmml(number_field("x") + classes(20'000), "<TreeModel functionName=\"classification\">" + kSchema +
                                                                   "<Node><True/>" + nodes + "</Node></TreeModel>")));
}

TEST(PmmlHostile, ManyClassesAreNoHarmAlone) {
  const std::string tree =
      "<TreeModel functionName=\"classification\">" + kSchema + "<Node score=\"c7\"><True/></Node>" + "</TreeModel>";
  EXPECT_EQ(text(pmml(number_field("x") + classes(60'000), tree), {{"x", 1.0}}, "y"), "c7");
  EXPECT_NE(refusal(pmml(number_field("x") + classes(100'001), tree)).find("classes"), std::string::npos);
}

TEST(PmmlHostile, AContrastMatrixOfManyCategories) {
  const std::string categories =
      repeated(20'000, [](const std::string& i) { return "<Category value=\"" + i + "\"/>"; });
  EXPECT_TRUE(needs_too_much(pmml(
      kNumbers + text_field("g"),
      R"(<GeneralRegressionModel functionName="regression" modelType="regression"><MiningSchema><MiningField name="g"/>
<MiningField name="y" usageType="target"/></MiningSchema><ParameterList><Parameter name="p0"/></ParameterList><FactorList>
<Predictor name="g"><Categories>)" +
          categories +
          R"(</Categories><Matrix nbRows="20000" nbCols="20000"/></Predictor></FactorList><PPMatrix/><ParamMatrix>
<PCell parameterName="p0" beta="1"/></ParamMatrix></GeneralRegressionModel>)")));
}

TEST(PmmlHostile, SparseVectorsOfManyFields) {
  const std::string fields = repeated(4'000, [](const std::string&) { return "<FieldRef field=\"x\"/>"; });
  const std::string vectors = repeated(4'000, [](const std::string& i) {
    return "<VectorInstance id=\"" + i + "\"><REAL-SparseArray><Indices>1</Indices><REAL-Entries>2</REAL-Entries>" +
           "</REAL-SparseArray></VectorInstance>";
  });
  EXPECT_TRUE(needs_too_much(
      pmml(kNumbers, "<SupportVectorMachineModel functionName=\"regression\">" + kSchema +
                         "<LinearKernelType/><VectorDictionary><VectorFields>" + fields + "</VectorFields>" + vectors +
                         R"(</VectorDictionary><SupportVectorMachine><SupportVectors><SupportVector vectorId="0"/>
</SupportVectors><Coefficients><Coefficient value="1"/></Coefficients></SupportVectorMachine>)" +
                         "</SupportVectorMachineModel>")));
}

TEST(PmmlHostile, CountsOfManyValuesAndClasses) {
  const std::string pairs = repeated(5'000, [](const std::string& i) {
    return "<PairCounts value=\"v" + i + "\"><TargetValueCounts><TargetValueCount value=\"c1\" count=\"1\"/>" +
           "</TargetValueCounts></PairCounts>";
  });
  const std::string counts =
      repeated(5'000, [](const std::string& i) { return "<TargetValueCount value=\"c" + i + "\" count=\"1\"/>"; });
  EXPECT_TRUE(
      needs_too_much(pmml(text_field("x") + classes(5'000),
                          "<NaiveBayesModel functionName=\"classification\" threshold=\"0.1\">" + kSchema +
                              "<BayesInputs><BayesInput fieldName=\"x\">" + pairs + "</BayesInput></BayesInputs>" +
                              "<BayesOutput fieldName=\"y\"><TargetValueCounts>" + counts +
                              "</TargetValueCounts></BayesOutput></NaiveBayesModel>")));
}

TEST(PmmlHostile, ManyRulesOfOneLargeItemset) {
  const std::string items =
      repeated(5'000, [](const std::string& i) { return "<Item id=\"" + i + "\" value=\"item" + i + "\"/>"; });
  const std::string set = "<Itemset id=\"s\">" +
                          repeated(5'000, [](const std::string& i) { return "<ItemRef itemRef=\"" + i + "\"/>"; }) +
                          "</Itemset>";
  const std::string rules = repeated(5'000, [](const std::string&) {
    return "<AssociationRule antecedent=\"s\" consequent=\"s\" support=\"0.1\" confidence=\"0.1\"/>";
  });
  EXPECT_TRUE(needs_too_much(pmml(
      text_field("x"),
      R"(<AssociationModel functionName="associationRules" numberOfTransactions="1" numberOfItems="1" minimumSupport="0"
minimumConfidence="0" numberOfItemsets="1" numberOfRules="1"><MiningSchema><MiningField name="x"/></MiningSchema>)" +
          items + set + rules + "</AssociationModel>")));
}

TEST(PmmlHostile, ALargeTableInAFunctionThatIsCalledOften) {
  const std::string bins = repeated(20'000, [](const std::string& i) {
    return "<DiscretizeBin binValue=\"b\"><Interval closure=\"closedOpen\" leftMargin=\"" + i + "\"/></DiscretizeBin>";
  });
  const std::string function =
      "<DefineFunction name=\"f\" optype=\"categorical\" dataType=\"string\"><ParameterField name=\"p\"/><Discretize "
      "field=\"p\">" +
      bins + "</Discretize></DefineFunction>";
  const std::string calls = repeated(2'000, [](const std::string& i) {
    return "<OutputField name=\"o" + i + "\" feature=\"transformedValue\"><Apply function=\"f\"><Constant>" + i +
           "</Constant></Apply></OutputField>";
  });
  EXPECT_TRUE(needs_too_much(
      pmml(kNumbers, "<TransformationDictionary>" + function +
                         "</TransformationDictionary><RegressionModel functionName=\"regression\">" + kSchema +
                         "<Output>" + calls + "</Output><RegressionTable intercept=\"0\"/></RegressionModel>")));
}

TEST(PmmlHostile, CovariancesOfManyInstances) {
  const std::string rows =
      repeated(1'500, [](const std::string& i) { return "<row><x>" + i + "</x><y>" + i + "</y></row>"; });
  const std::string process =
      "<GaussianProcessModel functionName=\"regression\">" + kSchema +
      "<RadialBasisKernel/><TrainingInstances><InstanceFields><InstanceField field=\"x\" column=\"x\"/>"
      "<InstanceField field=\"y\" column=\"y\"/></InstanceFields><InlineTable>" +
      rows + "</InlineTable></TrainingInstances></GaussianProcessModel>";
  EXPECT_TRUE(needs_too_much(pmml(kNumbers, process), {.max_memory_bytes = std::size_t{16} << 20}));
}

TEST(PmmlHostile, AForecastThatCostsTooMuchForOneRow) {
  const std::string numbers = repeated(400, [](const std::string&) { return "1 "; });
  const std::string document =
      pmml(number_field("y") + R"(<DataField name="h" optype="continuous" dataType="integer"/>)",
           R"(<TimeSeriesModel functionName="timeSeries" bestFit="StateSpaceModel"><MiningSchema><MiningField name="h"/>
<MiningField name="y" usageType="target"/></MiningSchema><StateSpaceModel><StateVector><Array type="real">)" +
               numbers + R"(</Array></StateVector><TransitionMatrix><Matrix diagDefault="1"/></TransitionMatrix>
<MeasurementMatrix><Matrix offDiagDefault="1"/></MeasurementMatrix></StateSpaceModel></TimeSeriesModel>)");
  EXPECT_EQ(number(document, {{"h", 2.0}}), 399);
  EXPECT_NE(text(document, {{"h", 10'000.0}}).find("too far"), std::string::npos);
}

TEST(PmmlHostile, ADoublingChainOfDerivedFieldsIsComputedOnce) {
  std::string chain;
  for (int i = 0; i < 60; ++i) {
    const std::string before = i == 0 ? "x" : "d" + std::to_string(i - 1);
    chain += "<DerivedField name=\"d" + std::to_string(i) +
             "\" optype=\"continuous\" dataType=\"double\"><Apply function=\"+\"><FieldRef field=\"" + before +
             "\"/><FieldRef field=\"" + before + "\"/></Apply></DerivedField>";
  }
  EXPECT_EQ(number(pmml(kNumbers, "<TransformationDictionary>" + chain +
                                      "</TransformationDictionary><RegressionModel functionName=\"regression\">" +
                                      kSchema + R"(<RegressionTable intercept="0"><NumericPredictor name="d59"
 coefficient="1"/></RegressionTable></RegressionModel>)"),
                   {{"x", 1.0}}),
            std::ldexp(1.0, 60));
}

std::string matches(const std::string& pattern) {
  return formula(text_field("t"), R"(<MiningField name="t"/>)",
                 "<Apply function=\"matches\"><FieldRef field=\"t\"/><Constant dataType=\"string\">" + pattern +
                     "</Constant></Apply>");
}

TEST(PmmlHostile, RegularExpressionsAreBoundedAndLinear) {
  EXPECT_NE(refusal(matches("((a{1000}){1000}){1000}")).find("regular expression"), std::string::npos);
  EXPECT_NE(refusal(matches(repeated(30'000, [](const std::string& i) { return "(x" + i + "|y)"; }))), "");
  EXPECT_EQ(number(matches("^(a*)*(a*)*(a*)*b$"), {{"t", std::string(30'000, 'a')}}, "out"), 0);
}

TEST(PmmlHostile, TextsOfARowAreBounded) {
  std::string doubling = "<FieldRef field=\"t\"/>";
  for (int i = 0; i < 12; ++i) doubling = "<Apply function=\"concat\">" + doubling + doubling + "</Apply>";
  const std::string document = formula(text_field("t"), R"(<MiningField name="t"/>)", doubling);
  EXPECT_EQ(text(document, {{"t", "ab"}}, "out").size(), 2U << 12);
  EXPECT_NE(text(document, {{"t", "0123456789"}}, "out").find("too long"), std::string::npos);
}

TEST(PmmlHostile, LargeNumbersOfThingsThatAreNotThere) {
  const std::string array = R"(<Node score="1"><SimpleSetPredicate field="x" booleanOperator="isIn">
<Array n="4000000000" type="real">1 2</Array></SimpleSetPredicate></Node>)";
  EXPECT_NE(refusal(pmml(kNumbers, "<TreeModel functionName=\"regression\">" + kSchema + "<Node><True/>" + array +
                                       "</Node></TreeModel>"))
                .find("4000000000"),
            std::string::npos);
  EXPECT_NE(refusal(pmml(kNumbers, "<NearestNeighborModel functionName=\"regression\" numberOfNeighbors=\"1e15\">" +
                                       kSchema + "</NearestNeighborModel>"))
                .find("numberOfNeighbors"),
            std::string::npos);
}

}  // namespace
}  // namespace weir::test
