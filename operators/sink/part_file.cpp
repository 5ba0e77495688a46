#include "operators/sink/part_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <utility>

namespace weir::detail {

PartFile::~PartFile() {
  if (file_ >= 0) ::close(file_);
}

Status PartFile::create(const std::string& path) {
  path_ = path;
  file_ = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
  if (file_ < 0) return Status::from_errno("create '" + path + "'", errno);
  return {};
}

Status PartFile::append(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(file_, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0)
      return Status::from_errno("write " + std::to_string(bytes.size()) + " bytes to '" + path_ + "'", errno);
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return {};
}

Status PartFile::sync_and_close() {
  if (::fsync(file_) != 0) return Status::from_errno("sync '" + path_ + "'", errno);
  if (::close(std::exchange(file_, -1)) != 0) return Status::from_errno("close '" + path_ + "'", errno);
  return {};
}

Status make_directory(const std::string& path) {
  std::error_code error;
  const auto absolute = std::filesystem::absolute(path, error).lexically_normal();
  std::filesystem::path made;
  for (const auto& part : absolute) {
    if (part.empty()) continue;  // behind a slash at the end
    const std::filesystem::path above = made;
    made /= part;
    if (::mkdir(made.c_str(), 0755) == 0)
      WEIR_RETURN_IF_ERROR(sync_directory(above.string()));
    else if (errno != EEXIST)
      return Status::from_errno("make directory '" + made.string() + "'", errno);
  }
  return {};
}

Status sync_directory(const std::string& path) {
  const int directory = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (directory < 0) return Status::from_errno("open directory '" + path + "'", errno);
  const int outcome = ::fsync(directory);
  const int error = errno;
  ::close(directory);
  if (outcome != 0) return Status::from_errno("sync directory '" + path + "'", error);
  return {};
}

}  // namespace weir::detail
