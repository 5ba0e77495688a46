#pragma once
/// Jobs that serve models, for the benchmarks: records and models are sources, keyed alike or broadcast; a sink adds up
/// the scores.
///
/// Records are held back until every key has its first model, and the clock starts there; it stops when the sink has
/// seen the last result. Loading of new versions happens on a background thread meanwhile, and is in the figure.

#include <cstdint>
#include <string>

#include "bench/support/harness.hpp"
#include "bench/support/serving_models.hpp"

namespace weir::bench {

/// How a job runs beyond what ServingWork says.
struct ServingJob {
  std::string pmml;  ///< the model of every key
  /// 0: keyed serving on one worker. Else broadcast serving by so many tasks on as many workers.
  std::uint32_t broadcast_tasks = 0;
  /// Keyed serving only: inputs and answers are archived (weir/archive.hpp) below a new directory in the temporary one,
  /// with a checkpoint a second; the clock stops when the job has ended, and so all is in the archive and on disk.
  bool archives = false;
};

/// Ends the process when the job fails or refuses a model.
Measured serve_by_weir(const ServingWork& work, const ServingJob& job);

}  // namespace weir::bench
