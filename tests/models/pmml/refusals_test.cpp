// What is refused at load: wrong documents with all reasons and lines, hostile ones fast and without harm.

#include <gtest/gtest.h>

#include "models/pmml/document.hpp"

namespace weir::test {
namespace {

const std::string kFields = number_field("x") + number_field("y");
const std::string kSchema =
    R"(<MiningSchema><MiningField name="y" usageType="target"/><MiningField name="x"/></MiningSchema>)";
std::string regression(const std::string& inside, const std::string& before = "") {
  return pmml(kFields,
              before + "<RegressionModel functionName=\"regression\">" + kSchema + inside + "</RegressionModel>");
}
const std::string kTable =
    R"(<RegressionTable intercept="0"><NumericPredictor name="x" coefficient="1"/></RegressionTable>)";

bool says(const std::string& message, const std::string& part) { return message.find(part) != std::string::npos; }

TEST(PmmlRefusal, AllReasonsAtOnceWithLineElementAndAttribute) {
  const std::string why =
      refusal(regression("\n<RegressionTable intercept=\"zero\">\n<NumericPredictor name=\"nope\" coefficient=\"1\"/>\n"
                         "<NumericPredictor name=\"x\"/></RegressionTable>"));
  EXPECT_TRUE(says(why, "line 2: PMML/RegressionModel/RegressionTable@intercept: 'zero' is not a number")) << why;
  EXPECT_TRUE(
      says(why, "line 3: PMML/RegressionModel/RegressionTable/NumericPredictor@name: field 'nope' is not defined"))
      << why;
  EXPECT_TRUE(
      says(why, "line 4: PMML/RegressionModel/RegressionTable/NumericPredictor@coefficient: the attribute is missing"))
      << why;
}

TEST(PmmlRefusal, UnsupportedThingsAreNamed) {
  EXPECT_TRUE(
      says(refusal(pmml(kFields, "<TimeSeriesModel functionName=\"timeSeries\">" + kSchema + "</TimeSeriesModel>")),
           "TimeSeriesModel"));
  const std::string used =
      "<Output><OutputField name=\"o\" feature=\"transformedValue\"><Apply function=\"magic\"><FieldRef "
      "field=\"x\"/></Apply></OutputField>"
      "<OutputField name=\"p\" feature=\"reasonCode\"/></Output>";
  const std::string why = refusal(regression(used + kTable));
  EXPECT_TRUE(says(why, "function 'magic' (not supported)")) << why;
  EXPECT_TRUE(says(why, "'reasonCode'")) << why;
  EXPECT_TRUE(says(refusal(R"(<PMML version="5.0"/>)"), "PMML version '5.0'"));
  EXPECT_TRUE(says(refusal(R"(<PMML/>)"), "version"));
  EXPECT_TRUE(says(refusal(R"(<html version="4.4"/>)"), "not PMML"));
}

TEST(PmmlRefusal, BrokenDocuments) {
  EXPECT_TRUE(says(refusal(""), "empty"));
  EXPECT_TRUE(says(refusal("not xml"), "line 1"));
  const std::string whole = regression(kTable);
  for (std::size_t size = 0; size < whole.size(); size += 7) EXPECT_NE(refusal(whole.substr(0, size)), "") << size;
  EXPECT_EQ(refusal(whole), "");
}

TEST(PmmlRefusal, DoctypeAndEntities) {
  EXPECT_TRUE(says(refusal("<!DOCTYPE PMML [<!ENTITY a \"b\">]>\n<PMML version=\"4.4\"/>"), "DOCTYPE"));
}

TEST(PmmlRefusal, Cycles) {
  const auto derived = [](const std::string& name, const std::string& of) {
    return "<DerivedField name=\"" + name + "\" optype=\"continuous\" dataType=\"double\"><FieldRef field=\"" + of +
           "\"/></DerivedField>";
  };
  const std::string table =
      R"(<RegressionTable intercept="0"><NumericPredictor name="a" coefficient="1"/></RegressionTable>)";
  EXPECT_TRUE(says(refusal(regression(table, "<TransformationDictionary>" + derived("a", "b") + derived("b", "a") +
                                                 "</TransformationDictionary>")),
                   "depends on itself"));
  const std::string function =
      R"(<TransformationDictionary><DefineFunction name="f" optype="continuous"><ParameterField name="p"/>
  <Apply function="f"><FieldRef field="p"/></Apply></DefineFunction><DerivedField name="a" optype="continuous" dataType="double"><Apply function="f"><FieldRef field="x"/></Apply>
  </DerivedField></TransformationDictionary>)";
  EXPECT_TRUE(says(refusal(regression(table, function)), "calls itself"));
}

TEST(PmmlRefusal, WhatNothingReadsIsCheckedToo) {
  const auto derived = [](const std::string& name, const std::string& inside) {
    return "<DerivedField name=\"" + name + "\" optype=\"continuous\" dataType=\"double\">" + inside +
           "</DerivedField>";
  };
  const auto with = [&](const std::string& inside) {
    return refusal(regression(kTable, "<TransformationDictionary>" + inside + "</TransformationDictionary>"));
  };
  EXPECT_TRUE(says(with(derived("a", R"(<FieldRef field="nowhere"/>)")), "'nowhere' is not defined"));
  EXPECT_TRUE(says(with(derived("a", R"(<Apply function="nofunction"><FieldRef field="x"/></Apply>)")), "nofunction"));
  EXPECT_TRUE(says(with(derived("a", R"(<FieldRef field="b"/>)") + derived("b", R"(<FieldRef field="a"/>)")),
                   "'a' depends on itself"));
  // What weir does not support, and fields of the DataDictionary that the model does not list, do no harm there.
  EXPECT_EQ(with(derived("a", R"(<Lag field="x"/>)") + derived("b", R"(<FieldRef field="y"/>)")), "");
  std::string chain;
  for (int i = 0; i < 20'000; ++i)
    chain += derived("f" + std::to_string(i), "<FieldRef field=\"f" + std::to_string(i + 1) + "\"/>");
  EXPECT_EQ(with(chain + derived("f20000", R"(<FieldRef field="x"/>)")), "");
}

TEST(PmmlRefusal, ADoublingChainOfFunctionsIsRefusedFast) {
  std::string dictionary = "<TransformationDictionary>";
  for (int i = 0; i < 26; ++i) {
    const std::string inner =
        i == 0 ? "<FieldRef field=\"p\"/>"
               : "<Apply function=\"f" + std::to_string(i - 1) + "\"><FieldRef field=\"p\"/></Apply>";
    dictionary += "<DefineFunction name=\"f" + std::to_string(i) +
                  "\" optype=\"continuous\" dataType=\"double\"><ParameterField name=\"p\" dataType=\"double\"/>"
                  "<Apply function=\"+\">" +
                  inner + inner + "</Apply></DefineFunction>";
  }
  dictionary +=
      R"(<DerivedField name="a" optype="continuous" dataType="double"><Apply function="f25"><FieldRef field="x"/></Apply></DerivedField></TransformationDictionary>)";
  const std::string why = refusal(regression(
      R"(<RegressionTable intercept="0"><NumericPredictor name="a" coefficient="1"/></RegressionTable>)", dictionary));
  EXPECT_TRUE(says(why, "resource_exhausted")) << why;
}

TEST(PmmlRefusal, DeepNestingIsRefused) {
  std::string open, close;
  for (int i = 0; i < 20'000; ++i) {
    open += "<Node><True/>";
    close += "</Node>";
  }
  EXPECT_TRUE(
      says(refusal(pmml(kFields, "<TreeModel functionName=\"regression\">" + kSchema + open + close + "</TreeModel>")),
           "nest deeper"));
  open.clear();
  close.clear();
  for (int i = 0; i < 1'400; ++i) {
    open += "<Apply function=\"abs\">";
    close += "</Apply>";
  }
  // As deep as is allowed: works.
  EXPECT_EQ(refusal(regression("<Output><OutputField name=\"o\" feature=\"transformedValue\">" + open +
                               "<FieldRef field=\"x\"/>" + close + "</OutputField></Output>" + kTable)),
            "");
}

TEST(PmmlRefusal, LongChainsOfDerivedFieldsAreRefusedNotFollowed) {
  std::string dictionary = "<TransformationDictionary>";
  for (int i = 0; i < 50'000; ++i)
    dictionary += "<DerivedField name=\"d" + std::to_string(i) +
                  "\" optype=\"continuous\" dataType=\"double\"><FieldRef field=\"" +
                  (i == 49'999 ? std::string("x") : "d" + std::to_string(i + 1)) + "\"/></DerivedField>";
  const std::string why = refusal(
      regression(R"(<RegressionTable intercept="0"><NumericPredictor name="d0" coefficient="1"/></RegressionTable>)",
                 dictionary + "</TransformationDictionary>"));
  EXPECT_TRUE(says(why, "nest deeper")) << why;
}

TEST(PmmlRefusal, BoundsOfTheLoad) {
  ModelLimits limits;
  limits.max_bytes = 100;
  EXPECT_TRUE(says(refusal(regression(kTable), limits), "max_bytes"));
  limits = {};
  limits.max_load_ms = 0;
  EXPECT_TRUE(says(refusal(regression(kTable), limits), "max_load_ms"));
  std::string attributes;
  for (int i = 0; i < 200; ++i) attributes += " a" + std::to_string(i) + "=\"\"";
  EXPECT_TRUE(says(refusal("<PMML version=\"4.4\"" + attributes + "/>"), "attributes"));
}

TEST(PmmlRefusal, WrongStructure) {
  EXPECT_TRUE(says(refusal(pmml(kFields + number_field("x"), "<RegressionModel functionName=\"regression\">" + kSchema +
                                                                 kTable + "</RegressionModel>")),
                   "defined twice"));
  EXPECT_TRUE(says(refusal(pmml(kFields, "")), "no model"));
  EXPECT_TRUE(says(refusal(regression("")), "0 RegressionTable"));
  EXPECT_TRUE(says(refusal(pmml(number_field("x"), "<RegressionModel functionName=\"regression\">" + kSchema + kTable +
                                                       "</RegressionModel>")),
                   "not in the DataDictionary"));
  EXPECT_TRUE(says(refusal(pmml(kFields, "<TreeModel functionName=\"regression\" missingValueStrategy=\"guess\">" +
                                             kSchema + "<Node score=\"1\"><True/></Node></TreeModel>")),
                   "'guess'"));
  EXPECT_TRUE(says(
      refusal(regression(
          R"(<Output><OutputField name="o" feature="transformedValue"><Apply function="matches"><Constant>a</Constant><Constant>(</Constant></Apply></OutputField></Output>)" +
          kTable)),
      "regular expression"));
}

std::string verified(const std::string& rows) {
  return regression(kTable + R"(<ModelVerification><VerificationFields><VerificationField field="x" column="data:x"/>
  <VerificationField field="y" column="data:y" precision="1E-9"/></VerificationFields><InlineTable xmlns:data="urn:t">)" +
                    rows + "</InlineTable></ModelVerification>");
}

TEST(PmmlVerification, RunsAtLoadAndNamesRowFieldExpectedAndGot) {
  EXPECT_EQ(refusal(verified("<row><data:x>2</data:x><data:y>2.0</data:y></row>")), "");
  const std::string why = refusal(
      verified("<row><data:x>2</data:x><data:y>2.0</data:y></row>\n<row><data:x>3</data:x><data:y>3.1</data:y></row>"));
  EXPECT_TRUE(says(why, "verification row 2: field 'y': expected 3.1, got 3")) << why;
}

}  // namespace
}  // namespace weir::test
