#pragma once
/// A sink that appends to a durable topic (weir/topic.hpp, docs/topics.md), exactly once.
///
///   scores.sink_to(weir::topic_sink<Score>("scores")).uid("scores");
///
/// Records are written aside while they come (off the workers, `buffers` of `buffer_bytes` ahead), made durable when a
/// checkpoint is taken, and appear in the topic when it is complete: all of a task's records between two checkpoints in
/// their order, those of different tasks one after the other. A commit that is repeated, or was cut short by a crash,
/// is recognised. Without checkpointing they appear when the job ends.
///
/// Not covered: when a restart has to pass over a damaged checkpoint, what that one had made visible is computed and
/// appended again.

#include <cstddef>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

#include <weir/detail/topic_codec.hpp>
#include <weir/detail/topic_handle.hpp>
#include <weir/detail/topic_parts.hpp>
#include <weir/sink.hpp>

namespace weir {

struct TopicSinkOptions {
  std::string directory{};                ///< of the store; empty: `<job directory>/topics`
  std::shared_ptr<TopicStore> store{};    ///< instead of a directory
  std::optional<TopicOptions> options{};  ///< of the topic; nothing: as they are
  /// Under which name it writes; empty: the uid. Two jobs that write to one topic need different names.
  std::string producer{};
  std::size_t buffer_bytes = std::size_t{256} << 10;  ///< written at once
  std::size_t buffers = 4;                            ///< full ones that may wait, for each task
};

namespace detail {

template <class T>
class TopicSink final : public Operator {
 public:
  TopicSink(std::shared_ptr<TopicHandle> handle, TopicPartsOptions options)
      : parts_(std::move(handle), std::move(options)) {}

  Status open(OperatorContext& context) override { return parts_.open(context); }
  void process(std::size_t /*input*/, BatchPtr& batch, Outbox& /*out*/) override {
    if (const Status fault = parts_.fault(); !fault.is_ok()) throw std::runtime_error(fault.to_string());
    auto& in = static_cast<Batch<T>&>(*batch);
    for (; in.cursor < in.size() && parts_.has_room(); ++in.cursor) {
      NewTopicRecord record{TopicCodec<T>::encode(std::as_const(in.records[in.cursor]))};
      if (in.has_timestamps() && in.timestamps[in.cursor] != kMinTimestamp) record.time = in.timestamps[in.cursor];
      parts_.add(std::move(record));
    }
  }
  void snapshot(SnapshotBuilder& builder) override { parts_.snapshot(builder); }
  void on_checkpoint_complete(std::uint64_t /*checkpoint_id*/) override { parts_.on_checkpoint_complete(); }
  void close() noexcept override { parts_.close(); }

 private:
  TopicParts parts_;
};

}  // namespace detail

template <class T>
Sink<T> topic_sink(std::string topic, TopicSinkOptions options = {}) {
  detail::TopicPlace place{std::move(topic), options.store, options.directory, options.options,
                           detail::TopicCodec<T>::schema()};
  detail::TopicPartsOptions parts{options.producer, options.buffer_bytes, options.buffers};
  Sink<T> sink;
  sink.kind = "topic-sink";
  sink.faults = detail::faults_of(place);
  for (std::string& fault : detail::faults_of(parts)) sink.faults.push_back(std::move(fault));
  auto handle = std::make_shared<detail::TopicHandle>(std::move(place));
  sink.make_operator = [handle, parts] { return std::make_unique<detail::TopicSink<T>>(handle, parts); };
  sink.committer = [handle](std::span<const std::string> transactions) { return handle->commit(transactions); };
  return sink;
}

}  // namespace weir
