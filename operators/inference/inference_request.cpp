#include "operators/inference/inference_request.hpp"

#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <set>
#include <utility>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>

namespace weir::inference {
namespace {

namespace json = boost::json;

Status wrong(const std::string& what) { return Status::invalid_argument(what); }

/// The datatypes whose values a model can be given. Whole numbers beyond 2^53 are not exact as doubles.
struct Datatype {
  std::string_view name;
  enum class Kind : unsigned char { kText, kBool, kWhole, kSingle, kDouble } kind;
  double least = 0;
  double greatest = 0;
};
constexpr double kExact = 9007199254740992.0;  // 2^53
constexpr std::array<Datatype, 12> kDatatypes = {{
    {"FP64", Datatype::Kind::kDouble},
    {"FP32", Datatype::Kind::kSingle},
    {"INT64", Datatype::Kind::kWhole, -kExact, kExact},
    {"INT32", Datatype::Kind::kWhole, -2147483648.0, 2147483647.0},
    {"INT16", Datatype::Kind::kWhole, -32768, 32767},
    {"INT8", Datatype::Kind::kWhole, -128, 127},
    {"UINT64", Datatype::Kind::kWhole, 0, kExact},
    {"UINT32", Datatype::Kind::kWhole, 0, 4294967295.0},
    {"UINT16", Datatype::Kind::kWhole, 0, 65535},
    {"UINT8", Datatype::Kind::kWhole, 0, 255},
    {"BOOL", Datatype::Kind::kBool},
    {"BYTES", Datatype::Kind::kText},
}};

const Datatype* find_datatype(std::string_view name) {
  for (const Datatype& one : kDatatypes)
    if (one.name == name) return &one;
  return nullptr;
}

std::string_view view(const json::string& text) { return {text.data(), text.size()}; }

/// The member of this name; null when there is none, or JSON null.
const json::value* member(const json::object& object, std::string_view name) {
  const json::value* found = object.if_contains(name);
  return found == nullptr || found->is_null() ? nullptr : found;
}

Result<std::string> text_member(const json::object& object, std::string_view name, const std::string& of) {
  const json::value* value = member(object, name);
  if (value == nullptr || !value->is_string() || value->get_string().empty())
    return wrong(of + " needs '" + std::string(name) + "', a text");
  return std::string(view(value->get_string()));
}

/// Tensors must be in the JSON.
Status check_parameters(const json::object& tensor, const std::string& of) {
  const json::value* parameters = member(tensor, "parameters");
  if (parameters == nullptr) return {};
  if (!parameters->is_object()) return wrong(of + ": 'parameters' is no object");
  for (const std::string_view name :
       {"binary_data_size", "shared_memory_region", "shared_memory_byte_size", "shared_memory_offset"}) {
    if (parameters->get_object().if_contains(name) != nullptr) {
      return wrong(of + ": parameter '" + std::string(name) +
                   "': binary data and shared memory are not supported, give the tensor's data as JSON");
    }
  }
  return {};
}

Result<std::size_t> rows_of(const json::object& tensor, const std::string& of) {
  const json::value* shape = member(tensor, "shape");
  if (shape == nullptr || !shape->is_array() || shape->get_array().empty())
    return wrong(of + " needs 'shape', an array of whole numbers");
  std::vector<std::int64_t> sizes;
  for (const json::value& size : shape->get_array()) {
    if (!size.is_int64() || size.get_int64() < 0) return wrong(of + ": 'shape' must hold whole numbers from 0 on");
    sizes.push_back(size.get_int64());
  }
  if (sizes.size() > 2 || (sizes.size() == 2 && sizes[1] != 1))
    return wrong(of + ": its shape must be [n] or [n, 1]: one value a row");
  if (sizes[0] == 0) return wrong(of + ": it has no rows");
  if (sizes[0] > static_cast<std::int64_t>(kMaxRows)) {
    return wrong(of + ": " + std::to_string(sizes[0]) + " rows, at most " + std::to_string(kMaxRows) +
                 " may be asked for at once");
  }
  return static_cast<std::size_t>(sizes[0]);
}

class ColumnReader {
 public:
  ColumnReader(InputTensor& tensor, const Datatype& datatype, const std::string& of)
      : tensor_(tensor), datatype_(datatype), of_(of) {}

  Status read(const json::array& data, std::size_t rows) {
    if (data.size() != rows) {
      return wrong(of_ + ": its shape says " + std::to_string(rows) + " rows, 'data' has " +
                   std::to_string(data.size()));
    }
    for (std::size_t row = 0; row < rows; ++row) {
      const json::value* value = &data[row];
      if (value->is_array()) {
        if (value->get_array().size() != 1)
          return wrong(of_ + ", row " + std::to_string(row) + ": it must hold one value");
        value = &value->get_array()[0];
      }
      if (!add(*value)) {
        return wrong(of_ + ", row " + std::to_string(row) + ": the value is no " + std::string(datatype_.name) +
                     (is_whole() ? " that is exact" : ""));
      }
    }
    return {};
  }

 private:
  [[nodiscard]] bool is_whole() const { return datatype_.kind == Datatype::Kind::kWhole; }

