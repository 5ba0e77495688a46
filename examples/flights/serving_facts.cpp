#include "serving_facts.hpp"

#include <algorithm>
#include <boost/json.hpp>

#include "http_query.hpp"

namespace flights {

using weir::Result;
using weir::Status;

namespace {

namespace json = boost::json;

constexpr const char* kAirports[] = {"EWR", "JFK", "LGA"};

std::int64_t integer(const json::object& object, const char* name) { return object.at(name).to_number<std::int64_t>(); }

void add_versions(const json::array& versions, double& total_ns, std::uint64_t& used, ServingFacts& facts) {
  for (const json::value& value : versions) {
    const json::object& version = value.as_object();
    const json::object& latency = version.at("latency_ns").as_object();
    used += static_cast<std::uint64_t>(integer(version, "usage"));
    facts.errors += static_cast<std::uint64_t>(integer(version, "errors"));
    total_ns += static_cast<double>(integer(latency, "total"));
    LatencyFacts& worst = facts.latency;
    worst.p50_ns = std::max(worst.p50_ns, integer(latency, "p50"));
    worst.p99_ns = std::max(worst.p99_ns, integer(latency, "p99"));
    worst.p999_ns = std::max(worst.p999_ns, integer(latency, "p999"));
    worst.max_ns = std::max(worst.max_ns, integer(latency, "max"));
  }
}

std::string refusal(const char* airport, const json::object& version) {
  return std::string(airport) + ' ' + std::string(version.at("name").as_string()) + ' ' +
         std::to_string(integer(version, "version")) + ": " + std::string(version.at("reason").as_string());
}

// Throws what Boost.JSON throws when the answer has another shape.
void add_airport(const char* airport, const std::string& text, double& total_ns, std::uint64_t& used,
                 ServingFacts& facts) {
  const json::value answer = json::parse(text);
  for (const json::value& value : answer.at("operators").as_array()) {
    const json::object& part = value.as_object();
    if (part.at("uid") != "score-live") continue;
    const json::object& serving = part.at("serving").as_object();
    const json::object& models = serving.at("models").as_object();
    if (const json::value& current = models.at("current"); !current.is_null())
      facts.current.back().version = integer(current.as_object(), "version");
    for (const json::value& version : models.at("refused").as_array())
      facts.refusals.push_back(refusal(airport, version.as_object()));
    const json::object& statistics = serving.at("statistics").as_object();
    facts.scored += static_cast<std::uint64_t>(integer(statistics, "no_model"));
    add_versions(statistics.at("versions").as_array(), total_ns, used, facts);
    facts.swaps += static_cast<std::uint64_t>(integer(serving.at("swaps").as_object(), "swaps"));
  }
}

}  // namespace

Result<ServingFacts> read_serving_facts(std::uint16_t port) {
  ServingFacts facts;
  double total_ns = 0;
  std::uint64_t used = 0;
  for (const char* airport : kAirports) {
    facts.current.push_back({airport, 0});
    const Result<std::string> text = http_get(port, std::string("/v1/models/") + airport + "?uid=score-live");
    if (!text) {
      if (text.status().code() == weir::StatusCode::kNotFound) continue;
      return text.status();
    }
    try {
      add_airport(airport, *text, total_ns, used, facts);
    } catch (const std::exception& failure) {
      return Status::internal("read /v1/models/" + std::string(airport) + ": " + failure.what());
    }
  }
  facts.refused = facts.refusals.size();
  facts.scored += used;
  if (used != 0) facts.latency.mean_ns = total_ns / static_cast<double>(used);
  return facts;
}

}  // namespace flights
