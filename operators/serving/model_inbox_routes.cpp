#include "operators/serving/model_inbox_routes.hpp"

#include <utility>

#include <weir/blob_store.hpp>
#include <weir/json.hpp>

#include "operators/serving/model_inbox.hpp"
#include "operators/serving/model_request.hpp"

namespace weir::serving {
namespace {

std::string path_segment(std::string_view key) {
  static constexpr char kDigits[] = "0123456789ABCDEF";
  std::string text;
  for (const char character : key) {
    const auto byte = static_cast<unsigned char>(character);
    const bool plain = (byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'Z') || (byte >= 'a' && byte <= 'z') ||
                       byte == '-' || byte == '_' || byte == '.' || byte == '~';
    if (plain) {
      text += character;
    } else {
      text += '%';
      text += kDigits[byte >> 4];
      text += kDigits[byte & 15];
    }
  }
  return text;
}

void put(const std::shared_ptr<ModelInbox>& inbox, JobControl& control, const Result<ModelRecord>& record,
         HttpReply reply) {
  if (!record.is_ok()) return reply(HttpResponse::error(record.status()));
  JsonWriter json;
  json.begin_object();
  json.key("key");
  json.string(record->key);
  json.key("name");
  json.string(record->name);
  json.key("control");
  json.string(to_string(record->control));
  json.key("created");
  json.string(format_timestamp(*record->created));
  if (record->data) {
    json.key("type");
    json.string(record->type);
    json.key("sha256");
    json.string(sha256_hex(*record->data));
  }
  json.key("position");
  json.raw(control.position_json());
  const std::string location = "/v1/models/" + path_segment(record->key);
  inbox->append(*record, [reply = std::move(reply), body = json.take(), location](const Result<std::uint64_t>& offset) {
    if (!offset.is_ok()) return reply(HttpResponse::error(offset.status()));
    HttpResponse response = HttpResponse::json(body + ",\"offset\":" + std::to_string(*offset) + "}", 202);
    response.headers["Location"] = location;
    reply(std::move(response));
  });
}

}  // namespace

std::vector<HttpRoute> inbox_routes(std::shared_ptr<ModelInbox> inbox, JobControl& control) {
  const auto order = [inbox, &control](ModelControl kind) {
    return [inbox, &control, kind](const HttpRequest& request, HttpReply reply) {
      put(inbox, control, order_of(request, request.captures.at(0), kind), std::move(reply));
    };
  };
  const auto model = [inbox, &control](const HttpRequest& request, HttpReply reply) {
    put(inbox, control, model_of(request), std::move(reply));
  };
  return {{"POST", "/v1/models", model, 0},
          {"POST", "/v1/models/{key}/rollback", order(ModelControl::kRollback), 1},
          {"POST", "/v1/models/{key}/retire", order(ModelControl::kRetire), 1},
          {"POST", "/v1/models/{key}/promote", order(ModelControl::kPromote), 1},
          {"POST", "/v1/models/{key}/pause", order(ModelControl::kPause), 1},
          {"POST", "/v1/models/{key}/resume", order(ModelControl::kResume), 1}};
}

}  // namespace weir::serving
