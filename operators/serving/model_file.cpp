#include "operators/serving/model_file.hpp"

#include <cerrno>

#include <sys/stat.h>
#include <unistd.h>

#include "operators/serving/open_beneath.hpp"
#include "operators/serving/packed_directory.hpp"

namespace weir::serving {

Result<std::string> read_model_file(const std::string& location, const std::vector<std::string>& directories,
                                    std::size_t max_bytes) {
  const std::string what = "read model '" + location + "'";
  WEIR_ASSIGN_OR_RETURN(const OpenFile file, open_beneath(location, directories));
  struct stat facts {};
  if (::fstat(file.get(), &facts) != 0) return Status::from_errno(what, errno);
  if (S_ISDIR(facts.st_mode)) {
    // By what was opened, not by its name again.
    Result<std::string> packed = pack_model_directory("/proc/self/fd/" + std::to_string(file.get()), max_bytes);
    return packed.is_ok() ? std::move(packed) : packed.status().with_context(what);
  }
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
