#include <weir/archived_model.hpp>

#include <cstring>

#include <weir/json.hpp>
#include <weir/serde.hpp>
#include <weir/serving/identity_json.hpp>

#include "operators/archive/archive_bytes.hpp"

namespace weir {
namespace archive {

void write_digest(ByteWriter& writer, const ModelDigest& digest) { writer.bytes(digest.data(), digest.size()); }
void read_digest(ByteReader& reader, ModelDigest& digest) {
  if (const char* bytes = reader.bytes(digest.size())) std::memcpy(digest.data(), bytes, digest.size());
}

void write_model(ByteWriter& writer, const ArchivedModel& model) {
  const bool is_any = model.has_value() || !model.type.empty() || !model.name.empty() || model.version != 0;
  writer.byte(is_any ? 1 : 0);
  if (!is_any) return;
  writer.sized(model.name);
  writer.varint(static_cast<std::uint64_t>(model.version));
  write_digest(writer, model.digest);
  writer.sized(model.type);
  writer.byte(model.options.empty() ? 0 : 1);
  if (!model.options.empty()) Serde<ModelOptions>::write(writer, model.options);
}
void read_model(ByteReader& reader, ArchivedModel& model) {
  model = {};
  if (reader.byte() == 0) return;
  model.name = reader.sized();
  model.version = static_cast<std::int64_t>(reader.varint());
  read_digest(reader, model.digest);
  model.type = reader.sized();
  if (reader.byte() != 0) Serde<ModelOptions>::read(reader, model.options);
}

}  // namespace archive

void ArchivedModel::weir_json(JsonWriter& json) const {
  if (!has_value()) return json.null();
  json.begin_object();
  serving::write_model_identity(json, name, version, digest);
  json.key("type");
  json.string(type);
  json.end_object();
}

}  // namespace weir
