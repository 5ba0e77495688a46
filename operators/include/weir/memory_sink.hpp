#pragma once
/// Sinks for tests, examples and small results: a function, or a collection in memory.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <weir/serde.hpp>
#include <weir/sink.hpp>

namespace weir {

/// What a collect_sink() has got. A restart of the job takes back what came after the checkpoint it starts from (all of
/// it when there is none), so records are there once each; a Collected that outlives its job and is given to another
/// one's sink of the same uid is emptied when that starts. Thread: all methods from any thread.
template <class T>
class Collected {
 public:
  /// `limit`: records in all; the job fails when there are more.
  explicit Collected(std::size_t limit = std::size_t{1} << 20) : limit_(limit) {}

  [[nodiscard]] std::size_t size() const {
    const std::lock_guard lock(mutex_);
    return size_;
  }
  /// By uid and task, each in the order of arrival.
  [[nodiscard]] std::vector<T> records() const {
    const std::lock_guard lock(mutex_);
    std::vector<T> records;
    records.reserve(size_);
    for (const auto& [place, of_task] : by_task_) records.insert(records.end(), of_task.begin(), of_task.end());
    return records;
  }

  // For the sink: task `task` of operator `uid`.
  /// Moves records [from, end) in; false when that would break the limit.
  bool add(const std::string& uid, std::uint32_t task, T* from, T* end) {
    const std::lock_guard lock(mutex_);
    const auto count = static_cast<std::size_t>(end - from);
    if (count > limit_ - size_) return false;
    auto& records = by_task_[{uid, task}];
    records.insert(records.end(), std::make_move_iterator(from), std::make_move_iterator(end));
    size_ += count;
    return true;
  }
  [[nodiscard]] std::size_t size_of(const std::string& uid, std::uint32_t task) const {
    const std::lock_guard lock(mutex_);
    const auto found = by_task_.find({uid, task});
    return found == by_task_.end() ? 0 : found->second.size();
  }
  /// Keeps the first `sizes[task]` records of every task that task `index` of `parallelism` looks after.
  void roll_back(const std::string& uid, std::uint32_t index, std::uint32_t parallelism,
                 const std::map<std::uint32_t, std::size_t>& sizes) {
    const std::lock_guard lock(mutex_);
    for (auto& [place, records] : by_task_) {
      if (place.first != uid || place.second % parallelism != index) continue;
      const auto kept = sizes.find(place.second);
      const std::size_t size = std::min(records.size(), kept == sizes.end() ? 0 : kept->second);
      size_ -= records.size() - size;
      records.erase(records.begin() + static_cast<std::ptrdiff_t>(size), records.end());
    }
  }
  [[nodiscard]] std::size_t limit() const noexcept { return limit_; }
  [[nodiscard]] std::map<std::uint32_t, std::size_t> sizes_of(const std::string& uid, std::uint32_t index,
                                                              std::uint32_t parallelism) const {
    const std::lock_guard lock(mutex_);
    std::map<std::uint32_t, std::size_t> sizes;
    for (const auto& [place, records] : by_task_)
      if (place.first == uid && place.second % parallelism == index) sizes[place.second] = records.size();
    return sizes;
  }

 private:
  const std::size_t limit_;
  mutable std::mutex mutex_;
  // Guarded by mutex_:
  std::map<std::pair<std::string, std::uint32_t>, std::vector<T>> by_task_;
  std::size_t size_ = 0;
};

namespace detail {

template <class T>
class CollectSink final : public Operator {
 public:
  explicit CollectSink(std::shared_ptr<Collected<T>> collected) : collected_(std::move(collected)) {}

  Status open(OperatorContext& context) override {
    context_ = &context;
    std::map<std::uint32_t, std::size_t> sizes;
    for (const auto& [name, bytes] : context.restored_entries()) {
      if (name != "collected") continue;
      using Sizes = std::map<std::uint32_t, std::uint64_t>;
      WEIR_ASSIGN_OR_RETURN(const Sizes of_task, deserialize<Sizes>(bytes));
      sizes.insert(of_task.begin(), of_task.end());
    }
    collected_->roll_back(context.uid(), context.task_index(), context.parallelism(), sizes);
    return {};
  }
  void process(std::size_t /*input*/, BatchPtr& batch, Outbox& /*out*/) override {
    auto& in = static_cast<Batch<T>&>(*batch);
    if (!collected_->add(context_->uid(), context_->task_index(), in.records.data() + in.cursor, in.records.end()))
      throw std::runtime_error("the collection is full: it holds at most " + std::to_string(collected_->limit()) +
                               " records");
    in.cursor = in.size();
  }
  // With the tasks of earlier parallelisms that this one looks after.
  void snapshot(SnapshotBuilder& builder) override {
    std::map<std::uint32_t, std::uint64_t> sizes;
    for (const auto& [task, size] :
         collected_->sizes_of(context_->uid(), context_->task_index(), context_->parallelism()))
      sizes[task] = size;
    builder.put("collected", serialize(sizes));
  }

 private:
  const std::shared_ptr<Collected<T>> collected_;
  OperatorContext* context_ = nullptr;
};

template <class T, class Function>
class ForEachSink final : public Operator {
 public:
  explicit ForEachSink(Function function) : function_(std::move(function)) {}
  void process(std::size_t /*input*/, BatchPtr& batch, Outbox& /*out*/) override {
    auto& in = static_cast<Batch<T>&>(*batch);
    for (; in.cursor < in.size(); ++in.cursor) {
      if constexpr (std::is_invocable_v<Function&, const T&>) {
        function_(std::as_const(in.records[in.cursor]));
      } else {
        function_(std::as_const(in.records[in.cursor]), in.has_timestamps() ? in.timestamps[in.cursor] : kMinTimestamp);
      }
    }
  }

 private:
  Function function_;
};

}  // namespace detail

/// Puts records into `collected`, exactly once each. See Collected.
template <class T>
Sink<T> collect_sink(std::shared_ptr<Collected<T>> collected) {
  Sink<T> sink;
  sink.kind = "collect-sink";
  sink.make_operator = [collected = std::move(collected)] {
    return std::make_unique<detail::CollectSink<T>>(collected);
  };
  return sink;
}

/// Calls `function(const T&)` or `function(const T&, Timestamp)` (kMinTimestamp without event time) for each record, on
/// the tasks' threads, each task with its own copy: what copies share must be safe for that. At least once each: what
/// came after the last checkpoint comes again after a restart. Must not block.
template <class T, class Function>
requires std::is_invocable_v<Function&, const T&> || std::is_invocable_v<Function&, const T&, Timestamp> Sink<T>
for_each_sink(Function function) {
  Sink<T> sink;
  sink.kind = "for-each-sink";
  sink.make_operator = [function = std::move(function)] {
    return std::make_unique<detail::ForEachSink<T, Function>>(function);
  };
  return sink;
}

}  // namespace weir
