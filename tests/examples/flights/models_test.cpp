// The committed models, index and oracles fit together. (That predictions are right is the business of the PMML tests.)

#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <set>

#include "events.hpp"
#include "local_time.hpp"
#include "model_index.hpp"
#include "raw_data.hpp"

namespace flights {
namespace {

const std::string kFolder = "examples/flights/";  // tests run in the project's root

std::string read(const std::string& path) {
  auto text = read_text_file(kFolder + path);
  EXPECT_TRUE(text.is_ok()) << text.status().to_string();
  return text.is_ok() ? *text : "";
}

TEST(ModelIndex, NamesAnExistingModelForEachKeyAndMonthAndTwoBadOnes) {
  const std::string csv = read("models/index.csv");
  for (const std::string kind : {"lr", "boosting"}) {
    const auto lines = parse_model_index(csv, kind);
    ASSERT_TRUE(lines.is_ok()) << lines.status().to_string();
    std::set<std::pair<int, std::string>> good;
    std::set<std::string> bad;
    for (const ModelLine& line : *lines) {
      EXPECT_GT(read("models/" + line.file).size(), 1000U);
      EXPECT_EQ(line.name, "late-" + kind);
      if (line.file.find('/') == std::string::npos) {
        bad.insert(line.file);
        continue;
      }
      const int month = new_york_month(line.effective_at);
      EXPECT_EQ(new_york_month(line.effective_at - std::chrono::seconds{1}), month - 1) << line.file;
      EXPECT_EQ(line.version, 20130001 + 100 * month);
      EXPECT_TRUE(good.emplace(month, line.key).second);
    }
    EXPECT_EQ(good.size(), 33U);
    EXPECT_EQ(bad, (std::set<std::string>{"broken.pmml", "failing-verification.pmml"}));
    EXPECT_EQ(lines->size(), 35U);
  }
}

TEST(ModelIndex, MustBeInOrderOfTime) {
  const auto lines = parse_model_index(
      "kind,key,name,version,effective_at,file\nlr,EWR,a,2,2013-03-01T05:00:00Z,f\nlr,EWR,a,1,2013-02-01T05:00:00Z,f\n",
      "lr");
  EXPECT_EQ(lines.status().message(), "index.csv:3: column 5 'effective_at': the line before takes effect later");
}

TEST(ExpectedRows, AreAThousandRequestsWithAProbabilityFromEachModel) {
  const std::string inputs = read("expected/inputs.csv");
  auto reader = CsvReader::open("inputs.csv", inputs, request_columns());
  ASSERT_TRUE(reader.is_ok()) << reader.status().to_string();
  std::vector<std::int64_t> ids;
  std::set<std::string> destinations;
  while (true) {
    const auto row = reader->next();
    ASSERT_TRUE(row.is_ok()) << row.status().to_string();
    if (!*row) break;
    const auto request = parse_request(**row);
    ASSERT_TRUE(request.is_ok()) << request.status().to_string();
    ids.push_back(request->id);
    destinations.insert(request->dest);
  }
  EXPECT_EQ(ids.size(), 1000U);
  EXPECT_EQ(destinations.size(), 105U);

  std::vector<std::string_view> columns = {"id",       "20130201", "20130301", "20130401", "20130501", "20130601",
                                           "20130701", "20130801", "20130901", "20131001", "20131101", "20131201"};
  for (const std::string kind : {"lr", "boosting"}) {
    const std::string text = read("expected/" + kind + ".csv");
    auto expected = CsvReader::open(kind, text, columns);
    ASSERT_TRUE(expected.is_ok()) << expected.status().to_string();
    for (const std::int64_t id : ids) {
      const auto row = expected->next();
      ASSERT_TRUE(row.is_ok() && row->has_value());
      CsvFields fields(**row);
      EXPECT_EQ(fields.integer(), id);
      for (std::size_t column = 1; column < columns.size(); ++column) {
        const double probability = fields.number();
        EXPECT_GT(probability, 0);
        EXPECT_LT(probability, 1);
      }
      ASSERT_TRUE(fields.finish().is_ok()) << fields.finish().to_string();
    }
    EXPECT_FALSE(expected->next()->has_value());
  }
}

TEST(ReferenceSummary, CoversTheYear) {
  for (const std::string kind : {"lr", "boosting"}) {
    const boost::json::object summary = boost::json::parse(read("expected/summary-" + kind + ".json")).as_object();
    EXPECT_EQ(summary.at("records_in").to_number<int>(), 336776);
    EXPECT_GT(summary.at("auc_live").as_double(), summary.at("auc_frozen").as_double());
    int requests = 0, labelled = 0;
    for (const boost::json::value& month : summary.at("months").as_array()) {
      requests += month.at("requests").to_number<int>();
      labelled += month.at("labelled").to_number<int>();
    }
    EXPECT_EQ(requests, 336776);
    EXPECT_EQ(labelled, summary.at("labelled").to_number<int>());
  }
}

}  // namespace
}  // namespace flights
