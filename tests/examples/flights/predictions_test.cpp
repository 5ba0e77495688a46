// The committed models through weir's PMML evaluator, against what scikit-learn said of the same rows.

#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <cstdlib>
#include <map>

#include "auc.hpp"
#include "csv.hpp"
#include "features.hpp"
#include "model_inputs.hpp"

namespace flights {
namespace {

constexpr double kTolerance = 1e-9;
const std::string kFolder = "examples/flights/";  // tests run in the project's root

std::string month_file(const std::string& kind, int month) {
  return kFolder + "models/" + kind + "/2013-" + (month < 10 ? "0" : "") + std::to_string(month) + ".pmml";
}

weir::Result<std::shared_ptr<const weir::Scorer>> load(const std::string& path) {
  WEIR_ASSIGN_OR_RETURN(const std::string bytes, read_text_file(path));
  WEIR_ASSIGN_OR_RETURN(const auto model, weir::pmml_runtime()->load(bytes, {}));
  const std::string outputs[] = {std::string(kLateProbability)};
  return model->bind(model_inputs(), outputs);
}

std::vector<double> score(const weir::Scorer& scorer, std::span<const FlightRequest> requests) {
  std::vector<double> numbers(requests.size() * kNumberInputs), probabilities(requests.size());
  std::vector<std::string_view> texts(requests.size() * kTextInputs);
  std::vector<unsigned char> failed(requests.size());
  for (std::size_t i = 0; i < requests.size(); ++i) {
    fill_model_inputs(requests[i], std::span<double, kNumberInputs>(&numbers[i * kNumberInputs], kNumberInputs),
                      std::span<std::string_view, kTextInputs>(&texts[i * kTextInputs], kTextInputs));
  }
  weir::ScoreErrors errors;
  weir::ScoreScratch scratch;
  scorer.score({requests.size(), numbers.data(), kNumberInputs, texts.data(), kTextInputs},
               {probabilities.data(), nullptr, failed.data()}, errors, scratch);
  EXPECT_EQ(errors.count(), 0U) << errors.entries().front().message;
  return probabilities;
}

class EachKind : public testing::TestWithParam<std::string> {};
INSTANTIATE_TEST_SUITE_P(Models, EachKind, testing::Values("lr", "boosting"),
                         [](const auto& kind) { return kind.param; });

TEST_P(EachKind, PredictsAsScikitLearnDoes) {
  std::vector<FlightRequest> requests;
  const std::string inputs = read_text_file(kFolder + "expected/inputs.csv").value();
  auto reader = CsvReader::open("inputs.csv", inputs, request_columns());
  while (const auto row = reader->next().value()) requests.push_back(parse_request(*row).value());
  ASSERT_EQ(requests.size(), 1000U);

  const std::string text = read_text_file(kFolder + "expected/" + GetParam() + ".csv").value();
  const std::string_view data = std::string_view(text).substr(text.find('\n') + 1);
  for (int month = 2; month <= 12; ++month) {
    const auto scorer = load(month_file(GetParam(), month));
    ASSERT_TRUE(scorer.is_ok()) << scorer.status().to_string();
    const std::vector<double> probabilities = score(**scorer, requests);
    CsvSplitter splitter;
    CsvRow row{"expected", 0, {}, {}};
    std::string_view rest = data;
    std::size_t lines = 0;
    for (std::size_t i = 0; i < requests.size(); ++i) {
      ASSERT_TRUE(splitter.split(rest, row, lines).is_ok());
      const double expected = std::stod(std::string(row.fields[static_cast<std::size_t>(month) - 1]));
      ASSERT_NEAR(probabilities[i], expected, kTolerance) << "month " << month << ", flight " << requests[i].id;
    }
  }
}

TEST(BadModels, AreRefused) {
  const auto broken = load(kFolder + "models/broken.pmml");
  EXPECT_FALSE(broken.is_ok());
  const auto failing = load(kFolder + "models/failing-verification.pmml");
  ASSERT_FALSE(failing.is_ok());
  EXPECT_NE(failing.status().message().find("probability(1)"), std::string::npos) << failing.status().to_string();
}

struct Measured {
  Auc auc_live, auc_frozen;
  Brier brier_live, brier_frozen;
  void add(double live, double frozen, bool late) {
    auc_live.add(live, late), brier_live.add(live, late);
    auc_frozen.add(frozen, late), brier_frozen.add(frozen, late);
  }
  void expect(const boost::json::value& expected) {
    EXPECT_NEAR(*auc_live.value(), expected.at("auc_live").as_double(), kTolerance);
    EXPECT_NEAR(*auc_frozen.value(), expected.at("auc_frozen").as_double(), kTolerance);
    EXPECT_NEAR(*brier_live.value(), expected.at("brier_live").as_double(), kTolerance);
    EXPECT_NEAR(*brier_frozen.value(), expected.at("brier_frozen").as_double(), kTolerance);
  }
};

// The year without an engine: what the demo's job must find too. Needs the data (see dataset_test.cpp).
TEST_P(EachKind, HasTheQualityThatScikitLearnMeasures) {
  const char* directory = std::getenv("WEIR_FLIGHTS_DATA");
  if (directory == nullptr) GTEST_SKIP() << "WEIR_FLIGHTS_DATA is not set";
  const auto raw = read_raw_data(directory);
  ASSERT_TRUE(raw.is_ok()) << raw.status().to_string();
  std::map<int, std::vector<FlightRequest>> months;
  auto requests_of_year = make_requests(*raw);
  ASSERT_TRUE(requests_of_year.is_ok()) << requests_of_year.status().to_string();
  for (FlightRequest& request : *requests_of_year) months[request.month].push_back(std::move(request));
  std::vector<std::optional<std::int32_t>> late(raw->flights.size() + 1);
  for (const FlightOutcome& outcome : make_outcomes(raw->flights))
    late[static_cast<std::size_t>(outcome.id)] = outcome.late;

  const std::string json = read_text_file(kFolder + "expected/summary-" + GetParam() + ".json").value();
  const boost::json::value expected = boost::json::parse(json);
  const auto frozen_model = load(month_file(GetParam(), 2));
  ASSERT_TRUE(frozen_model.is_ok()) << frozen_model.status().to_string();
  Measured year;
  for (int month = 2; month <= 12; ++month) {
    const auto live_model = load(month_file(GetParam(), month));
    ASSERT_TRUE(live_model.is_ok()) << live_model.status().to_string();
    const std::vector<FlightRequest>& requests = months[month];
    const std::vector<double> live = score(**live_model, requests), frozen = score(**frozen_model, requests);
    Measured of_month;
    for (std::size_t i = 0; i < requests.size(); ++i) {
      const auto& label = late[static_cast<std::size_t>(requests[i].id)];
      if (!label) continue;
      of_month.add(live[i], frozen[i], *label == 1);
      year.add(live[i], frozen[i], *label == 1);
    }
    of_month.expect(expected.at("months").at(static_cast<std::size_t>(month) - 1));
  }
  EXPECT_EQ(year.brier_live.count, expected.at("labelled").to_number<std::uint64_t>());
  year.expect(expected);
}

}  // namespace
}  // namespace flights
