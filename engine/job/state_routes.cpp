// The HTTP paths of state; docs/http.md. What is live is asked through the owning task's mailbox, and the reply goes
// out when the last task has answered.

#include "engine/job/state_routes.hpp"

#include <charconv>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

#include <weir/json.hpp>

#include "engine/job/job_impl.hpp"

namespace weir {
namespace {

constexpr std::size_t kDefaultLimit = 100;
constexpr std::size_t kMaxLimit = 10'000;

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

// `"value":…,"position":…`, the position being that of the value.
std::string value_and_position(const std::string& value, const std::string& position) {
  return "\"value\":" + value + ",\"position\":" + position;
}

std::string checkpoint_position(std::uint64_t checkpoint) {
  return "{\"checkpoint\":" + std::to_string(checkpoint) + "}";
}

// One key asked of all tasks of an operator: of the task for what is live; what a checkpoint has, and what is not in
// the task's memory, is read beside it.
struct KeyRequest {
  std::string uid;
  std::string state;
  std::string key;
  std::shared_ptr<Gathering> gathering;
};

// `position`: of the job, when what is stored is the live value; empty: that of the checkpoint.
void read_key(Job::Impl& job, const KeyRequest& asked, std::uint32_t task, const std::string& position) {
  const auto read = [asked, position](const runtime::Stage& stage) -> Result<std::string> {
    WEIR_ASSIGN_OR_RETURN(const StateTable* const table, queryable_table(stage, asked.state));
    std::uint64_t checkpoint = 0;
    WEIR_ASSIGN_OR_RETURN(const std::string value, table->query_stored_json(asked.key, checkpoint));
    return value_and_position(value, position.empty() ? checkpoint_position(checkpoint) : position);
  };
  job.read_stage(
      asked.uid, task,
      [gathering = asked.gathering, task, read](const runtime::Stage& stage) {
        return [gathering, task, part = read(stage)] { gathering->put(task, part); };
      },
      [gathering = asked.gathering, task](const Status& refused) { gathering->put(task, refused); });
}

void ask_live_key(Job::Impl& job, const KeyRequest& asked, std::uint32_t task) {
  job.visit_stage(
      asked.uid, task,
      [&job, asked, task](const runtime::Stage& stage) {
        const Result<const StateTable*> table = queryable_table(stage, asked.state);
        if (!table) return asked.gathering->put(task, table.status());
        const Result<std::optional<std::string>> value = (*table)->query_json(asked.key);
        if (!value) return asked.gathering->put(task, value.status());
        if (!*value) return read_key(job, asked, task, job.position_json());
        asked.gathering->put(task, value_and_position(**value, job.position_json()));
      },
      [gathering = asked.gathering, task](const Status& refused) { gathering->put(task, refused); });
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
  const KeyRequest asked{uid, state, key, gathering};
  for (std::uint32_t task = 0; task < tasks; ++task) {
    if (*consistency == Consistency::kCheckpoint)
      read_key(job, asked, task, "");
    else
      ask_live_key(job, asked, task);
  }
}

// GET /v1/state/{uid}/{state}: keys and values, page by page. A page comes from one task; the cursor names the task.
struct PageRequest {
  std::string uid;
  std::string state;
  bool of_checkpoint = false;
  std::uint32_t tasks = 0;
  std::uint32_t task = 0;  // whose page
  PageQuery query;         // within the task
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
  page.query.cursor = text.substr(static_cast<std::size_t>(end.ptr - text.data()) + 1);
  return {};
}

std::string page_json(const Job::Impl& job, const PageRequest& asked, const StatePage& page) {
  JsonWriter json;
  json.begin_object();
  json.key("entries");
  json.raw(page.entries);
  json.key("next_cursor");
  if (!page.next_cursor.empty())
    json.string(std::to_string(asked.task) + ":" + page.next_cursor);
  else if (asked.task + 1 != asked.tasks)
    json.string(std::to_string(asked.task + 1) + ":");
  else
    json.null();
  json.key("position");
  json.raw(asked.of_checkpoint ? checkpoint_position(page.checkpoint) : job.position_json());
  json.end_object();
  return json.take();
}

// Asks one task after the other until one has keys: a page is empty only when nothing follows.
void send_page(Job::Impl& job, const std::shared_ptr<PageRequest>& asked) {
  const auto answer = [&job, asked](const Result<StatePage>& page) {
    if (!page.is_ok()) return asked->reply(HttpResponse::error(page.status()));
    if (page->entries != "[]" || asked->task + 1 == asked->tasks)
      return asked->reply(HttpResponse::json(page_json(job, *asked, *page)));
    ++asked->task;
    asked->query.cursor.clear();
    send_page(job, asked);
  };
  const auto refused = [answer](Status refusal) { answer(std::move(refusal)); };
  if (asked->of_checkpoint) {
    return job.read_stage(
        asked->uid, asked->task,
        [asked, answer](const runtime::Stage& stage) {
          const Result<const StateTable*> table = queryable_table(stage, asked->state);
          return [answer, page = table ? (*table)->list_stored(asked->query) : table.status()] { answer(page); };
        },
        refused);
  }
  // The task says whether the state may be asked for before it is listed.
  job.visit_stage(
      asked->uid, asked->task,
      [&job, asked, answer](const runtime::Stage& stage) {
        if (const auto table = queryable_table(stage, asked->state); !table) return answer(table.status());
        job.list_state(asked->uid, asked->task, asked->state, asked->query, answer);
      },
      refused);
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
  page->query = {.prefix = request.query_or("prefix", ""), .limit = *limit, .cursor = {}};
  page->of_checkpoint = *consistency == Consistency::kCheckpoint;
  page->reply = reply;
  if (const Status fault = read_cursor(request.query_or("cursor", ""), *page); !fault.is_ok())
    return reply(HttpResponse::error(fault));
  send_page(job, page);
}

}  // namespace

std::vector<HttpRoute> state_routes(Job::Impl& job) {
  constexpr std::size_t kBodyBytes = 1024;
  return {
      {"GET", "/v1/state", [&job](const HttpRequest&, const HttpReply& reply) { list_states(job, reply); }, kBodyBytes},
      {"GET", "/v1/state/{uid}/{state}",
       [&job](const HttpRequest& request, const HttpReply& reply) { list_keys(job, request, reply); }, kBodyBytes},
      {"GET", "/v1/state/{uid}/{state}/{key}",
       [&job](const HttpRequest& request, const HttpReply& reply) { get_key(job, request, reply); }, kBodyBytes}};
}

}  // namespace weir
