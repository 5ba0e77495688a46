#include "operators/serving/model_inbox_routes.hpp"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <utility>

#include <weir/json.hpp>

#include "operators/serving/model_inbox.hpp"

namespace weir {

std::string_view sniff_model_type(std::string_view bytes) noexcept {
  std::string_view head = bytes.substr(0, 4096);
  if (head.starts_with("\xef\xbb\xbf")) head.remove_prefix(3);
  const auto first = head.find_first_not_of(" \t\r\n");
  if (first != std::string_view::npos && head[first] == '<') {
    return head.find("<PMML") != std::string_view::npos ? "PMML" : "";
  }
  // An ONNX ModelProto begins with field 1, ir_version (a small number), then a field 2 to 8 of text or message kind.
  const bool has_version = head.size() > 3 && head[0] == 0x08 && head[1] > 0 && head[1] < 32;
  if (has_version && (head[2] == 0x12 || head[2] == 0x1a || head[2] == 0x22 || head[2] == 0x3a || head[2] == 0x42))
    return "ONNX";
  return "";
}

namespace serving {
namespace {

template <class Number>
bool parse_whole(std::string_view text, Number& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc{} && end == text.data() + text.size();
}

/// Takes a number of exactly `digits` digits and the character `after` it off the front.
bool take_number(std::string_view& text, std::size_t digits, char after, int& number) {
  if (text.size() <= digits || text[digits] != after) return false;
  const std::string_view part = text.substr(0, digits);
  text.remove_prefix(digits + 1);
  return part.find_first_not_of("0123456789") == std::string_view::npos && parse_whole(part, number);
}

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

/// What all three paths take from the query.
Result<ModelRecord> record_of(const HttpRequest& request, std::string key) {
  ModelRecord record;
  record.key = std::move(key);
  if (record.key.empty()) return Status::invalid_argument("no key: which records is it for? (?key=)");
  record.name = request.query_or("name", "");
  record.description = request.query_or("description", "");
  if (const std::string version = request.query_or("version", ""); !version.empty()) {
    if (!parse_whole(version, record.version) || record.version <= 0) {
      return Status::invalid_argument("version is '" + version + "': a whole number from 1 on");
    }
  }
  if (const std::string time = request.query_or("effective_at", ""); !time.empty()) {
    WEIR_ASSIGN_OR_RETURN(record.effective_at, parse_effective_at(time));
  }
  record.created = system_clock().now();
  return record;
}

/// `a,b,c`
std::vector<std::string> list_of(const std::string& text) {
  std::vector<std::string> parts;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    parts.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

Result<ModelRecord> model_of(const HttpRequest& request) {
  WEIR_ASSIGN_OR_RETURN(ModelRecord record, record_of(request, request.query_or("key", "")));
  if (request.body.empty()) return Status::invalid_argument("no model: the body is empty");
  record.type = request.query_or("type", std::string(sniff_model_type(request.body)));
  if (record.type.empty())
    return Status::invalid_argument("the body looks neither like PMML nor like ONNX: say ?type=");
  record.data = request.body;
  record.options.features = list_of(request.query_or("features", ""));
  record.options.inputs = list_of(request.query_or("inputs", ""));
  record.options.outputs = list_of(request.query_or("outputs", ""));
  record.options.classes = list_of(request.query_or("classes", ""));
  record.options.tag = request.query_or("tag", "");
  record.options.signature = request.query_or("signature", "");
  WEIR_RETURN_IF_ERROR(check(record));
  return record;
}

void put(const std::shared_ptr<ModelInbox>& inbox, JobControl& control, Result<ModelRecord> record, HttpReply reply) {
  if (!record.is_ok()) return reply(HttpResponse::error(record.status()));
  JsonWriter json;
  json.begin_object();
  json.key("key");
  json.string(record->key);
  json.key("name");
  json.string(record->name);
  json.key("control");
  json.string(to_string(record->control));
  json.key("position");
  json.raw(control.position_json());
  json.end_object();
  const std::string location = "/v1/models/" + path_segment(record->key);
  inbox->append(std::move(record).value(),
                [reply = std::move(reply), body = json.take(), location](const Status& outcome) {
                  if (!outcome.is_ok()) return reply(HttpResponse::error(outcome));
                  HttpResponse response = HttpResponse::json(body, 202);
                  response.headers["Location"] = location;
                  reply(std::move(response));
                });
}

}  // namespace

Result<Timestamp> parse_effective_at(std::string_view text) {
  std::int64_t micros = 0;
  if (parse_whole(text, micros)) return Timestamp{Duration{micros}};
  const auto fault = Status::invalid_argument("effective_at is '" + std::string(text) +
                                              "': 2013-07-04T10:00:00Z, or microseconds since 1970");
  int year = 0;
  int month = 0;
  int day = 0;
  int hour = 0;
  int minute = 0;
  int second = 0;
  if (!take_number(text, 4, '-', year) || !take_number(text, 2, '-', month) || !take_number(text, 2, 'T', day) ||
      !take_number(text, 2, ':', hour) || !take_number(text, 2, ':', minute) || text.size() < 3 || text.back() != 'Z') {
    return fault;
  }
  text.remove_suffix(1);
  const std::string_view seconds = text.substr(0, 2);
  std::string fraction(text.substr(2));
  int fraction_micros = 0;
  if (!fraction.empty()) {
    if (fraction[0] != '.' || fraction.size() < 2 || fraction.size() > 7) return fault;
    fraction.erase(0, 1);
    if (fraction.find_first_not_of("0123456789") != std::string::npos) return fault;
    fraction.resize(6, '0');
    if (!parse_whole(fraction, fraction_micros)) return fault;
  }
  if (seconds.find_first_not_of("0123456789") != std::string_view::npos || !parse_whole(seconds, second)) return fault;
  const std::chrono::year_month_day date{std::chrono::year(year), std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day))};
  if (!date.ok() || hour > 23 || minute > 59 || second > 59) return fault;
  return Timestamp{std::chrono::sys_days(date)} + std::chrono::hours(hour) + std::chrono::minutes(minute) +
         std::chrono::seconds(second) + Duration{fraction_micros};
}

std::vector<HttpRoute> inbox_routes(std::shared_ptr<ModelInbox> inbox, JobControl& control) {
  const auto order = [inbox, &control](ModelControl kind) {
    return [inbox, &control, kind](const HttpRequest& request, HttpReply reply) {
      Result<ModelRecord> record = record_of(request, request.captures.at(0));
      if (record.is_ok()) record->control = kind;
      put(inbox, control, std::move(record), std::move(reply));
    };
  };
  const auto model = [inbox, &control](const HttpRequest& request, HttpReply reply) {
    put(inbox, control, model_of(request), std::move(reply));
  };
  return {{"POST", "/v1/models", model, 0},
          {"POST", "/v1/models/{key}/rollback", order(ModelControl::kRollback), 1},
          {"POST", "/v1/models/{key}/retire", order(ModelControl::kRetire), 1}};
}

}  // namespace serving
}  // namespace weir
