#pragma once
/// Where a topic source or sink finds its topic, and the topic once it is open. Shared by the tasks of one operator and
/// by its committer.

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <weir/topic.hpp>

namespace weir::detail {

struct TopicPlace {
  std::string topic;
  std::shared_ptr<TopicStore> store;  ///< wins over the directory
  std::string directory;              ///< of the store; empty: <job directory>/topics
  std::optional<TopicOptions> options;
  std::string schema;                  ///< of the payloads; empty: not said
  bool in_memory_without_job = false;  ///< a job without a directory gets a store that ends with it
};

/// What is wrong with a place, as sentences.
std::vector<std::string> faults_of(const TopicPlace& place);

/// Thread: all methods from any thread.
class TopicHandle {
 public:
  explicit TopicHandle(TopicPlace place) : place_(std::move(place)) {}

  /// Opens the topic, commits what commit() had to put off, and gives it; later calls only give it. Blocks.
  Result<std::shared_ptr<Topic>> open(const std::string& job_directory);
  /// The topic, or null before open().
  [[nodiscard]] std::shared_ptr<Topic> get() const;
  /// Commits transactions (encode_transaction), at once or when the topic is opened: a restore commits before it opens
  /// the operators, which alone know the job's directory. Blocks.
  Status commit(std::span<const std::string> transactions);

 private:
  Status open_locked(const std::string& job_directory);

  const TopicPlace place_;
  mutable std::mutex mutex_;
  // Guarded by mutex_:
  std::string job_directory_;
  std::shared_ptr<Topic> topic_;
  std::vector<std::string> put_off_;
};

/// A transaction and its number of records, as a committable.
std::string encode_transaction(const TopicTransaction& transaction, std::uint64_t records);

}  // namespace weir::detail
