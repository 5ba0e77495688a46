#pragma once
/// SpeculationTables: the keys of one task of speculate(), and its state: models and swaps by key and member,
/// statistics by key, and the records that are open.

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <weir/hash.hpp>
#include <weir/map_table.hpp>
#include <weir/operator.hpp>
#include <weir/serving/key_slots.hpp>
#include <weir/serving/serving_view.hpp>
#include <weir/speculation/speculator.hpp>
#include <weir/speculation/undecided_record.hpp>
#include <weir/value_table.hpp>

namespace weir::speculation {

/// Thread: the task's.
template <class T, class K>
class SpeculationTables {
 public:
  struct Slot : KeySlot {
    Slot(std::uint64_t of_hash, const K& of_key, std::size_t members)
        : KeySlot(weir::key_text(of_key), members), key(of_key), hash(of_hash) {}
    K key;
    std::uint64_t hash;
  };

  explicit SpeculationTables(Speculator& speculator) : speculator_(speculator) {}

  void open(OperatorContext& context) {
    models_ = &context.state().emplace<ModelTable>(nullptr, StateOptions{serving::kModelsState, true});
    swaps_ = &context.state().emplace<SwapTable>(nullptr, StateOptions{"swap-log", true});
    statistics_ = &context.state().emplace<StatisticsTable>(nullptr, StateOptions{"speculation-statistics", true});
    undecided_ = &context.state().emplace<UndecidedTable>(nullptr, StateOptions{"undecided-records", true});
  }

  Slot& slot_of(std::uint64_t hash, const K& key) {
    if (Slot* slot = slots_.find(hash, key)) [[likely]]
      return *slot;
    return slots_.add(hash, key, speculator_.members());
  }
  /// Null when the task has never heard of the key.
  Slot* find(const K& key) { return slots_.find(hash_key(key), key); }

  SpeculationStatistics& statistics_of(Slot& slot) {
    SpeculationStatistics& statistics = statistics_->mutate(slot.key, slot.hash);
    if (!slot.statistics_match) [[unlikely]]
      speculator_.match(slot, statistics);
    return statistics;
  }
  [[nodiscard]] SpeculationStatistics shown_statistics(const Slot& slot) {
    const SpeculationStatistics* found = statistics_->find(slot.key, slot.hash);
    return found == nullptr ? SpeculationStatistics{} : *found;
  }

  /// The row of an open record, made when there is none.
  UndecidedRecord<T>& row(Slot& slot, std::uint64_t id) { return undecided_->mutate(slot.key, slot.hash, id); }
  void remove(Slot& slot, std::uint64_t id) { undecided_->remove(slot.key, slot.hash, id); }

  /// Stores models and swaps that changed.
  void store_changed() {
    for (MemberSlot* changed : speculator_.take_changed()) {
      Slot& slot = static_cast<Slot&>(changed->owner);
      const std::string& name = speculator_.member(changed->member).name;
      if (changed->models_changed)
        models_->mutate(slot.key, slot.hash, name) = speculator_.models_of(changed->member).state_of(*changed);
      if (changed->swaps_changed) swaps_->mutate(slot.key, slot.hash, name) = changed->swaps;
      changed->models_changed = changed->swaps_changed = false;
    }
  }

  Status restore_models() {
    return models_->for_each_key([&](const K& key, const auto& by_member) {
      Slot& slot = slot_of(hash_key(key), key);
      for (std::size_t member = 0; member < speculator_.members(); ++member) {
        const auto stored = by_member.find(speculator_.member(member).name);
        if (stored == by_member.end()) continue;
        const serving::SwapLog* log = swaps_->find(key, slot.hash, stored->first);
        speculator_.models_of(member).restore(*slot.models[member], stored->second,
                                              log == nullptr ? serving::SwapLog{} : *log);
      }
    });
  }
  /// The open records that were restored, by id.
  Result<std::vector<std::pair<std::uint64_t, Slot*>>> stored_records() {
    std::vector<std::pair<std::uint64_t, Slot*>> stored;
    WEIR_RETURN_IF_ERROR(undecided_->for_each_key([&](const K& key, const auto& rows) {
      for (const auto& [id, record] : rows) stored.emplace_back(id, &slot_of(hash_key(key), key));
    }));
    std::stable_sort(stored.begin(), stored.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
    return stored;
  }

 private:
  using ModelTable = MapTable<K, std::string, serving::KeyModels>;
  using SwapTable = MapTable<K, std::string, serving::SwapLog>;
  using StatisticsTable = ValueTable<K, SpeculationStatistics>;
  using UndecidedTable = MapTable<K, std::uint64_t, UndecidedRecord<T>>;

  Speculator& speculator_;
  serving::KeySlots<Slot, K> slots_;
  ModelTable* models_ = nullptr;
  SwapTable* swaps_ = nullptr;
  StatisticsTable* statistics_ = nullptr;
  UndecidedTable* undecided_ = nullptr;
};

}  // namespace weir::speculation
