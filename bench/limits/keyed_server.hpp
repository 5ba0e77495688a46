#pragma once
/// Keyed serving by hand: what an engine does for every record, over batches of 256 on one thread.
///
/// What a result says, and what is counted, is the same as in weir. A result stands for itself: it may outlive its
/// batch and its model, so it holds the model's name (a pointer to a text that lives for ever), version and digest, and
/// the key's text in place. Keys are any numbers: they are looked up in a hash table. Statistics of a key and version
/// are usage, errors, first and last use, total, least and greatest latency and a histogram; all records of a batch
/// have one latency, so that a key's are updated once a batch. The clock is read twice a batch, the clock on the wall
/// once.
///
/// Not here, and in weir: features gathered into rows, several versions and names of a key at a time, refusals,
/// checkpoints, queries, metrics.

#include <algorithm>
#include <array>
#include <bit>
#include <chrono>
#include <cstring>
#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "bench/support/serving_models.hpp"

namespace weir::bench {

struct KeyText {
  std::array<char, 15> text{};
  std::uint8_t size = 0;
};

struct ModelIdentity {
  const std::string* name = nullptr;
  std::int64_t version = 0;
  std::array<std::uint8_t, 32> digest{};
};

struct Served {
  KeyText key;
  ModelIdentity model;
  std::int64_t latency_ns;
  double score;
  std::int64_t event_time;
  std::uint64_t position;
  std::uint8_t status;
  std::uint8_t path;
  Sample sample;
};

struct Statistics {
  std::uint64_t usage = 0;
  std::uint64_t errors = 0;
  std::int64_t since = 0;
  std::int64_t last_used = 0;
  std::int64_t total_ns = 0;
  std::int64_t least_ns = std::numeric_limits<std::int64_t>::max();
  std::int64_t greatest_ns = 0;
  std::array<std::uint32_t, 64> histogram{};  // four buckets to a power of two

  void add(std::uint32_t records, std::int64_t latency_ns, std::int64_t now) noexcept {
    if (usage == 0) since = now;
    last_used = now;
    usage += records;
    total_ns += records * latency_ns;
    least_ns = std::min(least_ns, latency_ns);
    greatest_ns = std::max(greatest_ns, latency_ns);
    const auto value = static_cast<std::uint64_t>(latency_ns | 4);
    const int shift = static_cast<int>(std::bit_width(value)) - 3;
    histogram[std::min<std::size_t>(static_cast<std::size_t>(4 * shift) + ((value >> shift) & 3), 63)] += records;
  }
};

template <class Model>
struct KeyState {
  std::unique_ptr<const Model> model;
  std::uint64_t batch = 0;    // the last one that had a record of the key
  std::uint32_t records = 0;  // of that batch
  KeyText text;
  ModelIdentity identity;
  Statistics statistics;
};

inline std::uint64_t spread(std::uint64_t value) noexcept {
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9ULL;
  value = (value ^ (value >> 27)) * 0x94d049bb133111ebULL;
  return value ^ (value >> 31);
}

/// Linear probing, at most half full. All keys are known before records come.
template <class State>
class KeyTable {
 public:
  explicit KeyTable(std::size_t keys) : slots_(std::bit_ceil(2 * keys)), mask_(slots_.size() - 1) {
    states_.resize(keys);
  }

  State& add(std::int64_t key) {
    std::uint64_t at = spread(static_cast<std::uint64_t>(key));
    while (slots_[at & mask_].state != nullptr) ++at;
    State& state = states_[used_++];
    slots_[at & mask_] = {key, &state};
    return state;
  }
  State& find(std::int64_t key) const noexcept {
    for (std::uint64_t at = spread(static_cast<std::uint64_t>(key));; ++at)
      if (slots_[at & mask_].key == key && slots_[at & mask_].state != nullptr) return *slots_[at & mask_].state;
  }
  void prefetch(std::int64_t key) const noexcept {
    __builtin_prefetch(&slots_[spread(static_cast<std::uint64_t>(key)) & mask_]);
  }
  State& operator[](std::size_t index) noexcept { return states_[index]; }
  [[nodiscard]] std::size_t size() const noexcept { return states_.size(); }

