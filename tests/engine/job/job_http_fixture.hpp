#pragma once
// A job with queryable state, and a client that asks it over HTTP.

#include <gtest/gtest.h>

#include <boost/json.hpp>

#include <atomic>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <weir/memory_sink.hpp>
#include <weir/pipeline.hpp>

#include "engine/job/on_demand.hpp"
#include "support/http_client.hpp"
#include "support/tap.hpp"
#include "support/temporary_directory.hpp"

namespace weir::test {

using testing_support::TemporaryDirectory;
namespace json = boost::json;

using Number = std::int64_t;

inline const SideOutput<Number> kEven{"even"};

// Records from `first` on hold up their task until somebody adds to `left`.
struct Gate {
  std::atomic<Number> first{std::numeric_limits<Number>::max()};
  Counter entered;
  Counter left;
};

// Keeps a queryable sum and map per key, and a state that is not queryable.
struct Keep : ProcessFunction<Number, Number, Number> {
  ValueState<Number> sum;
  ValueState<Number> hidden;
  MapState<Number, Number> last;
  std::shared_ptr<Counter> seen;
  std::shared_ptr<Gate> gate = std::make_shared<Gate>();
  void open(OpenContext<Number>& context) {
    sum = context.value_state<Number>({.name = "sum", .queryable = true});
    hidden = context.value_state<Number>({.name = "hidden"});
    last = context.map_state<Number, Number>({.name = "last", .queryable = true});
    context.metric("keeps_total").set(0);
  }
  void process(const Number& value, ProcessContext<Number>& context, Collector<Number>& out) {
    if (value >= gate->first) {
      gate->entered.add();
      gate->left.wait_for(1);
    }
    sum.mutate() += 1;
    hidden.mutate() = value;
    last.put(value % 2, value);
    if (value % 2 == 0) context.side(kEven, value);
    out.collect(value);
    seen->add();
  }
};

class JobHttp : public ::testing::Test {
 protected:
  // 16 keys: the numbers modulo 16.
  [[nodiscard]] Pipeline build(bool checkpoints = true, std::uint32_t parallelism = 2) const {
    Pipeline pipeline({.name = "asked", .parallelism = parallelism, .max_parallelism = 16});
    if (checkpoints) pipeline.enable_checkpointing(on_demand(directory_));
    pipeline.serve_http({});
    Keep keep;
    keep.seen = seen_;
    keep.gate = gate_;
    auto kept = pipeline.from_source(tap_source(tap_))
                    .uid("tap")
                    .key_by([](Number value) { return value % 16; })
                    .process(keep)
                    .uid("keep");
    kept.name("keeper").sink_to(for_each_sink<Number>([](const Number&) {})).uid("sink");
    kept.side_output(kEven).sink_to(for_each_sink<Number>([](const Number&) {})).uid("evens");
    return pipeline;
  }
  void start(bool checkpoints = true, std::uint32_t parallelism = 2) {
    Result<Job> started = build(checkpoints, parallelism).start();
    ASSERT_TRUE(started.is_ok()) << started.status().to_string();
    job_.emplace(std::move(*started));
    client_.emplace(job_->http_port());
  }
  HttpClientReply get(const std::string& path) { return ask("GET", path); }
  HttpClientReply post(const std::string& path) { return ask("POST", path); }
  HttpClientReply ask(const std::string& method, const std::string& path) {
    Result<HttpClientReply> reply = client_->request(method, path);
    EXPECT_TRUE(reply.is_ok()) << method << " " << path << ": " << reply.status().to_string();
    return reply.is_ok() ? *reply : HttpClientReply{};
  }
  json::value get_json(const std::string& path, int status = 200) {
    const HttpClientReply reply = get(path);
    EXPECT_EQ(reply.status, status) << path << ": " << reply.body;
    boost::system::error_code error;
    json::value value = json::parse(reply.body, error);
    EXPECT_FALSE(error) << path << ": " << reply.body;
    return error ? json::value(json::object()) : value;
  }
  void expect_error(const std::string& path, int status, const std::string& code) {
    const json::value value = get_json(path, status);
    ASSERT_TRUE(value.is_object() && value.as_object().contains("error")) << json::serialize(value);
    EXPECT_EQ(value.at("error").at("code").as_string(), code) << json::serialize(value);
  }

  const TemporaryDirectory directory_;
  std::shared_ptr<Tap> tap_ = std::make_shared<Tap>();
  std::shared_ptr<Counter> seen_ = std::make_shared<Counter>();
  std::shared_ptr<Gate> gate_ = std::make_shared<Gate>();
  std::optional<Job> job_;
  std::optional<HttpClient> client_;
};

}  // namespace weir::test
