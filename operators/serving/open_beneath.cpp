#include "operators/serving/open_beneath.hpp"

#include <cerrno>
#include <filesystem>
#include <optional>
#include <string_view>
#include <system_error>

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace weir::serving {
namespace {

constexpr int kFlags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
constexpr int kAttempts = 32;  // against somebody who renames directories meanwhile

using Open = int (*)(int directory, const std::string& path);  // a descriptor, or -1 and errno

int open_by_kernel(int directory, const std::string& path) {
  struct open_how how {};
  how.flags = static_cast<decltype(how.flags)>(kFlags);
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
  long opened = -1;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    opened = ::syscall(SYS_openat2, directory, path.c_str(), &how, sizeof how);
    if (opened >= 0 || (errno != EAGAIN && errno != EINTR)) break;
  }
  return static_cast<int>(opened);
}

int open_by_steps(int directory, const std::string& path) {
  OpenFile at(::fcntl(directory, F_DUPFD_CLOEXEC, 0));
  for (std::size_t begin = 0; begin <= path.size();) {
    const std::size_t end = std::min(path.find('/', begin), path.size());
    const std::string part = path.substr(begin, end - begin);
    begin = end + 1;
    if (part.empty() || part == ".") continue;
    if (part == "..") {
      errno = EXDEV;
      return -1;
    }
    const bool last = begin > path.size();
    OpenFile next(::openat(at.get(), part.c_str(), O_NOFOLLOW | (last ? kFlags : O_PATH | O_DIRECTORY | O_CLOEXEC)));
    if (!next.is_open()) {
      // O_PATH|O_DIRECTORY|O_NOFOLLOW on a link says ENOTDIR.
      if (errno == ELOOP || errno == ENOTDIR) errno = EXDEV;
      return -1;
    }
    at = std::move(next);
  }
  return ::fcntl(at.get(), F_DUPFD_CLOEXEC, 0);
}

std::string without_slash(std::string directory) {
  while (directory.size() > 1 && directory.ends_with('/')) directory.pop_back();
  return directory;
}

// The path below `directory`; nothing when an absolute location is not below it.
std::optional<std::string> path_below(const std::string& location, const std::string& directory) {
  const auto strip = [&](const std::string& root) -> std::optional<std::string> {
    const std::string head = root.ends_with('/') ? root : root + "/";
    if (!location.starts_with(head)) return std::nullopt;
    std::string rest = location.substr(head.size());
    while (rest.starts_with('/')) rest.erase(0, 1);
    return rest.empty() ? std::optional<std::string>() : rest;
  };
  if (auto rest = strip(without_slash(directory))) return rest;
  if (!location.starts_with('/')) return location;
  std::error_code error;
  const std::filesystem::path canonical = std::filesystem::canonical(directory, error);
  if (error) return std::nullopt;
  return strip(canonical.string());
}

Result<OpenFile> open_with(const std::string& location, const std::vector<std::string>& directories, Open open) {
  const std::string what = "read model '" + location + "'";
  if (directories.empty())
    return Status::invalid_argument(what + ": no directory is allowed (ServeOptions::model_directories is empty)");
  if (location.find("://") != std::string::npos)
    return Status::invalid_argument(what + ": nothing is fetched over a network; give a path below a model directory");
  if (location.empty() || location.find('\0') != std::string::npos) return Status::invalid_argument(what + ": no path");
  bool led_out = false;
  Status failed;
  for (const std::string& directory : directories) {
    const std::optional<std::string> path = path_below(location, directory);
    if (!path) continue;
    const OpenFile root(::open(directory.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!root.is_open()) {
      failed = Status::from_errno("open the model directory '" + directory + "'", errno);
      continue;
    }
    OpenFile file(open(root.get(), *path));
    if (file.is_open()) return file;
    if (errno == EXDEV || errno == ELOOP) {
      led_out = true;
    } else {
      failed = Status::from_errno(what, errno);
    }
  }
  // What leads out is the worse fault, and says nothing about what is outside.
  if (led_out || failed.is_ok()) return Status::invalid_argument(what + ": not below an allowed directory");
  return failed;
}

bool kernel_has_openat2() {
  static const bool has = [] {
    const OpenFile root(::open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
    struct open_how how {};
    how.flags = O_PATH | O_CLOEXEC;
    how.resolve = RESOLVE_BENEATH;
    const OpenFile opened(static_cast<int>(::syscall(SYS_openat2, root.get(), ".", &how, sizeof how)));
    return opened.is_open();
  }();
  return has;
}

}  // namespace

OpenFile::~OpenFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

Result<OpenFile> open_beneath(const std::string& location, const std::vector<std::string>& directories) {
  return open_with(location, directories, kernel_has_openat2() ? open_by_kernel : open_by_steps);
}

Result<OpenFile> open_beneath_by_steps(const std::string& location, const std::vector<std::string>& directories) {
  return open_with(location, directories, open_by_steps);
}

}  // namespace weir::serving
