#pragma once
/// What the machine can do: the benchmarks' work written by hand, without weir. Plain functions, one file each.
///
/// They are as fast as we know how to make them within the rules that hold for any engine: user functions are separate
/// passes over batches of 256 records, results reach a sink, nothing is computed ahead. Each returns time and checksum.

#include <cstdint>
#include <span>

#include "bench/support/harness.hpp"
#include "bench/support/paced_serving.hpp"
#include "bench/support/serving_models.hpp"

namespace weir::bench {

constexpr std::size_t kLimitBatch = 256;

/// source, map, filter, map, sink on the calling thread; a vector between every two.
Measured stateless_chain_limit(std::uint64_t records, unsigned key_bits);

/// The same across two threads: source, map, filter | map, sink. Batch pointers travel through a ring of 64 and return
/// through a second one.
Measured two_thread_chain_limit(std::uint64_t records, unsigned key_bits);

/// A running sum for each key in an open-addressing table; emits (key, sum) for every record.
Measured keyed_sum_limit(std::uint64_t records, unsigned key_bits);

/// The model alone, record after record: no keys, no statistics, no results kept. `samples` are cycled through.
Measured linear_scoring_limit(std::uint64_t records, std::span<const Sample> samples, const LinearModel& model);
Measured forest_scoring_limit(std::uint64_t records, std::span<const Sample> samples, const Forest& model);

/// The same with a model for each key, models[sample.key]: more memory to go through.
Measured keyed_linear_scoring_limit(std::uint64_t records, std::span<const Sample> samples,
                                    std::span<const LinearModel> models);
Measured keyed_forest_scoring_limit(std::uint64_t records, std::span<const Sample> samples,
                                    std::span<const Forest> models);

/// Keyed serving: for every record the model of its key is looked up and scored, a result with the record, its key,
/// time and position, the score, the model's identity, status and latency goes to the sink, and statistics are kept for
/// each key (keyed_server.hpp says which).
Measured linear_serving_limit(const ServingWork& work, const LinearModel& model);
Measured forest_serving_limit(const ServingWork& work, const Forest& model);
/// The same, and what an archive needs of each record is appended to a file: features, score, time and position as
/// numbers, and once for each key of a batch its text and the model's identity. On disk when it returns (fsync). Ends
/// the process when the file cannot be written.
Measured archived_linear_serving_limit(const ServingWork& work, const LinearModel& model);
/// On so many threads, each with an equal share of the records and keys of its own.
Measured linear_serving_limit_on(std::size_t threads, const ServingWork& work, const LinearModel& model);
/// At a given rate. A model is copied beforehand and swapped between two batches.
LatencyTenths paced_serving_limit(const PacedWork& work, const LinearModel& model);

}  // namespace weir::bench
