#pragma once
/// Opening what a stranger names, without leaving the directories that were allowed.

#include <string>
#include <utility>
#include <vector>

#include <weir/result.hpp>

namespace weir::serving {

/// A file descriptor, closed when destroyed.
class OpenFile {
 public:
  OpenFile() = default;
  explicit OpenFile(int descriptor) noexcept : descriptor_(descriptor) {}
  OpenFile(OpenFile&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
  OpenFile& operator=(OpenFile&& other) noexcept {
    std::swap(descriptor_, other.descriptor_);
    return *this;
  }
  ~OpenFile();
  [[nodiscard]] int get() const noexcept { return descriptor_; }
  [[nodiscard]] bool is_open() const noexcept { return descriptor_ >= 0; }

 private:
  int descriptor_ = -1;
};

/// Opens `location` for reading: a path that begins with one of `directories`, or one relative to one of them (the
/// first that has it). The kernel resolves it beneath that directory (openat2, RESOLVE_BENEATH): `..` and symbolic
/// links are followed as long as they stay inside; whatever would lead out, absolute links among it, is
/// kInvalidArgument, also when it is put there at the same moment. On a kernel without openat2 no links and no `..` are
/// followed at all. kNotFound when there is nothing. A location with `://` is refused: nothing is fetched over a
/// network. Blocks on disk.
Result<OpenFile> open_beneath(const std::string& location, const std::vector<std::string>& directories);

/// What open_beneath does without openat2: for tests.
Result<OpenFile> open_beneath_by_steps(const std::string& location, const std::vector<std::string>& directories);

}  // namespace weir::serving
