#pragma once
// The system calls of the file sink, with their errors as Status.

#include <string>
#include <string_view>

#include <weir/status.hpp>

namespace weir::detail {

// A file being written. Closed when destroyed.
class PartFile {
 public:
  PartFile() = default;
  ~PartFile();
  PartFile(const PartFile&) = delete;
  PartFile& operator=(const PartFile&) = delete;

  [[nodiscard]] bool is_open() const noexcept { return file_ >= 0; }
  // Fails when the file is there: parts are new files.
  Status create(const std::string& path);
  Status append(std::string_view bytes);
  Status sync_and_close();

 private:
  int file_ = -1;
  std::string path_;
};

// Makes a directory and those above it, durably, unless it is there.
Status make_directory(const std::string& path);
// Makes names in a directory durable.
Status sync_directory(const std::string& path);

}  // namespace weir::detail
