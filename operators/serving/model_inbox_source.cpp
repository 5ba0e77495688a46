#include <utility>

#include <weir/topic_source.hpp>

#include "operators/serving/model_inbox.hpp"
#include "operators/serving/model_inbox_routes.hpp"

namespace weir {

Source<ModelRecord> model_inbox_source(ModelInboxOptions options) {
  Source<ModelRecord> source;
  source.kind = "model-inbox";
  source.max_parallelism = 1;
  if (const std::string fault = topic_name_fault(options.name); !fault.empty())
    source.faults.push_back("model inbox: " + fault);
  const bool serve_http = options.serve_http;
  const auto inbox = std::make_shared<serving::ModelInbox>(options);
  TopicSourceOptions<ModelRecord> reading;
  reading.timestamp = [](const ModelRecord& record) {
    return record.effective_at.value_or(record.created.value_or(kMinTimestamp));
  };
  reading.watermarks.reset();
  // A record that cannot be read: the job cannot know which models come next.
  reading.bad_records = BadRecords::kFail;
  // The operator keeps the inbox: its appends tell it when they are done.
  source.make_operator = [inbox, reading] {
    return std::make_unique<detail::TopicSource<ModelRecord>>(inbox->handle(), detail::TopicReading{}, reading);
  };
  if (serve_http) source.routes = [inbox](JobControl& control) { return serving::inbox_routes(inbox, control); };
  return source;
}

}  // namespace weir
