#pragma once
/// Results of keyed serving appended to a file, by hand: grouped by key within a batch, 256 KiB a write.

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>

#include "bench/limits/keyed_server.hpp"

namespace weir::bench {

/// A file without a name in the temporary directory. Ends the process when it cannot be written.
class ResultFile {
 public:
  ResultFile() {
    std::string path = (std::filesystem::temp_directory_path() / "weir-bench-XXXXXX").string();
    file_ = ::mkstemp(path.data());
    if (file_ < 0) fail("make a file of results");
    ::unlink(path.c_str());
    buffer_.reserve(2 * kBytesAtOnce);
  }
  ~ResultFile() { ::close(file_); }
  ResultFile(const ResultFile&) = delete;
  ResultFile& operator=(const ResultFile&) = delete;

  /// At most kServingBatch results with keys in [0, kServingKeys).
  void put(const Served* results, std::size_t count) {
    std::array<std::array<std::uint16_t, kServingBatch>, kServingKeys> rows;
    std::array<std::uint16_t, kServingKeys> sizes{};
    for (std::size_t i = 0; i < count; ++i) {
      const auto key = static_cast<std::size_t>(results[i].sample.key);
      rows[key][sizes[key]++] = static_cast<std::uint16_t>(i);
    }
    for (std::size_t key = 0; key < sizes.size(); ++key) {
      if (sizes[key] == 0) continue;
      const Served& first = results[rows[key][0]];
      append(&sizes[key], sizeof sizes[key]);
      append(first.key.text.data(), first.key.size);
      append(first.model.name->data(), first.model.name->size());
      append(&first.model.version, sizeof first.model.version);
      append(first.model.digest.data(), first.model.digest.size());
      for (std::size_t row = 0; row < sizes[key]; ++row) {
        const Served& result = results[rows[key][row]];
        append(&result.event_time, sizeof result.event_time);
        append(&result.position, sizeof result.position);
        append(&result.score, sizeof result.score);
        append(result.sample.features.data(), sizeof result.sample.features);
      }
    }
    if (buffer_.size() >= kBytesAtOnce) write();
  }
  void end() {
    write();
    if (::fdatasync(file_) != 0) fail("sync the file of results");
  }

 private:
  static constexpr std::size_t kBytesAtOnce = std::size_t{256} << 10;

  [[noreturn]] static void fail(const char* what) {
    std::perror(what);
    std::exit(1);
  }
  void append(const void* bytes, std::size_t count) { buffer_.append(static_cast<const char*>(bytes), count); }
  void write() {
    for (std::size_t done = 0; done < buffer_.size();) {
      const ssize_t put = ::write(file_, buffer_.data() + done, buffer_.size() - done);
      if (put < 0) fail("write the file of results");
      done += static_cast<std::size_t>(put);
    }
    buffer_.clear();
  }

  int file_ = -1;
  std::string buffer_;
};

}  // namespace weir::bench
