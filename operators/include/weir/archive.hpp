#pragma once
/// The input archive: everything the models of a serving operator saw and answered, on a durable topic, exactly once.
///
///   auto scores = records.connect(models).co_process(weir::ServeModel<Flight>(...)).uid("score");
///   weir::archive(scores, {.topic = "score-inputs", .retain_for = 30 * 24h, .retain_bytes = 50ull << 30})
///       .uid("score-archive");
///
/// For speculate() likewise: the inputs, every model's vote and the decision (docs/speculation.md).
///
/// For each record: key, event time, source position, the features bit by bit, which version scored it (name, version,
/// digest), on which path, with which status and outputs; also those that met no model. And each model that became
/// ready, current, retired or was refused. Together with the models in `<job directory>/models` that is all it takes to
/// score again: weir/replay.hpp, `weirctl replay`, `weirctl audit`, `GET /v1/audit/{key}`.
///
/// Off, it costs nothing. On, the scoring task copies features and outputs (one ArchiveRecord for each call of a
/// model); encoding and writing are the sink's, in a task of its own. Needs checkpointing. What is in the topic is what
/// complete checkpoints hold: nothing is missing or doubled after a crash (weir/topic_sink.hpp says what is not
/// covered).

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include <weir/archived_inputs.hpp>
#include <weir/speculated.hpp>
#include <weir/stream.hpp>
#include <weir/topic_sink.hpp>

namespace weir {

struct ArchiveOptions {
  std::string topic = "model-inputs";           ///< in `<job directory>/topics`
  std::optional<Duration> retain_for{};         ///< since it was archived; nothing: for ever
  std::optional<std::uint64_t> retain_bytes{};  ///< of the archive; nothing: any number
  /// Of the archive: beyond it (retention cannot keep up, or there is none) the job fails rather than lose inputs.
  std::uint64_t full_bytes = std::uint64_t{1} << 40;
};

namespace detail {

template <class Result>
SinkHandle add_archive(const Stream<Result>& results, ArchiveOptions options) {
  TopicSinkOptions sink;
  sink.options.emplace();
  sink.options->retention = {options.retain_for, options.retain_bytes};
  sink.options->full_bytes = options.full_bytes;
  return results.side_output(kModelInputs).sink_to(topic_sink<ArchiveRecord>(std::move(options.topic), sink));
}

}  // namespace detail

/// Archives what the models behind `scores` see; `scores` is the output of a ServeModel or BroadcastServeModel itself.
/// Give the sink a uid. Several operators need a topic each.
template <class T>
SinkHandle archive(const Stream<Scored<T>>& scores, ArchiveOptions options = {}) {
  return detail::add_archive(scores, std::move(options));
}
/// The same for speculate(): the inputs, every model's vote, and the decision with its policy and deadline. A record is
/// archived when it is answered.
template <class T>
SinkHandle archive(const Stream<Speculated<T>>& answers, ArchiveOptions options = {}) {
  return detail::add_archive(answers, std::move(options));
}

}  // namespace weir
