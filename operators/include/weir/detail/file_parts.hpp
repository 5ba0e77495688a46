#pragma once
/// The part files of one file sink task.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <weir/operator.hpp>
#include <weir/status.hpp>

namespace weir::detail {

struct FilePartsOptions {
  std::string directory;
  std::string prefix;
  std::string suffix;
  std::string header;
  std::size_t buffer_bytes = 0;
  std::size_t buffers = 0;
};

/// What is wrong with the options, as sentences.
std::vector<std::string> faults_of(const FilePartsOptions& options);

/// Gives parts their final names; those that have them are left alone. Thread: any.
Status commit_parts(const std::string& directory, std::span<const std::string> names);

/// Thread: the task's.
class FileParts {
 public:
  explicit FileParts(std::shared_ptr<const FilePartsOptions> options);
  ~FileParts();

  Status open(OperatorContext& context);
  /// Where to append the next record.
  std::string& buffer() noexcept { return buffer_; }
  /// Before each record; false: too much waits to be written, the waker or a timer will fire.
  [[nodiscard]] bool has_room() { return buffer_.size() < options_->buffer_bytes || hand_on(); }
  /// The write that failed.
  [[nodiscard]] Status fault() const;
  void snapshot(SnapshotBuilder& builder);
  void on_checkpoint_complete() { prepared_.clear(); }
  void close() noexcept;

 private:
  class Part;
  bool hand_on();
  void push_buffer();
  void request_write();
  Status clean_up(const std::vector<std::string>& prepared_before);
  [[nodiscard]] std::string name_of(std::uint64_t part) const;

  const std::shared_ptr<const FilePartsOptions> options_;
  OperatorContext* context_ = nullptr;
  std::uint64_t next_part_ = 0;
  std::string buffer_;
  std::shared_ptr<Part> part_;                   // being written; null while nothing came since the last barrier
  std::vector<std::shared_ptr<Part>> prepared_;  // in a snapshot whose checkpoint is not known to be complete
};

}  // namespace weir::detail
