#include <gtest/gtest.h>

#include "models/pmml/document.hpp"

namespace weir::test {
namespace {

const std::string kFields = number_field("x") + number_field("y") + text_field("t") + number_field("target");
const std::string kSchema =
    R"(<MiningField name="target" usageType="target"/><MiningField name="x"/><MiningField name="y"/><MiningField name="t"/>)";
const Row kRow = {{"x", 7.0}, {"y", 2.0}, {"t", "Hello"}};
const Row kNothing = {{"x", Cell()}, {"y", 2.0}, {"t", Cell()}};

std::string call(const std::string& function, const std::string& arguments, const std::string& attributes = "") {
  return "<Apply function=\"" + function + "\" " + attributes + ">" + arguments + "</Apply>";
}
const std::string kX = R"(<FieldRef field="x"/>)", kY = R"(<FieldRef field="y"/>)", kT = R"(<FieldRef field="t"/>)";
std::string constant(const std::string& text, const std::string& type = "") {
  return "<Constant" + (type.empty() ? "" : " dataType=\"" + type + "\"") + ">" + text + "</Constant>";
}
double eval(const std::string& expression, const Row& row = kRow) {
  return number(formula(kFields, kSchema, expression), row, "out");
}
std::string eval_text(const std::string& expression, const Row& row = kRow) {
  return text(formula(kFields, kSchema, expression), row, "out");
}

TEST(PmmlExpression, Arithmetic) {
  EXPECT_EQ(eval(call("+", kX + kY)), 9);
  EXPECT_EQ(eval(call("-", kX + kY)), 5);
  EXPECT_EQ(eval(call("*", kX + kY)), 14);
  EXPECT_EQ(eval(call("/", kX + kY)), 3.5);
  EXPECT_EQ(eval(call("pow", kX + kY)), 49);
  EXPECT_EQ(eval(call("modulo", call("-", constant("0") + kX) + kY)), 1);
  EXPECT_EQ(eval(call("threshold", kX + kY)), 1);
  EXPECT_EQ(eval(call("exp", constant("0.0"))), 1);
  EXPECT_EQ(eval(call("round", constant("2.5", "double"))), 3);
  EXPECT_EQ(eval(call("rint", constant("2.5", "double"))), 2);
  EXPECT_EQ(eval(call("floor", constant("-2.5", "double"))), -3);
}

TEST(PmmlExpression, WholeNumbersDivideToWholeNumbers) {
  EXPECT_EQ(eval(call("/", constant("7") + constant("2"))), 3);
  EXPECT_EQ(eval(call("/", constant("7", "double") + constant("2"))), 3.5);
}

TEST(PmmlExpression, AggregatesLeaveMissingValuesOut) {
  EXPECT_EQ(eval(call("sum", kX + kY), kNothing), 2);
  EXPECT_EQ(eval(call("avg", kX + kY)), 4.5);
  EXPECT_EQ(eval(call("median", kX + kY + constant("100"))), 7);
  EXPECT_EQ(eval(call("max", kX + kY), kNothing), 2);
  EXPECT_TRUE(std::isnan(eval(call("min", kX), kNothing)));
}

TEST(PmmlExpression, MissingValuesSpreadUntilReplaced) {
  EXPECT_TRUE(std::isnan(eval(call("+", kX + kY), kNothing)));
  EXPECT_TRUE(std::isnan(eval(call("pow", kX + constant("0")), kNothing)));
  EXPECT_EQ(eval(call("+", kX + kY, R"(mapMissingTo="-1")"), kNothing), -1);
  EXPECT_EQ(eval(call("+", kX + kY, R"(defaultValue="-2")"), kNothing), -2);
  EXPECT_EQ(eval(R"(<FieldRef field="x" mapMissingTo="5"/>)", kNothing), 5);
  EXPECT_EQ(eval(call("isMissing", kX), kNothing), 1);
}

TEST(PmmlExpression, ConditionsTakeOneBranch) {
  const std::string condition = call("greaterThan", kX + kY);
  EXPECT_EQ(eval(call("if", condition + kX + kY)), 7);
  EXPECT_EQ(eval(call("if", call("not", condition) + kX + kY)), 2);
  EXPECT_TRUE(std::isnan(eval(call("if", call("not", condition) + kX))));
  EXPECT_TRUE(std::isnan(eval(call("if", condition + kX + kY), kNothing)));
  EXPECT_EQ(eval(call("if", condition + call("if", call("lessThan", kX + kY) + constant("1") + constant("2")) +
                                constant("3"))),
            2);
  EXPECT_EQ(eval_text(call("if", condition + constant("yes") + constant("no"))), "yes");
}

TEST(PmmlExpression, Logic) {
  EXPECT_EQ(eval(call("and", call("equal", kX + constant("7")) + call("equal", kT + constant("Hello")))), 1);
  const std::string unknown = call("equal", kX + constant("7")), yes = call("equal", kY + constant("2"));
  EXPECT_EQ(eval(call("or", unknown + yes), kNothing), 1);
  EXPECT_TRUE(std::isnan(eval(call("and", unknown + yes), kNothing)));
  EXPECT_EQ(eval(call("and", unknown + call("not", yes)), kNothing), 0);
}

TEST(PmmlExpression, Membership) {
  EXPECT_EQ(eval(call("isIn", kT + constant("Bye") + constant("Hello"))), 1);
  EXPECT_EQ(eval(call("isNotIn", kX + constant("7") + constant("8"))), 0);
  EXPECT_EQ(eval(call("isIn", kX + constant("7") + constant("8"))), 1);
}

TEST(PmmlExpression, Texts) {
  EXPECT_EQ(eval_text(call("uppercase", kT)), "HELLO");
  EXPECT_EQ(eval_text(call("lowercase", kT)), "hello");
  EXPECT_EQ(eval_text(call("substring", kT + constant("2") + constant("3"))), "ell");
  EXPECT_EQ(eval_text(call("substring", constant("\xC3\xA4\xC3\xB6\xC3\xBC") + constant("2") + constant("1"))),
            "\xC3\xB6");
  EXPECT_EQ(eval_text(call("concat", kT + constant("-") + constant("7"))), "Hello-7");
  EXPECT_EQ(eval_text(call("trimBlanks", constant("  a b  ", "string"))), "a b");
  EXPECT_EQ(eval_text(call("replace", kT + constant("l+") + constant("L"))), "HeLo");
  EXPECT_EQ(eval_text(call("replace", kT + constant("(H)(e)") + constant("$2$1"))), "eHllo");
  EXPECT_EQ(eval(call("matches", kT + constant("ell"))), 1);
  EXPECT_EQ(eval(call("stringLength", constant("\xC3\xA4\xC3\xB6"))), 2);
  EXPECT_EQ(eval_text(call("formatNumber", kX + constant("%05.1f"))), "007.0");
}

TEST(PmmlExpression, ANumberTooLargeForItsFormatFailsTheRow) {
  const std::string whole = call("formatNumber", kX + constant("%d"));
  EXPECT_EQ(eval_text(whole, {{"x", -2147483647.0}}), "-2147483647");
  for (const double x : {1e300, -1e300, std::numeric_limits<double>::infinity(), 2147483648.0})
    EXPECT_EQ(eval_text(whole, {{"x", x}}).substr(0, 15), "!formatNumber: ") << x;
}

TEST(PmmlExpression, Dates) {
  const std::string day = constant("2013-01-31", "date"), moment = constant("2013-01-31T01:02:03", "dateTime");
  EXPECT_EQ(eval(call("dateDaysSinceYear", day + constant("2013"))), 30);
  EXPECT_EQ(eval(call("dateSecondsSinceMidnight", moment)), 3723);
  EXPECT_EQ(eval(call("dateSecondsSinceYear", moment + constant("2013"))), 30 * 86400 + 3723);
  EXPECT_EQ(eval_text(call("formatDatetime", moment + constant("%d.%m.%y %H:%M"))), "31.01.13 01:02");
  EXPECT_EQ(eval(call("dateSecondsSinceMidnight", constant("2013-01-31T01:02", "dateTime"))), 3720);
  EXPECT_EQ(eval(call("dateSecondsSinceMidnight", constant("01:02", "time"))), 3720);
  const std::string half = constant("2013-01-31T01:02:03.5", "dateTime");
  EXPECT_EQ(eval(call("dateSecondsSinceMidnight", half)), 3723);
  EXPECT_EQ(eval(call("dateSecondsSinceYear", half + constant("2013"))), 30 * 86400 + 3723);
  for (const char* wrong : {"01:2", "0102", "1:02:", "01:02:", "01:02:3"})
    EXPECT_NE(refusal(formula(number_field("x"), R"(<MiningField name="x"/>)", constant(wrong, "time"))), "") << wrong;
}

TEST(PmmlExpression, NormContinuousHandlesOutliers) {
  const auto norm = [&](const std::string& outliers) {
    return R"(<NormContinuous field="x" outliers=")" + outliers +
           R"("><LinearNorm orig="0" norm="0"/><LinearNorm orig="4" norm="8"/>
  <LinearNorm orig="5" norm="10"/></NormContinuous>)";
  };
  EXPECT_EQ(eval(norm("asIs")), 14);
  EXPECT_EQ(eval(norm("asExtremeValues")), 10);
  EXPECT_TRUE(std::isnan(eval(norm("asMissingValues"))));
  EXPECT_EQ(eval(norm("asIs"), {{"x", 2.0}, {"y", 0.0}, {"t", ""}}), 4);
}

