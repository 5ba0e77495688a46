// Kinds and options that the reference evaluator lacks, or whose inputs are not plain rows: written from the
// specification. All others are in tests/models/pmml_crosscheck.

#include <gtest/gtest.h>

#include "models/pmml/document.hpp"

namespace weir::test {
namespace {

const std::string kXy = R"(<MiningSchema><MiningField name="x"/><MiningField name="y"/></MiningSchema>)";

std::string stump(const std::string& field, double at, double below, double above) {
  return "<Segment><True/><TreeModel functionName=\"regression\">" + kXy + "<Node><True/><Node score=\"" +
         std::to_string(below) + "\"><SimplePredicate field=\"" + field + "\" operator=\"lessThan\" value=\"" +
         std::to_string(at) + "\"/></Node><Node score=\"" + std::to_string(above) +
         "\"><True/></Node></Node></TreeModel></Segment>";
}

std::string anomaly(const std::string& attributes, const std::string& inside) {
  return pmml(number_field("x") + number_field("y"), "<AnomalyDetectionModel functionName=\"regression\" " +
                                                         attributes + ">" + kXy + inside + "</AnomalyDetectionModel>");
}

TEST(PmmlAnomalyDetection, IsolationForestsScoreTheDepthAgainstTheUsualOne) {
  const std::string forest = "<MiningModel functionName=\"regression\">" + kXy +
                             "<Segmentation multipleModelMethod=\"average\">" + stump("x", 1, 3.5, 6.25) +
                             stump("y", 2, 5, 2) + stump("x", 0, 1, 8) + "</Segmentation></MiningModel>";
  const double usual = 2 * (std::log(255.0) + 0.5772156649015329) - 2 * 255.0 / 256;
  const std::string document = anomaly(R"(algorithmType="iforest" sampleDataSize="256")", forest);
  EXPECT_NEAR(number(document, {{"x", 0.0}, {"y", 0.0}}), std::exp2(-5.5 / usual), 1e-15);
  EXPECT_NEAR(number(document, {{"x", -1.0}, {"y", 3.0}}), std::exp2(-6.5 / 3 / usual), 1e-15);
  EXPECT_NE(refusal(anomaly(R"(algorithmType="iforest")", forest)), "") << "sampleDataSize is missing";
}

TEST(PmmlAnomalyDetection, ClusterDistancesAreRelativeToTheClustersMean) {
  const std::string clusters =
      "<ClusteringModel functionName=\"clustering\" modelClass=\"centerBased\" numberOfClusters=\"2\">" + kXy +
      R"(<ComparisonMeasure kind="distance"><euclidean/></ComparisonMeasure><ClusteringField field="x"/>
<ClusteringField field="y"/><Cluster id="1"><Array n="2" type="real">0 0</Array></Cluster>
<Cluster id="2"><Array n="2" type="real">10 10</Array></Cluster></ClusteringModel>)";
  const std::string distances =
      R"(<MeanClusterDistances><Array n="2" type="real">0.5 2</Array></MeanClusterDistances>)";
  const std::string document = anomaly(R"(algorithmType="clusterMeanDist")", clusters + distances);
  EXPECT_DOUBLE_EQ(number(document, {{"x", 3.0}, {"y", 4.0}}), 10);
  EXPECT_DOUBLE_EQ(number(document, {{"x", 10.0}, {"y", 7.0}}), 1.5);
  EXPECT_NE(refusal(anomaly(R"(algorithmType="clusterMeanDist")", clusters)), "");
}

TEST(PmmlAssociation, ABasketIsATextWithAnItemALine) {
  const std::string document = pmml(
      text_field("basket") + text_field("item"),
      R"(<AssociationModel functionName="associationRules" numberOfTransactions="9" numberOfItems="3" minimumSupport="0"
minimumConfidence="0" numberOfItemsets="3" numberOfRules="2"><MiningSchema><MiningField name="basket" usageType="group"/>
<MiningField name="item"/></MiningSchema><Output>
<OutputField name="next" dataType="string" optype="categorical" feature="ruleValue" ruleFeature="consequent"/>
<OutputField name="why" dataType="string" optype="categorical" feature="ruleValue" ruleFeature="rule" algorithm="recommendation" rank="2"/>
<OutputField name="trust" dataType="double" optype="continuous" feature="ruleValue" ruleFeature="confidence"/></Output>
<Item id="1" value="beer"/><Item id="2" value="chips, salted"/><Item id="3" value="dip"/>
<Itemset id="a"><ItemRef itemRef="1"/></Itemset><Itemset id="b"><ItemRef itemRef="2"/></Itemset>
<Itemset id="c"><ItemRef itemRef="1"/><ItemRef itemRef="2"/></Itemset><Itemset id="d"><ItemRef itemRef="3"/></Itemset>
<AssociationRule antecedent="a" consequent="b" support="0.3" confidence="0.6"/>
<AssociationRule antecedent="c" consequent="d" support="0.2" confidence="0.9"/></AssociationModel>)");
  const auto model = pmml_runtime()->load(document, {});
  ASSERT_TRUE(model.is_ok()) << model.status().to_string();
  EXPECT_EQ((*model)->group_field(), "basket");
  EXPECT_EQ(text(document, {{"item", "beer"}}, "next"), "[chips, salted]");
  EXPECT_EQ(text(document, {{"item", "bread\nchips, salted\nbeer"}}, "next"), "[dip]");
  EXPECT_EQ(text(document, {{"item", "beer\nchips, salted\ndip"}}, "next"), "") << "nothing new to recommend";
  EXPECT_EQ(text(document, {{"item", "beer\nchips, salted\ndip"}}, "why"), "{beer}->{chips, salted}");
  EXPECT_DOUBLE_EQ(number(document, {{"item", "beer"}}, "trust"), 0.6);
}

// The value of a TextIndex of the term `sun` (or another) in the text.
double hits(const std::string& text, const std::string& attributes, const std::string& term = "sun",
            const std::string& normalization = "") {
  return number(formula(text_field("text"), R"(<MiningField name="text"/>)",
                        "<TextIndex textField=\"text\" " + attributes + ">" + normalization +
                            "<Constant dataType=\"string\">" + term + "</Constant></TextIndex>"),
                {{"text", text}}, "out");
}

TEST(PmmlTextIndex, CountsWordsWithoutTheirPunctuation) {
  EXPECT_EQ(hits("The Sun (sun!) shines; sunny suns.", ""), 2);
  EXPECT_EQ(hits("The Sun (sun!) shines", R"(isCaseSensitive="true")"), 1);
  EXPECT_EQ(hits("hot sun, hot  sun", "", "hot sun"), 2);
  EXPECT_EQ(hits("ÄPFEL äpfel", "", "Äpfel"), 2);
  EXPECT_EQ(hits("a-b-sun", R"(wordSeparatorCharacterRE="[\s\-]+")"), 1);
  EXPECT_EQ(hits("", ""), 0);
}

TEST(PmmlTextIndex, WeighsTermsLocally) {
  EXPECT_EQ(hits("sun sun moon", R"(localTermWeights="binary")"), 1);
  EXPECT_DOUBLE_EQ(hits("sun sun moon", R"(localTermWeights="logarithmic")"), std::log10(3.0));
  EXPECT_DOUBLE_EQ(hits("moon moon sun", R"(localTermWeights="augmentedNormalizedTermFrequency")"), 0.75);
}

TEST(PmmlTextIndex, AllowsTyposWithinTheDistance) {
  EXPECT_EQ(hits("sun son soon", R"(maxLevenshteinDistance="1")"), 2);
  EXPECT_EQ(hits("sun son soon", R"(maxLevenshteinDistance="2")"), 3);
  EXPECT_EQ(hits("sun son soon", R"(maxLevenshteinDistance="2" countHits="bestHits")"), 1);
}

TEST(PmmlTextIndex, NormalizesTheTextFirst) {
  const std::string table = R"(<TextIndexNormalization><InlineTable><row><string>suns</string><stem>sun</stem></row>
<row><string>m[ou]+n</string><stem>sun</stem><regex>true</regex></row></InlineTable></TextIndexNormalization>)";
  EXPECT_EQ(hits("suns moon mun", "", "sun", table), 3);
  EXPECT_EQ(hits("suns moon mun", ""), 0);
}

}  // namespace
}  // namespace weir::test
