#include <gtest/gtest.h>

#include "models/pmml/document.hpp"

namespace weir::test {
namespace {

std::string stump(const std::string& threshold, const std::string& low, const std::string& high,
                  const std::string& function = "regression") {
  return R"(<TreeModel functionName=")" + function +
         R"("><MiningSchema><MiningField name="x"/></MiningSchema><Node><True/>
  <Node score=")" +
         low + R"("><SimplePredicate field="x" operator="lessThan" value=")" + threshold + R"("/></Node>
  <Node score=")" +
         high + R"("><SimplePredicate field="x" operator="greaterOrEqual" value=")" + threshold +
         R"("/></Node></Node></TreeModel>)";
}
std::string segment(const std::string& model, const std::string& predicate = "<True/>",
                    const std::string& weight = "1") {
  return "<Segment weight=\"" + weight + "\">" + predicate + model + "</Segment>";
}
std::string ensemble(const std::string& method, const std::string& segments, const std::string& attributes = "",
                     const std::string& function = "regression", const std::string& model_attributes = "") {
  const std::string target =
      function == "regression"
          ? number_field("y")
          : R"(<DataField name="y" optype="categorical" dataType="string"><Value value="a"/><Value value="b"/></DataField>)";
  return pmml(number_field("x") + text_field("t") + target,
              "<MiningModel functionName=\"" + function + "\" " + model_attributes +
                  R"(><MiningSchema><MiningField name="y" usageType="target"/><MiningField name="x"/>
  <MiningField name="t"/></MiningSchema><Segmentation multipleModelMethod=")" +
                  method + "\" " + attributes + ">" + segments + "</Segmentation></MiningModel>");
}
const std::string kThree = segment(stump("0", "1", "10"), "<True/>", "1") +
                           segment(stump("5", "2", "20"), "<True/>", "2") +
                           segment(stump("9", "6", "60"), "<True/>", "5");

TEST(PmmlEnsemble, CombinesNumbers) {
  const Row row = {{"x", 3.0}, {"t", "q"}};  // 10, 2, 6
  EXPECT_DOUBLE_EQ(number(ensemble("sum", kThree), row), 18);
  EXPECT_DOUBLE_EQ(number(ensemble("average", kThree), row), 6);
  EXPECT_DOUBLE_EQ(number(ensemble("max", kThree), row), 10);
  EXPECT_DOUBLE_EQ(number(ensemble("median", kThree), row), 6);
  EXPECT_DOUBLE_EQ(number(ensemble("weightedAverage", kThree), row), (10 + 4 + 30) / 8.0);
  EXPECT_DOUBLE_EQ(number(ensemble("weightedSum", kThree), row), 44);
}

TEST(PmmlEnsemble, ThresholdsHoldAtTheBorder) {
  EXPECT_DOUBLE_EQ(number(ensemble("sum", kThree), {{"x", 0.0}, {"t", "q"}}), 18);
  EXPECT_DOUBLE_EQ(number(ensemble("sum", kThree), {{"x", -1e-300}, {"t", "q"}}), 9);
  EXPECT_DOUBLE_EQ(number(ensemble("sum", kThree), {{"x", 9.0}, {"t", "q"}}), 90);
}

TEST(PmmlEnsemble, FloatMathRoundsEachSum) {
  const std::string segments =
      segment(stump("0", "0.1", "0.1")) + segment(stump("0", "0.2", "0.2")) + segment(stump("0", "0.7", "0.7"));
  const double got =
      number(ensemble("sum", segments, "", "regression", R"(x-mathContext="float")"), {{"x", 1.0}, {"t", "q"}});
  EXPECT_EQ(got, static_cast<double>(0.1F + 0.2F + 0.7F));
}

TEST(PmmlEnsemble, AMissingPredictionIsMissingOrSkipped) {
  const Row row = {{"x", Cell()}, {"t", "q"}};
  const std::string constant = segment(
      R"(<RegressionModel functionName="regression"><MiningSchema/><RegressionTable intercept="7"/></RegressionModel>)");
  EXPECT_TRUE(std::isnan(number(ensemble("sum", kThree + constant), row)));
  EXPECT_DOUBLE_EQ(number(ensemble("sum", kThree + constant, R"(missingPredictionTreatment="skipSegment")"), row), 7);
  EXPECT_TRUE(std::isnan(number(
      ensemble("sum", kThree + constant, R"(missingPredictionTreatment="skipSegment" missingThreshold="0.5")"), row)));
}

