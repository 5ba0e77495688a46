#include "state/rocksdb_border.hpp"

#include <algorithm>

#include <rocksdb/convenience.h>

namespace weir {

Status from_rocksdb(std::string_view what, const rocksdb::Status& status) {
  if (status.ok()) return {};
  const std::string message = std::string(what) + ": " + status.ToString();
  if (status.IsCorruption()) return Status::data_loss(message);
  if (status.IsNoSpace()) return Status::resource_exhausted(message);
  return Status::io_error(message);
}

rocksdb::CompressionType fast_compression() {
  const auto supported = rocksdb::GetSupportedCompressions();
  const bool has_lz4 = std::find(supported.begin(), supported.end(), rocksdb::kLZ4Compression) != supported.end();
  return has_lz4 ? rocksdb::kLZ4Compression : rocksdb::kNoCompression;
}

std::string end_of_prefix(std::string_view prefix) {
  std::string end(prefix);
  while (!end.empty() && static_cast<unsigned char>(end.back()) == 0xff) end.pop_back();
  if (!end.empty()) end.back() = static_cast<char>(static_cast<unsigned char>(end.back()) + 1);
  return end;
}

}  // namespace weir
