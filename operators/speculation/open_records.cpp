#include <weir/speculation/open_records.hpp>

#include <algorithm>

namespace weir::speculation {

void OpenRecords::add(std::uint64_t id, const Record& record) {
  records_.emplace(id, record);
  if (record.decided) {
    decided_.push_back(id);
  } else {
    deadlines_.emplace(record.deadline_ns, id);
  }
}

OpenRecords::Entry* OpenRecords::find(std::uint64_t id) {
  const auto found = records_.find(id);
  return found == records_.end() ? nullptr : &*found;
}

OpenRecords::Entry* OpenRecords::find_undecided(std::uint64_t id) {
  Entry* const entry = find(id);
  return entry == nullptr || entry->second.decided ? nullptr : entry;
}

void OpenRecords::note_decided(Entry& entry) {
  entry.second.decided = true;
  deadlines_.erase({entry.second.deadline_ns, entry.first});
  decided_.push_back(entry.first);
}

OpenRecords::Entry* OpenRecords::due(std::int64_t now_ns) {
  return deadlines_.empty() || deadlines_.begin()->first > now_ns ? nullptr : find(deadlines_.begin()->second);
}

std::optional<std::int64_t> OpenRecords::next_deadline_ns() const {
  return deadlines_.empty() ? std::nullopt : std::optional(deadlines_.begin()->first);
}

OpenRecords::Entry* OpenRecords::first_decided() { return decided_.empty() ? nullptr : find(decided_.front()); }

void OpenRecords::note_sent() {
  records_.erase(decided_.front());
  decided_.pop_front();
}

void OpenRecords::add_watermark(Timestamp watermark) {
  if (!watermarks_.empty() && watermarks_.back().second == next_id_) {
    watermarks_.back().first = std::max(watermarks_.back().first, watermark);
  } else {
    watermarks_.emplace_back(watermark, next_id_);
  }
}

std::optional<Timestamp> OpenRecords::take_watermark() {
  if (watermarks_.empty()) return std::nullopt;
  const auto [watermark, first_after] = watermarks_.front();
  if (!records_.empty() && records_.begin()->first < first_after) return std::nullopt;
  watermarks_.pop_front();
  return watermark;
}

}  // namespace weir::speculation
