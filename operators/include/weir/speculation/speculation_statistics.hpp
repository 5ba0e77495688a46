#pragma once
/// Statistics of speculation, per key: state `speculation-statistics`.

#include <cstdint>
#include <string>
#include <vector>

#include <weir/serving/serving_statistics.hpp>

namespace weir::speculation {

/// What became of one member's votes. The first six add up to the records decided.
struct MemberStatistics {
  std::string name;
  std::uint64_t voted = 0;        ///< scored in time
  std::uint64_t late = 0;         ///< had not answered at the deadline
  std::uint64_t failed = 0;       ///< could not score the record
  std::uint64_t absent = 0;       ///< there was no model
  std::uint64_t abstained = 0;    ///< gave no value, or was not asked
  std::uint64_t unneeded = 0;     ///< the outcome was settled without it
  std::uint64_t won = 0;          ///< its vote was the answer (of a class: it was the best of those who voted so)
  std::uint64_t agreed = 0;       ///< its vote agreed with the answer
  std::uint64_t scored_late = 0;  ///< scores that came after the decision
  std::int64_t total_ns = 0;      ///< of scoring, late scores included
  std::int64_t max_ns = 0;
  serving::LatencyHistogram latency;

  void add_latency(std::int64_t each_ns, std::uint64_t records) {
    total_ns += each_ns * static_cast<std::int64_t>(records);
    max_ns = std::max(max_ns, each_ns);
    latency.add(each_ns, records);
  }
  void weir_json(JsonWriter& json) const;
};

struct SpeculationStatistics {
  std::uint64_t records = 0;  ///< decided
  std::uint64_t answered = 0;
  std::uint64_t defaults = 0;             ///< answered with the policy's default
  std::uint64_t none = 0;                 ///< without an answer
  std::uint64_t at_deadline = 0;          ///< decided because the deadline had come
  std::vector<MemberStatistics> members;  ///< in the order declared

  void weir_json(JsonWriter& json) const;
};

}  // namespace weir::speculation
