#pragma once
/// ArchivedModel: a model as the input archive names it.

#include <cstdint>
#include <string>

#include <weir/model.hpp>
#include <weir/model_id.hpp>

namespace weir {

class JsonWriter;

/// A model as the archive names it: with what is needed to load it again by digest from the job's store of models.
struct ArchivedModel {
  std::string name;
  std::int64_t version = 0;
  ModelDigest digest{};
  std::string type;  ///< of the runtime
  ModelOptions options{};

  /// False: no model.
  [[nodiscard]] bool has_value() const noexcept { return digest != ModelDigest{}; }
  friend bool operator==(const ArchivedModel&, const ArchivedModel&) = default;
  /// `{"name", "version", "digest", "type"}`, or null.
  void weir_json(JsonWriter& json) const;
};

}  // namespace weir
