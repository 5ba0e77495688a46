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

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <weir/model_record.hpp>
#include <weir/source.hpp>
#include <weir/topic.hpp>

namespace weir {

/// A directory whose new files are models: `mv` publishes (docs/serving.md#a-directory-of-models).
///
///   KEY/NAME.pmml  KEY/NAME-VERSION.pmml     and .onnx, .pb, .zip, .tar; KEY and NAME percent-encoded
///   FILE and FILE.json                       anywhere: the descriptor, a JSON object with the parameters of
///                                            POST /v1/models, wins over the path; put it there first
///
/// A file that is *renamed* into the directory (from the same file system) is published at once. One that is written
/// there is published when it has not changed for `settle`; files with hidden names or ending in `~`, `.tmp`, `.part`
/// and the like never are. What was published is noted beside the record, in the same atomic step, by path, file and
/// digest: nothing is published twice over a restart, also when a file is touched or copied over with the same bytes. A
/// file that is removed is forgotten; that does not retire its model. Links lead nowhere outside. What cannot be
/// published is logged once, and counted in `model_files_refused_total`.
struct ModelDirectoryOptions {
  std::string path{};  ///< must exist when the job starts
  std::chrono::milliseconds settle{2'000};
  std::chrono::milliseconds rescan{10'000};  ///< how often all files are looked at, beside inotify
  std::size_t max_files = 100'000;
  std::size_t max_file_bytes = std::size_t{256} << 20;
  /// Called for each file that is not published: its path in the directory and the reason. On the watching thread.
  std::function<void(const std::string& path, const std::string& reason)> on_problem{};
};

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
  /// Watched while the job runs.
  std::vector<ModelDirectoryOptions> directories{};
};

/// A source of parallelism 1. Copies of the returned definition share the inbox.
Source<ModelRecord> model_inbox_source(ModelInboxOptions options = {});

/// An inbox that is filled from a directory only. `name` is its topic's.
Source<ModelRecord> model_directory_source(ModelDirectoryOptions options, std::string name = "model-directory");

/// The type of a model from its bytes: `PMML`, `ONNX`, `TENSORFLOW` (a frozen graph), `TENSORFLOWSAVED` (a SavedModel
/// as zip or tar, or its `saved_model.pb` alone), or empty when they look like none of them.
std::string_view sniff_model_type(std::string_view bytes) noexcept;

}  // namespace weir
