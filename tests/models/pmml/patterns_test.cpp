// Regular expressions as exporters write them: Java's syntax.

#include <gtest/gtest.h>

#include "models/pmml/document.hpp"

namespace weir::test {
namespace {

std::string calling(const std::string& function, const std::string& pattern, const std::string& more = "") {
  return formula(text_field("t"), R"(<MiningField name="t"/>)",
                 "<Apply function=\"" + function + "\"><FieldRef field=\"t\"/><Constant dataType=\"string\">" +
                     pattern + "</Constant>" + more + "</Apply>");
}
bool matches(const std::string& pattern, const std::string& value) {
  return number(calling("matches", pattern), Row{{"t", Cell(value)}}, "out") == 1;
}
std::string replaced(const std::string& pattern, const std::string& value) {
  return text(calling("replace", pattern, R"(<Constant dataType="string">_</Constant>)"), Row{{"t", Cell(value)}},
              "out");
}

TEST(PmmlPatterns, NamedClassesInsideAndOutsideOfBrackets) {
  EXPECT_EQ(replaced(R"(\p{Punct}+)", "a.b,;c"), "a_b_c");
  EXPECT_EQ(replaced(R"([\p{Digit}x]+)", "a12x3b"), "a_b");
  EXPECT_EQ(replaced(R"(\P{Alpha}+)", "ab12 cd"), "ab_cd");
  EXPECT_EQ(replaced(R"([^\p{Upper}]+)", "ABcdE"), "AB_E");
  EXPECT_EQ(replaced(R"(\p{L}+)", "12äb3"), "12_3");
  EXPECT_EQ(replaced(R"(\p{IsAlphabetic}+)", "12äb3"), "12_3");
  EXPECT_EQ(replaced("\\h+", "a\t \xC2\xA0z"), "a_z");
}

TEST(PmmlPatterns, FlagsAndNamedGroups) {
  EXPECT_TRUE(matches("(?u)gr", "a greeting"));
  EXPECT_TRUE(matches("(?i)GR", "a greeting"));
  EXPECT_TRUE(matches("(?iu:GR)e", "a greeting"));
  EXPECT_FALSE(matches("(?u:GR)", "a greeting"));
  EXPECT_TRUE(matches("(?&lt;word&gt;e+)t", "a greeting"));
  EXPECT_TRUE(matches(R"(\Q(?x)\E)", "a(?x)b"));
  EXPECT_TRUE(matches("[]x]", "a]"));
}

TEST(PmmlPatterns, WhatWouldMeanSomethingElseIsRefused) {
  for (const char* pattern :
       {"[a-z&amp;&amp;[^b]]", "[a[bc]]", "(?U)a", "(?x)a b", "(a)\\1", "(?=a)", "a++", "(?&lt;=a)b"})
    EXPECT_NE(refusal(calling("matches", pattern)).find("regular expression"), std::string::npos) << pattern;
  EXPECT_NE(refusal(calling("matches", "[a[bc]]")).find("a class inside a class"), std::string::npos);
}

}  // namespace
}  // namespace weir::test
