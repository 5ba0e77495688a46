// One model scores a heavy stream on all cores. When its next version comes, all tasks switch at the same payment:
// behind the first payment that met version 2, on whatever task, none meets version 1 any more.
#include <weir/weir.hpp>

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <map>
#include <mutex>
#include <string>

namespace {

struct Payment {
  std::int64_t number = 0;
  double amount = 0;
};

// A linear model as its trainer would export it: risk = intercept + slope * amount.
weir::ModelRecord model(std::int64_t version, const std::string& slope) {
  weir::ModelRecord record;
  record.key = "payments";
  record.name = "risk";
  record.type = "PMML";
  record.version = version;
  record.effective_at = weir::Timestamp{weir::Duration{(version - 1) * 250'000}};
  record.data = R"(<PMML version="4.4" xmlns="http://www.dmg.org/PMML-4_4"><Header/><DataDictionary>
    <DataField name="amount" optype="continuous" dataType="double"/>
    <DataField name="risk" optype="continuous" dataType="double"/></DataDictionary>
    <RegressionModel functionName="regression"><MiningSchema><MiningField name="amount"/>
    <MiningField name="risk" usageType="target"/></MiningSchema>
    <RegressionTable intercept="0.1"><NumericPredictor name="amount" coefficient=")" +
                slope + R"("/></RegressionTable></RegressionModel></PMML>)";
  return record;
}

int run() {
  std::vector<Payment> payments;
  for (std::int64_t number = 0; number < 1'000'000; ++number)
    payments.push_back({number, static_cast<double>(number % 500)});

  weir::Pipeline pipeline({.name = "payments"});
  // Two payments a microsecond, and the second model a quarter of a second behind the first.
  const auto time_of = [](const Payment& payment) { return weir::Timestamp{weir::Duration{payment.number / 2}}; };
  const auto effective_at = [](const weir::ModelRecord& record) { return *record.effective_at; };
  auto stream = pipeline.from_source(weir::paced(weir::vector_source(payments, time_of), {.speed = 1}))
                    .uid("payments")
                    .parallelism(1);
  auto models =
      pipeline
          .from_source(weir::paced(weir::vector_source(std::vector{model(1, "0.001"), model(2, "0.002")}, effective_at),
                                   {.speed = 1}))
          .uid("models")
          .parallelism(1);
  auto features = weir::features<Payment>().number("amount", [](const Payment& payment) { return payment.amount; });

  // Which payments each version scored: count, first and last.
  struct Range {
    std::int64_t count = 0;
    std::int64_t first = 0;
    std::int64_t last = 0;
  };
  std::mutex mutex;
  std::map<std::int64_t, Range> by_version;  // guarded by mutex

  // Models load in the time that records leave: on a busy machine all payments may come before the first is ready.
  stream.rebalance()
      .connect(models.broadcast())
      .co_process(weir::BroadcastServeModel(
          {weir::pmml_runtime()}, features,
          weir::ServeOptions{.no_model = weir::NoModelPolicy::kHold, .max_held_records = payments.size()}))
      .uid("score")
      .parallelism(2)
      .sink_to(weir::for_each_sink<weir::Scored<Payment>>([&](const weir::Scored<Payment>& scored) {
        const std::lock_guard lock(mutex);
        Range& range = by_version[scored.model.version];
        const std::int64_t number = scored.record.number;
        range.first = range.count == 0 ? number : std::min(range.first, number);
        range.last = std::max(range.last, number);
        ++range.count;
      }));

  weir::Result<weir::Job> job = pipeline.start();
  if (!job) return weir::exit_code(job.status());
  if (const weir::Status status = job->wait(); !status.is_ok()) return weir::exit_code(status);

  std::int64_t behind = -1;
  std::int64_t scored = 0;
  for (const auto& [version, range] : by_version) {
    std::cout << "version " << version << ": " << range.count << " payments, " << range.first << " to " << range.last
              << "\n";
    if (range.first <= behind) return EXIT_FAILURE;  // a payment met an older version than one before it
    behind = range.last;
    scored += range.count;
  }
  std::cout << scored << " payments scored\n";
  return scored == static_cast<std::int64_t>(payments.size()) ? EXIT_SUCCESS : EXIT_FAILURE;
}

}  // namespace

int main() { return run(); }
