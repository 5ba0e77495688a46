#pragma once
/// flock on a job's LOCK file: one process, and one store in it, per job directory. Given up by the kernel when the
/// process ends, however it ends.

#include <string>
#include <string_view>
#include <utility>

#include <weir/result.hpp>

namespace weir {

class DirectoryLock {
 public:
  /// kFailedPrecondition when somebody holds it; the message says who.
  static Result<DirectoryLock> take(const std::string& directory, std::string_view what = "job directory");
  DirectoryLock(DirectoryLock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  DirectoryLock& operator=(DirectoryLock&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~DirectoryLock();

 private:
  explicit DirectoryLock(int fd) noexcept : fd_(fd) {}
  int fd_;
};

}  // namespace weir
