// GET /v1/models...: asks every task of every serving operator of the job and puts the answers together.

#include <algorithm>
#include <charconv>
#include <map>
#include <memory>
#include <mutex>
#include <utility>

#include <weir/json.hpp>
#include <weir/serving.hpp>
#include <weir/serving/serving_view.hpp>

#include "operators/serving/model_request.hpp"

namespace weir::serving {
namespace {

/// The serving operators of one job. The first to register carries the routes for all.
class ServingRegistry {
 public:
  static std::shared_ptr<ServingRegistry> of(const JobControl& control) {
    static std::mutex mutex;
    static std::map<const JobControl*, std::weak_ptr<ServingRegistry>> registries;  // guarded by mutex
    const std::lock_guard lock(mutex);
    std::erase_if(registries, [](const auto& entry) { return entry.second.expired(); });
    auto& known = registries[&control];
    std::shared_ptr<ServingRegistry> registry = known.lock();
    if (!registry) known = registry = std::make_shared<ServingRegistry>();
    return registry;
  }

  /// True when `uid` is the one that carries the routes.
  bool add(const std::string& uid) {
    const std::lock_guard lock(mutex_);
    if (std::find(uids_.begin(), uids_.end(), uid) == uids_.end()) uids_.push_back(uid);
    return uids_.front() == uid;
  }
  /// All, or the one asked for by `?uid=`.
  Result<std::vector<std::string>> chosen(const HttpRequest& request) const {
    const std::lock_guard lock(mutex_);
    const std::string uid = request.query_or("uid", "");
    if (uid.empty()) return uids_;
    if (std::find(uids_.begin(), uids_.end(), uid) == uids_.end())
      return Status::not_found("no serving operator '" + uid + "'");
    return std::vector<std::string>{uid};
  }

 private:
  mutable std::mutex mutex_;
  std::vector<std::string> uids_;  // guarded by mutex_
};

/// Answers of tasks, in the order of `uids` and tasks. The last one to come sends the reply.
class Collection {
 public:
  struct Part {
    std::string uid;
    Status status;
    std::string json;
    bool is_complete = true;
  };
  using Finish = std::function<HttpResponse(std::vector<Part>&)>;

  Collection(std::vector<Part> parts, HttpReply reply, Finish finish)
      : parts_(std::move(parts)), open_(parts_.size()), reply_(std::move(reply)), finish_(std::move(finish)) {}

  void put(std::size_t index, Status status, std::string json, bool is_complete) {
    {
      const std::lock_guard lock(mutex_);
      parts_[index].status = std::move(status);
      parts_[index].json = std::move(json);
      parts_[index].is_complete = is_complete;
      if (--open_ != 0) return;
    }
    reply_(finish_(parts_));
  }

