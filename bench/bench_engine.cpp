// weir's engine beside hand-written loops that do the same work (bench/limits).
//
//   stateless chain               generator, map, filter, map, sink in one task on one worker
//   stateless chain, two threads  the same as two tasks on two workers: generator, map, filter | map, sink
//   keyed sum, 1 k keys           generator, key_by, running sum in keyed state, sink in one task on one worker
//
// Both sides make records from their number, run every user function as a pass of its own over batches of 256, and sum
// up the results in the sink. weir's side is timed from start() of the job to its end: threads are made and joined in
// it.

#include <cstdio>
#include <cstdlib>
#include <memory>

#include <weir/memory_source.hpp>
#include <weir/pipeline.hpp>

#include "bench/limits/limits.hpp"
#include "bench/support/checksum_sink.hpp"
#include "bench/support/harness.hpp"
#include "bench/support/readings.hpp"

namespace weir::bench {
namespace {

constexpr unsigned kKeyBits = 10;

[[noreturn]] void give_up(const Status& status) {
  std::fprintf(stderr, "the benchmark's job failed: %s\n", status.to_string().c_str());
  std::exit(1);
}

Pipeline pipeline_on(std::uint32_t workers) {
  return Pipeline({.name = "bench-engine", .workers = workers, .background_threads = 1, .batch_size = kLimitBatch});
}

Stream<Reading> readings(Pipeline& pipeline, std::uint64_t records) {
  return pipeline
      .from_source(generator_source([](std::uint64_t index) { return reading_at(index, kKeyBits); },
                                    {.count = records, .positions = false}))
      .uid("readings");
}

auto sink_into(const std::shared_ptr<SinkTotals>& totals) {
  return checksum_sink<Reading>([](const Reading& reading) { return fingerprint(reading); }, totals);
}

Measured run(const Pipeline& pipeline, std::uint64_t records, const SinkTotals& totals) {
  const double start = now_seconds();
  if (const Status status = pipeline.run(); !status.is_ok()) give_up(status);
  return {records, now_seconds() - start, totals.checksum.load()};
}

Measured stateless_chain(std::uint64_t records, std::uint32_t threads) {
  const auto totals = std::make_shared<SinkTotals>();
  Pipeline pipeline = pipeline_on(threads);
  auto shifted = readings(pipeline, records)
                     .map([](const Reading& reading) { return calibrated(reading); })
                     .filter([](const Reading& reading) { return is_wanted(reading); })
                     .map([](const Reading& reading) { return offset_by_key(reading); });
  if (threads == 2) shifted.start_new_chain();
  shifted.sink_to(sink_into(totals));
  return run(pipeline, records, *totals);
}

struct RunningSum : ProcessFunction<std::int64_t, Reading, Reading> {
  ValueState<double> sum;
  void open(OpenContext<std::int64_t>& context) { sum = context.value_state<double>({.name = "sum"}); }
  void process(const Reading& reading, ProcessContext<std::int64_t>& context, Collector<Reading>& out) {
    out.collect({context.key(), sum.mutate() += reading.value});
  }
};

Measured keyed_sum(std::uint64_t records) {
  const auto totals = std::make_shared<SinkTotals>();
  Pipeline pipeline = pipeline_on(1);
  readings(pipeline, records).key_by(&Reading::key).process(RunningSum{}).uid("sums").sink_to(sink_into(totals));
  return run(pipeline, records, *totals);
}

}  // namespace
}  // namespace weir::bench

int main(int argc, char** argv) {
  using namespace weir::bench;
  const Options options = parse_options(argc, argv);
  const std::uint64_t chain_records = options.records_or(50'000'000);
  const std::uint64_t keyed_records = options.records_or(30'000'000);
  return run_pairs(
      "bench engine", options,
      {{"stateless chain", "map, filter, map; batches of 256; 1 thread",
        [&] { return stateless_chain(chain_records, 1); },
        [&] { return stateless_chain_limit(chain_records, kKeyBits); }},
       {"stateless chain, two threads", "map, filter | map; batches of 256; 2 threads",
        [&] { return stateless_chain(chain_records, 2); },
        [&] { return two_thread_chain_limit(chain_records, kKeyBits); }},
       {"keyed sum, 1 k keys", "a result per record; batches of 256; 1 thread",
        [&] { return keyed_sum(keyed_records); }, [&] { return keyed_sum_limit(keyed_records, kKeyBits); }}});
}
