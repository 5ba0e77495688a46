#pragma once
// What GET /v1/models/{key} says of the live models, all airports together.

#include <cstdint>
#include <string>
#include <vector>

#include <weir/result.hpp>

namespace flights {

struct AirportModel {
  std::string airport;
  std::int64_t version = 0;  // current; 0: none
};

struct LatencyFacts {
  double mean_ns = 0;
  std::int64_t p50_ns = 0;  // p50 to p999: the highest of all versions and airports
  std::int64_t p99_ns = 0;
  std::int64_t p999_ns = 0;
  std::int64_t max_ns = 0;
};

struct ServingFacts {
  std::vector<AirportModel> current;
  std::uint64_t swaps = 0;
  std::uint64_t refused = 0;
  std::vector<std::string> refusals;  // `JFK late-lr 20130515: why`
  std::uint64_t scored = 0;           // records, those that met no model included
  std::uint64_t errors = 0;
  LatencyFacts latency;
};

// Asks the job's server on `port`. An airport that the job has not heard of yet has no models.
weir::Result<ServingFacts> read_serving_facts(std::uint16_t port);

}  // namespace flights
