#include "csv.hpp"

#include <gtest/gtest.h>

namespace flights {
namespace {

constexpr std::string_view kNames[] = {"a", "b"};

std::vector<std::vector<std::string>> read_all(std::string_view text) {
  auto reader = CsvReader::open("t.csv", text, kNames);
  if (!reader) return {{reader.status().message()}};
  std::vector<std::vector<std::string>> rows;
  while (true) {
    auto row = reader->next();
    if (!row) {
      rows.push_back({row.status().message()});
      return rows;
    }
    if (!*row) return rows;
    rows.emplace_back((**row).fields.begin(), (**row).fields.end());
  }
}
using Rows = std::vector<std::vector<std::string>>;

TEST(CsvReader, ReadsPlainFieldsWithEitherLineEndAndWithoutTheLastOne) {
  EXPECT_EQ(read_all("a,b\n1,2\n,\n"), (Rows{{"1", "2"}, {"", ""}}));
  EXPECT_EQ(read_all("a,b\r\n1,2\r\n3,4"), (Rows{{"1", "2"}, {"3", "4"}}));
  EXPECT_EQ(read_all("a,b\n"), Rows{});
}

TEST(CsvReader, ReadsQuotedFieldsWithCommasLineEndsAndDoubledQuotes) {
  EXPECT_EQ(read_all("a,b\n\"1,\n2\",\"say \"\"hi\"\"\"\n\"\",\"\"\"\"\n"),
            (Rows{{"1,\n2", "say \"hi\""}, {"", "\""}}));
}

TEST(CsvReader, NamesFileLineAndColumnOfAFault) {
  EXPECT_EQ(read_all(""), (Rows{{"t.csv:1: column 1 'a': the file is empty, a header was expected"}}));
  EXPECT_EQ(read_all("a,c\n"), (Rows{{"t.csv:1: column 2 'b': the header has another name here"}}));
  EXPECT_EQ(read_all("a,b,c\n"), (Rows{{"t.csv:1: column 3: an unexpected column"}}));
  EXPECT_EQ(read_all("a,b\n\"1\n\",2\n3\n"),
            (Rows{{"1\n", "2"}, {"t.csv:4: column 2 'b': expected 2 fields, found 1"}}));
  EXPECT_EQ(read_all("a,b\n1,2,3\n"), (Rows{{"t.csv:2: column 3: expected 2 fields, found 3"}}));
  EXPECT_EQ(read_all("a,b\n1,\"2\n"), (Rows{{"t.csv:2: column 2 'b': the closing quote is missing"}}));
  EXPECT_EQ(read_all("a,b\n\"1\"x,2\n"), (Rows{{"t.csv:2: column 1 'a': text after the closing quote"}}));
  EXPECT_EQ(read_all("a,b\n1x\",2\n"), (Rows{{"t.csv:2: column 1 'a': a quote inside a bare field"}}));
  EXPECT_EQ(read_all("a,b\n1\r,2\n"), (Rows{{"t.csv:2: column 1 'a': a carriage return without a line feed"}}));
}

std::string first_error(std::vector<std::string_view> values, void (*read)(CsvFields&)) {
  const CsvRow row{"t.csv", 7, kNames, values};
  CsvFields fields(row);
  read(fields);
  return fields.finish().message();
}

TEST(CsvFields, ConvertEachFieldAndKeepTheFirstError) {
  const std::vector<std::string_view> values = {"-12", "0.25", "2013-07-04T10:05:09Z", "NA", "NA", "EWR"};
  const CsvRow row{"t.csv", 2, {}, values};
  CsvFields fields(row);
  EXPECT_EQ(fields.integer(), -12);
  EXPECT_EQ(fields.number(), 0.25);
  EXPECT_EQ(weir::format_timestamp(fields.time()), "2013-07-04T10:05:09Z");
  EXPECT_EQ(fields.maybe_integer("NA"), std::nullopt);
  EXPECT_EQ(fields.maybe_number("NA"), std::nullopt);
  EXPECT_EQ(fields.text(), "EWR");
  EXPECT_TRUE(fields.finish().is_ok());

  EXPECT_EQ(first_error({"1x", "y"}, [](CsvFields& f) { f.integer(), f.number(); }),
            "t.csv:7: column 1 'a': '1x' is not an integer");
  EXPECT_EQ(first_error({"1", "nan"}, [](CsvFields& f) { f.number(), f.number(); }),
            "t.csv:7: column 2 'b': 'nan' is not a finite number");
  EXPECT_EQ(first_error({"1"}, [](CsvFields& f) { f.skip(), f.skip(); }),
            "t.csv:7: column 2 'b': the row ends before this field");
  EXPECT_EQ(first_error({"1", "2"}, [](CsvFields& f) { f.skip(); }), "t.csv:7: column 2 'b': an unexpected field");
  EXPECT_EQ(first_error({""}, [](CsvFields& f) { f.text(); }), "t.csv:7: column 1 'a': '' is not a name");
}

TEST(CsvFields, RefuseTimesThatDoNotExist) {
  for (const char* time : {"2013-02-29T00:00:00Z", "2013-01-01T24:00:00Z", "2013-01-01T00:60:00Z",
                           "2013-01-01 00:00:00Z", "2013-01-01T00:00:00", "2013-01-01T-1:00:00Z", ""}) {
    EXPECT_NE(first_error({time}, [](CsvFields& f) { f.time(); }), "") << time;
  }
}

TEST(AppendNumber, WritesTheShortestTextThatReadsBackTheSame) {
  for (const double number : {0.0, 39.02, 11.5078, 1.0 / 3, 1e-17, -12.0, 1301.0}) {
    std::string text;
    append_number(text, number);
    EXPECT_EQ(std::stod(text), number) << text;
  }
  std::string text;
  append_number(text, 1400.0);
  EXPECT_EQ(text, "1400");
}

}  // namespace
}  // namespace flights
