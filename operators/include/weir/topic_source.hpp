#pragma once
/// A source that reads a durable topic (weir/topic.hpp, docs/topics.md), from its beginning or a point in time, and
/// then follows it.
///
///   auto orders = pipeline.from_source(weir::topic_source<Order>("orders")).uid("orders");
///
/// One task: a topic is one sequence. A record's position is its offset; a checkpoint holds the next one, so each
/// record is seen once, in order, over any number of restarts. Reading runs on the executor, two chunks of 1 MiB (or
/// one record) ahead. At the end of the topic the stream is idle and holds back nobody's watermark.
///
/// While the job lives, and for as long as its checkpoints are retained, the topic's retention leaves what a restore
/// from any of them would read (Topic::hold, by `consumer`). A checkpoint from which the position was removed anyhow
/// (forgotten by hand) fails the job's start. A savepoint holds nothing: give the topic a retention that outlives it.

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

#include <weir/dead_letter.hpp>
#include <weir/detail/topic_codec.hpp>
#include <weir/detail/topic_handle.hpp>
#include <weir/detail/topic_reader.hpp>
#include <weir/rewindable_source.hpp>
#include <weir/source.hpp>

namespace weir {

/// Where a job without a checkpoint begins.
using detail::TopicStart;  // kBegin; kEnd: only what comes from now on; kPosition: where `consumer` was, else kBegin

template <class T>
struct TopicSourceOptions {
  std::string directory{};                ///< of the store; empty: `<job directory>/topics`
  std::shared_ptr<TopicStore> store{};    ///< instead of a directory
  std::optional<TopicOptions> options{};  ///< of the topic; nothing: as they are
  std::string consumer{};                 ///< under which name it holds its place; empty: the uid
  TopicStart start = TopicStart::kBegin;
  std::optional<std::uint64_t> start_offset{};  ///< instead of `start`: an offset
  std::optional<Timestamp> start_time{};        ///< instead of `start`: the first record appended then or later
  /// True: the stream ends where the topic ended when the job first started.
  bool until_end = false;
  /// A record's event time; nothing: the one kept with the record.
  std::function<Timestamp(const T&)> timestamp{};
  /// Emit watermarks, this far behind the latest record. Nothing: leave them to the pipeline.
  std::optional<Duration> watermarks = Duration{0};
  BadRecords bad_records = BadRecords::kDeadLetterOrFail;
};

namespace detail {

template <class T>
class TopicSource final : public RewindableSource {
 public:
  TopicSource(std::shared_ptr<TopicHandle> handle, TopicReading reading, TopicSourceOptions<T> options)
      : handle_(std::move(handle)), options_(std::move(options)), reader_(std::move(reading)) {}

  Status open(OperatorContext& context) override {
    bad_records_ = &context.metric("bad_records_total");
    if (options_.bad_records == BadRecords::kDeadLetterOrFail) dead_letters_ = context.side_output(kDeadLetterOutput);
    WEIR_ASSIGN_OR_RETURN(std::shared_ptr<Topic> topic, handle_->open(context.job_directory()));
    lane_ = context.executor().lane("topic", 1);
    WEIR_RETURN_IF_ERROR(reader_.open(std::move(topic), context, *lane_));
    before_ = {reader_.position(), reader_.restored_watermark()};
    watermark_ = reader_.restored_watermark();
    return {};
  }
  void process(std::size_t /*input*/, BatchPtr& /*batch*/, Outbox& /*out*/) override {}

