#pragma once
/// ModelInbox: what HTTP and watched directories put on the inbox's topic goes through here.

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>

#include <weir/detail/topic_handle.hpp>
#include <weir/model_inbox.hpp>

namespace weir::serving {

/// Thread: all methods from any thread.
class ModelInbox {
 public:
  using Done = std::function<void(Result<std::uint64_t>)>;

  explicit ModelInbox(const ModelInboxOptions& options);

  /// Where the topic is; the source opens it.
  [[nodiscard]] const std::shared_ptr<detail::TopicHandle>& handle() const noexcept { return handle_; }
  /// Calls `done` with the record's offset once it is durable (from the store's thread), or at once when it cannot be.
  void append(const ModelRecord& record, Done done);

 private:
  const std::size_t max_waiting_bytes_;
  const std::shared_ptr<detail::TopicHandle> handle_;
  // Shared with the appends on their way, which may outlive the inbox.
  const std::shared_ptr<std::atomic<std::size_t>> waiting_bytes_ = std::make_shared<std::atomic<std::size_t>>(0);
};

}  // namespace weir::serving
