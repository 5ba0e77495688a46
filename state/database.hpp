#pragma once
/// The RocksDB of one job, one column family per state. Never written record by record: changes come in whole
/// checkpoints, as sorted files that all appear at once. No write-ahead log, nothing in memtables.
///
/// Readers see the rows as of the last publish(). Thread: find() and readers from any thread, also during the rest;
/// everything else from one thread at a time.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <weir/result.hpp>
#include <weir/state_table.hpp>

namespace weir {

class Filesystem;

struct StoredState {
  StateDescriptor descriptor;
  std::uint32_t column_family = 0;
};

class Database {
 public:
  virtual ~Database() = default;

  /// Opens the database in a directory, or makes an empty one when `states` is empty and nothing is there. `states` are
  /// all the states it holds, as of checkpoint `checkpoint_id` (0: none).
  static Result<std::shared_ptr<Database>> open(const std::string& path, std::vector<StoredState> states,
                                                std::uint64_t checkpoint_id);

  [[nodiscard]] virtual std::vector<StoredState> states() const = 0;
  [[nodiscard]] virtual std::optional<StateDescriptor> find(const std::string& uid, const std::string& name) const = 0;
  /// Makes the column family of a state not seen before.
  virtual Status add(const StateDescriptor& descriptor) = 0;
  virtual Status drop(const std::string& uid) = 0;
  /// Takes all changes in, or none. Their states are known. `scratch` is a directory on the same file system, used and
  /// emptied.
  virtual Status ingest(const std::vector<const StateDelta*>& deltas, const std::string& scratch,
                        Filesystem& filesystem) = 0;
  /// Makes a copy by hard links; `path` must not exist. Its files are on the disk then, their names are not yet.
  virtual Status clone(const std::string& path, Filesystem& filesystem) = 0;
  /// From now on readers see what is there: the rows of this checkpoint.
  virtual void publish(std::uint64_t checkpoint_id) = 0;
  /// Of a state that may not be stored yet. Keeps the database open while it lives.
  [[nodiscard]] virtual std::shared_ptr<const StateReader> reader(const std::string& uid, const std::string& name) = 0;
};

/// CRC-32C of bytes, to find damaged files.
std::uint32_t crc32c(std::string_view bytes);

}  // namespace weir
