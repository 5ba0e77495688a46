#include "operators/inference/repository_index.hpp"

#include <charconv>
#include <memory>
#include <utility>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>

#include <weir/json.hpp>

#include "operators/inference/inference_service.hpp"
#include "operators/inference/model_choice.hpp"
#include "operators/serving/serving_registry.hpp"

namespace weir::inference {
namespace {

namespace json = boost::json;
using serving::TaskAnswer;

constexpr std::size_t kMaxKeys = 1000;

std::string text_of(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(name);
  if (value == nullptr) return {};
  if (value->is_string()) return {value->get_string().data(), value->get_string().size()};
  return value->is_int64() ? std::to_string(value->get_int64()) : std::string();
}

void add_entry(const std::string& key, const json::object& version, std::string_view state, bool is_current,
               std::vector<std::string>& entries) {
  JsonWriter entry;
  entry.begin_object();
  entry.key("name");
  entry.string(model_name_of(key, text_of(version, "name")));
  entry.key("version");
  entry.string(text_of(version, "version"));
  entry.key("state");
  entry.string(state);
  entry.key("reason");
  const std::string reason = text_of(version, "reason");
  entry.string(!reason.empty() ? reason : is_current ? "" : text_of(version, "state"));
  entry.end_object();
  entries.push_back(entry.take());
}

/// The models of a key, as KeyModels shows them.
void add_key(const std::string& key, const json::object& models, bool only_ready, std::vector<std::string>& entries) {
  const auto add_all = [&](std::string_view list, std::string_view state) {
    const json::value* versions = models.if_contains(list);
    if (versions == nullptr || !versions->is_array()) return;
    for (const json::value& version : versions->get_array()) {
      if (!version.is_object()) continue;
      const bool is_current = text_of(version.get_object(), "state") == to_string(ModelState::kCurrent);
      add_entry(key, version.get_object(), state, is_current, entries);
    }
  };
  add_all("versions", "READY");
  if (only_ready) return;
  add_all("pending", "LOADING");
  add_all("refused", "UNAVAILABLE");
}

Result<bool> only_ready_of(const std::string& body) {
  if (body.empty()) return false;
  boost::system::error_code error;
  const json::value value = json::parse(body, error);
  if (error || !value.is_object()) return Status::invalid_argument("the body must be a JSON object, or empty");
  const json::value* ready = value.get_object().if_contains("ready");
  if (ready == nullptr) return false;
  if (!ready->is_bool()) return Status::invalid_argument("'ready' must be true or false");
  return ready->get_bool();
}

Result<std::size_t> limit_of(const HttpRequest& request) {
  const std::string text = request.query_or("limit", "100");
  std::size_t limit = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), limit);
  if (error != std::errc{} || end != text.data() + text.size() || limit == 0 || limit > kMaxKeys)
    return Status::invalid_argument("limit is '" + text + "': 1 to " + std::to_string(kMaxKeys));
  return limit;
}

HttpResponse index_response(const std::vector<TaskAnswer<std::string>>& answers, bool only_ready) {
  std::vector<std::string> entries;
  bool is_complete = true;
  for (const auto& one : answers) {
    if (const Status status = add_index_entries(one.answer, only_ready, entries); !status.is_ok())
      return HttpResponse::error(status);
    is_complete = is_complete && one.is_complete;
  }
  std::string text = "[";
  for (const std::string& entry : entries) (text += text.size() == 1 ? "" : ",") += entry;
  HttpResponse response = HttpResponse::json(text + "]");
  response.headers["Weir-Complete"] = is_complete ? "true" : "false";
  return response;
}

}  // namespace

Status add_index_entries(std::string_view listing, bool only_ready, std::vector<std::string>& entries) {
  if (listing.empty()) return {};
  boost::system::error_code error;
  const json::value keys = json::parse(json::string_view(listing.data(), listing.size()), error);
  if (error || !keys.is_array()) return Status::internal("list models: an operator's list cannot be read");
  for (const json::value& one : keys.get_array()) {
    const json::value* models = one.is_object() ? one.get_object().if_contains("value") : nullptr;
    if (models == nullptr || !models->is_object()) continue;
    const std::string key = text_of(one.get_object(), "key");
    const json::value* versions = models->get_object().if_contains("versions");
    if (versions != nullptr && versions->is_array()) {
      add_key(key, models->get_object(), only_ready, entries);
      continue;
    }
    for (const auto& member : models->get_object())  // of a speculating operator
      if (member.value().is_object()) add_key(key, member.value().get_object(), only_ready, entries);
  }
  return {};
}

void repository_index(const serving::ServingRegistry& registry, JobControl& control,
                      const std::shared_ptr<InferenceService>& service, const HttpRequest& request, HttpReply reply) {
  const auto fail = [&reply](const Status& status) { reply(HttpResponse::error(status)); };
  const auto uids = registry.chosen(request);
  if (!uids) return fail(uids.status());
  const auto limit = limit_of(request);
  if (!limit) return fail(limit.status());
  const auto only_ready = only_ready_of(request.body);
  if (!only_ready) return fail(only_ready.status());
  const auto ticket = service->admit(0);
  if (ticket == nullptr) return fail(Status::unavailable("too many inferences are in work at once"));
  serving::list_all_models(
      control, *uids, {.prefix = request.query_or("prefix", ""), .limit = *limit},
      [weak = std::weak_ptr(service), ticket, reply, only_ready = *only_ready](auto& answers) {
        if (const Status failure = serving::failure_of(answers); !failure.is_ok())
          return reply(HttpResponse::error(failure));
        const auto alive = weak.lock();
        if (alive == nullptr) return reply(HttpResponse::error(Status::unavailable("the job stops")));
        const auto shared = std::make_shared<std::vector<TaskAnswer<std::string>>>(std::move(answers));
        alive->run(ticket, reply, [shared, reply, only_ready] { reply(index_response(*shared, only_ready)); });
      });
}

}  // namespace weir::inference