TEST(PmmlEnsemble, Votes) {
  const std::string voters = segment(stump("0", "a", "b", "classification"), "<True/>", "1") +
                             segment(stump("5", "a", "b", "classification"), "<True/>", "1") +
                             segment(stump("9", "a", "b", "classification"), "<True/>", "5");
  EXPECT_EQ(text(ensemble("majorityVote", voters, "", "classification"), {{"x", 6.0}, {"t", "q"}}), "b");
  EXPECT_EQ(text(ensemble("weightedMajorityVote", voters, "", "classification"), {{"x", 6.0}, {"t", "q"}}), "a");
  EXPECT_DOUBLE_EQ(
      number(ensemble("majorityVote", voters, "", "classification"), {{"x", 6.0}, {"t", "q"}}, "probability(b)"),
      2.0 / 3);
  EXPECT_DOUBLE_EQ(number(ensemble("weightedMajorityVote", voters, "", "classification"), {{"x", 6.0}, {"t", "q"}},
                          "probability(a)"),
                   5.0 / 7);
}

TEST(PmmlEnsemble, SelectsTheFirstSegmentThatHolds) {
  const std::string is_q = R"(<SimplePredicate field="t" operator="equal" value="q"/>)";
  const std::string chosen =
      ensemble("selectFirst", segment(stump("0", "1", "2"), is_q) + segment(stump("0", "3", "4")));
  EXPECT_DOUBLE_EQ(number(chosen, {{"x", 1.0}, {"t", "q"}}), 2);
  EXPECT_DOUBLE_EQ(number(chosen, {{"x", 1.0}, {"t", "other"}}), 4);
  EXPECT_DOUBLE_EQ(number(chosen, {{"x", 1.0}, {"t", Cell()}}), 4);
}

TEST(PmmlEnsemble, AChainHandsOutputsOn) {
  const std::string first =
      R"(<RegressionModel functionName="regression"><MiningSchema><MiningField name="x"/></MiningSchema>
  <Output><OutputField name="doubled" feature="predictedValue"/><OutputField name="shifted" feature="transformedValue"><Apply function="+">
  <FieldRef field="doubled"/><Constant>1</Constant></Apply></OutputField></Output>
  <RegressionTable intercept="0"><NumericPredictor name="x" coefficient="2"/></RegressionTable></RegressionModel>)";
  const std::string second =
      R"(<RegressionModel functionName="regression"><MiningSchema><MiningField name="shifted"/></MiningSchema>
  <RegressionTable intercept="0"><NumericPredictor name="shifted" coefficient="10"/></RegressionTable></RegressionModel>)";
  const std::string chain = ensemble("modelChain", segment(first) + segment(second));
  EXPECT_DOUBLE_EQ(number(chain, {{"x", 3.0}, {"t", "q"}}), 70);
  EXPECT_DOUBLE_EQ(number(chain, {{"x", 3.0}, {"t", "q"}}, "doubled"), 6);
  EXPECT_NE(refusal(ensemble("modelChain", segment(second) + segment(first))).find("'shifted' is not defined"),
            std::string::npos);
}

TEST(PmmlEnsemble, ASegmentThatDoesNotRunLeavesNothingOfTheRowBefore) {
  const std::string first =
      R"(<RegressionModel functionName="regression"><MiningSchema><MiningField name="x"/></MiningSchema>
  <Output><OutputField name="seen" feature="predictedValue"/></Output>
  <RegressionTable intercept="0"><NumericPredictor name="x" coefficient="2"/></RegressionTable></RegressionModel>)";
  const std::string is_q = R"(<SimplePredicate field="t" operator="equal" value="q"/>)";
  for (const char* method : {"modelChain", "selectFirst"}) {
    const auto model = pmml_runtime()->load(ensemble(method, segment(first, is_q) + segment(stump("0", "3", "4"))), {});
    ASSERT_TRUE(model.is_ok()) << model.status().to_string();
    const std::string output = "seen";
    const auto scorer = (*model)->bind(FeatureSchema({{"x"}, {"t", FieldType::kText}}), std::span(&output, 1));
    ASSERT_TRUE(scorer.is_ok());
    const double numbers[] = {5, 6};
    const std::string_view texts[] = {"q", "other"};
    double out[2];
    unsigned char failed[2];
    ScoreErrors errors;
    ScoreScratch scratch;
    (*scorer)->score({2, numbers, 1, texts, 1}, {out, nullptr, failed}, errors, scratch);
    EXPECT_EQ(out[0], 10) << method;
    EXPECT_TRUE(std::isnan(out[1])) << method;
  }
}

