// Three models score each payment; the answer is the median of at least two, else "not sure". One model is slow: it
// scores beside the workers, and what the others settle does not wait for it.
#include <cstdio>
#include <string>

#include <weir/weir.hpp>

struct Payment {
  std::string id;
  std::string country;
  double amount = 0;
};
BOOST_DESCRIBE_STRUCT(Payment, (), (id, country, amount))

/// A model that says `base + slope * amount`, as its trainer would send it.
weir::ModelRecord model(const char* country, const char* name, const char* base, const char* slope) {
  weir::ModelRecord record;
  record.key = country;
  record.name = name;
  record.type = "PMML";
  record.data = std::string(R"(<PMML version="4.4" xmlns="http://www.dmg.org/PMML-4_4"><Header/><DataDictionary>
    <DataField name="amount" optype="continuous" dataType="double"/>
    <DataField name="risk" optype="continuous" dataType="double"/></DataDictionary>
    <RegressionModel functionName="regression"><MiningSchema><MiningField name="amount"/>
    <MiningField name="risk" usageType="target"/></MiningSchema><RegressionTable intercept=")") +
                base + R"("><NumericPredictor name="amount" coefficient=")" + slope +
                R"("/></RegressionTable></RegressionModel></PMML>)";
  return record;
}

int main() {
  using namespace std::chrono_literals;
  weir::Pipeline pipeline({.name = "payments", .parallelism = 2});
  auto payments =
      pipeline.from_source(weir::vector_source<Payment>({{"a", "DE", 100}, {"b", "DE", 900}, {"c", "FR", 500}}))
          .uid("payments")
          .key_by(&Payment::country);
  auto models = pipeline
                    .from_source(weir::vector_source<weir::ModelRecord>(
                        {model("DE", "rules", "0.1", "0"), model("DE", "trees", "0", "0.001"),
                         model("DE", "network", "0.05", "0.0005"), model("FR", "rules", "0.25", "0"),
                         model("FR", "trees", "0.25", "0"), model("FR", "network", "0.9", "0")}))
                    .uid("models")
                    .key_by([](const weir::ModelRecord& record) { return record.key; });

  const weir::SpeculationOptions options{
      .members = {{.name = "rules", .wait_for_model = true},
                  {.name = "trees", .wait_for_model = true},
                  {.name = "network", .wait_for_model = true, .slow = true}},
      .policies = {weir::otherwise(weir::quorum(2, weir::median()), weir::fixed_answer({0.5}, {"not sure"}))},
      .deadline = 10min};
  const auto features = weir::described_features<Payment>();
  weir::speculate(payments, models, weir::Speculation<Payment>({weir::pmml_runtime()}, features, options))
      .uid("risk")
      .sink_to(weir::for_each_sink<weir::Speculated<Payment>>([](const weir::Speculated<Payment>& answer) {
        std::printf("%s %s %.2f\n", answer.record.id.c_str(), std::string(to_string(answer.status)).c_str(),
                    answer.number());
      }))
      .uid("print");
  return weir::exit_code(pipeline.run());
}
