#include <weir/json.hpp>

#include <gtest/gtest.h>

#include <limits>

#include <boost/describe/class.hpp>
#include <boost/describe/enum.hpp>

namespace weir {
namespace {

enum class Colour { kRed, kGreen };
BOOST_DESCRIBE_ENUM(Colour, kRed, kGreen)
enum class Plain : std::int8_t { kA = -3 };

struct Point {
  double x;
  std::optional<int> y;
};
struct Wine {
  std::string name;
  Colour colour;
  std::vector<Point> points;
  std::map<std::string, int> counts;
  Timestamp seen;
};
BOOST_DESCRIBE_STRUCT(Wine, (), (name, colour, points, counts, seen))
struct Custom {
  int value;
  void weir_json(JsonWriter& json) const {
    json.begin_object();
    json.key("custom");
    json.number(value);
    json.end_object();
  }
};
struct Empty {};

TEST(Json, WritesNumbersSoThatTheyReadBack) {
  EXPECT_EQ(to_json(std::numeric_limits<std::int64_t>::min()), "-9223372036854775808");
  EXPECT_EQ(to_json(std::numeric_limits<std::uint64_t>::max()), "18446744073709551615");
  EXPECT_EQ(to_json(0.1), "0.1");
  EXPECT_EQ(to_json(0.1F), "0.1");
  EXPECT_EQ(to_json(1e300), "1e+300");
  EXPECT_EQ(to_json(-0.0), "-0");
  EXPECT_EQ(to_json(std::numeric_limits<double>::quiet_NaN()), "null");
  EXPECT_EQ(to_json(-std::numeric_limits<double>::infinity()), "null");
  EXPECT_EQ(to_json(true), "true");
  EXPECT_EQ(to_json(std::int8_t{65}), "65") << "a number, not a letter";
}

TEST(Json, EscapesWhatMustBeAndKeepsUtf8) {
  EXPECT_EQ(to_json(std::string("a\"b\\c\n\r\t\b\f\x01\x1f/")), R"("a\"b\\c\n\r\t\b\f\u0001\u001f/")");
  EXPECT_EQ(to_json(std::string("\0", 1)), R"("\u0000")");
  EXPECT_EQ(to_json(std::string("Grüner \xf0\x9f\x8d\xb7")), "\"Grüner \xf0\x9f\x8d\xb7\"");
}

TEST(Json, ReplacesBytesThatAreNoUtf8) {
  const std::string sign = "\xef\xbf\xbd";
  for (const char* bad :
       {"\x80", "\xff", "\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe2\x82", "\xf0\x80\x80\x80"}) {
    std::string expected = "\"<";
    for (std::size_t i = 0; i < std::string_view(bad).size(); ++i) expected += sign;
    EXPECT_EQ(to_json("<" + std::string(bad) + ">"), expected + ">\"");
  }
}

TEST(Json, WritesDescribedStructsAsObjectsAndOthersAsArrays) {
  const Wine wine{"Riesling", Colour::kGreen, {{1.5, 2}, {-1, {}}}, {{"a", 1}}, Timestamp(std::chrono::seconds(1))};
  EXPECT_EQ(to_json(wine), R"({"name":"Riesling","colour":"kGreen","points":[[1.5,2],[-1,null]],"counts":{"a":1},)"
                           R"("seen":"1970-01-01T00:00:01Z"})");
  EXPECT_EQ(to_json(Empty{}), "[]");
  EXPECT_EQ(to_json(Custom{5}), R"({"custom":5})");
  EXPECT_EQ(to_json(Plain::kA), "-3");
}

TEST(Json, WritesContainers) {
  EXPECT_EQ(to_json(std::vector<bool>{true, false}), "[true,false]");
  EXPECT_EQ(to_json(std::tuple<int, std::string>(1, "x")), R"([1,"x"])");
  EXPECT_EQ(to_json(std::map<int, std::string>{{2, "x"}}), R"({"2":"x"})");
  EXPECT_EQ(to_json(std::map<std::pair<int, int>, int>{{{1, 2}, 3}}), "[[[1,2],3]]");
  EXPECT_EQ(to_json(std::set<int>{3, 1}), "[1,3]");
  EXPECT_EQ(to_json(std::chrono::milliseconds(250)), "250");
  EXPECT_EQ(to_json(std::vector<std::string>()), "[]");
}

TEST(Json, PutsCommasBetweenValuesOnly) {
  JsonWriter json;
  json.begin_array();
  json.begin_object();
  json.end_object();
  json.begin_array();
  json.null();
  json.end_array();
  json.raw("1");
  json.end_array();
  EXPECT_EQ(json.take(), "[{},[null],1]");
  json.string("again");
  EXPECT_EQ(json.take(), "\"again\"");
}

template <class K>
void expect_key(const K& key, const std::string& text) {
  EXPECT_EQ(key_text(key), text);
  const Result<K> back = parse_key<K>(text);
  ASSERT_TRUE(back.is_ok()) << back.status().to_string();
  EXPECT_TRUE(*back == key);
}

TEST(Keys, HaveATextThatReadsBack) {
  expect_key(std::string("a\"/b"), "a\"/b");
  expect_key(std::string(), "");
  expect_key(std::int64_t{-7}, "-7");
  expect_key(std::uint8_t{200}, "200");
  expect_key(2.5, "2.5");
  expect_key(true, "true");
  expect_key(Plain::kA, "-3");
}

TEST(Keys, AreRefusedWhenTheyAreNone) {
  EXPECT_EQ(parse_key<std::uint8_t>("256").status().code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(parse_key<bool>("1").status().code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(parse_key<double>("1.5 ").status().code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(parse_key<Plain>("x").status().code(), StatusCode::kInvalidArgument);
  EXPECT_EQ((parse_key<std::pair<int, int>>("[1,2]").status().code()), StatusCode::kUnimplemented);
}

}  // namespace
}  // namespace weir
