#pragma once
/// A directory of one's own below the temporary one ($TMPDIR, else /tmp), gone with the object.

#include <string>
#include <string_view>

namespace weir::tensorflow {

class ScratchDirectory {
 public:
  ScratchDirectory();  ///< Throws std::runtime_error.
  ~ScratchDirectory();
  ScratchDirectory(const ScratchDirectory&) = delete;
  ScratchDirectory& operator=(const ScratchDirectory&) = delete;

  [[nodiscard]] const std::string& path() const noexcept { return path_; }
  /// `name` is relative and clean; its directories are made. Throws std::runtime_error.
  void write(const std::string& name, std::string_view bytes) const;

 private:
  std::string path_;
};

}  // namespace weir::tensorflow
