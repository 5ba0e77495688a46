#include "operators/inference/inference_routes.hpp"

#include <chrono>
#include <functional>
#include <string>
#include <utility>

#include <weir/json.hpp>

#include "operators/inference/inference.hpp"
#include "operators/inference/inference_request.hpp"
#include "operators/inference/inference_service.hpp"
#include "operators/inference/model_choice.hpp"
#include "operators/inference/model_shelf.hpp"
#include "operators/inference/repository_index.hpp"
#include "operators/serving/serving_registry.hpp"

namespace weir::inference {
namespace {

using serving::ServedModel;
using serving::ServingRegistry;
using serving::ServingView;
using serving::TaskAnswer;

constexpr std::size_t kMaxBodyBytes = std::size_t{8} << 20;

/// One request on its way: from the HTTP thread over the tasks that know the model to a thread of the service.
struct Inference {
  HttpReply reply;
  WantedModel wanted;
  std::string body;
  std::shared_ptr<InferenceTicket> ticket;
  std::shared_ptr<InferenceService::Tools> tools;
  std::vector<KeyModelsFound> found;

  void fail(const Status& status) const { reply(HttpResponse::error(status)); }
};
using InferencePtr = std::shared_ptr<Inference>;

struct Site {
  std::shared_ptr<const ServingRegistry> registry;
  JobControl& control;
  std::shared_ptr<InferenceService> service;
};

Status ask_task(ServingView& view, const WantedModel& wanted, KeyModelsFound& found) {
  const Status whole = view.add_served(wanted.text, found.of_whole_key);
  found.whole_key_is_known = whole.is_ok();
  Status split = Status::not_found("");
  if (const auto parts = wanted.split()) split = view.add_served(parts->first, found.of_split_key);
  found.split_key_is_known = split.is_ok();
  return {};  // a text that is no key, as for keys that are numbers, is one that is not known
}

/// Finds the models of the key, then calls `then` on a thread of the service.
void find_models(const Site& site, const HttpRequest& request, HttpReply reply, bool takes_body,
                 std::function<void(Inference&)> then) {
  auto inference = std::make_shared<Inference>();
  inference->reply = std::move(reply);
  auto uids = site.registry->chosen(request);
  if (!uids) return inference->fail(uids.status());
  Result<WantedModel> wanted = wanted_model(request);
  if (!wanted) return inference->fail(wanted.status());
  inference->ticket = site.service->admit(takes_body ? request.body.size() : 0);
  if (inference->ticket == nullptr)
    return inference->fail(Status::unavailable("too many inferences are in work at once"));
  inference->wanted = std::move(wanted).value();
  if (takes_body) inference->body = request.body;
  inference->tools = site.service->tools();
  serving::ask_all<KeyModelsFound>(
      site.control, *uids,
      [inference](ServingView& view, TaskAnswer<KeyModelsFound>& answer) {
        answer.status = ask_task(view, inference->wanted, answer.answer);
        for (auto* models : {&answer.answer.of_whole_key, &answer.answer.of_split_key})
          for (ServedModel& model : *models) model.uid = answer.uid;
      },
      [inference, service = std::weak_ptr(site.service), then = std::move(then)](auto& answers) {
        if (const Status failure = serving::failure_of(answers); !failure.is_ok()) return inference->fail(failure);
        for (auto& one : answers) inference->found.push_back(std::move(one.answer));
        const auto alive = service.lock();
        if (alive == nullptr) return inference->fail(Status::unavailable("the job stops"));
        alive->run(inference->ticket, inference->reply, [inference, then] { then(*inference); });
      });
}

Result<ModelInterface> interface_for(Inference& inference, const ServedModel& served) {
  WEIR_ASSIGN_OR_RETURN(const std::shared_ptr<const Model> model, inference.tools->shelf.model(served));
  return interface_of(*model, served.config->features);
}

void show_metadata(Inference& inference) {
  const Result<ServedModel> served = choose_model(inference.wanted, inference.found);
  if (!served) return inference.fail(served.status());
  const Result<ModelInterface> interface = interface_for(inference, *served);
  if (!interface) return inference.fail(interface.status());
  inference.reply(HttpResponse::json(
      metadata_json(inference.wanted.text, *served, *interface, versions_beside(*served, inference.found))));
}

void show_ready(Inference& inference) {
  const Result<ServedModel> served = choose_model(inference.wanted, std::move(inference.found));
  if (!served) return inference.fail(served.status());
  inference.reply(HttpResponse::json("{\"name\":" + to_json(inference.wanted.text) + ",\"ready\":true}"));
}

Result<std::string> answer(Inference& inference, const ServedModel& served, const InferenceRequest& request) {
  WEIR_ASSIGN_OR_RETURN(const ModelInterface interface, interface_for(inference, served));
  WEIR_ASSIGN_OR_RETURN(const InputRows rows, InputRows::make(request, interface, served.config->features));
  WEIR_ASSIGN_OR_RETURN(const std::vector<std::string> outputs, wanted_outputs(request, interface));
  WEIR_ASSIGN_OR_RETURN(const std::shared_ptr<const Scorer> scorer, inference.tools->shelf.scorer(served, outputs));
  return infer_json(inference.wanted.text, served, request, rows, *scorer);
}

void infer(Inference& inference) {
  const Result<ServedModel> served = choose_model(inference.wanted, std::move(inference.found));
  if (!served) return inference.fail(served.status());
  const Result<InferenceRequest> request = parse_inference_request(inference.body);
  if (!request) return inference.fail(request.status());
  const auto begin = std::chrono::steady_clock::now();
  Result<std::string> json = answer(inference, *served, *request);
  const std::chrono::nanoseconds elapsed = std::chrono::steady_clock::now() - begin;
  inference.tools->count(*served, request->rows, json.is_ok(), elapsed.count());
  if (!json) return inference.fail(json.status());
  inference.reply(HttpResponse::json(std::move(json).value()));
}

/// Refuses bodies that are not plain JSON.
Status check_form(const HttpRequest& request) {
  if (request.headers.contains("inference-header-content-length")) {
    return Status::invalid_argument(
        "the binary tensor data extension is not supported: send the tensors as JSON (in tritonclient, "
        "binary_data=False)");
  }
  const auto encoding = request.headers.find("content-encoding");
  if (encoding != request.headers.end() && encoding->second != "identity")
    return Status::invalid_argument("content encoding '" + encoding->second + "' is not supported");
  return {};
}

HttpResponse server_metadata() {
  return HttpResponse::json(R"json({"name":"weir","version":")json" WEIR_VERSION
                            R"json(","extensions":["model_repository(index)"]})json");
}

}  // namespace

