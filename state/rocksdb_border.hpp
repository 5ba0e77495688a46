#pragma once
/// The border to RocksDB: its statuses become ours, once.

#include <string_view>

#include <rocksdb/env.h>
#include <rocksdb/options.h>
#include <rocksdb/slice.h>
#include <rocksdb/status.h>

#include <weir/status.hpp>

namespace weir {

/// Corruption is kDataLoss, a full disk kResourceExhausted, anything else kIoError.
Status from_rocksdb(std::string_view what, const rocksdb::Status& status);

inline rocksdb::Slice slice_of(std::string_view bytes) { return {bytes.data(), bytes.size()}; }
inline std::string_view view_of(const rocksdb::Slice& slice) { return {slice.data(), slice.size()}; }

/// What RocksDB has to say comes back as a Status; its log would only fill the disk.
class SilentLogger final : public rocksdb::Logger {
 public:
  using rocksdb::Logger::Logv;
  void Logv(const char* /*format*/, va_list /*arguments*/) override {}
};

/// LZ4 when this RocksDB has it, else none.
rocksdb::CompressionType fast_compression();

/// The least string greater than all that start with `prefix`; empty when there is none.
std::string end_of_prefix(std::string_view prefix);

}  // namespace weir
