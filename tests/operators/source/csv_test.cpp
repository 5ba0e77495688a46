#include <weir/csv.hpp>

#include <gtest/gtest.h>

#include <boost/describe/class.hpp>

namespace weir {
namespace {

std::vector<std::string> split(std::string_view record, char delimiter = ',') {
  CsvRow row;
  EXPECT_TRUE(row.split(record, delimiter)) << record;
  std::vector<std::string> fields;
  for (std::size_t i = 0; i < row.size(); ++i) fields.emplace_back(row[i]);
  return fields;
}
using Fields = std::vector<std::string>;

TEST(CsvRow, SplitsPlainAndQuotedFields) {
  EXPECT_EQ(split("a,b,c"), (Fields{"a", "b", "c"}));
  EXPECT_EQ(split(""), (Fields{""}));
  EXPECT_EQ(split(",,"), (Fields{"", "", ""}));
  EXPECT_EQ(split(R"("a,1","say ""hi""","")"), (Fields{"a,1", "say \"hi\"", ""}));
  EXPECT_EQ(split(R"("""a""","""",x)"), (Fields{"\"a\"", "\"", "x"}));
  EXPECT_EQ(split("\"two\r\nlines\",x"), (Fields{"two\r\nlines", "x"}));
  EXPECT_EQ(split(R"(5" pipe,x)"), (Fields{"5\" pipe", "x"}));
  EXPECT_EQ(split("a;b,c", ';'), (Fields{"a", "b,c"}));
}

TEST(CsvRow, RefusesMalformedQuotes) {
  CsvRow row;
  EXPECT_FALSE(row.split("\"open"));
  EXPECT_FALSE(row.split("\"open\"\""));
  EXPECT_FALSE(row.split("\"a\"b,c"));
}

TEST(ParseTimestamp, ReadsWhatFormatTimestampWritesAndShorterForms) {
  const Timestamp noon = std::chrono::sys_days(std::chrono::year(2013) / 7 / 4) + std::chrono::hours(12);
  EXPECT_EQ(*parse_timestamp("2013-07-04T12:00:00Z"), noon);
  EXPECT_EQ(*parse_timestamp("2013-07-04 12:00"), noon);
  EXPECT_EQ(*parse_timestamp("2013-07-04"), noon - std::chrono::hours(12));
  EXPECT_EQ(*parse_timestamp("2013-07-04T12:00:00.25Z"), noon + std::chrono::milliseconds(250));
  EXPECT_EQ(*parse_timestamp(format_timestamp(noon + Duration{1})), noon + Duration{1});
  for (const char* wrong :
       {"", "2013", "2013-02-30", "2013-07-04T", "2013-07-04T24:00", "2013-07-04T12:60", "2013-07-04T12:00:00.",
        "2013-07-04T12:00:00.1234567Z", "2013-07-04T12:00+02:00", "2013-07-04x", "20-07-04", "2013--7-04"})
    EXPECT_FALSE(parse_timestamp(wrong).is_ok()) << wrong;
}

struct Everything {
  int number = 0;
  std::optional<double> real;
  std::string text;
  bool flag = false;
  Timestamp time;
  friend bool operator==(const Everything&, const Everything&) = default;
};
BOOST_DESCRIBE_STRUCT(Everything, (), (number, real, text, flag, time))

TEST(CsvMapping, FindsColumnsByNameAndSaysWhichValueIsWrong) {
  detail::CsvMapping<Everything> mapping;
  ASSERT_TRUE(mapping.begin({"time", "extra", "flag", "text", "real", "number"}, true).is_ok());
  CsvRow row;
  ASSERT_TRUE(row.split("2013-07-04,x,1,word,,-7"));
  const Everything expected{-7, std::nullopt, "word", true, *parse_timestamp("2013-07-04")};
  EXPECT_EQ(*mapping.read(row), expected);
  ASSERT_TRUE(row.split("2013-07-04,x,1,word,,7.5"));
  EXPECT_EQ(mapping.read(row).status().message(), "column 'number': cannot read '7.5'");
  ASSERT_TRUE(row.split("2013-07-04,x"));
  EXPECT_EQ(mapping.read(row).status().message(), "no field for 'number'");
  EXPECT_EQ(mapping.begin({"a", "b"}, true).message(), "no column 'number' (there are: a, b)");
}

TEST(CsvFormat, WritesWhatCsvMappingReads) {
  const Everything value{-7, 0.1, "a \"b\",\nc", false, *parse_timestamp("2013-07-04T00:00:00.5")};
  std::string line;
  CsvFormat<Everything>{}(value, line);
  EXPECT_EQ(line, "-7,0.1,\"a \"\"b\"\",\nc\",false,2013-07-04T00:00:00.500000Z\n");
  EXPECT_EQ(csv_header<Everything>(), "number,real,text,flag,time\n");
  detail::CsvMapping<Everything> mapping;
  ASSERT_TRUE(mapping.begin({}, false).is_ok());
  CsvRow row;
  ASSERT_TRUE(row.split(std::string_view(line).substr(0, line.size() - 1)));
  EXPECT_EQ(*mapping.read(row), value);
}

}  // namespace
}  // namespace weir
