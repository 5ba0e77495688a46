#include <algorithm>
#include <array>
#include <memory>
#include <thread>
#include <vector>

#include "bench/limits/keyed_server.hpp"
#include "bench/limits/limits.hpp"
#include "bench/limits/result_file.hpp"

namespace weir::bench {
namespace {

struct DropResults {
  void put(const Served* /*results*/, std::size_t /*count*/) {}
  void end() {}
};

/// `archive` gets the results of each batch; its end counts.
template <class Model, class Archive>
Measured serve(const ServingWork& work, const Model& model, Archive&& archive) {
  KeyedServer<Model> server(work.keys, model);
  std::array<Sample, kServingBatch> made;
  std::uint64_t checksum = 0;
  std::uint64_t next_swap = work.records_per_swap;
  std::uint64_t swaps = 0;
  const double start = now_seconds();
  for (std::uint64_t first = 0; first < work.records; first += kServingBatch) {
    const std::size_t count = std::min<std::uint64_t>(kServingBatch, work.records - first);
    if (first >= next_swap) {
      server.swap(swaps++ % static_cast<std::uint64_t>(work.keys), std::make_unique<const Model>(model));
      next_swap += work.records_per_swap;
    }
    take_samples(made.data(), first, count, work);
    const Served* const results = server.serve(made.data(), count, first);
    for (std::size_t i = 0; i < count; ++i) checksum += served_fingerprint(results[i].sample, results[i].score);
    archive.put(results, count);
  }
  archive.end();
  const double seconds = now_seconds() - start;
  return {server.served(), seconds, checksum};
}

}  // namespace

Measured linear_serving_limit(const ServingWork& work, const LinearModel& model) {
  return serve(work, model, DropResults());
}

Measured forest_serving_limit(const ServingWork& work, const Forest& model) {
  return serve(work, model, DropResults());
}

Measured archived_linear_serving_limit(const ServingWork& work, const LinearModel& model) {
  return serve(work, model, ResultFile());
}

Measured linear_serving_limit_on(std::size_t threads, const ServingWork& work, const LinearModel& model) {
  ServingWork share = work;
  share.records /= threads;
  std::vector<Measured> parts(threads);
  {
    std::vector<std::jthread> running;
    for (Measured& part : parts) running.emplace_back([&] { part = serve(share, model, DropResults()); });
  }
  Measured sum;
  for (const Measured& part : parts) {
    sum.records += part.records;
    sum.checksum += part.checksum;
    sum.seconds = std::max(sum.seconds, part.seconds);
  }
  return sum;
}

}  // namespace weir::bench
