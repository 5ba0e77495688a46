// GET /v1/models...: asks every task of every serving operator of the job and puts the answers together.

#include <charconv>
#include <memory>
#include <utility>

#include <weir/json.hpp>
#include <weir/runtimes.hpp>
#include <weir/serving.hpp>
#include <weir/serving/serving_view.hpp>

#include "operators/inference/inference_routes.hpp"
#include "operators/serving/archive_audit.hpp"
#include "operators/serving/model_request.hpp"
#include "operators/serving/serving_registry.hpp"

namespace weir::serving {
namespace {

using Shown = TaskAnswer<std::string>;

HttpResponse list_response(std::vector<Shown>& parts, const JobControl& control) {
  if (const Status failure = failure_of(parts); !failure.is_ok()) return HttpResponse::error(failure);
  JsonWriter json;
  json.begin_object();
  json.key("operators");
  json.begin_array();
  for (std::size_t i = 0; i < parts.size();) {
    std::string keys;
    bool is_complete = true;
    const std::string& uid = parts[i].uid;
    for (; i < parts.size() && parts[i].uid == uid; ++i) {
      is_complete = is_complete && parts[i].is_complete;
      // "[a,b]" and "[c]" become "a,b,c".
      if (parts[i].answer.size() <= 2) continue;
      if (!keys.empty()) keys += ',';
      keys.append(parts[i].answer, 1, parts[i].answer.size() - 2);
    }
    json.begin_object();
    json.key("uid");
    json.string(uid);
    json.key("keys");
    json.raw("[" + keys + "]");
    json.key("complete");
    json.boolean(is_complete);
    json.end_object();
  }
  json.end_array();
  json.key("position");
  json.raw(control.position_json());
  json.end_object();
  return HttpResponse::json(json.take());
}

/// `archives`: what archives say beside the operators, if anything; then it is no fault that no operator knows the key.
HttpResponse key_response(const std::vector<Shown>& parts, const JobControl& control, std::string_view what,
                          const ArchivesAnswer* archives = nullptr) {
  JsonWriter json;
  json.begin_object();
  json.key("operators");
  json.begin_array();
  Status missing;
  std::size_t found = 0;
  for (const Shown& part : parts) {
    if (!part.status.is_ok()) {
      missing = part.status;
      continue;
    }
    ++found;
    json.begin_object();
    json.key("uid");
    json.string(part.uid);
    json.key(what);
    json.raw(part.answer);
    json.end_object();
  }
  if (found == 0 && (archives == nullptr || !archives->is_found)) {
    const Status failure = failure_of(parts);
    return HttpResponse::error(failure.is_ok() ? missing : failure);
  }
  json.end_array();
  if (archives != nullptr) {
    json.key("archives");
    json.raw(archives->json);
  }
  json.key("position");
  json.raw(control.position_json());
  json.end_object();
  return HttpResponse::json(json.take());
}

void put(Result<std::string> answer, Shown& shown) {
  shown.status = answer.status();
  if (answer.is_ok()) shown.answer = std::move(answer).value();
}

template <class Number>
bool parse_number(const std::string& text, Number& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc{} && end == text.data() + text.size();
}

void list_models(const ServingRegistry& registry, JobControl& control, const HttpRequest& request, HttpReply reply) {
  const auto uids = registry.chosen(request);
  if (!uids) return reply(HttpResponse::error(uids.status()));
  std::size_t limit = 0;
  const std::string limit_text = request.query_or("limit", "100");
  if (!parse_number(limit_text, limit) || limit == 0 || limit > 1000) {
    return reply(HttpResponse::error(Status::invalid_argument("limit is '" + limit_text + "': 1 to 1000")));
  }
  list_all_models(control, *uids, {.prefix = request.query_or("prefix", ""), .limit = limit},
                  [&control, reply = std::move(reply)](auto& parts) { reply(list_response(parts, control)); });
}

void show_models(const ServingRegistry& registry, JobControl& control, const HttpRequest& request, HttpReply reply) {
  const auto uids = registry.chosen(request);
  if (!uids) return reply(HttpResponse::error(uids.status()));
  std::int64_t version = 0;
  if (request.captures.size() > 1 && (!parse_number(request.captures[1], version) || version <= 0)) {
    return reply(HttpResponse::error(Status::invalid_argument("version is '" + request.captures[1] + "': 1 and up")));
  }
  ask_all<std::string>(
      control, *uids,
      [key = request.captures.at(0), version](ServingView& view, Shown& shown) {
        put(view.show_models(key, version), shown);
      },
      [&control, reply = std::move(reply)](auto& parts) { reply(key_response(parts, control, "serving")); });
}

/// What is asked, of the operators' swap logs and of the archives.
struct AuditRequest {
  AuditQuestion log;
  ArchiveQuestion archive;
};

Result<AuditRequest> audit_request_of(const HttpRequest& request) {
  const std::string position = request.query_or("position", "");
  const std::string time = request.query_or("time", "");
  const std::string version = request.query_or("version", "");
  if (position.empty() == time.empty())
    return Status::invalid_argument("ask for one record: by position= (in its source) or by time= (its event time)");
  AuditRequest asked;
  asked.archive.key = request.captures.at(0);
  if (!version.empty() && (!parse_number(version, asked.archive.version) || asked.archive.version <= 0))
    return Status::invalid_argument("version is '" + version + "': 1 and up");
  if (!time.empty()) {
    WEIR_ASSIGN_OR_RETURN(asked.log.time, parse_event_time("time", time));
  } else {
    std::uint64_t number = 0;
    if (!parse_number(position, number))
      return Status::invalid_argument("position is '" + position + "': a whole number, 0 and up");
    asked.log.position = number;
  }
  asked.archive.position = asked.log.position;
  asked.archive.time = asked.log.time;
  return asked;
}

/// What a task knows of a record: its swap log's answer, and the versions of the key that are kept.
struct Audited {
  std::string log;
  std::vector<ServedModel> models;
};

/// When the tasks have answered the archives are asked, if there may be any.
void finish_audit(std::vector<TaskAnswer<Audited>>& audited, const HttpReply& reply,
                  const std::shared_ptr<ArchiveAuditor>& auditor, JobControl& control, ArchiveQuestion question) {
  std::vector<Shown> logs;
  std::vector<ModelRuntimes> runtimes;
  for (TaskAnswer<Audited>& task : audited) {
    logs.push_back({task.uid, task.status, std::move(task.answer.log), true});
    for (const ServedModel& model : task.answer.models) {
      if (!model.is_pending)
        question.known.push_back({model.name, model.version, model.digest, model.type, model.load.record.options});
      if (model.config && runtimes.empty()) runtimes.push_back(model.config->runtimes);
    }
  }
  runtimes.push_back(all_runtimes());  // where no operator has a model of the key any more
  auditor->ask(control, std::move(question), std::move(runtimes),
               [logs = std::move(logs), reply, &control](const Result<ArchivesAnswer>& archives) {
                 if (!archives.is_ok()) return reply(HttpResponse::error(archives.status()));
                 reply(key_response(logs, control, "audit", archives->json == "[]" ? nullptr : &*archives));
               });
}

void audit(const ServingRegistry& registry, const std::shared_ptr<ArchiveAuditor>& auditor, JobControl& control,
           const HttpRequest& request, HttpReply reply) {
  const auto uids = registry.chosen(request);
  if (!uids) return reply(HttpResponse::error(uids.status()));
  const Result<AuditRequest> asked = audit_request_of(request);
  if (!asked) return reply(HttpResponse::error(asked.status()));
  ask_all<Audited>(
      control, *uids,
      [key = asked->archive.key, question = asked->log](ServingView& view, TaskAnswer<Audited>& task) {
        Result<std::string> log = view.audit(key, question);
        task.status = log.status();
        if (log.is_ok()) task.answer.log = std::move(log).value();
        view.add_served(key, task.answer.models).ignore("a task that does not know the key has no models of it");
      },
      [auditor, &control, question = asked->archive, reply = std::move(reply)](auto& audited) {
        finish_audit(audited, reply, auditor, control, question);
      });
}

}  // namespace

std::vector<HttpRoute> model_routes(const std::string& uid, JobControl& control) {
  const std::shared_ptr<ServingRegistry> registry = ServingRegistry::of(control);
  if (!registry->add(uid)) return {};
  const auto list = [registry, &control](const HttpRequest& request, HttpReply reply) {
    list_models(*registry, control, request, std::move(reply));
  };
  const auto show = [registry, &control](const HttpRequest& request, HttpReply reply) {
    show_models(*registry, control, request, std::move(reply));
  };
  const auto ask = [registry, auditor = std::make_shared<ArchiveAuditor>(), &control](const HttpRequest& request,
                                                                                      HttpReply reply) {
    audit(*registry, auditor, control, request, std::move(reply));
  };
  std::vector<HttpRoute> routes = inference::inference_routes(registry, control);
  routes.push_back({"GET", "/v1/models", list, 1});
  routes.push_back({"GET", "/v1/models/{key}", show, 1});
  routes.push_back({"GET", "/v1/models/{key}/events",
                    [&control](const HttpRequest& request, const HttpReply& reply) {
                      EventFilter filter{.type = "model", .uid = request.query_or("uid", "")};
                      filter.key = request.captures.at(0);
                      reply(event_stream(control, request, std::move(filter)));
                    },
                    1});
  routes.push_back({"GET", "/v1/models/{key}/{version}", show, 1});
  routes.push_back({"GET", "/v1/audit/{key}", ask, 1});
  return routes;
}

}  // namespace weir::serving
