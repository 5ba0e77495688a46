#include "state/filesystem.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <filesystem>

namespace weir {
namespace {

std::string describe(std::string_view what, const std::string& path) {
  return (std::string(what) += " '") += path + "'";
}

// An open file; closed at the end of its scope.
class File {
 public:
  File(const std::string& path, int flags) : fd_(::open(path.c_str(), flags | O_CLOEXEC, 0644)) {}
  ~File() {
    if (fd_ >= 0) ::close(fd_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  [[nodiscard]] bool is_open() const noexcept { return fd_ >= 0; }
  [[nodiscard]] int get() const noexcept { return fd_; }
  // Closing can fail too (network file systems report lost writes there).
  [[nodiscard]] bool close() noexcept { return ::close(std::exchange(fd_, -1)) == 0; }

 private:
  int fd_;
};

bool write_all(int fd, std::string_view bytes) noexcept {
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

}  // namespace

Status Filesystem::write_file(const std::string& path, std::string_view bytes) {
  File file(path, O_WRONLY | O_CREAT | O_TRUNC);
  if (!file.is_open()) return Status::from_errno(describe("open for writing", path), errno);
  if (!write_all(file.get(), bytes)) return Status::from_errno(describe("write", path), errno);
  if (::fsync(file.get()) != 0) return Status::from_errno(describe("fsync", path), errno);
  if (!file.close()) return Status::from_errno(describe("close", path), errno);
  return {};
}

Status Filesystem::sync_directory(const std::string& path) {
  const File directory(path, O_RDONLY | O_DIRECTORY);
  if (!directory.is_open()) return Status::from_errno(describe("open directory", path), errno);
  if (::fsync(directory.get()) != 0) return Status::from_errno(describe("fsync directory", path), errno);
  return {};
}

Status Filesystem::rename(const std::string& from, const std::string& to) {
  if (std::rename(from.c_str(), to.c_str()) == 0) return {};
  return Status::from_errno(describe("rename", from) + " to '" + to + "'", errno);
}

Status Filesystem::link(const std::string& from, const std::string& to) {
  if (::link(from.c_str(), to.c_str()) == 0) return {};
  return Status::from_errno(describe("link", from) + " to '" + to + "'", errno);
}

Status Filesystem::before(std::string_view /*step*/, const std::string& /*path*/) { return {}; }

Status Filesystem::make_directories(const std::string& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error) return Status::io_error(describe("make directory", path) + ": " + error.message());
  return {};
}

Status Filesystem::remove_all(const std::string& path) {
  std::error_code error;
  std::filesystem::remove_all(path, error);
  if (error) return Status::io_error(describe("remove", path) + ": " + error.message());
  return {};
}

Result<std::string> Filesystem::read_file(const std::string& path) const {
  const File file(path, O_RDONLY);
  if (!file.is_open()) return Status::from_errno(describe("open", path), errno);
  struct stat facts {};
  if (::fstat(file.get(), &facts) != 0) return Status::from_errno(describe("stat", path), errno);
  std::string bytes(static_cast<std::size_t>(facts.st_size), '\0');
  for (std::size_t done = 0; done < bytes.size();) {
    const ssize_t got = ::read(file.get(), bytes.data() + done, bytes.size() - done);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return Status::from_errno(describe("read", path), errno);
    if (got == 0) return Status::data_loss(describe("read", path) + ": it became shorter");
    done += static_cast<std::size_t>(got);
  }
  return bytes;
}

Result<std::uint64_t> Filesystem::file_size(const std::string& path) const {
  struct stat facts {};
  if (::stat(path.c_str(), &facts) != 0) return Status::from_errno(describe("stat", path), errno);
  return static_cast<std::uint64_t>(facts.st_size);
}

bool Filesystem::exists(const std::string& path) const {
  struct stat facts {};
  return ::stat(path.c_str(), &facts) == 0;
}

Result<std::vector<std::string>> Filesystem::list(const std::string& path) const {
  std::vector<std::string> names;
  std::error_code error;
  std::filesystem::directory_iterator entry(path, error);
  if (error == std::errc::no_such_file_or_directory) return names;
  for (; !error && entry != std::filesystem::directory_iterator(); entry.increment(error))
    names.push_back(entry->path().filename().string());
  if (error) return Status::io_error(describe("list directory", path) + ": " + error.message());
  std::sort(names.begin(), names.end());
  return names;
}

Filesystem& real_filesystem() noexcept {
  static Filesystem filesystem;
  return filesystem;
}

}  // namespace weir