  PollResult poll(Outbox& out) override {
    std::size_t limit = out.room();
    if (dead_letters_) limit = std::min(limit, out.room(*dead_letters_));
    if (limit == 0) return PollResult::kProgress;
    before_ = {reader_.position(), watermark_};
    PollResult result = PollResult::kIdle;
    for (; limit != 0; --limit) {
      const Result<TopicReader::Next> next = reader_.next();
      if (!next) throw std::runtime_error(next.status().to_string());
      if (*next == TopicReader::Next::kRecord) {
        result = PollResult::kProgress;
        put(out);
        continue;
      }
      if (result == PollResult::kProgress) break;
      out.set_idle(*next == TopicReader::Next::kIdle);
      return *next == TopicReader::Next::kEnd ? PollResult::kEnd : PollResult::kIdle;
    }
    out.set_idle(false);
    reader_.let_go();
    if (options_.watermarks && watermark_ != kMinTimestamp) out.emit_watermark(watermark_);
    return result;
  }

  void snapshot(SnapshotBuilder& builder) override { reader_.snapshot(reader_.position(), watermark_, builder); }
  void snapshot_from(std::uint64_t position, SnapshotBuilder& builder) override {
    reader_.snapshot(position, before_.watermark, builder);
  }
  void on_checkpoint_complete(std::uint64_t checkpoint_id) override { reader_.on_checkpoint_complete(checkpoint_id); }

 private:
  struct Before {
    std::uint64_t position = 0;
    Timestamp watermark = kMinTimestamp;
  };

  void put(Outbox& out) {
    const TopicRecord& record = reader_.record();
    Result<T> value = TopicCodec<T>::decode(record.payload);
    if (!value) [[unlikely]]
      return reject(record, value.status().message(), out);
    Batch<T>& batch = out.batch<T>();
    const Timestamp time = options_.timestamp ? options_.timestamp(std::as_const(*value)) : record.time;
    batch.records.emplace(std::move(*value));
    batch.positions.emplace(record.offset);
    batch.timestamps.emplace(time);
    if (!options_.watermarks) return;
    BoundedWatermark seen(*options_.watermarks);
    seen.see(time);
    watermark_ = std::max(watermark_, seen.value());
  }

  void reject(const TopicRecord& record, const std::string& reason, Outbox& out) {
    bad_records_->add(1);
    if (options_.bad_records == BadRecords::kSkip) return;
    const std::string name = "topic '" + handle_->get()->name() + "'";
    if (!dead_letters_)
      throw std::runtime_error(
          Status::data_loss(name + " offset " + std::to_string(record.offset) + ": " + reason).to_string());
    Batch<DeadLetter>& letters = out.batch<DeadLetter>(*dead_letters_);
    letters.records.emplace(DeadLetter{record.payload.substr(0, 1024), record.offset, record.offset, name, reason});
    letters.positions.emplace(record.offset);
  }

  const std::shared_ptr<TopicHandle> handle_;
  const TopicSourceOptions<T> options_;
  std::unique_ptr<Executor> lane_;  // so that no slow model or file holds up the stream
  TopicReader reader_;
  Before before_;  // the latest poll
  Timestamp watermark_ = kMinTimestamp;
  std::optional<std::size_t> dead_letters_;
  Metric* bad_records_ = nullptr;
};

}  // namespace detail

/// Payloads are those of Serde<T>, as topic_sink writes them; of T = std::string any bytes. A topic of another schema
/// is refused at the job's start.
template <class T>
Source<T> topic_source(std::string topic, TopicSourceOptions<T> options = {}) {
  detail::TopicPlace place{std::move(topic), options.store, options.directory, options.options,
                           detail::TopicCodec<T>::schema()};
  Source<T> source;
  source.kind = "topic";
  source.max_parallelism = 1;
  source.faults = detail::faults_of(place);
  if (options.watermarks && *options.watermarks < Duration{0})
    source.faults.push_back("watermarks cannot be ahead of the records: the out-of-orderness is negative");
  auto handle = std::make_shared<detail::TopicHandle>(std::move(place));
  detail::TopicReading reading{options.consumer, options.start, options.start_offset, options.start_time,
                               options.until_end};
  source.make_operator = [handle, reading = std::move(reading), options = std::move(options)] {
    return std::make_unique<detail::TopicSource<T>>(handle, reading, options);
  };
  return source;
}

}  // namespace weir
