#include "operators/source/chunk_reader.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <deque>
#include <mutex>

namespace weir::detail {

struct ChunkReader::Shared {
  std::string path;
  std::size_t chunk_bytes = 0;
  std::function<void()> wake;

  // Used by the one read on its way, and before and after it by nobody.
  int file = -1;
  std::uint64_t offset = 0;

  mutable std::mutex mutex;
  // Guarded by mutex:
  std::deque<std::string> ready;
  bool reading = false;
  bool ended = false;
  bool cancelled = false;
  Status fault;

  ~Shared() {
    if (file >= 0) ::close(file);
  }

  Status open_file() {
    file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (file < 0) return Status::from_errno("open '" + path + "'", errno);
    struct stat about {};
    if (::fstat(file, &about) != 0) return Status::from_errno("stat '" + path + "'", errno);
    if (S_ISREG(about.st_mode) && static_cast<std::uint64_t>(about.st_size) < offset)
      return Status::data_loss("'" + path + "' has " + std::to_string(about.st_size) +
                               " bytes, but was read up to byte " + std::to_string(offset) + " before");
    return {};
  }

  // A whole chunk; shorter only at the end of the file.
  Status read_chunk(std::string& chunk) {
    if (file < 0) WEIR_RETURN_IF_ERROR(open_file());
    chunk.resize(chunk_bytes);
    std::size_t size = 0;
    while (size < chunk_bytes) {
      const ssize_t got = ::pread(file, chunk.data() + size, chunk_bytes - size, static_cast<off_t>(offset));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return Status::from_errno("read '" + path + "' at byte " + std::to_string(offset), errno);
      if (got == 0) break;
      size += static_cast<std::size_t>(got);
      offset += static_cast<std::uint64_t>(got);
    }
    chunk.resize(size);
    return {};
  }

  void read() {
    {
      const std::lock_guard lock(mutex);
      if (cancelled) return;
    }
    std::string chunk;
    Status status = read_chunk(chunk);
    {
      const std::lock_guard lock(mutex);
      reading = false;
      if (!status.is_ok()) {
        fault = std::move(status);
      } else {
        ended = chunk.size() < chunk_bytes;
        if (!chunk.empty()) ready.push_back(std::move(chunk));
      }
    }
    wake();
  }
};

ChunkReader::ChunkReader(std::string path, std::uint64_t offset, std::size_t chunk_bytes, Executor& executor,
                         std::function<void()> wake)
    : shared_(std::make_shared<Shared>()), executor_(executor) {
  shared_->path = std::move(path);
  shared_->offset = offset;
  shared_->chunk_bytes = chunk_bytes;
  shared_->wake = std::move(wake);
}

ChunkReader::~ChunkReader() {
  const std::lock_guard lock(shared_->mutex);
  shared_->cancelled = true;
}

Status ChunkReader::pump() {
  {
    const std::lock_guard lock(shared_->mutex);
    if (shared_->reading || shared_->ended || !shared_->fault.is_ok() || shared_->ready.size() >= kChunksAhead)
      return {};
    shared_->reading = true;
  }
  Status submitted = executor_.submit("read a file", [shared = shared_] { shared->read(); });
  if (!submitted.is_ok()) {
    const std::lock_guard lock(shared_->mutex);
    shared_->reading = false;
  }
  return submitted;
}

bool ChunkReader::take(std::string& window) {
  const std::lock_guard lock(shared_->mutex);
  if (shared_->ready.empty()) return false;
  if (window.empty())
    window = std::move(shared_->ready.front());
  else
    window += shared_->ready.front();
  shared_->ready.pop_front();
  return true;
}

bool ChunkReader::at_end() const {
  const std::lock_guard lock(shared_->mutex);
  return shared_->ended && shared_->ready.empty();
}

Status ChunkReader::fault() const {
  const std::lock_guard lock(shared_->mutex);
  return shared_->ready.empty() ? shared_->fault : Status::ok();
}

}  // namespace weir::detail
