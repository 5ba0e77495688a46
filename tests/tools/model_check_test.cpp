// What `weirctl model check` and `check-suite` find, and what they overlook on purpose.

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "tools/weirctl/check_suite.hpp"
#include "tools/weirctl/model_check.hpp"

namespace weirctl {
namespace {

// y = 2 a + (kind == "big" ? 10 : 0); the class of the sign as an output text.
const char* kModel = R"(<PMML version="4.4"><DataDictionary>
  <DataField name="a" optype="continuous" dataType="double"/>
  <DataField name="kind" optype="categorical" dataType="string"/>
  <DataField name="y.total" optype="continuous" dataType="double"/></DataDictionary>
 <RegressionModel functionName="regression"><MiningSchema><MiningField name="a"/><MiningField name="kind"/>
  <MiningField name="y.total" usageType="target"/></MiningSchema>
  <Output><OutputField name="sign" optype="categorical" dataType="string" feature="transformedValue">
   <Apply function="if"><Apply function="lessThan"><FieldRef field="y.total"/><Constant>0</Constant></Apply>
    <Constant dataType="string">minus</Constant><Constant dataType="string">plus</Constant></Apply></OutputField></Output>
  <RegressionTable intercept="0"><NumericPredictor name="a" coefficient="2"/>
   <CategoricalPredictor name="kind" value="big" coefficient="10"/></RegressionTable></RegressionModel></PMML>)";

weir::Result<CheckReport> check(const std::string& data, const std::string& expected, double tolerance = 0) {
  const auto model = weir::pmml_runtime()->load(kModel, {});
  EXPECT_TRUE(model.is_ok()) << model.status().to_string();
  const auto in = DelimitedFile::parse(data);
  const auto out = DelimitedFile::parse(expected);
  EXPECT_TRUE(in.is_ok() && out.is_ok());
  return check_model(**model, *in, *out, tolerance);
}

TEST(ModelCheck, PassesWhatAgrees) {
  const auto report = check("a,kind\n1,big\n-1,small\nNA,small\n", "\"y.total\",sign\n12,plus\n-2.0,minus\nN/A,\n");
  ASSERT_TRUE(report.is_ok()) << report.status().to_string();
  EXPECT_TRUE(report->passed()) << report->differences.front().to_string();
  EXPECT_EQ(report->columns, (std::vector<std::string>{"y.total", "sign"}));
}

TEST(ModelCheck, NamesTheFirstCellThatDiffers) {
  const auto report = check("a,kind\n1,big\n-1,small\n", "y.total,sign\n12,plus\n-2.1,plus\n");
  ASSERT_TRUE(report.is_ok());
  EXPECT_EQ(report->different, 2U);
  EXPECT_EQ(report->differences.front().to_string(), "row 2, column 'y.total': expected -2.1, got -2");
  EXPECT_EQ(report->differences.back().to_string(), "row 2, column 'sign': expected plus, got minus");
}

TEST(ModelCheck, ToleranceIsRelativeToTheExpectedNumber) {
  EXPECT_TRUE(check("a,kind\n50,x\n", "y.total\n101\n", 0.01)->passed());
  EXPECT_FALSE(check("a,kind\n50,x\n", "y.total\n101.1\n", 0.01)->passed());
  EXPECT_TRUE(check("a,kind\n1e-4,x\n", "y.total\n-1e-3\n", 0.01)->passed()) << "both are below the tolerance";
  EXPECT_TRUE(check("a,kind\n1,x\n", "y.total\n2.000000000000001\n")->passed()) << "1e-12 at least";
}

TEST(ModelCheck, MissingMustBeMissing) {
  EXPECT_FALSE(check("a,kind\n1,x\n", "y.total\nNA\n")->passed());
  EXPECT_FALSE(check("a,kind\n,x\n", "y.total\n0\n")->passed());
}

TEST(ModelCheck, ColumnsThatTheModelDoesNotDeclareDoNotCount) {
  const auto report = check("a,kind\n1,x\n", "id,y.total\nseven,2\n");
  ASSERT_TRUE(report.is_ok());
  EXPECT_TRUE(report->passed());
  EXPECT_EQ(report->ignored, std::vector<std::string>{"id"});
  EXPECT_FALSE(check("a,kind\n1,x\n", "id,predictedValue\nseven,2\n").is_ok()) << "nothing to compare";
}

TEST(ModelCheck, AbsentInputsAreMissingAndNamed) {
  const auto report = check("kind\nbig\n", "y.total\nNA\n");
  ASSERT_TRUE(report.is_ok());
  EXPECT_TRUE(report->passed());
  EXPECT_EQ(report->absent, std::vector<std::string>{"a"});
}

TEST(ModelCheck, SaysWhyARowFailed) {
  const auto report = check("a,kind\nlots,big\n", "y.total\n1\n");
  ASSERT_TRUE(report.is_ok());
  EXPECT_EQ(report->differences.front().reason, "input 'a': 'lots' is not a number");
}

TEST(ModelCheck, RowsMustBeAsMany) {
  EXPECT_FALSE(check("a,kind\n1,x\n", "y.total\n2\n2\n").is_ok());
  EXPECT_FALSE(check("a,kind\n1,x\n1,x\n", "y.total\n2\n").is_ok());
  EXPECT_TRUE(check("a,kind\n1,x\n,x\n", "y.total\n2\n\n")->passed()) << "the last value is missing";
  EXPECT_TRUE(check("a,kind\n1,x\n", "y.total\n2\n\n")->passed()) << "or there is none";
}

TEST(DelimitedFile, ReadsQuotesAndGuessesTheDelimiter) {
  const auto tabs = DelimitedFile::parse(
      "\xEF\xBB\xBF"
      "a,b\t\"c \"\"d\"\"\"\r\n1\t\"x\ty\nz\"\r\n\r\n2\r\n");
  ASSERT_TRUE(tabs.is_ok()) << tabs.status().to_string();
  EXPECT_EQ(tabs->header, (std::vector<std::string>{"a,b", "c \"d\""}));
  ASSERT_EQ(tabs->rows.size(), 2U);
  EXPECT_EQ(tabs->rows[0][1], "x\ty\nz");
  EXPECT_EQ(tabs->rows[1], (std::vector<std::string>{"2", ""}));
  EXPECT_EQ(DelimitedFile::parse("a;b\n1,5;2\n")->rows[0][0], "1,5");
  EXPECT_EQ(DelimitedFile::parse("a\n\n1\n\n")->rows.size(), 2U) << "an empty line is a missing value of one column";
  EXPECT_FALSE(DelimitedFile::parse("a,b\n1,2,3\n").is_ok());
  EXPECT_FALSE(DelimitedFile::parse("a,b\n1,\"2\n").is_ok());
}

TEST(CheckSuite, PassesTheTriplesOfTheRepository) {
  std::ostringstream out;
  const auto report = check_suite("tests/models/pmml_conformance", out);
  ASSERT_TRUE(report.is_ok()) << report.status().to_string();
  EXPECT_EQ(report->triples, 43U);
  EXPECT_EQ(report->passed, report->triples) << out.str();
}

TEST(CheckSuite, AgreesWithOtherEvaluatorsAndTrainingLibraries) {
  std::ostringstream out;
  const auto report = check_suite("tests/models/pmml_crosscheck", out);
  ASSERT_TRUE(report.is_ok()) << report.status().to_string();
  EXPECT_GT(report->triples, 100U);
  EXPECT_EQ(report->passed, report->triples) << out.str();
}

TEST(CheckSuite, OneLineForEachTripleThatFails) {
  const std::filesystem::path root = std::filesystem::path(testing::TempDir()) / "weirctl_check_suite";
  std::filesystem::remove_all(root);
  for (const char* folder : {"pmml", "csv", "expected"}) std::filesystem::create_directories(root / "set" / folder);
  const auto write = [&](const std::string& path, const std::string& bytes) { std::ofstream(root / path) << bytes; };
  write("index.tsv", "id\ttolerance\tdataset\nset/good\t0e+00\tdata\nset/bad\t1e-9\tdata\nset/none\t0\tdata\n");
  write("set/pmml/good.pmml", kModel);
  write("set/pmml/bad.pmml", kModel);
  write("set/csv/data.csv", "a,kind\n1,big\n");
  write("set/expected/good.csv", "y.total\n12\n");
  write("set/expected/bad.csv", "y.total\n13\n");
  std::ostringstream out;
  const auto report = check_suite(root, out);
  ASSERT_TRUE(report.is_ok()) << report.status().to_string();
  EXPECT_EQ(report->passed, 1U);
  EXPECT_EQ(report->triples, 3U);
  EXPECT_TRUE(out.str().starts_with("FAIL set/bad: row 1, column 'y.total': expected 13, got 12\nFAIL set/none: "))
      << out.str();
  std::filesystem::remove_all(root);
}

}  // namespace
}  // namespace weirctl
