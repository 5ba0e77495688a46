#pragma once
/// Reading a model by its location: a regular file below a directory that was allowed (open_beneath.hpp); or a
/// directory, as a tar (packed_directory.hpp).

#include <string>
#include <vector>

#include <weir/result.hpp>

namespace weir::serving {

/// Fails with kInvalidArgument outside `directories`, kNotFound, kResourceExhausted above `max_bytes`. Blocks on disk.
Result<std::string> read_model_file(const std::string& location, const std::vector<std::string>& directories,
                                    std::size_t max_bytes);

}  // namespace weir::serving