std::vector<HttpRoute> inference_routes(std::shared_ptr<const ServingRegistry> registry, JobControl& control) {
  const auto site =
      std::make_shared<const Site>(Site{std::move(registry), control, std::make_shared<InferenceService>(control)});
  std::vector<HttpRoute> routes;
  const auto add = [&](std::string method, std::string pattern, std::size_t max_body_bytes, HttpHandler handler) {
    routes.push_back({std::move(method), std::move(pattern), std::move(handler), max_body_bytes, true});
  };
  const auto on_model = [site](void (*then)(Inference&)) {
    return [site, then](const HttpRequest& request, HttpReply reply) {
      find_models(*site, request, std::move(reply), false, then);
    };
  };
  const auto post_infer = [site](const HttpRequest& request, HttpReply reply) {
    if (const Status form = check_form(request); !form.is_ok()) return reply(HttpResponse::error(form));
    find_models(*site, request, std::move(reply), true, infer);
  };
  add("GET", "/v2", 1, [](const HttpRequest&, const HttpReply& reply) { reply(server_metadata()); });
  add("GET", "/v2/health/live", 1,
      [](const HttpRequest&, const HttpReply& reply) { reply(HttpResponse::json(R"({"live":true})")); });
  add("GET", "/v2/health/ready", 1, [site](const HttpRequest&, const HttpReply& reply) {
    reply(site->control.is_running() ? HttpResponse::json(R"({"ready":true})")
                                     : HttpResponse::error(Status::unavailable("the job is not running")));
  });
  for (const char* const path : {"/v2/models/{m}", "/v2/models/{m}/versions/{v}"}) {
    const std::string model = path;
    add("GET", model, 1, on_model(show_metadata));
    add("GET", model + "/ready", 1, on_model(show_ready));
    add("POST", model + "/infer", kMaxBodyBytes, post_infer);
  }
  add("POST", "/v2/repository/index", 4096, [site](const HttpRequest& request, HttpReply reply) {
    repository_index(*site->registry, site->control, site->service, request, std::move(reply));
  });
  return routes;
}

}  // namespace weir::inference
