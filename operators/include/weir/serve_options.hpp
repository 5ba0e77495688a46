#pragma once
/// How ServeModel serves: when models take effect, what happens without one, what is kept, and the bounds of it all.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include <weir/model.hpp>
#include <weir/model_id.hpp>
#include <weir/model_signature.hpp>
#include <weir/process_function.hpp>
#include <weir/scored.hpp>
#include <weir/time.hpp>

namespace weir {

class JsonWriter;

/// When does a model take effect?
enum class ModelEffect : unsigned char {
  /// For every record of its key that is processed after it became ready. Lowest latency; depends on timing.
  kArrival,
  /// A record with event time t is scored by the newest version with `effective_at` <= t, and waits until the model
  /// stream's watermark has reached t and no model that could concern it is still loading. The scores are the same
  /// whatever the timing, parallelism or batch size. Both streams need event times and watermarks. A model that comes
  /// behind its own stream's watermark takes effect right after that watermark.
  kEventTime,
};

/// What happens to a record whose key has no model?
enum class NoModelPolicy : unsigned char {
  kEmit,      ///< a result with status kNoModel
  kDrop,      ///< no result; counted in the statistics
  kHold,      ///< waits in state for the key's first model (kArrival only); the oldest leaves as kEmit beyond the bound
  kFallback,  ///< a result with status kFallback and the values of ServeOptions::fallback
};

/// Who decides that a model that is ready becomes current (kArrival only)?
enum class ModelPromotion : unsigned char {
  kAutomatic,  ///< nobody: it does at once
  kManual,     ///< somebody: it stays ready, a candidate, until an order kPromote
};

/// Life of a model: kReceived → kLoading → kVerifying → kWarming → kReady → kCurrent → kRetired, or kRefused.
enum class ModelState : unsigned char {
  kReceived,   ///< waits for its turn to load
  kLoading,    ///< bytes are fetched, parsed, compiled, bound to the features
  kVerifying,  ///< answers its verification cases
  kWarming,    ///< scores a few rows, so that the first real one meets warm memory
  kReady,      ///< may be used; in kEventTime mode its time has not come yet
  kCurrent,    ///< scores the key's records
  kRetired,    ///< was current, or was overtaken before it could be; kept for rollback
  kRefused,    ///< never was usable; the reason says why
};
/// `received`, `loading`, ...
std::string_view to_string(ModelState state) noexcept;

/// A step in a model's life.
struct ModelEvent {
  std::string key;  ///< its text
  std::string name;
  std::int64_t version = 0;
  ModelDigest digest{};  ///< zeros until the bytes have been read
  ModelState state = ModelState::kReceived;
  std::string reason;                      ///< of a refusal
  Timestamp effective_at = kMinTimestamp;  ///< event time, in kEventTime mode
  Timestamp at = kMinTimestamp;            ///< wall-clock time of the step
  std::string type;                        ///< of the runtime
  ModelOptions options{};                  ///< what its sender said beyond its bytes

  /// `{"key", "name", "version", "sha256", "state", "reason", "effective_at", "at"}`; what is not known is left out.
  void weir_json(JsonWriter& json) const;
};

/// Every step of every model as a stream: `scores.side_output(weir::kModelEvents)`.
inline const SideOutput<ModelEvent> kModelEvents{"model-events"};

struct ServeOptions {
  ModelEffect effect = ModelEffect::kArrival;
  NoModelPolicy no_model = NoModelPolicy::kEmit;
  ModelPromotion promotion = ModelPromotion::kAutomatic;
  /// Numeric and text outputs of kFallback results.
  std::vector<double> fallback{};
  std::vector<std::string> fallback_texts{};
  /// Outputs wanted from each model, by name; empty: its primary output. A model that lacks one is refused.
  std::vector<std::string> outputs{};
  /// Only models (and orders) of this name count, others are ignored; empty: any. Lets two ServeModel operators read
  /// one model stream.
  std::string model_name{};
  /// Written into results, to tell two ServeModel operators apart.
  ScorePath path = ScorePath::kCurrent;
  /// Records that may wait in state per task. Beyond it kHold lets the oldest go, and kEventTime leaves its input alone
  /// until the model stream has caught up (back-pressure).
  std::size_t max_held_records = 100'000;
  /// Versions kept loaded per key, the current one included, for rollback. At least 1.
  std::size_t keep_versions = 3;
  /// Memory of loaded models, all tasks together (soft: what is in use stays until a batch is done). Beyond it those
  /// used longest ago are unloaded, versions kept for rollback first; a record that needs one waits (in state, when T
  /// can be stored; else its task waits) until it is loaded again from the job directory. Needs one. 0: no bound.
  /// BroadcastServeModel keeps all models loaded.
  std::size_t model_memory_bytes = std::size_t{4} << 30;
  /// Models of one task that load at the same time.
  std::size_t max_loads = 4;
  /// Models of one task that are not ready yet; beyond it the model stream is not read (back-pressure).
  std::size_t max_pending_models = 1024;
  /// Swaps and refusals remembered per key; older ones are forgotten.
  std::size_t max_logged_swaps = 64;
  std::size_t max_logged_refusals = 8;
  /// Bounds of loading one model; beyond them it is refused.
  ModelLimits limits{};
  /// Directories below which models may be loaded by `location`; empty: none, such records are refused.
  std::vector<std::string> model_directories{};
  /// Not empty: a model is refused unless one of these keys signed it (weir/model_signature.hpp). Also when it is
  /// loaded again after a restart: a key taken out of the list takes its models out of service.
  std::vector<ModelPublicKey> signature_keys{};
  /// Rows scored before a model counts as ready; 0: none.
  std::size_t warm_up_rows = 64;
  /// Called at each step of each model's life, on the task's thread: must be short and must not throw. May be empty.
  /// Copies of it are called from all tasks of the operator, possibly at once.
  std::function<void(const ModelEvent&)> on_event{};
};

}  // namespace weir
