#pragma once
/// ModelSlot: the models of one key on the task that owns it. Changed by ModelLifecycle only.

#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include <weir/detail/dense_cells.hpp>
#include <weir/model.hpp>
#include <weir/operator.hpp>
#include <weir/serving/model_loader.hpp>
#include <weir/serving/serving_state.hpp>
#include <weir/short_text.hpp>

namespace weir::serving {

/// A model that was accepted. Its address is stable while it lives. Here is what scoring reads, in a pair of cache
/// lines; versions lie side by side in memory, for there may be very many. The rest is elsewhere.
struct alignas(128) ModelVersion {
  struct Rest {
    std::uint64_t loaded_mark = 0;       ///< of the last batch before it was loaded: a new one counts as just used
    SharedBytes bytes;                   ///< null once they are in the blob store
    std::shared_ptr<const Model> model;  ///< what the scorer was made of, on the task that loaded it
    StoredVersion facts;
  };

  std::shared_ptr<const Scorer> scorer;  ///< null while it is unloaded, or loaded again
  ModelId id;
  Metric* records_metric = nullptr;
  Metric* errors_metric = nullptr;
  std::uint32_t number_outputs = 0;
  std::uint32_t text_outputs = 0;

  // Working memory of whoever scores a batch.
  static constexpr std::uint32_t kTimedAlone = 1000;  ///< nanoseconds
  std::uint64_t batch_mark = 0;
  std::uint32_t group = 0;
  std::uint32_t statistics_hint = 0;
  std::uint32_t expected_ns = kTimedAlone;  ///< of one record, as last measured; at most kTimedAlone

  bool awaits_first_record = false;  ///< its entry in the swap log does not say yet which record was first
  bool is_loading = false;           ///< again
  const std::unique_ptr<Rest> rest = std::make_unique<Rest>();
  StoredVersion& facts = rest->facts;

  static void* operator new(std::size_t bytes, std::align_val_t alignment) {
    return bytes == sizeof(ModelVersion) ? Cells::take() : ::operator new(bytes, alignment);
  }
  static void operator delete(void* memory, std::size_t bytes, std::align_val_t alignment) noexcept {
    bytes == sizeof(ModelVersion) ? Cells::give(memory) : ::operator delete(memory, bytes, alignment);
  }

  void set_scorer(std::shared_ptr<const Scorer> loaded) {
    scorer = std::move(loaded);
    number_outputs = text_outputs = 0;
    for (const Field& output : scorer->outputs()) ++(output.type == FieldType::kNumber ? number_outputs : text_outputs);
  }

 private:
  using Cells = detail::DenseCells<128, 128>;
};
static_assert(sizeof(ModelVersion) == 128);

/// A model that is loading, or (event time) an order that waits for models that came before it.
struct PendingModel {
  StoredVersion facts;
  SharedBytes bytes;
  std::uint64_t load_id = 0;
  bool done = false;
  LoadResult result;
};

struct ModelSlot {
  explicit ModelSlot(ShortText text) : key_text(std::move(text)) {}
  ModelSlot(const ModelSlot&) = delete;
  ModelSlot& operator=(const ModelSlot&) = delete;

  ShortText key_text;
  ModelVersion* current = nullptr;  ///< what scores
  ModelVersion* chosen = nullptr;   ///< arrival: the same, but while the key is paused what would
  bool is_paused = false;

  /// Arrival: may the key's records be scored (or found without a model) now?
  [[nodiscard]] bool usable() const noexcept { return current == nullptr || current->scorer != nullptr; }

  // Event time: the version for `cached_from` <= t < `cached_until`, and the time from which on a model may yet come.
  ModelVersion* cached = nullptr;
  Timestamp cached_from = kMaxTimestamp;
  Timestamp cached_until = kMinTimestamp;
  Timestamp blocked_from = kMaxTimestamp;

  std::vector<std::unique_ptr<ModelVersion>> versions;  ///< usable ones, by sequence
  std::list<PendingModel> pending;                      ///< by sequence; most of the time none
  std::vector<StoredVersion> refused;
  std::vector<NameHistory> names;
  std::vector<TimelineEntry> timeline;
  std::uint64_t next_sequence = 1;
  std::uint64_t current_since = 0;
  Timestamp current_from = kMinTimestamp;
  std::uint64_t retired_before = 0;
  SwapLog swaps;

  bool is_known = false;        ///< to the lifecycle
  bool models_changed = false;  ///< since the last ModelLifecycle::take_changed()
  bool swaps_changed = false;
};

}  // namespace weir::serving
