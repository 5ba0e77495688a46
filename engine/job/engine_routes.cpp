// The engine's own HTTP paths. What each answers is in docs/http.md. Handlers never block: state is asked through the
// owning task's mailbox, and the reply goes out when the last task has answered.

#include <weir/json.hpp>

#include <charconv>
#include <memory>
#include <mutex>
#include <optional>

#include "engine/http/metrics_text.hpp"
#include "engine/job/job_impl.hpp"

namespace weir {
namespace {

constexpr std::size_t kDefaultLimit = 100;
constexpr std::size_t kMaxLimit = 10'000;

HttpHandler answer(std::function<HttpResponse(const HttpRequest&)> make) {
  return [make = std::move(make)](const HttpRequest& request, const HttpReply& reply) { reply(make(request)); };
}

// Gathers one part from each task of an operator; the last part to come calls `done`.
class Gathering {
 public:
  Gathering(std::size_t parts, std::function<void(std::vector<Result<std::string>>&)> done)
      : missing_(parts), parts_(parts, Result<std::string>(Status::unavailable("no answer"))), done_(std::move(done)) {}
  void put(std::size_t index, Result<std::string> part) {
    {
      const std::lock_guard lock(mutex_);
      parts_[index] = std::move(part);
      if (--missing_ != 0) return;
    }
    done_(parts_);
  }

