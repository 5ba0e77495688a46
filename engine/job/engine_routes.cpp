// The engine's own HTTP paths, but those of state. What each answers is in docs/http.md. Handlers never block.

#include <weir/json.hpp>

#include <memory>

#include "engine/http/metrics_text.hpp"
#include "engine/job/job_impl.hpp"
#include "engine/job/state_routes.hpp"

namespace weir {
namespace {

HttpHandler answer(std::function<HttpResponse(const HttpRequest&)> make) {
  return [make = std::move(make)](const HttpRequest& request, const HttpReply& reply) { reply(make(request)); };
}

void write_checkpoint(JsonWriter& json, const CheckpointInfo& info) {
  json.begin_object();
  json.key("id");
  json.number(info.id);
  json.key("completed");
  json.string(format_timestamp(info.completed));
  json.key("bytes");
  json.number(info.bytes);
  json.key("duration_ms");
  json.number(info.duration_ms);
  json.key("path");
  json.string(info.path);
  json.end_object();
}

HttpResponse checkpoints(Job::Impl& job) {
  JsonWriter json;
  json.begin_object();
  json.key("checkpoints");
  json.begin_array();
  for (const CheckpointInfo& info : job.checkpoints()) write_checkpoint(json, info);
  json.end_array();
  json.end_object();
  return HttpResponse::json(json.take());
}

void stop(Job::Impl& job, const HttpRequest& request, const HttpReply& reply) {
  const std::string drain = request.query_or("drain", "false");
  if (drain != "true" && drain != "false")
    return reply(HttpResponse::error(Status::invalid_argument("drain is '" + drain + "'; it must be true or false")));
  job.request_stop(drain == "true");
  reply(HttpResponse::json(R"({"state":"stopping"})", 202));
}

void take_checkpoint(Job::Impl& job, const HttpReply& reply) {
  job.checkpoint_async([reply](const Result<CheckpointInfo>& info) {
    if (!info.is_ok()) return reply(HttpResponse::error(info.status()));
    JsonWriter json;
    write_checkpoint(json, *info);
    reply(HttpResponse::json(json.take()));
  });
}

// GET /v1/events
HttpResponse follow_events(Job::Impl& job, const HttpRequest& request) {
  EventFilter filter;
  filter.type = request.query_or("type", "");
  filter.uid = request.query_or("uid", "");
  if (const auto key = request.query.find("key"); key != request.query.end()) filter.key = key->second;
  filter.prefix = request.query_or("prefix", "");
  return event_stream(job, request, std::move(filter));
}

}  // namespace

HttpResponse event_stream(JobControl& control, const HttpRequest& request, EventFilter filter) {
  const auto last = request.headers.find("last-event-id");
  const bool goes_on = last != request.headers.end() && !last->second.empty();
  Result<std::shared_ptr<HttpStream>> stream =
      control.follow_events(std::move(filter), goes_on ? last->second : request.query_or("after", ""));
  if (!stream) return HttpResponse::error(stream.status());
  return {.content_type = "text/event-stream", .stream = std::move(stream).value()};
}

std::vector<HttpRoute> engine_routes(Job::Impl& job) {
  std::vector<HttpRoute> routes;
  const auto add = [&](std::string method, std::string pattern, HttpHandler handler) {
    routes.push_back({std::move(method), std::move(pattern), std::move(handler), 1024});
  };
  add("GET", "/healthz", answer([&job](const HttpRequest&) {
        const JobStatus::State state = job.state();
        return HttpResponse::json("{\"state\":\"" + std::string(to_string(state)) + "\"}",
                                  state == JobStatus::State::kFailed ? 500 : 200);
      }));
  add("GET", "/readyz", answer([&job](const HttpRequest&) {
        const JobStatus::State state = job.state();
        if (state == JobStatus::State::kRunning) return HttpResponse::json(R"({"ready":true})");
        return HttpResponse::error(Status::unavailable("the job is " + std::string(to_string(state))));
      }));
  add("GET", "/metrics", answer([&job](const HttpRequest&) {
        return HttpResponse{200, std::string(http::kMetricsContentType), job.metrics(), {}};
      }));
  add("GET", "/v1/pipeline", answer([&job](const HttpRequest&) { return HttpResponse::json(job.pipeline_json()); }));
  add("GET", "/v1/events", answer([&job](const HttpRequest& request) { return follow_events(job, request); }));
  add("GET", "/v1/checkpoints", answer([&job](const HttpRequest&) { return checkpoints(job); }));
  add("POST", "/v1/checkpoints", [&job](const HttpRequest&, const HttpReply& reply) { take_checkpoint(job, reply); });
  add("POST", "/v1/stop", [&job](const HttpRequest& request, const HttpReply& reply) { stop(job, request, reply); });
  for (HttpRoute& route : state_routes(job)) routes.push_back(std::move(route));
  return routes;
}

}  // namespace weir
