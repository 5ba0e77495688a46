#include <utility>

#include <weir/topic_source.hpp>

#include "operators/serving/model_inbox.hpp"
#include "operators/serving/model_inbox_routes.hpp"
#include "operators/serving/model_watch.hpp"

namespace weir {
namespace {

TopicSourceOptions<ModelRecord> reading_of_inbox() {
  TopicSourceOptions<ModelRecord> reading;
  reading.timestamp = [](const ModelRecord& record) {
    return record.effective_at.value_or(record.created.value_or(kMinTimestamp));
  };
  reading.watermarks.reset();
  // A record that cannot be read: the job cannot know which models come next.
  reading.bad_records = BadRecords::kFail;
  return reading;
}

/// Reads the inbox's topic, and watches directories meanwhile.
class ModelInboxOperator final : public RewindableSource {
 public:
  ModelInboxOperator(std::shared_ptr<serving::ModelInbox> inbox, std::vector<ModelDirectoryOptions> directories)
      : inbox_(std::move(inbox)),
        directories_(std::move(directories)),
        reader_(inbox_->handle(), detail::TopicReading{}, reading_of_inbox()) {}

  Status open(OperatorContext& context) override {
    WEIR_RETURN_IF_ERROR(reader_.open(context));
    refused_ = &context.metric("model_files_refused_total");
    for (const ModelDirectoryOptions& directory : directories_) {
      watches_.push_back(std::make_unique<serving::ModelWatch>(directory, inbox_->handle()->get(), context.waker()));
      WEIR_RETURN_IF_ERROR(watches_.back()->start());
    }
    return {};
  }
  void process(std::size_t /*input*/, BatchPtr& /*batch*/, Outbox& /*out*/) override {}
  PollResult poll(Outbox& out) override {
    if (!watches_.empty()) {
      std::uint64_t refused = 0;
      for (const auto& watch : watches_) refused += watch->problems();
      refused_->set(static_cast<std::int64_t>(refused));
    }
    return reader_.poll(out);
  }
  void snapshot(SnapshotBuilder& builder) override { reader_.snapshot(builder); }
  void snapshot_from(std::uint64_t position, SnapshotBuilder& builder) override {
    reader_.snapshot_from(position, builder);
  }
  void on_checkpoint_complete(std::uint64_t checkpoint_id) override { reader_.on_checkpoint_complete(checkpoint_id); }
  void close() noexcept override { watches_.clear(); }

 private:
  const std::shared_ptr<serving::ModelInbox> inbox_;
  const std::vector<ModelDirectoryOptions> directories_;
  detail::TopicSource<ModelRecord> reader_;
  std::vector<std::unique_ptr<serving::ModelWatch>> watches_;
  Metric* refused_ = nullptr;
};

void check(const ModelDirectoryOptions& directory, std::vector<std::string>& faults) {
  const std::string what = "model directory '" + directory.path + "'";
  if (directory.path.empty()) faults.push_back(what + ": it needs a path");
  if (directory.settle.count() < 0 || directory.rescan.count() <= 0)
    faults.push_back(what + ": settle must not be negative and rescan greater than 0");
  if (directory.max_files == 0 || directory.max_file_bytes == 0)
    faults.push_back(what + ": max_files and max_file_bytes must be greater than 0");
}

}  // namespace

Source<ModelRecord> model_inbox_source(ModelInboxOptions options) {
  Source<ModelRecord> source;
  source.kind = "model-inbox";
  source.max_parallelism = 1;
  if (const std::string fault = topic_name_fault(options.name); !fault.empty())
    source.faults.push_back("model inbox: " + fault);
  for (const ModelDirectoryOptions& directory : options.directories) check(directory, source.faults);
  const bool serve_http = options.serve_http;
  const auto inbox = std::make_shared<serving::ModelInbox>(options);
  source.make_operator = [inbox, directories = std::move(options.directories)] {
    return std::make_unique<ModelInboxOperator>(inbox, directories);
  };
  if (serve_http) source.routes = [inbox](JobControl& control) { return serving::inbox_routes(inbox, control); };
  return source;
}

Source<ModelRecord> model_directory_source(ModelDirectoryOptions options, std::string name) {
  ModelInboxOptions inbox;
  inbox.name = std::move(name);
  inbox.serve_http = false;
  inbox.directories.push_back(std::move(options));
  Source<ModelRecord> source = model_inbox_source(std::move(inbox));
  source.kind = "model-directory";
  return source;
}

}  // namespace weir
