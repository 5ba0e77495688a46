#pragma once
/// How speculate() speculates: which models, which policy, how long, and the bounds of it all.

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <boost/describe/class.hpp>

#include <weir/decision_policy.hpp>
#include <weir/serve_options.hpp>
#include <weir/time.hpp>

namespace weir {

/// Which models go on to score a record that is decided.
enum class LateScores : unsigned char {
  kOfCallsBegun,  ///< those whose call has begun; what still waits in a queue is withdrawn
  /// All: statistics and the late output are then of every record, and a slow model that cannot keep up stays behind.
  kOfAll,
};

struct SpeculationOptions {
  /// The models that score each record, 1 to 64, by name.
  std::vector<SpeculationMember> members{};
  /// The first is in force until a SpeculationControl asks for another by its name.
  std::vector<PolicyPtr> policies{best_quality()};
  /// From a record's start, when its task takes it, to its answer at the latest: 1 microsecond to 1 day.
  Duration deadline = std::chrono::milliseconds(100);
  LateScores late_scores = LateScores::kOfCallsBegun;
  /// Records of one task that may be undecided; beyond it the records' input is left alone (back-pressure).
  std::size_t max_undecided = 10'000;
  /// Numbers that differ by no more agree (SpeculationAnswer::agreement). The decision does not depend on it.
  double agreement_tolerance = 1e-9;
  /// How models come and go: loading, limits, versions kept, events. What ServeModel would do with records (effect,
  /// no_model, fallback, outputs, model_name, path, max_held_records) has no meaning here and must be left as it is.
  ServeOptions models{};
};

/// Every fault in plain words; empty: none.
std::vector<std::string> faults_of(const SpeculationOptions& options);

/// Changes a running speculate(), for records that start after it arrived at their task. Part of checkpoints.
struct SpeculationControl {
  std::int64_t deadline_us = 0;  ///< 0: stays
  std::string policy;            ///< a name in SpeculationOptions::policies; empty: stays
  friend bool operator==(const SpeculationControl&, const SpeculationControl&) = default;
};
BOOST_DESCRIBE_STRUCT(SpeculationControl, (), (deadline_us, policy))

}  // namespace weir