 private:
  std::mutex mutex_;
  std::size_t missing_;
  std::vector<Result<std::string>> parts_;
  std::function<void(std::vector<Result<std::string>>&)> done_;
};

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

// GET /v1/state: what can be asked.
void list_states(Job::Impl& job, const HttpReply& reply) {
  std::vector<std::string> uids;
  for (const NodeSpec& node : job.graph().nodes)
    if (node.stateful && node.inputs != 0) uids.push_back(node.uid);
  if (uids.empty()) return reply(HttpResponse::json(R"({"states":[]})"));
  auto gathering = std::make_shared<Gathering>(uids.size(), [reply](std::vector<Result<std::string>>& parts) {
    std::string all;
    for (const auto& part : parts) {
      if (!part.is_ok()) return reply(HttpResponse::error(part.status()));
      if (!part->empty()) all += (all.empty() ? "" : ",") + *part;
    }
    reply(HttpResponse::json("{\"states\":[" + all + "]}"));
  });
  for (std::size_t index = 0; index < uids.size(); ++index) {
    job.visit_stage(
        uids[index], 0,
        [gathering, index](runtime::Stage& stage) {
          JsonWriter json;
          for (const auto& table : stage.state->tables()) {
            const StateDescriptor& descriptor = table->descriptor();
            json.begin_object();
            json.key("uid");
            json.string(descriptor.uid);
            json.key("state");
            json.string(descriptor.name);
            json.key("schema");
            json.string(descriptor.schema());
            json.key("queryable");
            json.boolean(descriptor.queryable);
            json.end_object();
          }
          gathering->put(index, json.take());
        },
        [gathering, index](const Status& refused) { gathering->put(index, refused); });
  }
}

Result<const StateTable*> queryable_table(const runtime::Stage& stage, const std::string& state) {
  const StateTable* table = stage.state->find(state);
  if (table == nullptr)
    return Status::not_found("operator '" + stage.options.node->uid + "' has no state '" + state + "'");
  if (!table->descriptor().queryable)
    return Status::failed_precondition("state '" + state + "' of operator '" + stage.options.node->uid +
                                       "' is not queryable; make it so with StateOptions::queryable");
  return table;
}

enum class Consistency : std::uint8_t { kLive, kCheckpoint };

Result<Consistency> consistency_of(const HttpRequest& request) {
  const std::string consistency = request.query_or("consistency", "live");
  if (consistency == "live") return Consistency::kLive;
  if (consistency == "checkpoint") return Consistency::kCheckpoint;
  return Status::invalid_argument("consistency is '" + consistency + "'; it must be live or checkpoint");
}

// 0: refused.
std::uint32_t tasks_or_refuse(Job::Impl& job, const HttpRequest& request, const HttpReply& reply) {
  const std::uint32_t tasks = job.parallelism_of(request.captures[0]);
  if (tasks == 0) reply(HttpResponse::error(Status::not_found("there is no operator '" + request.captures[0] + "'")));
  return tasks;
}

// What is live is asked of the task, what a checkpoint has is read beside it.
void ask_stage(Job::Impl& job, const std::string& uid, std::uint32_t task, bool of_checkpoint,
               std::function<void(const runtime::Stage&)> ask, const std::function<void(Status)>& refused) {
  if (of_checkpoint) return job.read_stage(uid, task, std::move(ask), refused);
  job.visit_stage(
      uid, task, [ask = std::move(ask)](runtime::Stage& stage) { ask(stage); }, refused);
}

// `"value":…,"position":…`, the position being that of the value.
Result<std::string> value_and_position(Job::Impl& job, const runtime::Stage& stage, const std::string& state,
                                       const std::string& key, bool of_checkpoint) {
  WEIR_ASSIGN_OR_RETURN(const StateTable* const table, queryable_table(stage, state));
  std::uint64_t checkpoint = 0;
  WEIR_ASSIGN_OR_RETURN(const std::string value,
                        of_checkpoint ? table->query_stored_json(key, checkpoint) : table->query_json(key));
  return "\"value\":" + value + ",\"position\":" +
         (of_checkpoint ? "{\"checkpoint\":" + std::to_string(checkpoint) + "}" : job.position_json());
}

// GET /v1/state/{uid}/{state}/{key}: the owner answers; which task that is depends on the key's type, so all are asked.
// consistency=live: what it is now; consistency=checkpoint: what the last completed checkpoint has, which no crash
// rolls back.
void get_key(Job::Impl& job, const HttpRequest& request, const HttpReply& reply) {
  const Result<Consistency> consistency = consistency_of(request);
  if (!consistency.is_ok()) return reply(HttpResponse::error(consistency.status()));
  const std::uint32_t tasks = tasks_or_refuse(job, request, reply);
  if (tasks == 0) return;
  const std::string uid = request.captures[0];
  const std::string state = request.captures[1];
  const std::string key = request.captures[2];
  auto gathering =
      std::make_shared<Gathering>(tasks, [reply, uid, state, key](std::vector<Result<std::string>>& parts) {
        Status refused;
        for (const auto& part : parts) {
          if (part.is_ok()) {
            JsonWriter json;
            json.begin_object();
            json.key("uid");
            json.string(uid);
            json.key("state");
            json.string(state);
            json.key("key");
            json.string(key);
            // `"value":…,"position":…`
            json.raw(*part);
            json.end_object();
            return reply(HttpResponse::json(json.take()));
          }
          if (refused.is_ok() || part.status().code() != StatusCode::kNotFound) refused = part.status();
        }
        reply(HttpResponse::error(refused));
      });
  for (std::uint32_t task = 0; task < tasks; ++task) {
    ask_stage(
        job, uid, task, *consistency == Consistency::kCheckpoint,
        [&job, gathering, task, state, key, consistency = *consistency](const runtime::Stage& stage) {
          gathering->put(task, value_and_position(job, stage, state, key, consistency == Consistency::kCheckpoint));
        },
        [gathering, task](const Status& refused) { gathering->put(task, refused); });
  }
}

// GET /v1/state/{uid}/{state}: keys and values, page by page. A page comes from one task; the cursor names the task.
struct PageRequest {
  std::string uid;
  std::string state;
  std::string prefix;
  std::size_t limit = 0;
  bool of_checkpoint = false;
  std::uint32_t tasks = 0;
  std::uint32_t task = 0;  // whose page
  std::string cursor;      // within the task; empty: from its first key
  HttpReply reply;
};

Result<std::size_t> limit_of(const HttpRequest& request) {
  const std::string text = request.query_or("limit", std::to_string(kDefaultLimit));
  std::size_t limit = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), limit);
  if (parsed.ec == std::errc() && parsed.ptr == text.data() + text.size() && limit != 0 && limit <= kMaxLimit)
    return limit;
  return Status::invalid_argument("limit is '" + text + "'; it must be 1 to " + std::to_string(kMaxLimit));
}

