#include <gtest/gtest.h>

#include "models/pmml/document.hpp"

namespace weir::test {
namespace {

// x <= 10 and y decides inside; a is below, b above; the root says r, the left inner node l.
std::string tree(const std::string& attributes) {
  return pmml(
      number_field("x") + number_field("y") +
          R"(<DataField name="class" optype="categorical" dataType="string"><Value value="a"/><Value value="b"/></DataField>)",
      R"(<TreeModel functionName="classification" )" + attributes + R"(>
  <MiningSchema><MiningField name="class" usageType="target"/><MiningField name="x"/><MiningField name="y"/></MiningSchema>
  <Node id="root" score="r" defaultChild="right"><True/>
    <Node id="left" score="l" recordCount="10" defaultChild="low">
      <SimplePredicate field="x" operator="lessOrEqual" value="10"/>
      <Node id="low" score="a"><SimplePredicate field="y" operator="lessThan" value="0"/>
        <ScoreDistribution value="a" recordCount="3"/><ScoreDistribution value="b" recordCount="1"/></Node>
      <Node id="high" score="b"><SimplePredicate field="y" operator="greaterThan" value="5"/></Node>
    </Node>
    <Node id="right" score="b"><SimplePredicate field="x" operator="greaterThan" value="10"/></Node>
  </Node></TreeModel>)");
}

TEST(PmmlTree, GoesToTheFirstChildThatIsTrue) {
  EXPECT_EQ(text(tree(""), {{"x", 10.0}, {"y", -1.0}}), "a");
  EXPECT_EQ(text(tree(""), {{"x", 10.0}, {"y", 6.0}}), "b");
  EXPECT_EQ(text(tree(""), {{"x", 10.1}, {"y", -1.0}}), "b");
}

TEST(PmmlTree, NoTrueChildGivesNothingOrTheLastScore) {
  EXPECT_EQ(text(tree(""), {{"x", 1.0}, {"y", 3.0}}), "");
  EXPECT_EQ(text(tree(R"(noTrueChildStrategy="returnLastPrediction")"), {{"x", 1.0}, {"y", 3.0}}), "l");
}

TEST(PmmlTree, MissingValueStrategiesDiffer) {
  const Row missing = {{"x", Cell()}, {"y", -1.0}};
  const Row missing_inside = {{"x", 1.0}, {"y", Cell()}};
  EXPECT_EQ(text(tree(R"(missingValueStrategy="none")"), missing), "");
  EXPECT_EQ(text(tree(R"(missingValueStrategy="none" noTrueChildStrategy="returnLastPrediction")"), missing), "r");
  EXPECT_EQ(text(tree(R"(missingValueStrategy="lastPrediction")"), missing), "r");
  EXPECT_EQ(text(tree(R"(missingValueStrategy="lastPrediction")"), missing_inside), "l");
  EXPECT_EQ(text(tree(R"(missingValueStrategy="nullPrediction" noTrueChildStrategy="returnLastPrediction")"), missing),
            "");
  EXPECT_EQ(text(tree(R"(missingValueStrategy="defaultChild")"), missing), "b");
  EXPECT_EQ(text(tree(R"(missingValueStrategy="defaultChild")"), missing_inside), "a");
}

std::string counted(const std::string& strategy) {
  return pmml(
      number_field("x") + number_field("y") +
          R"(<DataField name="class" optype="categorical" dataType="string"><Value value="a"/><Value value="b"/></DataField>)",
      R"(<TreeModel functionName="classification" missingValueStrategy=")" + strategy + R"(">
  <MiningSchema><MiningField name="class" usageType="target"/><MiningField name="x"/><MiningField name="y"/></MiningSchema>
  <Node recordCount="100"><True/>
    <Node recordCount="60"><SimplePredicate field="x" operator="lessThan" value="0"/>
      <Node recordCount="20" score="a"><SimplePredicate field="y" operator="lessThan" value="0"/>
        <ScoreDistribution value="a" recordCount="15"/><ScoreDistribution value="b" recordCount="5"/></Node>
      <Node recordCount="40" score="b"><SimplePredicate field="y" operator="greaterOrEqual" value="0"/>
        <ScoreDistribution value="a" recordCount="10"/><ScoreDistribution value="b" recordCount="30"/></Node></Node>
    <Node recordCount="40" score="a"><SimplePredicate field="x" operator="greaterOrEqual" value="0"/>
      <ScoreDistribution value="a" recordCount="40"/><ScoreDistribution value="b" recordCount="0"/></Node>
  </Node></TreeModel>)");
}

TEST(PmmlTree, UnknownChildrenAreWeighedOrAggregated) {
  const Row known = {{"x", -1.0}, {"y", -1.0}}, no_x = {{"x", Cell()}, {"y", 1.0}};
  for (const char* strategy : {"weightedConfidence", "aggregateNodes"})
    EXPECT_DOUBLE_EQ(number(counted(strategy), known, "probability(a)"), 0.75) << strategy;
  EXPECT_DOUBLE_EQ(number(counted("weightedConfidence"), no_x, "probability(a)"), 0.6 * 0.25 + 0.4);
  EXPECT_DOUBLE_EQ(number(counted("aggregateNodes"), no_x, "probability(a)"), 50.0 / 80);
  EXPECT_EQ(text(counted("weightedConfidence"), no_x), "a");
}

TEST(PmmlTree, ProbabilitiesComeFromTheDistribution) {
  EXPECT_DOUBLE_EQ(number(tree(""), {{"x", 1.0}, {"y", -1.0}}, "probability(a)"), 0.75);
  EXPECT_DOUBLE_EQ(number(tree(""), {{"x", 1.0}, {"y", -1.0}}, "probability(b)"), 0.25);
}

std::string predicate(const std::string& inner) {
  return pmml(number_field("x") + text_field("t") + number_field("y"),
              R"(<TreeModel functionName="regression"><MiningSchema><MiningField name="y" usageType="target"/>
  <MiningField name="x"/><MiningField name="t"/></MiningSchema>
  <Node><True/><Node score="1">)" +
                  inner + R"(</Node><Node score="0"><True/></Node></Node></TreeModel>)");
}

TEST(PmmlTree, PredicatesAreThreeValued) {
  const std::string x_is_1 = R"(<SimplePredicate field="x" operator="equal" value="1"/>)";
  const std::string t_in =
      R"(<SimpleSetPredicate field="t" booleanOperator="isIn"><Array n="2" type="string">"a b" c</Array></SimpleSetPredicate>)";
  const auto compound = [&](const std::string& name) {
    return predicate("<CompoundPredicate booleanOperator=\"" + name + "\">" + x_is_1 + t_in + "</CompoundPredicate>");
  };
  const Row both = {{"x", 1.0}, {"t", "a b"}}, one = {{"x", 2.0}, {"t", "c"}}, unknown = {{"x", Cell()}, {"t", "c"}};
  EXPECT_EQ(number(compound("and"), both), 1);
  EXPECT_EQ(number(compound("and"), one), 0);
  EXPECT_EQ(number(compound("and"), unknown), 0);
  EXPECT_EQ(number(compound("or"), one), 1);
  EXPECT_EQ(number(compound("or"), unknown), 1);
  EXPECT_EQ(number(compound("xor"), both), 0);
  EXPECT_EQ(number(compound("xor"), one), 1);
  EXPECT_EQ(number(compound("surrogate"), one), 0);
  EXPECT_EQ(number(compound("surrogate"), unknown), 1);
  EXPECT_EQ(number(predicate(R"(<SimplePredicate field="x" operator="isMissing"/>)"), unknown), 1);
  EXPECT_EQ(number(predicate(R"(<SimplePredicate field="x" operator="isNotMissing"/>)"), unknown), 0);
  EXPECT_EQ(number(predicate(R"(<SimplePredicate field="t" operator="greaterThan" value="b"/>)"), one), 1);
  EXPECT_EQ(number(predicate("<False/>"), one), 0);
}

TEST(PmmlTree, ATextThatTheModelDoesNotKnowIsAValue) {
  EXPECT_EQ(number(predicate(R"(<SimplePredicate field="t" operator="notEqual" value="a"/>)"),
                   {{"x", 1.0}, {"t", "never seen"}}),
            1);
}

TEST(PmmlTree, FloatFieldsCompareAsFloats) {
  const std::string document = pmml(
      R"(<DataField name="x" optype="continuous" dataType="float"/>)" + number_field("y"),
      R"(<TreeModel functionName="regression"><MiningSchema><MiningField name="y" usageType="target"/><MiningField name="x"/></MiningSchema>
  <Node><True/><Node score="1"><SimplePredicate field="x" operator="lessOrEqual" value="0.1"/></Node><Node score="2"><True/></Node></Node></TreeModel>)");
  // The float nearest to 0.1 is larger than the double 0.1.
  EXPECT_EQ(number(document, {{"x", static_cast<double>(0.1F)}}), 1);
  EXPECT_EQ(number(document, {{"x", 0.1}}), 1);
}

}  // namespace
}  // namespace weir::test
