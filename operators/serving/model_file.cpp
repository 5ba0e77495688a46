#include "operators/serving/model_file.hpp"

#include <cerrno>
#include <filesystem>
#include <system_error>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace weir::serving {
namespace {

class File {
 public:
  explicit File(int descriptor) noexcept : descriptor_(descriptor) {}
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  ~File() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  [[nodiscard]] int get() const noexcept { return descriptor_; }

 private:
  int descriptor_;
};

bool is_below(const std::filesystem::path& path, const std::string& directory) {
  std::error_code error;
  const std::filesystem::path root = std::filesystem::canonical(directory, error);
  if (error) return false;
  auto part = path.begin();
  for (const auto& expected : root) {
    if (part == path.end() || *part != expected) return false;
    ++part;
  }
  return part != path.end();
}

}  // namespace

Result<std::string> read_model_file(const std::string& location, const std::vector<std::string>& directories,
                                    std::size_t max_bytes) {
  const std::string what = "read model '" + location + "'";
  if (directories.empty()) {
    return Status::invalid_argument(what + ": no directory is allowed (ServeOptions::model_directories is empty)");
  }
  // Opened first, judged afterwards by where it really is: a link swapped in between changes nothing.
  const File file(::open(location.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (file.get() < 0) return Status::from_errno(what, errno);
  std::error_code error;
  const std::filesystem::path real =
      std::filesystem::read_symlink("/proc/self/fd/" + std::to_string(file.get()), error);
  if (error) return Status::io_error(what + ": " + error.message());
  bool allowed = false;
  for (const std::string& directory : directories) allowed = allowed || is_below(real, directory);
  if (!allowed) return Status::invalid_argument(what + ": not below an allowed directory");
  struct stat facts {};
  if (::fstat(file.get(), &facts) != 0) return Status::from_errno(what, errno);
  if (!S_ISREG(facts.st_mode)) return Status::invalid_argument(what + ": not a regular file");
  if (static_cast<std::uint64_t>(facts.st_size) > max_bytes) {
    return Status::resource_exhausted(what + ": " + std::to_string(facts.st_size) + " bytes, the limit is " +
                                      std::to_string(max_bytes));
  }
  std::string bytes(static_cast<std::size_t>(facts.st_size), '\0');
  std::size_t have = 0;
  while (have < bytes.size()) {
    const ssize_t got = ::read(file.get(), bytes.data() + have, bytes.size() - have);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return Status::from_errno(what, errno);
    if (got == 0)
      return Status::data_loss(what + ": ends after " + std::to_string(have) + " bytes, its size was " +
                               std::to_string(bytes.size()));
    have += static_cast<std::size_t>(got);
  }
  return bytes;
}

}  // namespace weir::serving
