#pragma once
/// ServingView: what HTTP asks of a serving operator, on its task's thread.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <weir/result.hpp>
#include <weir/serving/audit.hpp>
#include <weir/serving/served_model.hpp>
#include <weir/serving/serving_state.hpp>
#include <weir/serving/serving_statistics.hpp>

namespace weir {

namespace serving {

/// The state of every serving operator that holds the models of its keys.
inline constexpr char kModelsState[] = "current-model";

class ServingView {
 public:
  virtual ~ServingView() = default;
  /// `{"key", "current", "versions", "pending", "refused", "statistics", "swaps"}` of one key. kNotFound when this task
  /// has never heard of it. A version other than 0 narrows `versions`, `pending`, `refused` and `statistics` to it;
  /// kNotFound when there is none.
  virtual Result<std::string> show_models(std::string_view key_text, std::int64_t version) = 0;
  /// Adds the models of one key for use outside of the stream: those kept, and those not ready yet. kNotFound when this
  /// task has never heard of the key.
  virtual Status add_served(std::string_view key_text, std::vector<ServedModel>& served) = 0;
  /// Which version scored a record of the key, see audit_json(). kNotFound when this task has never heard of the key.
  /// kUnimplemented where no swap log is kept.
  virtual Result<std::string> audit(std::string_view /*key_text*/, const AuditQuestion& /*question*/) {
    return Status::unimplemented("this operator keeps no swap log");
  }
};

/// kNotFound: a task that has never heard of the key.
Status unknown_key(std::string_view key_text);
/// The text of ServingView::show_models.
Result<std::string> show_key(KeyModels models, KeyStatistics statistics, const SwapLog& swaps,
                             const std::string& key_text, std::size_t held, std::int64_t version);

}  // namespace serving
}  // namespace weir
