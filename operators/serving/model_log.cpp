#include "operators/serving/model_log.hpp"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <weir/hash.hpp>

namespace weir::serving {
namespace {

constexpr std::string_view kMagic = "WEIRLOG1";
constexpr std::uint64_t kHeader = sizeof(std::uint32_t) + sizeof(std::uint64_t);

std::uint64_t checksum(std::uint32_t length, std::string_view payload) noexcept {
  return combine_hashes(hash_integer(length), hash_bytes(payload.data(), payload.size()));
}

std::string frame(std::string_view payload) {
  const auto length = static_cast<std::uint32_t>(payload.size());
  const std::uint64_t sum = checksum(length, payload);
  std::string bytes;
  bytes.reserve(kHeader + payload.size());
  bytes.append(reinterpret_cast<const char*>(&length), sizeof length);
  bytes.append(reinterpret_cast<const char*>(&sum), sizeof sum);
  bytes.append(payload);
  return bytes;
}

/// Reads exactly `size` bytes.
Status read_exactly(int file, std::uint64_t offset, char* target, std::size_t size, const std::string& what) {
  while (size != 0) {
    const ssize_t got = ::pread(file, target, size, static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return Status::from_errno(what, errno);
    if (got == 0) return Status::data_loss(what + ": the file ends at " + std::to_string(offset));
    target += got;
    size -= static_cast<std::size_t>(got);
    offset += static_cast<std::uint64_t>(got);
  }
  return {};
}

Status sync_directory(const std::filesystem::path& directory) {
  const int opened = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (opened < 0) return Status::from_errno("open '" + directory.string() + "'", errno);
  const int failed = ::fsync(opened) == 0 ? 0 : errno;
  ::close(opened);
  return failed == 0 ? Status{} : Status::from_errno("fsync '" + directory.string() + "'", failed);
}

}  // namespace

Result<std::unique_ptr<ModelLog>> ModelLog::open(std::string path, std::uint64_t max_bytes) {
  std::unique_ptr<ModelLog> log(new ModelLog(std::move(path), max_bytes));
  if (!log->path_.empty()) WEIR_RETURN_IF_ERROR(log->recover());
  return log;
}

ModelLog::~ModelLog() {
  if (file_ >= 0) ::close(file_);
}

Status ModelLog::recover() {
  const std::string what = "open model log '" + path_ + "'";
  const std::filesystem::path directory = std::filesystem::path(path_).parent_path();
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  if (error) return Status::io_error(what + ": " + error.message());
  file_ = ::open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (file_ < 0) return Status::from_errno(what, errno);
  struct stat facts {};
  if (::fstat(file_, &facts) != 0) return Status::from_errno(what, errno);
  const auto size = static_cast<std::uint64_t>(facts.st_size);
  if (size < kBegin) {  // new, or torn while it was made
    if (::ftruncate(file_, 0) != 0) return Status::from_errno(what, errno);
    WEIR_RETURN_IF_ERROR(write_at(0, kMagic));
    WEIR_RETURN_IF_ERROR(sync());
    return sync_directory(directory);
  }
  char magic[kBegin];
  WEIR_RETURN_IF_ERROR(read_exactly(file_, 0, magic, sizeof magic, what));
  if (std::string_view(magic, sizeof magic) != kMagic) return Status::data_loss(what + ": it is no model log");
  std::uint64_t at = kBegin;
  while (at < size) {
    const Result<Entry> entry = read_within(at, size);
    if (!entry.is_ok()) break;
    at = entry->next;
  }
  if (at < size) {
    // Sound entries behind a damaged one were acknowledged: this is no torn tail.
    std::uint32_t length = 0;
    if (size - at > kHeader) {
      WEIR_RETURN_IF_ERROR(read_exactly(file_, at, reinterpret_cast<char*>(&length), sizeof length, what));
      const std::uint64_t next = at + kHeader + length;
      if (next < size && read_within(next, size).is_ok()) {
        return Status::data_loss(what + ": the entry at " + std::to_string(at) + " is damaged, that at " +
                                 std::to_string(next) + " is not");
      }
    }
    cut_off_ = size - at;
    if (::ftruncate(file_, static_cast<off_t>(at)) != 0) return Status::from_errno(what, errno);
    written_ = at;
    return sync();
  }
  end_ = written_ = at;
  return {};
}

Status ModelLog::write_at(std::uint64_t offset, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t put = ::pwrite(file_, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return failure_ = Status::from_errno("write to model log '" + path_ + "'", errno);
    bytes.remove_prefix(static_cast<std::size_t>(put));
    offset += static_cast<std::uint64_t>(put);
  }
  return {};
}

Status ModelLog::append(std::string_view payload) {
  if (!failure_.is_ok()) return failure_;
  if (payload.size() > std::uint32_t(-1) || written_ + kHeader + payload.size() > max_bytes_) {
    return Status::resource_exhausted("append " + std::to_string(payload.size()) + " bytes to the model log: it has " +
                                      std::to_string(written_) + ", the limit is " + std::to_string(max_bytes_));
  }
  if (file_ < 0) {
    memory_.emplace(written_, payload);
  } else {
    WEIR_RETURN_IF_ERROR(write_at(written_, frame(payload)));
  }
  written_ += kHeader + payload.size();
  return {};
}

Status ModelLog::sync() {
  if (!failure_.is_ok()) return failure_;
  // After a failed fsync the kernel may have dropped the pages: what is on disk is unknown, so it is never tried again.
  if (file_ >= 0 && ::fsync(file_) != 0) return failure_ = Status::from_errno("fsync model log '" + path_ + "'", errno);
  end_ = written_;
  return {};
}

Result<ModelLog::Entry> ModelLog::read(std::uint64_t offset) const { return read_within(offset, end_); }

Result<ModelLog::Entry> ModelLog::read_within(std::uint64_t offset, std::uint64_t size) const {
  const std::string what = "read model log '" + path_ + "' at " + std::to_string(offset);
  if (file_ < 0) {
    const auto found = memory_.find(offset);
    if (found == memory_.end()) return Status::data_loss(what + ": no entry begins there");
    return Entry{found->second, offset + kHeader + found->second.size()};
  }
  if (size < offset || size - offset < kHeader) return Status::data_loss(what + ": incomplete");
  char header[kHeader];
  WEIR_RETURN_IF_ERROR(read_exactly(file_, offset, header, sizeof header, what));
  std::uint32_t length = 0;
  std::uint64_t sum = 0;
  std::memcpy(&length, header, sizeof length);
  std::memcpy(&sum, header + sizeof length, sizeof sum);
  if (size - offset - kHeader < length) return Status::data_loss(what + ": incomplete");
  Entry entry{std::string(length, '\0'), offset + kHeader + length};
  WEIR_RETURN_IF_ERROR(read_exactly(file_, offset + kHeader, entry.payload.data(), length, what));
  if (checksum(length, entry.payload) != sum) return Status::data_loss(what + ": its checksum is wrong");
  return entry;
}

}  // namespace weir::serving
