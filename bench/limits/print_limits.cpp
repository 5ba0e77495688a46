/// Prints what the hand-written limits reach here, without weir. For whoever works on them; no benchmark of weir.

#include <cstdio>
#include <functional>

#include "bench/limits/limits.hpp"

int main(int argc, char** argv) {
  using namespace weir::bench;
  const Options options = parse_options(argc, argv);
  const auto samples = make_samples(4096, 1);
  const LinearModel linear = make_linear(2);
  const Forest forest = make_forest(3);
  const auto print = [&](const char* name, std::uint64_t records, const std::function<Measured(std::uint64_t)>& limit) {
    records = options.records_or(records);
    limit(records / 10 + 1);
    for (int i = 0; i < options.repetitions; ++i) {
      const Measured run = limit(records);
      std::printf("%-32s %8.1f M records/s %8.2f ns  %016llx\n", name,
                  static_cast<double>(run.records) / run.seconds / 1e6,
                  run.seconds * 1e9 / static_cast<double>(run.records), static_cast<unsigned long long>(run.checksum));
    }
  };
  print("stateless chain", 50'000'000, [](auto records) { return stateless_chain_limit(records, 10); });
  print("stateless chain, two threads", 50'000'000, [](auto records) { return two_thread_chain_limit(records, 10); });
  print("keyed sum, 1 k keys", 50'000'000, [](auto records) { return keyed_sum_limit(records, 10); });
  print("keyed sum, 1 M keys", 20'000'000, [](auto records) { return keyed_sum_limit(records, 20); });
  print("keyed serving, linear", 20'000'000, [&](auto records) {
    return linear_serving_limit({records, 5'000'000, samples}, linear);
  });
  print("keyed serving, forest", 1'000'000, [&](auto records) {
    return forest_serving_limit({records, 100'000, samples}, forest);
  });
  print("keyed serving, 100 k keys", 10'000'000, [&](auto records) {
    return linear_serving_limit({records, 50'000, samples, 100'000}, linear);
  });
}
