#pragma once
/// All of weir but `weir/protobuf.hpp`, which is for users of Protobuf messages. README.md has a guide to the headers.

// Pipelines.
#include <weir/collector.hpp>
#include <weir/pipeline.hpp>
#include <weir/process_function.hpp>
#include <weir/stream.hpp>
#include <weir/watermark.hpp>

// Sources and sinks.
#include <weir/csv.hpp>
#include <weir/dead_letter.hpp>
#include <weir/file_sink.hpp>
#include <weir/file_source.hpp>
#include <weir/memory_sink.hpp>
#include <weir/memory_source.hpp>
#include <weir/paced.hpp>
#include <weir/rewindable_source.hpp>
#include <weir/sink.hpp>
#include <weir/source.hpp>
#include <weir/topic.hpp>
#include <weir/topic_sink.hpp>
#include <weir/topic_source.hpp>
#include <weir/topic_view.hpp>

// Serving models.
#include <weir/archive.hpp>
#include <weir/archived_ballots.hpp>
#include <weir/archived_inputs.hpp>
#include <weir/archived_model.hpp>
#include <weir/decision_policy.hpp>
#include <weir/features.hpp>
#include <weir/model.hpp>
#include <weir/model_id.hpp>
#include <weir/model_inbox.hpp>
#include <weir/model_record.hpp>
#include <weir/model_signature.hpp>
#include <weir/replay.hpp>
#include <weir/runtimes.hpp>
#include <weir/score_values.hpp>
#include <weir/scored.hpp>
#include <weir/serve_options.hpp>
#include <weir/serving.hpp>
#include <weir/speculated.hpp>
#include <weir/speculation.hpp>
#include <weir/speculation_options.hpp>

// Jobs, state and checkpoints.
#include <weir/checkpoint.hpp>
#include <weir/http.hpp>
#include <weir/job.hpp>
#include <weir/json.hpp>
#include <weir/serde.hpp>
#include <weir/state.hpp>

// Basics, and what operators of your own need.
#include <weir/batch.hpp>
#include <weir/executor.hpp>
#include <weir/graph.hpp>
#include <weir/hash.hpp>
#include <weir/job_control.hpp>
#include <weir/operator.hpp>
#include <weir/result.hpp>
#include <weir/status.hpp>
#include <weir/testing.hpp>
#include <weir/time.hpp>
