#pragma once
/// Watches a model directory: inotify says at once what was moved in, scans find the rest.

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>

#include "operators/serving/model_directory.hpp"

namespace weir::serving {

/// One thread, `weir-models`. Thread: start() once; problems() from any.
class ModelWatch {
 public:
  ModelWatch(ModelDirectoryOptions options, std::shared_ptr<Topic> topic, std::function<void()> changed)
      : options_(options), directory_(std::move(options), std::move(topic)), changed_(std::move(changed)) {}
  /// Ends the thread; what it publishes at the moment is published.
  ~ModelWatch();
  ModelWatch(const ModelWatch&) = delete;
  ModelWatch& operator=(const ModelWatch&) = delete;

  /// kNotFound when there is no such directory.
  Status start();
  [[nodiscard]] std::uint64_t problems() const noexcept { return problems_.load(std::memory_order_relaxed); }

 private:
  void loop();
  void scan();
  bool watch_subdirectories();
  bool watch(const std::string& subdirectory);
  void take_events();

  const ModelDirectoryOptions options_;
  ModelDirectory directory_;
  const std::function<void()> changed_;  ///< after problems() or the topic may have changed
  std::atomic<std::uint64_t> problems_{0};
  int events_ = -1;  // inotify; -1: there is none, scans alone
  int stop_ = -1;    // eventfd
  std::thread thread_;
  // The thread's only:
  std::map<int, std::string> watches_;  // subdirectory by watch; empty: the directory itself
  std::map<std::string, int> watched_;
  std::optional<Timestamp> next_scan_;
  bool scan_now_ = false;
};

}  // namespace weir::serving
