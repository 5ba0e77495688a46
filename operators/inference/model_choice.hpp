#pragma once
/// Which of a job's models `{m}` of `/v2/models/{m}` means.
///
/// `{m}` is a key, whose current model is meant, or `KEY:NAME`, where the model must have that name; a key that is
/// known as a whole goes before one that ends at the last colon. `?name=` says the name apart, `?uid=` the operator.
/// With a version any version kept is meant, current or not.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <weir/http.hpp>
#include <weir/result.hpp>
#include <weir/serving/served_model.hpp>

namespace weir::inference {

struct WantedModel {
  std::string text;                 ///< `{m}`, decoded
  std::optional<std::string> name;  ///< said apart
  std::int64_t version = 0;         ///< 0: the current one

  /// The key and name if `text` is KEY:NAME; nothing when it cannot be.
  [[nodiscard]] std::optional<std::pair<std::string, std::string>> split() const;
};

/// From the captures `{m}` and, if there, the version. kInvalidArgument: the version is no whole number from 1 on.
Result<WantedModel> wanted_model(const HttpRequest& request);

/// What one task knows of the wanted model's key.
struct KeyModelsFound {
  std::vector<serving::ServedModel> of_whole_key;  ///< `text` is the key
  std::vector<serving::ServedModel> of_split_key;
  bool whole_key_is_known = false;
  bool split_key_is_known = false;
};

/// The one that is meant. kNotFound: no such key, name or version, or the key has no current model; kUnavailable: its
/// first model is loading; kInvalidArgument: several are meant.
Result<serving::ServedModel> choose_model(const WantedModel& wanted, std::vector<KeyModelsFound> found);

/// All versions kept that have the chosen one's operator, key and name, in ascending order.
std::vector<std::int64_t> versions_beside(const serving::ServedModel& chosen, const std::vector<KeyModelsFound>& found);

/// `KEY:NAME`, or the key alone of a model without a name.
std::string model_name_of(std::string_view key, std::string_view name);

}  // namespace weir::inference