// The fast form of a forest and the general one, which a segment's predicate forces, agree everywhere.
TEST(PmmlEnsemble, FastAndGeneralFormsAgree) {
  std::string trees, general;
  unsigned seed = 20130201;
  const auto random = [&] { return seed = seed * 1664525U + 1013904223U, (seed >> 16) % 100; };
  for (int i = 0; i < 19; ++i) {
    std::string tree =
        R"(<TreeModel functionName="regression" missingValueStrategy="lastPrediction" noTrueChildStrategy="returnLastPrediction"><MiningSchema>
  <MiningField name="x"/><MiningField name="t"/></MiningSchema><Node score="0.5"><True/>)";
    for (int j = 0; j < 4; ++j) {
      static const char* kOperators[] = {"lessThan",       "lessOrEqual", "greaterThan",
                                         "greaterOrEqual", "equal",       "notEqual"};
      tree += "<Node score=\"" + std::to_string(random() / 7.0) + "\"><SimplePredicate field=\"x\" operator=\"" +
              kOperators[random() % 6] + "\" value=\"" + std::to_string(random() % 10) + "\"/><Node score=\"" +
              std::to_string(random() / 3.0) +
              R"("><SimpleSetPredicate field="t" booleanOperator="isIn"><Array n="2" type="string">q )" +
              std::string(1, static_cast<char>('a' + random() % 4)) + "</Array></SimpleSetPredicate></Node></Node>";
    }
    tree += "</Node></TreeModel>";
    trees += segment(tree);
    general += segment(tree, R"(<SimplePredicate field="t" operator="notEqual" value="never"/>)");
  }
  for (double x = -1; x < 11; x += 0.5)
    for (const char* t : {"q", "a", "b", "c", "d", "unknown"})
      EXPECT_EQ(number(ensemble("sum", trees), {{"x", x}, {"t", t}}),
                number(ensemble("sum", general), {{"x", x}, {"t", t}}))
          << x << t;
  EXPECT_EQ(number(ensemble("sum", trees), {{"x", Cell()}, {"t", "a"}}),
            number(ensemble("sum", general), {{"x", Cell()}, {"t", "a"}}));
}

// A document whose segment s answers 10 above x = 0 and does not run else.
std::string asked_by_id(const std::string& method) {
  return pmml(number_field("x") + number_field("y"),
              R"(<MiningModel functionName="regression"><MiningSchema><MiningField name="y" usageType="target"/>
<MiningField name="x"/></MiningSchema><Output><OutputField name="of_s" feature="predictedValue" segmentId="s"/></Output>
<Segmentation multipleModelMethod=")" +
                  method + R"("><Segment id="s"><SimplePredicate field="x" operator="greaterThan" value="0"/>)" +
                  stump("5", "10", "10") + "</Segment>" + segment(stump("5", "1", "2")) +
                  "</Segmentation></MiningModel>");
}

TEST(PmmlEnsemble, ASegmentThatDoesNotRunHasNoAnswerWhateverTheRowBeforeSaid) {
  for (const char* method : {"selectAll", "selectFirst", "sum", "modelChain"}) {
    const auto model = pmml_runtime()->load(asked_by_id(method), {});
    ASSERT_TRUE(model.is_ok()) << model.status().to_string();
    const auto scorer = (*model)->bind(FeatureSchema({{"x", FieldType::kNumber}}), std::vector<std::string>{"of_s"});
    ASSERT_TRUE(scorer.is_ok()) << scorer.status().to_string();
    const double rows[] = {1, -1, 2};
    double answers[3];
    unsigned char failed[3];
    ScoreErrors errors;
    ScoreScratch scratch;
    (*scorer)->score({3, rows, 1, nullptr, 0}, {answers, nullptr, failed}, errors, scratch);
    EXPECT_EQ(answers[0], 10) << method;
    EXPECT_TRUE(std::isnan(answers[1])) << method;
    EXPECT_EQ(answers[2], 10) << method;
  }
}

TEST(PmmlEnsemble, SelectAllAnswersAsItsFirstSegmentThatRuns) {
  EXPECT_EQ(number(asked_by_id("selectAll"), {{"x", 6.0}}), 10);
  EXPECT_EQ(number(asked_by_id("selectAll"), {{"x", -1.0}}), 1);
}

TEST(PmmlEnsemble, AChainKeepsFieldsThatASkippedSegmentOnlyPassesOn) {
  const std::string passes_on =
      R"(<Segment><False/><RegressionModel functionName="regression"><MiningSchema><MiningField name="x"/></MiningSchema>
<Output><OutputField name="same" feature="transformedValue"><FieldRef field="x"/></OutputField></Output>
<RegressionTable intercept="1"/></RegressionModel></Segment>)";
  EXPECT_EQ(number(ensemble("modelChain", passes_on + segment(stump("5", "1", "2"))), {{"x", 7.0}, {"t", "q"}}), 2);
}

}  // namespace
}  // namespace weir::test