TEST(PmmlExpression, Discretize) {
  const std::string bins = R"(<Discretize field="x" mapMissingTo="none" defaultValue="other">
  <DiscretizeBin binValue="low"><Interval closure="openClosed" rightMargin="7"/></DiscretizeBin>
  <DiscretizeBin binValue="high"><Interval closure="openOpen" leftMargin="7" rightMargin="9"/></DiscretizeBin></Discretize>)";
  EXPECT_EQ(eval_text(bins), "low");
  EXPECT_EQ(eval_text(bins, {{"x", 8.0}, {"y", 0.0}, {"t", ""}}), "high");
  EXPECT_EQ(eval_text(bins, {{"x", 9.0}, {"y", 0.0}, {"t", ""}}), "other");
  EXPECT_EQ(eval_text(bins, kNothing), "none");
}

TEST(PmmlExpression, MapValues) {
  const std::string map =
      R"(<MapValues outputColumn="out" dataType="double" defaultValue="0" mapMissingTo="-1"><FieldColumnPair field="t" column="t"/>
  <FieldColumnPair field="y" column="y"/><InlineTable><row><t>Hello</t><y>2</y><out>1.5</out></row>
  <row><t>Hello</t><y>3</y><out>2.5</out></row></InlineTable></MapValues>)";
  EXPECT_EQ(eval(map), 1.5);
  EXPECT_EQ(eval(map, {{"x", 0.0}, {"y", 3.0}, {"t", "Hello"}}), 2.5);
  EXPECT_EQ(eval(map, {{"x", 0.0}, {"y", 4.0}, {"t", "Hello"}}), 0);
  EXPECT_EQ(eval(map, kNothing), -1);
}

