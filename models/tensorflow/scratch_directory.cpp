#include "models/tensorflow/scratch_directory.hpp"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <stdexcept>
#include <system_error>

#include <fcntl.h>
#include <unistd.h>

namespace weir::tensorflow {
namespace {

[[noreturn]] void fail(const std::string& what, int error) {
  throw std::runtime_error(what + ": " + std::generic_category().message(error));
}

}  // namespace

ScratchDirectory::ScratchDirectory() {
  const char* variable = std::getenv("TMPDIR");
  path_ = std::string(variable != nullptr && *variable != 0 ? variable : "/tmp") + "/weir-model-XXXXXX";
  if (::mkdtemp(path_.data()) == nullptr) fail("make a directory '" + path_ + "'", errno);
}

ScratchDirectory::~ScratchDirectory() {
  std::error_code ignored;  // what is left is in a temporary directory
  std::filesystem::remove_all(path_, ignored);
}

void ScratchDirectory::write(const std::string& name, std::string_view bytes) const {
  const std::filesystem::path file = std::filesystem::path(path_) / name;
  std::error_code error;
  std::filesystem::create_directories(file.parent_path(), error);
  if (error) fail("make a directory for '" + name + "'", error.value());
  const int opened = ::open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (opened < 0) fail("write '" + name + "'", errno);
  while (!bytes.empty()) {
    const ssize_t written = ::write(opened, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) {
      const int reason = errno;
      ::close(opened);
      fail("write '" + name + "'", reason);
    }
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  ::close(opened);
}

}  // namespace weir::tensorflow
