#include <weir/model_record.hpp>

#include <limits>
#include <utility>

#include <weir/serde.hpp>
#include "proto/model.pb.h"

namespace weir {
namespace {

using Descriptor = proto::ModelDescriptor;

std::int64_t to_micros(Timestamp time) { return time.time_since_epoch().count(); }
Timestamp from_micros(std::int64_t micros) { return Timestamp{Duration{micros}}; }

void put_values(const std::vector<NamedValue>& values,
                google::protobuf::RepeatedPtrField<Descriptor::NamedValue>& out) {
  for (const NamedValue& value : values) {
    Descriptor::NamedValue& added = *out.Add();
    added.set_name(value.name);
    if (const double* number = std::get_if<double>(&value.value)) {
      added.set_number(*number);
    } else {
      added.set_text(std::get<std::string>(value.value));
    }
  }
}

std::vector<NamedValue> get_values(const google::protobuf::RepeatedPtrField<Descriptor::NamedValue>& values) {
  std::vector<NamedValue> out;
  for (const Descriptor::NamedValue& value : values) {
    if (value.value_case() == Descriptor::NamedValue::kText) {
      out.push_back({value.name(), value.text()});
    } else {
      const bool absent = value.value_case() == Descriptor::NamedValue::VALUE_NOT_SET;
      out.push_back({value.name(), absent ? std::numeric_limits<double>::quiet_NaN() : value.number()});
    }
  }
  return out;
}

std::string type_name(int type) {
  if (Descriptor::ModelType_IsValid(type)) return Descriptor::ModelType_Name(static_cast<Descriptor::ModelType>(type));
  return "modeltype " + std::to_string(type);
}

/// Writes the type into the published enumeration when it is one of it, else into weir's own field.
void put_type(const std::string& type, Descriptor& out) {
  if (type.empty()) return;
  Descriptor::ModelType known{};
  if (Descriptor::ModelType_Parse(type, &known)) {
    out.set_modeltype(known);
  } else {
    out.set_runtime_type(type);
  }
}

void put_details(const ModelRecord& record, Descriptor& out) {
  for (const VerificationCase& expected : record.verification) {
    Descriptor::VerificationCase& added = *out.add_verification();
    put_values(expected.inputs, *added.mutable_inputs());
    put_values(expected.expected, *added.mutable_expected());
    added.set_tolerance(expected.tolerance);
  }
  for (const ModelMetric& metric : record.metrics) {
    Descriptor::Metric& added = *out.add_metrics();
    added.set_name(metric.name);
    added.set_value(metric.value);
  }
}

void get_details(const Descriptor& in, ModelRecord& record) {
  for (const Descriptor::VerificationCase& expected : in.verification()) {
    VerificationCase& added = record.verification.emplace_back();
    added.inputs = get_values(expected.inputs());
    added.expected = get_values(expected.expected());
    if (expected.has_tolerance()) added.tolerance = expected.tolerance();
  }
  for (const Descriptor::Metric& metric : in.metrics()) record.metrics.push_back({metric.name(), metric.value()});
}

void put_texts(const std::vector<std::string>& texts, google::protobuf::RepeatedPtrField<std::string>& out) {
  for (const std::string& text : texts) *out.Add() = text;
}

void put_options(const ModelOptions& options, Descriptor& out) {
  put_texts(options.features, *out.mutable_features());
  put_texts(options.inputs, *out.mutable_inputs());
  put_texts(options.outputs, *out.mutable_outputs());
  put_texts(options.classes, *out.mutable_classes());
  if (!options.tag.empty()) out.set_tag(options.tag);
  if (!options.signature.empty()) out.set_signature_name(options.signature);
}

ModelOptions get_options(const Descriptor& in) {
  ModelOptions options;
  options.features.assign(in.features().begin(), in.features().end());
  options.inputs.assign(in.inputs().begin(), in.inputs().end());
  options.outputs.assign(in.outputs().begin(), in.outputs().end());
  options.classes.assign(in.classes().begin(), in.classes().end());
  options.tag = in.tag();
  options.signature = in.signature_name();
  return options;
}

}  // namespace

std::string_view to_string(ModelControl control) noexcept {
  switch (control) {
    case ModelControl::kNone: return "none";
    case ModelControl::kRetire: return "retire";
    case ModelControl::kRollback: return "rollback";
    case ModelControl::kPromote: return "promote";
    case ModelControl::kPause: return "pause";
    case ModelControl::kResume: return "resume";
  }
  return "unknown";
}

Status check(const ModelRecord& record) {
  std::string faults;
  const auto fault = [&faults](std::string_view text) {
    if (!faults.empty()) faults += "; ";
    faults += text;
  };
  if (record.version < 0) fault("version " + std::to_string(record.version) + " is negative");
  if (record.control == ModelControl::kNone) {
    if (record.type.empty()) fault("no model type (modeltype, field 4, is absent: it is not taken for TENSORFLOW)");
    if (!record.data && record.location.empty()) fault("no content (neither data nor location)");
    if (record.data && record.data->empty()) fault("the content is empty");
    if (!record.sha256.empty() && record.sha256.size() != 32) {
      fault("sha256 is " + std::to_string(record.sha256.size()) + " bytes long, not 32");
    }
  }
  if (faults.empty()) return {};
  std::string what = "model record '" + record.name + "'";
  if (!record.key.empty()) what += " for key '" + record.key + "'";
  return Status::invalid_argument(what + ": " + faults);
}

std::string encode_model_record(const ModelRecord& record) {
  Descriptor out;
  if (!record.name.empty()) out.set_name(record.name);
  if (!record.description.empty()) out.set_description(record.description);
  if (!record.key.empty()) out.set_datatype(record.key);
  put_type(record.type, out);
  if (record.data) {
    out.set_data(*record.data);
  } else if (!record.location.empty()) {
    out.set_location(record.location);
  }
  if (record.version != 0) out.set_version(record.version);
  if (!record.sha256.empty()) out.set_sha256(record.sha256);
  if (record.created) out.set_created(to_micros(*record.created));
  if (record.effective_at) out.set_effective_at(to_micros(*record.effective_at));
  put_details(record, out);
  if (!record.signature.empty()) out.set_signature(record.signature);
  if (!record.lineage.empty()) out.set_lineage(record.lineage);
  put_options(record.options, out);
  if (record.control != ModelControl::kNone) out.set_control(static_cast<Descriptor::Control>(record.control));
  return out.SerializeAsString();
}

Result<ModelRecord> parse_model_record(std::string_view bytes) {
  if (bytes.size() > static_cast<std::size_t>(std::numeric_limits<int>::max())) {
    return Status::resource_exhausted("parse a model record: " + std::to_string(bytes.size()) +
                                      " bytes are more than 2 GiB");
  }
  Descriptor in;
  if (!in.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return Status::data_loss("parse a model record of " + std::to_string(bytes.size()) +
                             " bytes: not a weir.proto.ModelDescriptor (truncated, or something else)");
  }
  ModelRecord record;
  record.key = std::move(*in.mutable_datatype());
  record.name = std::move(*in.mutable_name());
  record.description = std::move(*in.mutable_description());
  if (in.has_runtime_type()) {
    record.type = std::move(*in.mutable_runtime_type());
  } else if (in.has_modeltype()) {
    record.type = type_name(in.modeltype());
  }
  record.version = in.version();
  if (in.has_effective_at()) record.effective_at = from_micros(in.effective_at());
  if (in.MessageContent_case() == Descriptor::kData) record.data = std::move(*in.mutable_data());
  if (in.MessageContent_case() == Descriptor::kLocation) record.location = std::move(*in.mutable_location());
  record.sha256 = std::move(*in.mutable_sha256());
  if (in.has_created()) record.created = from_micros(in.created());
  if (in.control() < 0 || in.control() > static_cast<int>(ModelControl::kResume)) {
    return Status::unimplemented("parse a model record: control " + std::to_string(in.control()) + " is not known");
  }
  record.control = static_cast<ModelControl>(in.control());
  get_details(in, record);
  record.options = get_options(in);
  record.lineage = std::move(*in.mutable_lineage());
  record.signature = std::move(*in.mutable_signature());
  return record;
}

Result<ModelRecord> decode_model_record(std::string_view bytes) {
  WEIR_ASSIGN_OR_RETURN(ModelRecord record, parse_model_record(bytes));
  WEIR_RETURN_IF_ERROR(check(record));
  return record;
}

void ModelRecord::weir_write(ByteWriter& writer) const { writer.sized(encode_model_record(*this)); }

void ModelRecord::weir_read(ByteReader& reader) {
  Result<ModelRecord> parsed = parse_model_record(reader.sized());
  if (parsed.is_ok()) {
    *this = std::move(parsed).value();
  } else {
    reader.fail();
  }
}

void ModelRecord::weir_schema(std::string& out) { out += "weir.proto.ModelDescriptor"; }

}  // namespace weir
