#include "operators/serving/model_request.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <map>
#include <utility>

#include <weir/model_inbox.hpp>

#include "operators/serving/base64.hpp"
#include "operators/serving/multipart.hpp"

namespace weir::serving {
namespace {

constexpr std::string_view kModelField = "model";
constexpr std::array<std::string_view, 16> kParameters = {
    "key",     "name",     "version",  "type",   "effective_at", "description", "sha256", "ed25519",
    "lineage", "location", "features", "inputs", "outputs",      "classes",     "tag",    "signature"};

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

std::string get(const ModelParameters& parameters, std::string_view name) {
  const auto found = parameters.find(name);
  return found == parameters.end() ? std::string() : found->second;
}

// Gathered from everywhere.
class Parameters {
 public:
  explicit Parameters(const HttpRequest& request) {
    for (const std::string_view name : kParameters) {
      std::string header = "weir-" + std::string(name);
      std::replace(header.begin(), header.end(), '_', '-');
      if (const auto found = request.query.find(std::string(name)); found != request.query.end())
        add(name, found->second);
      if (const auto found = request.headers.find(header); found != request.headers.end()) add(name, found->second);
    }
  }

  void add(std::string_view name, std::string_view value) {
    if (value.empty()) return;
    const auto [entry, added] = values_.emplace(name, value);
    if (!added && entry->second != value) twice_ = name;
  }
  [[nodiscard]] Status check() const {
    if (twice_.empty()) return {};
    return Status::invalid_argument("'" + twice_ + "' is given twice, with different values");
  }
  [[nodiscard]] const ModelParameters& values() const noexcept { return values_; }

 private:
  ModelParameters values_;
  std::string twice_;
};

/// What models and orders have in common.
Result<ModelRecord> record_of(const ModelParameters& parameters, std::string key) {
  ModelRecord record;
  record.key = std::move(key);
  if (record.key.empty()) return Status::invalid_argument("no key: which records is it for? (?key=)");
  record.name = get(parameters, "name");
  record.description = get(parameters, "description");
  if (const std::string version = get(parameters, "version"); !version.empty()) {
    if (!parse_whole(version, record.version) || record.version <= 0) {
      return Status::invalid_argument("version is '" + version + "': a whole number from 1 on");
    }
  }
  if (const std::string time = get(parameters, "effective_at"); !time.empty()) {
    WEIR_ASSIGN_OR_RETURN(record.effective_at, parse_event_time("effective_at", time));
  }
  record.created = system_clock().now();
  return record;
}

Result<std::string> digest_of(const std::string& hex) {
  std::string digest;
  if (hex.size() != 64) return Status::invalid_argument("sha256 is '" + hex.substr(0, 80) + "': 64 hexadecimal digits");
  for (std::size_t i = 0; i < hex.size(); i += 2) {
    unsigned byte = 0;
    const auto [end, error] = std::from_chars(hex.data() + i, hex.data() + i + 2, byte, 16);
    if (error != std::errc{} || end != hex.data() + i + 2)
      return Status::invalid_argument("sha256 is '" + hex + "': 64 hexadecimal digits");
    digest.push_back(static_cast<char>(byte));
  }
  return digest;
}

/// The model's bytes: the form's, whose other fields become parameters, or the whole body.
Result<std::string_view> take_body(const HttpRequest& request, Parameters& parameters) {
  const auto type = request.headers.find("content-type");
  if (type == request.headers.end() || !is_form(type->second)) return std::string_view(request.body);
  WEIR_ASSIGN_OR_RETURN(const std::vector<FormPart> parts, parse_form(type->second, request.body));
  std::string_view model;
  for (const FormPart& part : parts) {
    if (part.name == kModelField) {
      model = part.body;
    } else if (is_model_parameter(part.name)) {
      parameters.add(part.name, part.body);
    } else {
      return Status::invalid_argument("read the form: no field is called '" + part.name.substr(0, 64) +
                                      "'; the model goes into 'model'");
    }
  }
  return model;
}

Status put_content(ModelRecord& record, const ModelParameters& parameters, std::string_view body) {
  record.type = get(parameters, "type");
  record.location = get(parameters, "location");
  if (!record.location.empty()) {
    if (!body.empty()) return Status::invalid_argument("a location and a model: give one of them");
    if (record.type.empty()) return Status::invalid_argument("a model by location needs ?type=");
    return {};
  }
  if (body.empty()) return Status::invalid_argument("no model: the body is empty");
  if (record.type.empty()) record.type = sniff_model_type(body);
  if (record.type.empty())
    return Status::invalid_argument(
        "the body looks neither like PMML nor like ONNX, a TensorFlow graph or a SavedModel as zip or tar: say ?type=");
  record.data = std::string(body);
  return {};
}

}  // namespace

bool is_model_parameter(std::string_view name) noexcept {
  return std::find(kParameters.begin(), kParameters.end(), name) != kParameters.end();
}

Result<ModelRecord> make_model_record(const ModelParameters& parameters, std::string_view bytes) {
  WEIR_ASSIGN_OR_RETURN(ModelRecord record, record_of(parameters, get(parameters, "key")));
  WEIR_RETURN_IF_ERROR(put_content(record, parameters, bytes));
  if (const std::string digest = get(parameters, "sha256"); !digest.empty()) {
    WEIR_ASSIGN_OR_RETURN(record.sha256, digest_of(digest));
  }
  if (const std::string signature = get(parameters, "ed25519"); !signature.empty()) {
    WEIR_ASSIGN_OR_RETURN(record.signature, decode_base64(signature));
  }
  record.lineage = get(parameters, "lineage");
  record.options.features = list_of(get(parameters, "features"));
  record.options.inputs = list_of(get(parameters, "inputs"));
  record.options.outputs = list_of(get(parameters, "outputs"));
  record.options.classes = list_of(get(parameters, "classes"));
  record.options.tag = get(parameters, "tag");
  record.options.signature = get(parameters, "signature");
  WEIR_RETURN_IF_ERROR(check(record));
  return record;
}

Result<ModelRecord> model_of(const HttpRequest& request) {
  Parameters parameters(request);
  WEIR_ASSIGN_OR_RETURN(const std::string_view body, take_body(request, parameters));
  WEIR_RETURN_IF_ERROR(parameters.check());
  return make_model_record(parameters.values(), body);
}

Result<ModelRecord> order_of(const HttpRequest& request, std::string key, ModelControl control) {
  const Parameters parameters(request);
  WEIR_RETURN_IF_ERROR(parameters.check());
  WEIR_ASSIGN_OR_RETURN(ModelRecord record, record_of(parameters.values(), std::move(key)));
  record.control = control;
  return record;
}

Result<Timestamp> parse_event_time(std::string_view what, std::string_view text) {
  std::int64_t micros = 0;
  if (parse_whole(text, micros)) return Timestamp{Duration{micros}};
  const auto fault = Status::invalid_argument(std::string(what) + " is '" + std::string(text) +
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

}  // namespace weir::serving
