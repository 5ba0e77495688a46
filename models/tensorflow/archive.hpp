#pragma once
/// Reads zip and tar archives from memory, for directories that travel as one file. Nothing in an archive is trusted.
///
/// zip: PKWARE APPNOTE 6.3, stored and deflated entries with a central directory; no ZIP64, no encryption.
/// tar: POSIX ustar with pax headers and GNU long names.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace weir::tensorflow {

struct ArchiveLimits {
  std::size_t max_entries = 10'000;
  std::uint64_t max_bytes = std::uint64_t{1} << 30;  ///< of all files, unpacked
  std::uint64_t max_ratio = 200;                     ///< unpacked to packed, of the whole, beyond a mebibyte
  std::size_t max_depth = 16;                        ///< directories in a path
  std::size_t max_path_bytes = 512;
};

struct ArchiveFile {
  std::string path;  ///< relative, without `.` and `..`
  std::string bytes;
};

bool looks_like_archive(std::string_view bytes) noexcept;

/// The regular files. Throws tensors::Refusal: damaged, over a limit, a path that leaves the directory, a link or
/// device, the same path twice.
std::vector<ArchiveFile> read_archive(std::string_view bytes, const ArchiveLimits& limits);

}  // namespace weir::tensorflow
