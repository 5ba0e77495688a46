#pragma once
/// A StateReader over a std::map, into which a test applies drained deltas: what the checkpoint store does, in memory.

#include <map>
#include <memory>
#include <string>

#include <weir/state_table.hpp>

namespace weir::testing {

class MemoryStore final : public StateReader {
 public:
  void apply(const StateDelta& delta) {
    delta.for_each([&](std::string_view key, std::optional<std::string_view> value) {
      if (value)
        rows.insert_or_assign(std::string(key), std::string(*value));
      else
        rows.erase(std::string(key));
    });
  }

  [[nodiscard]] bool empty() const override { return rows.empty(); }
  [[nodiscard]] std::uint64_t checkpoint() const override { return checkpoint_id; }
  Status get(std::span<const std::string> keys, std::vector<std::optional<std::string>>& values) const override {
    ++gets;
    WEIR_RETURN_IF_ERROR(failure);
    values.assign(keys.size(), std::nullopt);
    for (std::size_t i = 0; i < keys.size(); ++i)
      if (const auto row = rows.find(keys[i]); row != rows.end()) values[i] = row->second;
    return {};
  }
  Status scan(std::string_view prefix,
              const std::function<bool(std::string_view key, std::string_view value)>& visit) const override {
    ++scans;
    WEIR_RETURN_IF_ERROR(failure);
    for (auto row = rows.lower_bound(std::string(prefix)); row != rows.end() && row->first.starts_with(prefix); ++row)
      if (!visit(row->first, row->second)) break;
    return {};
  }

  std::map<std::string, std::string> rows;
  std::uint64_t checkpoint_id = 0;
  Status failure;
  mutable std::size_t gets = 0;
  mutable std::size_t scans = 0;
};

}  // namespace weir::testing
