#pragma once
// Sources, sinks and functions for tests of the engine as a whole.

#include <weir/pipeline.hpp>

#include <map>
#include <mutex>
#include <string>
#include <vector>

namespace weir::test {

// Numbers begin, begin+1, ... in event-time order (microseconds = the number), with positions and watermarks;
// replayable.
class NumberSource final : public Operator {
 public:
  NumberSource(std::int64_t begin, std::int64_t end) : next_(begin), end_(end) {}
  Status open(OperatorContext& context) override {
    for (const auto& [name, bytes] : context.restored_entries())
      if (name == "next") next_ = std::stoll(bytes);
    return {};
  }
  void process(std::size_t, BatchPtr&, Outbox&) override {}
  PollResult poll(Outbox& out) override {
    auto& batch = out.batch<std::int64_t>();
    const std::int64_t before = next_;
    for (; next_ < end_ && out.room() != 0; ++next_)
      batch.append_at(Timestamp{Duration{next_}}, static_cast<std::uint64_t>(next_), next_);
    if (next_ != before) out.emit_watermark(Timestamp{Duration{next_ - 1}});
    return next_ == end_ ? PollResult::kEnd : PollResult::kProgress;
  }
  void snapshot(SnapshotBuilder& builder) override { builder.put("next", std::to_string(next_)); }

 private:
  std::int64_t next_;
  std::int64_t end_;
};

inline Source<std::int64_t> numbers(std::int64_t begin, std::int64_t end) {
  return {.kind = "numbers",
          .make_operator = [begin, end] { return std::make_unique<NumberSource>(begin, end); },
          .max_parallelism = 1};
}

// What an exactly-once sink has committed: parts by name, so that committing one again changes nothing.
struct Committed {
  std::mutex mutex;
  std::map<std::string, std::vector<std::string>> parts;
  [[nodiscard]] std::vector<std::string> sorted() {
    const std::lock_guard lock(mutex);
    std::vector<std::string> all;
    for (const auto& [name, lines] : parts) all.insert(all.end(), lines.begin(), lines.end());
    std::sort(all.begin(), all.end());
    return all;
  }
};

// Buffers lines between barriers; what a checkpoint holds is committed after its manifest.
template <class T>
class CommittingSink final : public Operator {
 public:
  Status open(OperatorContext& context) override {
    task_ = context.task_index();
    for (const auto& [name, bytes] : context.restored_entries())
      if (name == "part") part_ = std::max(part_, std::stoull(bytes));
    return {};
  }
  void process(std::size_t, BatchPtr& in, Outbox&) override {
    auto& batch = static_cast<Batch<T>&>(*in);
    for (; batch.cursor < batch.size(); ++batch.cursor) lines_.push_back(std::to_string(batch.records[batch.cursor]));
  }
  void snapshot(SnapshotBuilder& builder) override {
    ++part_;
    builder.put("part", std::to_string(part_));
    if (lines_.empty()) return;
    std::string bytes = std::to_string(task_) + "-" + std::to_string(part_);
    for (const std::string& line : lines_) bytes += "\n" + line;
    lines_.clear();
    builder.add_committable(std::move(bytes));
  }

 private:
  std::uint32_t task_ = 0;
  unsigned long long part_ = 0;
  std::vector<std::string> lines_;
};

template <class T>
Sink<T> committing_sink(std::shared_ptr<Committed> into) {
  return {.kind = "committing-sink",
          .make_operator = [] { return std::make_unique<CommittingSink<T>>(); },
          .committer =
              [into](std::span<const std::string> committables) {
                const std::lock_guard lock(into->mutex);
                for (const std::string& bytes : committables) {
                  const std::size_t end = bytes.find('\n');
                  std::vector<std::string> lines;
                  std::size_t begin = end + 1;
                  for (std::size_t next = bytes.find('\n', begin); next != std::string::npos;
                       next = bytes.find('\n', begin)) {
                    lines.push_back(bytes.substr(begin, next - begin));
                    begin = next + 1;
                  }
                  lines.push_back(bytes.substr(begin));
                  into->parts[bytes.substr(0, end)] = std::move(lines);
                }
                return Status::ok();
              }};
}

}  // namespace weir::test
