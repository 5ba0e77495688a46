#include <cstring>
#include <stdexcept>
#include <utility>

#include "operators/serving/model_inbox.hpp"
#include "operators/serving/model_inbox_routes.hpp"

namespace weir {
namespace {

using serving::ModelInbox;

class ModelInboxOperator final : public Operator {
 public:
  explicit ModelInboxOperator(std::shared_ptr<ModelInbox> inbox) : inbox_(std::move(inbox)) {}

  Status open(OperatorContext& context) override {
    WEIR_RETURN_IF_ERROR(inbox_->open(context.job_directory()));
    for (const auto& [name, bytes] : context.restored_entries()) {
      if (name != kEntry) continue;
      if (bytes.size() != sizeof next_)
        return Status::data_loss("restore the model inbox: its position has " + std::to_string(bytes.size()) +
                                 " bytes");
      std::memcpy(&next_, bytes.data(), sizeof next_);
    }
    return inbox_->read_from(next_, context.waker());
  }

  void process(std::size_t /*input*/, BatchPtr& /*batch*/, Outbox& /*out*/) override {}

  PollResult poll(Outbox& out) override {
    bool any = false;
    bool exhausted = false;
    while (out.room() != 0) {
      auto taken = inbox_->take();
      // Damage in the log: the job cannot know which models come next.
      if (!taken.is_ok()) throw std::runtime_error(taken.status().to_string());
      if (!taken->has_value()) {
        exhausted = true;
        break;
      }
      ModelInbox::Arrival& arrival = **taken;
      auto& batch = out.batch<ModelRecord>();
      const Timestamp received = arrival.record.created.value_or(kMinTimestamp);
      batch.timestamps.emplace(arrival.record.effective_at.value_or(received));
      batch.positions.emplace(arrival.offset);
      batch.records.emplace(std::move(arrival.record));
      next_ = arrival.next;
      any = true;
    }
    out.set_idle(exhausted && !any);
    return any ? PollResult::kProgress : PollResult::kIdle;
  }

  void snapshot(SnapshotBuilder& builder) override {
    builder.put(kEntry, std::string(reinterpret_cast<const char*>(&next_), sizeof next_));
  }

  void close() noexcept override { inbox_->stop_reading(); }

 private:
  static constexpr const char* kEntry = "model-inbox";
  std::shared_ptr<ModelInbox> inbox_;
  std::uint64_t next_ = 0;
};

bool is_file_name(std::string_view name) {
  return !name.empty() && name.size() <= 64 &&
         name.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") ==
             std::string_view::npos;
}

}  // namespace

Source<ModelRecord> model_inbox_source(ModelInboxOptions options) {
  Source<ModelRecord> source;
  source.kind = "model-inbox";
  source.max_parallelism = 1;
  if (!is_file_name(options.name)) {
    source.faults.push_back("model inbox '" + options.name + "': a name has 1 to 64 letters, digits, '-' and '_'");
  }
  const bool serve_http = options.serve_http;
  const auto inbox = std::make_shared<ModelInbox>(std::move(options));
  source.make_operator = [inbox] { return std::make_unique<ModelInboxOperator>(inbox); };
  if (serve_http) source.routes = [inbox](JobControl& control) { return serving::inbox_routes(inbox, control); };
  return source;
}

}  // namespace weir
