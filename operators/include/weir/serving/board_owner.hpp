#pragma once
/// BoardOwner: publishes the models of the keys that a task owns on the ModelBoard. Thread: the task's.

#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include <weir/serving/model_board.hpp>
#include <weir/serving/model_lifecycle.hpp>

namespace weir::serving {

/// A key this task owns, and what of it is on the board.
struct OwnedModels : ModelSlot {
  using ModelSlot::ModelSlot;
  std::map<std::uint64_t, BoardModelPtr> posted;  ///< by sequence
  BoardModelPtr current_posted;
};

class BoardOwner {
 public:
  /// All must outlive it. `task` is its number.
  BoardOwner(ModelLifecycle& lifecycle, ModelBoard& board, std::uint32_t task)
      : lifecycle_(lifecycle), board_(board), task_(task) {}

  /// Puts a slot that changed onto the board. True when something is new for the other tasks.
  bool post(OwnedModels& slot);
  /// Event time: the task has read the model stream so far, and what came before is on the board.
  void set_progress(Timestamp progress);
  /// Event time: brings versions into use whose time has passed on all tasks, though no record met them.
  template <class Slots>
  void follow_watermark(Slots& slots) {
    if (!advance_horizon()) return;
    for (auto& slot : slots)
      if (!slot.timeline.empty() && horizon_ < slot.blocked_from) lifecycle_.version_at(slot, horizon_);
  }
  /// Writes down in the swap log which records were the first of their versions. `find(key text)` gives the slot or
  /// null. True when there were any.
  bool note_first_uses(const std::function<OwnedModels*(const std::string&)>& find);

 private:
  [[nodiscard]] bool event_time() const noexcept { return lifecycle_.options().effect == ModelEffect::kEventTime; }
  bool advance_horizon();
  static bool settle_restored(OwnedModels& slot);
  static BoardModelPtr posted_of(OwnedModels& slot, const ModelVersion* version);

  ModelLifecycle& lifecycle_;
  ModelBoard& board_;
  const std::uint32_t task_;
  Timestamp horizon_ = kMinTimestamp;
};

}  // namespace weir::serving