Status read_cursor(std::string text, PageRequest& page) {
  if (text.empty()) return {};
  const auto end = std::from_chars(text.data(), text.data() + text.size(), page.task);
  if (end.ec != std::errc() || end.ptr == text.data() + text.size() || *end.ptr != ':' || page.task >= page.tasks)
    return Status::invalid_argument("cursor is '" + text + "'; take it from the previous page's next_cursor");
  page.cursor = text.substr(static_cast<std::size_t>(end.ptr - text.data()) + 1);
  return {};
}

// The page of page.task; nothing when it has no more keys and another task may have some.
Result<std::optional<std::string>> page_json(Job::Impl& job, const runtime::Stage& stage, PageRequest& page) {
  WEIR_ASSIGN_OR_RETURN(const StateTable* const table, queryable_table(stage, page.state));
  std::uint64_t checkpoint = 0;
  JsonWriter entries;
  WEIR_RETURN_IF_ERROR(page.of_checkpoint
                           ? table->list_stored_json(entries, page.prefix, page.limit, page.cursor, checkpoint)
                           : table->list_json(entries, page.prefix, page.limit, page.cursor));
  const std::string list = entries.take();
  const bool is_last = page.task + 1 == page.tasks;
  if (list == "[]" && !is_last) return std::optional<std::string>();
  JsonWriter json;
  json.begin_object();
  json.key("entries");
  json.raw(list);
  json.key("next_cursor");
  if (!page.cursor.empty())
    json.string(std::to_string(page.task) + ":" + page.cursor);
  else if (!is_last)
    json.string(std::to_string(page.task + 1) + ":");
  else
    json.null();
  json.key("position");
  json.raw(page.of_checkpoint ? "{\"checkpoint\":" + std::to_string(checkpoint) + "}" : job.position_json());
  json.end_object();
  return std::optional(json.take());
}

// Asks one task after the other until one has keys: a page is empty only when nothing follows.
void send_page(Job::Impl& job, const std::shared_ptr<PageRequest>& page) {
  ask_stage(
      job, page->uid, page->task, page->of_checkpoint,
      [&job, page](const runtime::Stage& stage) {
        const Result<std::optional<std::string>> json = page_json(job, stage, *page);
        if (!json.is_ok()) return page->reply(HttpResponse::error(json.status()));
        if (*json) return page->reply(HttpResponse::json(**json));
        ++page->task;
        page->cursor.clear();
        send_page(job, page);
      },
      [page](const Status& refused) { page->reply(HttpResponse::error(refused)); });
}

void list_keys(Job::Impl& job, const HttpRequest& request, const HttpReply& reply) {
  const Result<Consistency> consistency = consistency_of(request);
  if (!consistency.is_ok()) return reply(HttpResponse::error(consistency.status()));
  const Result<std::size_t> limit = limit_of(request);
  if (!limit.is_ok()) return reply(HttpResponse::error(limit.status()));
  auto page = std::make_shared<PageRequest>();
  page->tasks = tasks_or_refuse(job, request, reply);
  if (page->tasks == 0) return;
  page->uid = request.captures[0];
  page->state = request.captures[1];
  page->prefix = request.query_or("prefix", "");
  page->limit = *limit;
  page->of_checkpoint = *consistency == Consistency::kCheckpoint;
  page->reply = reply;
  if (const Status fault = read_cursor(request.query_or("cursor", ""), *page); !fault.is_ok())
    return reply(HttpResponse::error(fault));
  send_page(job, page);
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
  add("GET", "/v1/state", [&job](const HttpRequest&, const HttpReply& reply) { list_states(job, reply); });
  add("GET", "/v1/state/{uid}/{state}",
      [&job](const HttpRequest& request, const HttpReply& reply) { list_keys(job, request, reply); });
  add("GET", "/v1/state/{uid}/{state}/{key}",
      [&job](const HttpRequest& request, const HttpReply& reply) { get_key(job, request, reply); });
  return routes;
}

}  // namespace weir