TEST(PmmlExpression, NormDiscrete) {
  EXPECT_EQ(eval(R"(<NormDiscrete field="t" value="Hello"/>)"), 1);
  EXPECT_EQ(eval(R"(<NormDiscrete field="t" value="Bye"/>)"), 0);
  EXPECT_EQ(eval(R"(<NormDiscrete field="t" value="Bye" mapMissingTo="0.5"/>)", kNothing), 0.5);
}

TEST(PmmlExpression, DefinedFunctionsAndDerivedFields) {
  const std::string dictionary =
      R"(<DefineFunction name="twice" optype="continuous" dataType="double"><ParameterField name="a" dataType="double"/>
  <Apply function="*"><FieldRef field="a"/><Constant>2</Constant></Apply></DefineFunction>
  <DerivedField name="d" optype="continuous" dataType="double"><Apply function="twice"><FieldRef field="later"/></Apply></DerivedField>
  <DerivedField name="later" optype="continuous" dataType="double"><Apply function="twice"><FieldRef field="x"/></Apply></DerivedField>)";
  EXPECT_EQ(number(formula(kFields, kSchema, R"(<FieldRef field="d"/>)", dictionary), kRow, "out"), 28);
}

TEST(PmmlExpression, FieldsFirstNeededInsideABranchAreComputedAlways) {
  const std::string dictionary =
      R"(<DerivedField name="d" optype="continuous" dataType="double"><Apply function="+"><FieldRef field="x"/><Constant>1</Constant></Apply></DerivedField>
  <DerivedField name="e" optype="continuous" dataType="double"><Apply function="if"><Apply function="greaterThan"><FieldRef field="x"/><FieldRef field="y"/></Apply>
  <Constant dataType="double">0</Constant><FieldRef field="d"/></Apply></DerivedField>)";
  EXPECT_EQ(number(formula(kFields, kSchema, call("+", R"(<FieldRef field="e"/><FieldRef field="d"/>)"), dictionary),
                   kRow, "out"),
            8);
}

TEST(PmmlExpression, FloatFieldsRound) {
  const std::string dictionary =
      R"(<DerivedField name="f" optype="continuous" dataType="float"><FieldRef field="x"/></DerivedField>
  <DerivedField name="d" optype="continuous" dataType="double"><FieldRef field="f"/></DerivedField>)";
  EXPECT_EQ(number(formula(kFields, kSchema, R"(<FieldRef field="d"/>)", dictionary),
                   {{"x", 0.1}, {"y", 0.0}, {"t", ""}}, "out"),
            static_cast<double>(0.1F));
}

}  // namespace
}  // namespace weir::test
