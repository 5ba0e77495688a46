#pragma once
/// The model inbox: a durable log of models and orders, written over HTTP, read by the job as a stream of ModelRecord.
///
///   auto models = pipeline.from_source(weir::model_inbox_source()).uid("models")
///                     .key_by([](const weir::ModelRecord& model) { return model.key; });
///
///   curl -X POST --data-binary @model.pmml 'http://localhost:8080/v1/models?key=JFK&name=delay'
///   curl -X POST 'http://localhost:8080/v1/models/JFK/rollback'
///
/// POST /v1/models               the model as body, or in a form (multipart/form-data); docs/http.md has the parameters
/// POST /v1/models/{key}/rollback?name=&version=&effective_at=    and the other orders
///
/// Answered with 202 and `Location: /v1/models/{key}` once the record is on disk (fsync); what becomes of the model is
/// to be seen there.
///
/// The log is a topic (weir/topic.hpp) of the job's store, `<job directory>/topics`; payloads are Serde<ModelRecord>,
/// so topic_sink<ModelRecord>(name) of another job in this process may write to it, and topic_source<ModelRecord>(name)
/// may read it. A record's position is its offset, kept in checkpoints; retention leaves what retained checkpoints
/// need. The bytes of models that are in use are kept elsewhere (by digest), so nothing is lost when old records go.
/// Without a job directory the topic is in memory and ends with the process. The stream never ends and is idle while
/// there is nothing new. A record's event time is its effective_at, else the time at which it was received.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <weir/model_record.hpp>
#include <weir/source.hpp>
#include <weir/topic.hpp>

namespace weir {

struct ModelInboxOptions {
  /// Of the topic; letters, digits, `-`, `_` and `.`. Two inboxes of one job need different names.
  std::string name = "models";
  /// Adds the HTTP paths. Only one inbox of a job may have them.
  bool serve_http = true;
  /// Received and not yet on disk: beyond it POST is answered with 429.
  std::size_t max_waiting_bytes = std::size_t{512} << 20;
  /// Of all records kept: beyond it POST is answered with 429.
  std::uint64_t max_log_bytes = std::uint64_t{64} << 30;
  /// When old records go.
  TopicRetention retention{.max_age = std::nullopt, .max_bytes = std::uint64_t{16} << 30};
  std::shared_ptr<TopicStore> store{};  ///< instead of the job's
};

/// A source of parallelism 1. Copies of the returned definition share the inbox.
Source<ModelRecord> model_inbox_source(ModelInboxOptions options = {});

/// The type of a model from its bytes: `PMML`, `ONNX`, `TENSORFLOW` (a frozen graph), `TENSORFLOWSAVED` (a SavedModel
/// as zip or tar, or its `saved_model.pb` alone), or empty when they look like none of them.
std::string_view sniff_model_type(std::string_view bytes) noexcept;

}  // namespace weir
