#pragma once
/// ModelRecord: one element of a model stream, a model or an order about models (retire, rollback).
///
/// On the wire it is the protobuf message `weir.proto.ModelDescriptor` (proto/model.proto), in memory a plain struct.
/// Thread: a value type.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <weir/model.hpp>
#include <weir/result.hpp>
#include <weir/time.hpp>

namespace weir {

class ByteReader;
class ByteWriter;

enum class ModelControl : unsigned char {
  kNone,      ///< the record carries a model
  kRetire,    ///< the key has no model from here on (with `name`: no model of that name)
  kRollback,  ///< back to `version`, or, without one, to the version before the current one
  kPromote,   ///< `version`, or, without one, the newest that is ready, becomes current (ModelPromotion::kManual)
  kPause,     ///< the key's records are treated as without a model until kResume; models go on arriving
  kResume,
};
std::string_view to_string(ModelControl control) noexcept;

/// A named number or text of a verification case.
struct NamedValue {
  std::string name;
  std::variant<double, std::string> value;
  friend bool operator==(const NamedValue&, const NamedValue&) = default;
};

/// A model is accepted only if it answers `expected` when given `inputs`. Inputs that are not named are missing.
struct VerificationCase {
  std::vector<NamedValue> inputs;
  std::vector<NamedValue> expected;
  double tolerance = 1e-6;  ///< of numbers: absolute below 1, relative above
  friend bool operator==(const VerificationCase&, const VerificationCase&) = default;
};

struct ModelMetric {
  std::string name;
  double value = 0;
  friend bool operator==(const ModelMetric&, const ModelMetric&) = default;
};

struct ModelRecord {
  std::string key;   ///< which records the model is for (`dataType` on the wire); a pipeline may key by anything else
  std::string name;  ///< of the model; versions are counted per key and name
  std::string description;   ///< for people
  std::string type;          ///< of the runtime that loads it: `PMML`, `ONNX`, ...; empty when the sender did not say
  std::int64_t version = 0;  ///< 1 and up; 0: none given, the operator numbers it
  std::optional<Timestamp> effective_at;  ///< event time from which it counts (ServeOptions::effect kEventTime)
  std::optional<std::string> data;        ///< the model's bytes; absent when the sender gave none
  std::string location;                   ///< path of the bytes, when `data` is absent
  std::string sha256;                     ///< of the bytes: empty or 32 bytes; checked against them
  std::optional<Timestamp> created;
  ModelControl control = ModelControl::kNone;
  std::vector<VerificationCase> verification;
  std::vector<ModelMetric> metrics;  ///< what its trainer measured; not used, only shown
  std::string lineage;               ///< where it comes from; not used, only shown
  std::string signature;             ///< Ed25519, 64 bytes (weir/model_signature.hpp); empty: none
  ModelOptions options = {};         ///< what the bytes leave open: names of inputs, outputs, classes, ...

  friend bool operator==(const ModelRecord&, const ModelRecord&) = default;

  // Serde and JSON (weir/serde.hpp, weir/json.hpp).
  void weir_write(ByteWriter& writer) const;
  void weir_read(ByteReader& reader);
  static void weir_schema(std::string& out);
};

/// Is the record complete? Every fault in one kInvalidArgument: no type, neither bytes nor location, empty bytes, a
/// digest that is not 32 bytes long, a negative version.
Status check(const ModelRecord& record);

/// The protobuf bytes.
std::string encode_model_record(const ModelRecord& record);
/// From protobuf bytes, with check(): for bytes that come from outside.
Result<ModelRecord> decode_model_record(std::string_view bytes);
/// From protobuf bytes, without check(): the operator that meets an incomplete record refuses it, with the reason.
Result<ModelRecord> parse_model_record(std::string_view bytes);

}  // namespace weir
