#pragma once
/// Timers as state: which keys want to be called at which event or processing time.
///
/// Kept in memory in the order in which they fire (time, key group, key bytes: the same at any parallelism) and written
/// back at checkpoints like any state. Row: [key group, u16 big-endian][kind][varint length, key bytes][time, u64
/// big-endian with the sign bit flipped] → nothing.

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include <weir/bytes.hpp>
#include <weir/json.hpp>
#include <weir/state_table.hpp>
#include <weir/time.hpp>

namespace weir::detail {

enum class TimerKind : std::uint8_t { kEventTime = 0, kProcessingTime = 1 };

/// Keys are their Serde bytes here, so that this needs no template. Thread: the task's.
class TimerTable final : public StateTable {
 public:
  struct Timer {
    Timestamp time;
    std::uint16_t group;
    std::string key;
    friend auto operator<=>(const Timer&, const Timer&) = default;
  };

  TimerTable(const StateContext& context, std::string key_schema);

  /// Adding a timer that is there, or removing one that is not, does nothing.
  void add(TimerKind kind, Timer timer);
  void remove(TimerKind kind, const Timer& timer);
  /// The next timer of a kind, or null.
  [[nodiscard]] const Timer* first(TimerKind kind) const noexcept;
  /// Takes the next timer. Precondition: there is one.
  Timer pop(TimerKind kind);
  [[nodiscard]] std::size_t size() const noexcept { return timers_[0].size() + timers_[1].size(); }

  [[nodiscard]] const StateDescriptor& descriptor() const noexcept override { return descriptor_; }
  void freeze() override;
  bool drain(std::size_t max_entries, StateDelta& delta) override;
  void committed() override;
  void aborted() override;
  [[nodiscard]] std::size_t memory_bytes() const noexcept override { return size() * kBytesPerTimer; }
  [[nodiscard]] std::size_t dirty_bytes() const noexcept override { return dirty_.size() * kBytesPerTimer; }
  void evict(std::size_t /*target_bytes*/) override {}
  [[nodiscard]] Status fault() const override { return fault_; }
  // Timers are shown to nobody.
  [[nodiscard]] Result<std::optional<std::string>> query_json(std::string_view key_text) const override;
  [[nodiscard]] Result<std::string> query_stored_json(std::string_view key_text,
                                                      std::uint64_t& checkpoint) const override;
  [[nodiscard]] Result<std::unique_ptr<StateListing>> list(PageQuery query) const override;
  Status list_step(StateListing& listing) const override;
  [[nodiscard]] Result<StatePage> list_stored(PageQuery query) const override;

 private:
  static constexpr std::size_t kBytesPerTimer = 160;  // tree node, key, row; approximate

  void restore(const StateReader& reader, KeyGroupRange groups);
  void mark(TimerKind kind, const Timer& timer, bool present);

  StateDescriptor descriptor_;
  std::set<Timer> timers_[2];
  std::map<std::string, bool> dirty_;   // row → is there
  std::map<std::string, bool> frozen_;  // of the checkpoint under way
  std::map<std::string, bool>::const_iterator draining_;
  Status fault_;
};

}  // namespace weir::detail
