#include "bench/support/harness.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <initializer_list>
#include <iterator>

namespace weir::bench {
namespace {

Options parse(std::initializer_list<const char*> arguments) {
  std::vector<char*> argv{const_cast<char*>("bench")};
  for (const char* argument : arguments) argv.push_back(const_cast<char*>(argument));
  return parse_options(static_cast<int>(argv.size()), argv.data());
}

class Bench : public testing::Test {
 protected:
  void TearDown() override { ::unlink(json_.c_str()); }
  std::string json_text() const {
    std::ifstream in(json_);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  Options options_of(int repetitions) const {
    Options options;
    options.repetitions = repetitions;
    options.json_file = json_;
    return options;
  }
  const std::string json_ = testing::TempDir() + "weir_bench_" + std::to_string(::getpid()) + ".json";
};

TEST_F(Bench, ReportsMediansAndTheShareOfTheLimit) {
  std::string order;
  std::vector<double> weir_seconds{99, 4, 1, 2};  // the first run warms up
  std::size_t next = 0;
  const Pair pair{"a \"b\"", "",
                  [&] {
                    return order += 'w', Measured{1'000'000, weir_seconds[next++], 7};
                  },
                  [&] {
                    return order += 'l', Measured{1'000'000, 0.5, 7};
                  }};
  EXPECT_EQ(run_pairs("title", options_of(3), {pair}), 0);
  EXPECT_EQ(order, "lwlwlwlw");
  EXPECT_EQ(
      json_text(),
      "[\n  {\"name\": \"a \\\"b\\\"\", \"unit\": \"M records/s\", \"weir\": 0.5, \"limit\": 2, \"ratio\": 0.25}\n]\n");
}

TEST_F(Bench, FailsWithoutARowWhenResultsDiffer) {
  const auto run = [](std::uint64_t records, std::uint64_t checksum) {
    return [=] { return Measured{records, 1, checksum}; };
  };
  const Pair good{"good", "", run(10, 7), run(10, 7)};
  EXPECT_EQ(run_pairs("t", options_of(1), {good}), 0);
  EXPECT_EQ(run_pairs("t", options_of(1), {{"other checksum", "", run(10, 8), run(10, 7)}, good}), 1);
  EXPECT_EQ(json_text().find("other checksum"), std::string::npos);
  EXPECT_NE(json_text().find("good"), std::string::npos);
  EXPECT_EQ(run_pairs("t", options_of(1), {{"other count", "", run(9, 7), run(10, 7)}}), 1);
  int runs = 0;
  const Pair changing{"changing", "", run(10, 7), [&] { return Measured{10, 1, runs++ < 2 ? 7U : 8U}; }};
  EXPECT_EQ(run_pairs("t", options_of(3), {changing}), 1);
}

TEST_F(Bench, ReportsWhatAPairTakesBeyondAnother) {
  const auto run = [](double seconds) { return [=] { return Measured{1'000'000, seconds, 7}; }; };
  const std::vector<Pair> pairs{{"whole", "", run(0.5), run(0.25)}, {"part", "", run(0.25), run(0.125)}};
  const std::vector<Overhead> overheads{{"beyond", "whole", "part"}, {"unknown", "whole", "nothing"}};
  EXPECT_EQ(run_pairs("t", options_of(1), pairs, overheads), 0);
  EXPECT_NE(json_text().find(
                "{\"name\": \"beyond\", \"unit\": \"ns/record\", \"weir\": 250, \"limit\": 125, \"ratio\": 0.5}"),
            std::string::npos)
      << json_text();
  EXPECT_EQ(json_text().find("unknown"), std::string::npos);
}

TEST_F(Bench, ReportsFiguresOfTheirOwn) {
  const std::vector<Figures> figures{{"pause",
                                      [] {
                                        return std::vector<Figure>{{"pause-worst", "", 200, 50}};
                                      }},
                                     {"other", [] {
                                        return std::vector<Figure>{{"other", "", 1, 1}};
                                      }}};
  Options options = options_of(1);
  options.only = "pause";
  EXPECT_EQ(run_pairs("t", options, {}, {}, figures), 0);
  EXPECT_EQ(json_text(),
            "[\n  {\"name\": \"pause-worst\", \"unit\": \"ns\", \"weir\": 200, \"limit\": 50, \"ratio\": 0.25}\n]\n");
}

TEST_F(Bench, RunsWhatIsAskedFor) {
  const Pair pair{"keyed sum", "", [] { return Measured{1, 1, 0}; }, [] { return Measured{1, 1, 0}; }};
  Options options = options_of(1);
  options.only = "keyed";
  EXPECT_EQ(run_pairs("t", options, {pair}), 0);
  options.only = "window";
  EXPECT_EQ(run_pairs("t", options, {pair}), 1);
  options.only = "";
  options.json_file = testing::TempDir() + "no/such/folder.json";
  EXPECT_EQ(run_pairs("t", options, {pair}), 1);
}

TEST(BenchOptions, AreParsed) {
  const Options options = parse({"--quick", "--json", "x.json", "--only", "sum"});
  EXPECT_TRUE(options.quick);
  EXPECT_EQ(options.json_file, "x.json");
  EXPECT_EQ(options.only, "sum");
  EXPECT_EQ(options.repetitions, 2);
  EXPECT_EQ(options.records_or(1'000'000), 20'000U);
  EXPECT_EQ(parse({"--repetitions", "5", "--quick"}).repetitions, 5);
  EXPECT_EQ(parse({"--records", "10"}).records_or(1'000'000), 10U);
  EXPECT_EQ(parse({}).records_or(1'000'000), 1'000'000U);
}

TEST(BenchOptionsDeathTest, RefusesWhatItDoesNotKnow) {
  EXPECT_EXIT(parse({"--fast"}), testing::ExitedWithCode(2), "usage");
  EXPECT_EXIT(parse({"--repetitions", "0"}), testing::ExitedWithCode(2), "usage");
  EXPECT_EXIT(parse({"--records", "1k"}), testing::ExitedWithCode(2), "usage");
  EXPECT_EXIT(parse({"--json"}), testing::ExitedWithCode(2), "usage");
  EXPECT_EXIT(parse({"--help"}), testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace weir::bench
