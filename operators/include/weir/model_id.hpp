#pragma once
/// ModelId: which model scored a record. A small value that can be copied into every result without a refcount.

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>

namespace weir {

class ByteReader;
class ByteWriter;
class JsonWriter;

/// SHA-256 of a model's bytes.
using ModelDigest = std::array<std::uint8_t, 32>;
/// 64 lower-case hexadecimal digits.
std::string to_hex(const ModelDigest& digest);

/// The process's one copy of a model's name; the pointer stays valid for ever. Null when the name is longer than 256
/// bytes, or when 65,536 different names are known already. Thread: any; takes a lock, so not for the record path.
const std::string* intern_model_name(std::string_view name);

/// Name, version and digest of a model. Trivially copyable. Default: no model.
struct ModelId {
  const std::string* name_text = nullptr;  ///< from intern_model_name; null: no model
  std::int64_t version = 0;
  ModelDigest digest{};

  [[nodiscard]] bool has_value() const noexcept { return name_text != nullptr; }
  [[nodiscard]] std::string_view name() const noexcept {
    return name_text == nullptr ? std::string_view{} : *name_text;
  }
  friend bool operator==(const ModelId&, const ModelId&) = default;

  // Serde and JSON. No model is `null` in JSON.
  void weir_write(ByteWriter& writer) const;
  void weir_read(ByteReader& reader);
  static void weir_schema(std::string& out);
  void weir_json(JsonWriter& writer) const;
};
static_assert(std::is_trivially_copyable_v<ModelId>);

}  // namespace weir
