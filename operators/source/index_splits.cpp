#include <weir/bytes.hpp>
#include <weir/detail/index_splits.hpp>

#include <algorithm>
#include <functional>
#include <string>

namespace weir::detail {
namespace {

// A blob: version 1, varint number of splits, then form 0: varint tasks, task, next number (all splits level), or
// form 1: varint count, then the next number of each split.
constexpr std::string_view kName = "indices:";
constexpr std::uint8_t kVersion = 1;
constexpr std::uint8_t kLevel = 0;
constexpr std::uint8_t kList = 1;

// The smallest number >= `from` of split `split` of `splits`.
std::uint64_t at_or_after(std::uint64_t from, std::uint64_t split, std::uint64_t splits) {
  const std::uint64_t rest = from % splits;
  return from + (split >= rest ? split - rest : splits - rest + split);
}

}  // namespace

Status IndexSplits::open(const OperatorContext& context, std::uint64_t count) {
  count_ = count;
  splits_ = context.max_parallelism();
  task_ = context.task_index();
  tasks_ = context.parallelism();
  if (task_ >= splits_) {  // more tasks than splits
    next_ = kEndless;
    return {};
  }
  std::vector<std::uint64_t> nexts(splits_);
  for (std::uint64_t split = 0; split < splits_; ++split) nexts[split] = split;
  for (const auto& [name, bytes] : context.restored_entries()) {
    if (!name.starts_with(kName)) continue;
    ByteReader reader(bytes);
    const bool known = reader.byte() == kVersion;
    const std::uint64_t splits = reader.varint();
    if (known && reader.ok() && splits != splits_)
      return Status::failed_precondition("the checkpoint has " + std::to_string(splits) +
                                         " splits, the job's max parallelism is " + std::to_string(splits_));
    const std::uint8_t form = reader.byte();
    if (form == kLevel) {
      const std::uint64_t tasks = reader.varint();
      const std::uint64_t task = reader.varint();
      const std::uint64_t next = reader.varint();
      if (reader.ok() && tasks != 0)
        for (std::uint64_t split = task; split < splits_; split += tasks)
          nexts[split] = at_or_after(next, split, splits_);
    } else {
      for (std::uint64_t left = reader.varint(); left != 0 && reader.ok(); --left) {
        const std::uint64_t next = reader.varint();
        if (reader.ok()) nexts[next % splits_] = next;
      }
    }
    if (!known || !reader.at_end())
      return Status::data_loss("cannot read the position '" + name + "' in the checkpoint");
  }
  behind_.clear();
  farthest_ = 0;
  for (std::uint64_t split = task_; split < splits_; split += tasks_) {
    behind_.push_back({nexts[split]});
    farthest_ = std::max(farthest_, nexts[split]);
  }
  std::make_heap(behind_.begin(), behind_.end(), std::greater<>());
  begin_poll();
  return {};
}

std::uint64_t IndexSplits::next_index() const noexcept { return is_level() ? next_ : behind_.front().index; }

void IndexSplits::begin_poll() {
  one_by_one_.clear();
  if (is_level() || behind_.front().index + splits_ <= farthest_) return;
  next_ = behind_.front().index;
  behind_.clear();
}

IndexSplits::Run IndexSplits::next(std::size_t limit) {
  const std::uint64_t first = next_index();
  if (first >= count_ || limit == 0) return {};
  if (!is_level()) {
    if (first + splits_ > farthest_) return {};  // level: from the next poll on
    one_by_one_.push_back(first);
    std::pop_heap(behind_.begin(), behind_.end(), std::greater<>());
    behind_.back().index += splits_;
    farthest_ = std::max(farthest_, behind_.back().index);
    std::push_heap(behind_.begin(), behind_.end(), std::greater<>());
    return {first, 1, 1};
  }
  // Numbers of the task lie `tasks_` apart, within a round of all splits or, when that divides evenly, for ever.
  std::uint64_t count = limit;
  const std::uint64_t left = count_ - first;
  count = std::min(count, (left - 1) / tasks_ + 1);
  if (splits_ % tasks_ == 0) {
    next_ = count_ - first > count * tasks_ ? first + count * tasks_ : kEndless;
  } else {
    const std::uint64_t split = first % splits_;
    const std::uint64_t in_round = (splits_ - split - 1) / tasks_ + 1;
    count = std::min(count, in_round);
    next_ = count == in_round ? first - split + splits_ + task_ : first + count * tasks_;
  }
  return {first, tasks_, static_cast<std::size_t>(count)};
}

void IndexSplits::put_level(std::uint64_t next, SnapshotBuilder& builder) const {
  std::string bytes;
  ByteWriter writer(bytes);
  writer.byte(kVersion);
  writer.varint(splits_);
  writer.byte(kLevel);
  writer.varint(tasks_);
  writer.varint(task_);
  writer.varint(std::min(next, count_));
  builder.put(std::string(kName) + std::to_string(task_), std::move(bytes));
}

void IndexSplits::put_list(const std::vector<std::uint64_t>& nexts, SnapshotBuilder& builder) const {
  std::string bytes;
  ByteWriter writer(bytes);
  writer.byte(kVersion);
  writer.varint(splits_);
  writer.byte(kList);
  writer.varint(nexts.size());
  for (const std::uint64_t next : nexts) writer.varint(next);
  builder.put(std::string(kName) + std::to_string(task_), std::move(bytes));
}

void IndexSplits::snapshot(SnapshotBuilder& builder) const { snapshot_from(kEndless, builder); }

void IndexSplits::snapshot_from(std::uint64_t index, SnapshotBuilder& builder) const {
  if (task_ >= splits_) return;
  if (is_level()) return put_level(std::min(next_, index), builder);
  std::vector<std::uint64_t> nexts;
  nexts.reserve(behind_.size());
  for (const SplitNext& split : behind_) nexts.push_back(split.index);
  for (const std::uint64_t handed_out : one_by_one_) {
    if (handed_out < index) continue;
    for (std::uint64_t& next : nexts)
      if (next % splits_ == handed_out % splits_) next = std::min(next, handed_out);
  }
  put_list(nexts, builder);
}

}  // namespace weir::detail
