#pragma once
/// The model inbox: a durable log of models and orders, written over HTTP, read by the job as a stream of ModelRecord.
///
///   auto models = pipeline.from_source(weir::model_inbox_source()).uid("models")
///                     .key_by([](const weir::ModelRecord& model) { return model.key; });
///
///   curl -X POST --data-binary @model.pmml 'http://localhost:8080/v1/models?key=JFK&name=delay'
///   curl -X POST 'http://localhost:8080/v1/models/JFK/rollback'
///
/// POST /v1/models?key=&name=&version=&type=&effective_at=&description=   body: the model's bytes
/// POST /v1/models/{key}/rollback?name=&version=&effective_at=
/// POST /v1/models/{key}/retire?name=&version=&effective_at=
///
/// `type` is found out from the bytes when it is not given; `effective_at` is ISO 8601 in UTC (`2013-07-04T10:00:00Z`)
/// or microseconds since 1970. Answered with 202 and `Location: /v1/models/{key}` once the record is on disk (fsync);
/// what becomes of the model is to be seen there.
///
/// The log is <job directory>/topics/<name>.log; a record's position is its offset in it, kept in checkpoints. Without
/// a job directory it is in memory and ends with the process. The stream never ends and is idle while there is nothing
/// new. A record's event time is its effective_at, else the time at which it was received.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include <weir/model_record.hpp>
#include <weir/source.hpp>

namespace weir {

struct ModelInboxOptions {
  /// Of the log's file; letters, digits, `-` and `_`. Two inboxes of one job need different names.
  std::string name = "models";
  /// Adds the HTTP paths. Only one inbox of a job may have them.
  bool serve_http = true;
  /// Received and not yet on disk: beyond it POST is answered with 429.
  std::size_t max_waiting_bytes = std::size_t{512} << 20;
  /// Size of the log: beyond it POST is answered with 429.
  std::uint64_t max_log_bytes = std::uint64_t{64} << 30;
};

/// A source of parallelism 1. Copies of the returned definition share the inbox.
Source<ModelRecord> model_inbox_source(ModelInboxOptions options = {});

/// The type of a model from its bytes: `PMML`, `ONNX`, or empty when they look like neither.
std::string_view sniff_model_type(std::string_view bytes) noexcept;

}  // namespace weir
