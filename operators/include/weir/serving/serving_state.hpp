#pragma once
/// What ServeModel keeps in state, per key: the models (`current-model`), the swaps (`swap-log`) and, in
/// serving_statistics.hpp, the statistics. For those who read state; users of ServeModel do not need it.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <weir/json.hpp>
#include <weir/model_record.hpp>
#include <weir/serde.hpp>
#include <weir/serve_options.hpp>

namespace weir::serving {

/// One model of a key, from its arrival on. `record` lacks the bytes once they are in the blob store.
struct StoredVersion {
  ModelRecord record;
  std::uint64_t sequence = 0;  ///< order of arrival among the key's models and orders, from 1
  std::int64_t version = 0;    ///< as given or as numbered by the operator
  ModelDigest digest{};
  std::uint64_t bytes = 0;  ///< of the model
  bool in_blob_store = false;
  std::uint64_t memory_bytes = 0;  ///< of the loaded model
  Timestamp effective_at = kMinTimestamp;
  ModelState state = ModelState::kReceived;
  Timestamp since = kMinTimestamp;  ///< wall-clock time of entering `state`
  std::string reason;               ///< of a refusal

  void weir_json(JsonWriter& json) const;
};

/// What is known of all versions of one name.
struct NameHistory {
  std::string name;
  std::int64_t newest_received = 0;
  std::int64_t newest_accepted = 0;  ///< loaded and verified
  ModelDigest newest_digest{};       ///< of newest_accepted
  bool withdrawn = false;            ///< newest_accepted was retired or rolled back: the same may come again
  std::uint64_t retired_before = 0;  ///< models that came before this order are retired when they become ready
};

/// From `effective_at` on, version `version_sequence` counts (0: none). Ordered by (effective_at, sequence).
struct TimelineEntry {
  Timestamp effective_at = kMinTimestamp;
  std::uint64_t sequence = 0;
  std::uint64_t version_sequence = 0;
};

/// State `current-model`.
struct KeyModels {
  std::uint64_t next_sequence = 1;
  std::uint64_t current = 0;  ///< sequence of the current version; 0: none
  std::uint64_t chosen = 0;   ///< the same, but while `paused` of the version that waits
  bool paused = false;
  std::uint64_t current_since = 0;         ///< sequence of the model or order that made it so
  Timestamp current_from = kMinTimestamp;  ///< kEventTime: the timeline entry that made it so
  std::uint64_t retired_before = 0;        ///< as in NameHistory, for all names
  std::vector<StoredVersion> versions;     ///< usable, by sequence
  std::vector<StoredVersion> pending;      ///< not resolved yet, by sequence
  std::vector<StoredVersion> refused;      ///< the last few
  std::vector<NameHistory> names;
  std::vector<TimelineEntry> timeline;  ///< kEventTime only

  void weir_json(JsonWriter& json) const;
};

/// One switch from a model to another (or to none).
struct Swap {
  std::string name;  ///< of what came; empty: no model
  std::int64_t version = 0;
  ModelDigest digest{};
  std::string from_name;
  std::int64_t from_version = 0;
  Timestamp at = kMinTimestamp;            ///< wall clock
  Timestamp effective_at = kMinTimestamp;  ///< kEventTime mode
  /// The first record scored by it; absent until there is one.
  std::optional<std::uint64_t> first_position;
  std::optional<Timestamp> first_event_time;

  void weir_json(JsonWriter& json) const;
};

/// State `swap-log`.
struct SwapLog {
  std::uint64_t swaps = 0;   ///< ever
  std::vector<Swap> recent;  ///< oldest first

  void weir_json(JsonWriter& json) const;
};

}  // namespace weir::serving
