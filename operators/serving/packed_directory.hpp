#pragma once
// A model that is a directory, as one run of bytes.

#include <cstddef>
#include <string>

#include <weir/result.hpp>

namespace weir::serving {

// The regular files below `directory` as a tar (POSIX ustar), always the same bytes for the same files: sorted by path,
// without times and owners. So a model that is a directory is kept, digested and restored as any other. Refuses links
// and devices, which may lead elsewhere, more than 10,000 entries, more than `max_bytes` in all, and paths too long for
// ustar. Blocks on the disk.
Result<std::string> pack_model_directory(const std::string& directory, std::size_t max_bytes);

}  // namespace weir::serving
