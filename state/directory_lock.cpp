#include "state/directory_lock.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>

namespace weir {

Result<DirectoryLock> DirectoryLock::take(const std::string& directory, std::string_view what) {
  const std::string path = directory + "/LOCK";
  DirectoryLock lock(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644));
  if (lock.fd_ < 0) return Status::from_errno("open '" + path + "'", errno);
  char holder[24] = {};
  if (::flock(lock.fd_, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return Status::from_errno("lock '" + path + "'", errno);
    const ssize_t size = ::pread(lock.fd_, holder, sizeof holder - 1, 0);
    return Status::failed_precondition("open the " + std::string(what) + " '" + directory +
                                       "': it is in use by process " +
                                       (size > 0 ? std::string(holder, static_cast<std::size_t>(size)) : "unknown"));
  }
  const std::string pid = std::to_string(::getpid());
  if (::ftruncate(lock.fd_, 0) != 0 || ::pwrite(lock.fd_, pid.data(), pid.size(), 0) < 0)
    return Status::from_errno("write '" + path + "'", errno);
  return lock;
}

DirectoryLock::~DirectoryLock() {
  if (fd_ >= 0) ::close(fd_);
}

}  // namespace weir
