#include "report.hpp"

#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "raw_data.hpp"

namespace flights {
namespace {

std::vector<MonthRow> two_months() {
  return {{.month = 1, .version = "", .requests = 27004, .labelled = 0, .quality = {}},
          {.month = 2,
           .version = "20130201",
           .requests = 24951,
           .labelled = 23611,
           .quality = {.auc_live = 0.7211, .auc_frozen = 0.7, .brier_live = 0.15, .brier_frozen = 0.1512}}};
}

TEST(MonthTable, HasALinePerMonthAndOneOverAll) {
  EXPECT_EQ(
      format_month_table(two_months(), {.auc_live = 0.75, .auc_frozen = 0.7, .brier_live = 0.15, .brier_frozen = 0.16}),
      "                                       AUC (higher is better)    Brier (lower is better)\n"
      "month   version    requests  labelled    frozen    live    gain    frozen    live   change\n"
      "Jan     -             27004         0         -       -       -         -       -        -\n"
      "Feb     20130201      24951     23611    0.7000  0.7211 +0.0211    0.1512  0.1500  -0.0012\n"
      "all     -             51955     23611    0.7000  0.7500 +0.0500    0.1600  0.1500  -0.0100\n");
}

TEST(Summary, IsJsonWithEveryFigureExactAndNullWhereThereIsNone) {
  Summary summary;
  summary.models = "lr";
  summary.records_in = 336776;
  summary.records_out = 336775;
  summary.swaps = 33;
  summary.refused = 2;
  summary.lost = 1;
  summary.quality.auc_live = 0.72664387628036203;
  summary.records_per_second = 1e6 / 3;
  summary.output_sha256 = "ab\"cd";
  summary.months = two_months();
  const boost::json::object read = boost::json::parse(to_json(summary)).as_object();
  EXPECT_EQ(read.at("models"), "lr");
  EXPECT_EQ(read.at("records_in").to_number<int>(), 336776);
  EXPECT_EQ(read.at("records_out").to_number<int>(), 336775);
  EXPECT_EQ(read.at("swaps").to_number<int>(), 33);
  EXPECT_EQ(read.at("refused").to_number<int>(), 2);
  EXPECT_EQ(read.at("lost").to_number<int>(), 1);
  EXPECT_EQ(read.at("doubled").to_number<int>(), 0);
  EXPECT_EQ(read.at("auc_live").as_double(), 0.72664387628036203);
  EXPECT_TRUE(read.at("auc_frozen").is_null());
  EXPECT_TRUE(read.at("brier_live").is_null());
  EXPECT_TRUE(read.at("brier_frozen").is_null());
  EXPECT_EQ(read.at("records_per_second").as_double(), 1e6 / 3);
  EXPECT_EQ(read.at("output_sha256"), "ab\"cd");
  ASSERT_EQ(read.at("months").as_array().size(), 2U);
  const boost::json::object& february = read.at("months").as_array()[1].as_object();
  EXPECT_EQ(february.at("version"), "20130201");
  EXPECT_EQ(february.at("brier_frozen").as_double(), 0.1512);
  EXPECT_TRUE(read.at("months").as_array()[0].as_object().at("auc_live").is_null());
}

TEST(Summary, IsWrittenAsAWhole) {
  const std::string path = testing::TempDir() + "/flights-summary.json";
  const Summary summary;
  ASSERT_TRUE(write_summary(path, summary).is_ok());
  EXPECT_EQ(read_text_file(path).value(), to_json(summary));
  EXPECT_EQ(write_summary("/nonexistent/s.json", summary).code(), weir::StatusCode::kNotFound);
}

}  // namespace
}  // namespace flights
