#pragma once
/// A directory of model files, looked at by name and by scan; what is new goes onto a topic. The rules are in
/// weir/model_inbox.hpp (ModelDirectoryOptions), watching is model_watch.hpp's.

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include <weir/model_inbox.hpp>
#include <weir/topic.hpp>

#include "operators/serving/model_request.hpp"

namespace weir::serving {

/// What the name of a model file says. kInvalidArgument: nothing that could be published.
Result<ModelParameters> read_model_path(std::string_view path);
/// Names of files that are being written, or are no models: hidden ones, `~`, `.tmp`, `.part`, `.swp`, descriptors.
bool is_ignored_model_name(std::string_view name);

/// Thread: one at a time, but for stop(). All methods block on disk.
class ModelDirectory {
 public:
  ModelDirectory(ModelDirectoryOptions options, std::shared_ptr<Topic> topic)
      : options_(std::move(options)), topic_(std::move(topic)) {}

  /// Knows again what was published before, from the topic's marks.
  Status open();
  /// A file has been moved in whole: publishes it, when it is new. `path` is relative to the directory.
  void moved_in(const std::string& path);
  /// Looks at all files, publishes those that are new and have not changed for `settle`, and forgets those that are
  /// gone. Gives the time at which another scan may find more: when a file that is too young has settled.
  std::optional<Timestamp> scan(Timestamp now);

  /// Ends a scan before its next file. From any thread.
  void stop() noexcept { stopping_ = true; }

  /// Key directories, relative, as of the last scan.
  [[nodiscard]] const std::set<std::string>& subdirectories() const noexcept { return subdirectories_; }
  [[nodiscard]] std::uint64_t published() const noexcept { return published_; }
  /// Different files (or different contents of one) that could not be published.
  [[nodiscard]] std::uint64_t problems() const noexcept { return problems_; }

 private:
  struct File {
    std::uint64_t device = 0;
    std::uint64_t inode = 0;
    std::uint64_t size = 0;
    std::int64_t modified_ns = 0;
    std::int64_t changed_ns = 0;  // of its name or contents
    friend bool operator==(const File&, const File&) = default;
  };
  struct Identity {
    File model;
    File descriptor;     // zeros: there is none
    std::string digest;  // of both
  };
  static std::string encode(const Identity& identity);
  static std::optional<Identity> decode(std::string_view bytes);
  static Result<File> facts_of(int descriptor);

  enum class Outcome : unsigned char { kDone, kTooYoung };
  Outcome look_at(const std::string& path, std::optional<Timestamp> now, std::optional<Timestamp>& settled_at);
  void list(const std::string& subdirectory, std::set<std::string>& found);
  Result<ModelRecord> read(const std::string& path, Identity& identity);
  Status publish(const std::string& path, const ModelRecord& record, const Identity& identity);
  void report(const std::string& path, const Identity& identity, const std::string& reason);
  void forget_missing(const std::set<std::string>& found);
  [[nodiscard]] std::string mark_of(std::string_view path) const;

  const ModelDirectoryOptions options_;
  const std::shared_ptr<Topic> topic_;
  std::atomic<bool> stopping_{false};
  std::map<std::string, Identity> known_;     // by path: published
  std::map<std::string, Identity> reported_;  // by path: not publishable as they are
  std::set<std::string> subdirectories_;
  std::uint64_t published_ = 0;
  std::uint64_t problems_ = 0;
};

}  // namespace weir::serving
