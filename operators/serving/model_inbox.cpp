#include "operators/serving/model_inbox.hpp"

#include <utility>

#include <weir/detail/topic_codec.hpp>

namespace weir::serving {
namespace {

detail::TopicPlace place_of(const ModelInboxOptions& options) {
  TopicOptions topic;
  topic.retention = options.retention;
  topic.full_bytes = options.max_log_bytes;
  return {options.name, options.store, {}, topic, detail::TopicCodec<ModelRecord>::schema(), true};
}

}  // namespace

ModelInbox::ModelInbox(const ModelInboxOptions& options)
    : max_waiting_bytes_(options.max_waiting_bytes),
      handle_(std::make_shared<detail::TopicHandle>(place_of(options))) {}

void ModelInbox::append(const ModelRecord& record, Done done) {
  const std::shared_ptr<Topic> topic = handle_->get();
  if (!topic) return done(Status::unavailable("the model inbox is not open (the job is starting or stopping)"));
  std::string payload = detail::TopicCodec<ModelRecord>::encode(record);
  const std::size_t bytes = payload.size();
  if (const std::size_t waiting = waiting_bytes_->fetch_add(bytes); waiting + bytes > max_waiting_bytes_) {
    waiting_bytes_->fetch_sub(bytes);
    return done(Status::resource_exhausted("the model inbox has " + std::to_string(waiting) +
                                           " bytes to write, the limit is " + std::to_string(max_waiting_bytes_)));
  }
  TopicAppend append;
  append.records.push_back({std::move(payload), record.effective_at ? record.effective_at : record.created});
  topic->append_async(std::move(append),
                      [waiting = waiting_bytes_, bytes, done = std::move(done)](Result<std::uint64_t> offset) {
                        waiting->fetch_sub(bytes);
                        done(std::move(offset));
                      });
}

}  // namespace weir::serving