 private:
  std::mutex mutex_;
  std::vector<Part> parts_;  // guarded by mutex_ until the last has come
  std::size_t open_;         // guarded by mutex_
  HttpReply reply_;
  Finish finish_;
};

using Ask = std::function<void(ServingView&, Collection&, std::size_t)>;

void ask_all(JobControl& control, const std::vector<std::string>& uids, const Ask& ask, HttpReply reply,
             Collection::Finish finish) {
  std::vector<Collection::Part> parts;
  std::vector<std::uint32_t> tasks;
  for (const std::string& uid : uids) {
    for (std::uint32_t task = 0; task < std::max<std::uint32_t>(control.parallelism_of(uid), 1); ++task) {
      parts.push_back({uid, Status{}, {}, true});
      tasks.push_back(task);
    }
  }
  const auto collection = std::make_shared<Collection>(parts, std::move(reply), std::move(finish));
  for (std::size_t index = 0; index < parts.size(); ++index) {
    control.visit(
        parts[index].uid, tasks[index],
        [collection, index, ask](Operator& visited) {
          if (auto* view = dynamic_cast<ServingView*>(&visited)) {
            ask(*view, *collection, index);
          } else {
            collection->put(index, Status::internal("the operator serves no models"), {}, true);
          }
        },
        [collection, index](Status refused) { collection->put(index, std::move(refused), {}, true); });
  }
}

/// The worst failure that is not "unknown here"; OK when every task answered or did not know.
Status failure_of(const std::vector<Collection::Part>& parts) {
  for (const Collection::Part& part : parts)
    if (!part.status.is_ok() && part.status.code() != StatusCode::kNotFound) return part.status;
  return {};
}

HttpResponse list_response(std::vector<Collection::Part>& parts, const JobControl& control) {
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
      if (parts[i].json.size() <= 2) continue;
      if (!keys.empty()) keys += ',';
      keys.append(parts[i].json, 1, parts[i].json.size() - 2);
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

HttpResponse key_response(std::vector<Collection::Part>& parts, const JobControl& control, std::string_view what) {
  JsonWriter json;
  json.begin_object();
  json.key("operators");
  json.begin_array();
  Status missing;
  std::size_t found = 0;
  for (const Collection::Part& part : parts) {
    if (!part.status.is_ok()) {
      missing = part.status;
      continue;
    }
    ++found;
    json.begin_object();
    json.key("uid");
    json.string(part.uid);
    json.key(what);
    json.raw(part.json);
    json.end_object();
  }
  if (found == 0) {
    const Status failure = failure_of(parts);
    return HttpResponse::error(failure.is_ok() ? missing : failure);
  }
  json.end_array();
  json.key("position");
  json.raw(control.position_json());
  json.end_object();
  return HttpResponse::json(json.take());
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
  const auto ask = [limit, prefix = request.query_or("prefix", "")](ServingView& view, Collection& collection,
                                                                    std::size_t index) {
    JsonWriter json;
    std::string cursor;
    Status status = view.list_models(json, prefix, limit, cursor);
    collection.put(index, std::move(status), json.take(), cursor.empty());
  };
  ask_all(control, *uids, ask, std::move(reply), [&control](auto& parts) { return list_response(parts, control); });
}

void show_models(const ServingRegistry& registry, JobControl& control, const HttpRequest& request, HttpReply reply) {
  const auto uids = registry.chosen(request);
  if (!uids) return reply(HttpResponse::error(uids.status()));
  std::int64_t version = 0;
  if (request.captures.size() > 1 && (!parse_number(request.captures[1], version) || version <= 0)) {
    return reply(HttpResponse::error(Status::invalid_argument("version is '" + request.captures[1] + "': 1 and up")));
  }
  const auto ask = [key = request.captures.at(0), version](ServingView& view, Collection& collection,
                                                           std::size_t index) {
    Result<std::string> shown = view.show_models(key, version);
    Status status = shown.status();
    collection.put(index, std::move(status), shown.is_ok() ? std::move(shown).value() : std::string(), true);
  };
  ask_all(control, *uids, ask, std::move(reply),
          [&control](auto& parts) { return key_response(parts, control, "serving"); });
}

Result<AuditQuestion> question_of(const HttpRequest& request) {
  const std::string position = request.query_or("position", "");
  const std::string time = request.query_or("time", "");
  if (position.empty() == time.empty())
    return Status::invalid_argument("ask for one record: by position= (in its source) or by time= (its event time)");
  AuditQuestion question;
  if (!time.empty()) {
    WEIR_ASSIGN_OR_RETURN(question.time, parse_event_time("time", time));
    return question;
  }
  std::uint64_t number = 0;
  if (!parse_number(position, number))
    return Status::invalid_argument("position is '" + position + "': a whole number, 0 and up");
  question.position = number;
  return question;
}

void audit(const ServingRegistry& registry, JobControl& control, const HttpRequest& request, HttpReply reply) {
  const auto uids = registry.chosen(request);
  if (!uids) return reply(HttpResponse::error(uids.status()));
  const auto question = question_of(request);
  if (!question) return reply(HttpResponse::error(question.status()));
  const auto ask = [key = request.captures.at(0), question = *question](ServingView& view, Collection& collection,
                                                                        std::size_t index) {
    Result<std::string> shown = view.audit(key, question);
    Status status = shown.status();
    collection.put(index, std::move(status), shown.is_ok() ? std::move(shown).value() : std::string(), true);
  };
  ask_all(control, *uids, ask, std::move(reply),
          [&control](auto& parts) { return key_response(parts, control, "audit"); });
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
  const auto ask = [registry, &control](const HttpRequest& request, HttpReply reply) {
    audit(*registry, control, request, std::move(reply));
  };
  return {{"GET", "/v1/models", list, 1},
          {"GET", "/v1/models/{key}", show, 1},
          {"GET", "/v1/models/{key}/{version}", show, 1},
          {"GET", "/v1/audit/{key}", ask, 1}};
}

}  // namespace weir::serving