 private:
  struct Slot {
    std::int64_t key = 0;
    State* state = nullptr;
  };
  std::vector<Slot> slots_;
  std::uint64_t mask_;
  std::vector<State> states_;
  std::size_t used_ = 0;
};

template <class Clock>
std::int64_t clock_ns() noexcept {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now().time_since_epoch()).count();
}

template <class Model>
class KeyedServer {
 public:
  KeyedServer(std::int64_t keys, const Model& model) : keys_(static_cast<std::size_t>(keys)), is_large_(keys > 1000) {
    static const std::string name = "bench";
    for (std::int64_t key = 0; key < keys; ++key) {
      KeyState<Model>& state = keys_.add(key);
      state.model = std::make_unique<const Model>(model);
      state.identity = {&name, 1, {}};
      const std::string text = std::to_string(key);
      std::memcpy(state.text.text.data(), text.data(), text.size());
      state.text.size = static_cast<std::uint8_t>(text.size());
    }
  }

  /// Another version for the key that was added as number `index`.
  void swap(std::size_t index, std::unique_ptr<const Model> model) {
    KeyState<Model>& state = keys_[index];
    state.model = std::move(model);
    ++state.identity.version;
    served_ += std::exchange(state.statistics, {}).usage;
  }

  /// At most kServingBatch records, the first at position `first`. The results are valid until the next call.
  const Served* serve(const Sample* records, std::size_t count, std::uint64_t first) {
    find(records, count);
    const std::int64_t before = clock_ns<std::chrono::steady_clock>();
    for (std::size_t i = 0; i < count; ++i) scores_[i] = score(*states_[i]->model, records[i].features);
    const std::int64_t elapsed = clock_ns<std::chrono::steady_clock>() - before;
    const std::int64_t latency_ns = elapsed / static_cast<std::int64_t>(count);
    for (std::size_t i = 0; i < count; ++i) {
      const KeyState<Model>& state = *states_[i];
      results_[i] = {
          state.text, state.identity, latency_ns, scores_[i], std::numeric_limits<std::int64_t>::min(), first + i, 0,
          1,          records[i]};
    }
    count_up(count, latency_ns);
    return results_.data();
  }

  /// Records counted by the statistics of all keys and versions.
  [[nodiscard]] std::uint64_t served() {
    std::uint64_t sum = served_;
    for (std::size_t key = 0; key < keys_.size(); ++key) sum += keys_[key].statistics.usage;
    return sum;
  }

 private:
  // With many keys memory is asked for ahead: slots, then states, then models.
  void find(const Sample* records, std::size_t count) {
    if (is_large_)
      for (std::size_t i = 0; i < count; ++i) keys_.prefetch(records[i].key);
    for (std::size_t i = 0; i < count; ++i) {
      states_[i] = &keys_.find(records[i].key);
      if (is_large_) prefetch(states_[i], sizeof *states_[i]);
    }
    if (is_large_)
      for (std::size_t i = 0; i < count; ++i) prefetch(states_[i]->model.get(), sizeof(Model));
  }
  static void prefetch(const void* memory, std::size_t bytes) noexcept {
    for (std::size_t byte = 0; byte < std::min<std::size_t>(bytes, 512); byte += 64)
      __builtin_prefetch(static_cast<const char*>(memory) + byte);
  }

  void count_up(std::size_t count, std::int64_t latency_ns) {
    ++batch_;
    std::size_t seen = 0;
    for (std::size_t i = 0; i < count; ++i) {
      KeyState<Model>& state = *states_[i];
      if (state.batch != batch_) {
        state.batch = batch_;
        state.records = 0;
        seen_[seen++] = &state;
      }
      ++state.records;
    }
    const std::int64_t now = clock_ns<std::chrono::system_clock>();
    for (std::size_t i = 0; i < seen; ++i) seen_[i]->statistics.add(seen_[i]->records, latency_ns, now);
  }

  KeyTable<KeyState<Model>> keys_;
  bool is_large_;  // beyond the caches
  std::uint64_t batch_ = 0;
  std::uint64_t served_ = 0;  // by versions that were replaced
  std::array<KeyState<Model>*, kServingBatch> states_;
  std::array<KeyState<Model>*, kServingBatch> seen_;
  std::array<double, kServingBatch> scores_;
  std::array<Served, kServingBatch> results_;
};

}  // namespace weir::bench