  bool add(const json::value& value) {
    if (datatype_.kind == Datatype::Kind::kText) {
      if (value.is_null()) {
        tensor_.texts.emplace_back();
      } else if (value.is_string()) {
        tensor_.texts.emplace_back(view(value.get_string()));
      }
      return value.is_null() || value.is_string();
    }
    double number = std::numeric_limits<double>::quiet_NaN();
    if (!value.is_null() && !to_number(value, number)) return false;
    tensor_.numbers.push_back(number);
    return true;
  }

  bool to_number(const json::value& value, double& number) const {
    if (datatype_.kind == Datatype::Kind::kBool) {
      if (!value.is_bool()) return false;
      number = value.get_bool() ? 1 : 0;
      return true;
    }
    if (value.is_double()) {
      number = value.get_double();
    } else if (value.is_int64()) {
      number = static_cast<double>(value.get_int64());
    } else if (value.is_uint64()) {
      number = static_cast<double>(value.get_uint64());
    } else {
      return false;
    }
    if (is_whole()) return number == std::floor(number) && number >= datatype_.least && number <= datatype_.greatest;
    // Who says FP32 has such a value: 0.1 means the single-precision number next to it.
    if (datatype_.kind == Datatype::Kind::kSingle) number = static_cast<double>(static_cast<float>(number));
    return std::isfinite(number);
  }

  InputTensor& tensor_;
  const Datatype& datatype_;
  const std::string& of_;
};

Result<InputTensor> parse_input(const json::value& value, std::size_t& rows) {
  if (!value.is_object()) return wrong("'inputs' must hold objects");
  const json::object& object = value.get_object();
  InputTensor tensor;
  WEIR_ASSIGN_OR_RETURN(tensor.name, text_member(object, "name", "an input"));
  const std::string of = "input '" + tensor.name + "'";
  WEIR_RETURN_IF_ERROR(check_parameters(object, of));
  WEIR_ASSIGN_OR_RETURN(tensor.datatype, text_member(object, "datatype", of));
  const Datatype* datatype = find_datatype(tensor.datatype);
  if (datatype == nullptr) return wrong(of + ": datatype '" + tensor.datatype + "' is not supported");
  tensor.type = datatype->kind == Datatype::Kind::kText ? FieldType::kText : FieldType::kNumber;
  WEIR_ASSIGN_OR_RETURN(const std::size_t own_rows, rows_of(object, of));
  if (rows != 0 && own_rows != rows) {
    return wrong(of + " has " + std::to_string(own_rows) + " rows, the inputs before it have " + std::to_string(rows));
  }
  rows = own_rows;
  const json::value* data = member(object, "data");
  if (data == nullptr || !data->is_array()) return wrong(of + " needs 'data', an array");
  WEIR_RETURN_IF_ERROR(ColumnReader(tensor, *datatype, of).read(data->get_array(), rows));
  return tensor;
}

Result<std::string> parse_output(const json::value& value) {
  if (!value.is_object()) return wrong("'outputs' must hold objects");
  const json::object& object = value.get_object();
  WEIR_ASSIGN_OR_RETURN(std::string name, text_member(object, "name", "an output"));
  const std::string of = "output '" + name + "'";
  WEIR_RETURN_IF_ERROR(check_parameters(object, of));
  const json::value* parameters = member(object, "parameters");
  if (parameters != nullptr && parameters->get_object().if_contains("classification") != nullptr)
    return wrong(of + ": parameter 'classification' is not supported");
  return name;
}

Result<json::value> parse_json(std::string_view body) {
  json::parse_options options;
  options.max_depth = kMaxNesting;
  boost::system::error_code error;
  json::value value = json::parse(json::string_view(body.data(), body.size()), error, {}, options);
  if (error) return wrong("the body is no JSON that can be read: " + error.message());
  if (!value.is_object()) return wrong("the body must be a JSON object");
  return value;
}

}  // namespace

Result<InferenceRequest> parse_inference_request(std::string_view body) {
  WEIR_ASSIGN_OR_RETURN(const json::value whole, parse_json(body));
  const json::object& object = whole.get_object();
  InferenceRequest request;
  if (const json::value* id = member(object, "id")) {
    if (!id->is_string()) return wrong("'id' must be a text");
    request.id = std::string(view(id->get_string()));
  }
  WEIR_RETURN_IF_ERROR(check_parameters(object, "the request"));
  const json::value* inputs = member(object, "inputs");
  if (inputs == nullptr || !inputs->is_array() || inputs->get_array().empty())
    return wrong("the request needs 'inputs', an array of tensors");
  std::set<std::string> names;
  for (const json::value& one : inputs->get_array()) {
    WEIR_ASSIGN_OR_RETURN(InputTensor tensor, parse_input(one, request.rows));
    if (!names.insert(tensor.name).second) return wrong("input '" + tensor.name + "' is given twice");
    request.inputs.push_back(std::move(tensor));
  }
  const json::value* outputs = member(object, "outputs");
  if (outputs == nullptr) return request;
  if (!outputs->is_array()) return wrong("'outputs' must be an array");
  names.clear();
  for (const json::value& one : outputs->get_array()) {
    WEIR_ASSIGN_OR_RETURN(std::string name, parse_output(one));
    if (!names.insert(name).second) return wrong("output '" + name + "' is asked for twice");
    request.outputs.push_back(std::move(name));
  }
  return request;
}

}  // namespace weir::inference
