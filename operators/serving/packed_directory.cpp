#include "operators/serving/packed_directory.hpp"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <system_error>
#include <vector>

namespace weir::serving {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kBlock = 512;
constexpr std::size_t kMostEntries = 10'000;

void put_octal(char* field, std::size_t digits, std::uint64_t value) {
  for (std::size_t i = digits; i-- > 0; value >>= 3) field[i] = static_cast<char>('0' + (value & 7));
}

/// name[100] mode[8] uid[8] gid[8] size[12] mtime[12] checksum[8] type[1] ... magic "ustar" 0 "00" ... prefix[155] at
/// 345.
Status put_header(const std::string& name, std::uint64_t size, std::string& tar) {
  char header[kBlock] = {};
  std::size_t split = 0;  // where the name begins behind the prefix
  if (name.size() > 100) {
    const auto slash = name.find('/', name.size() - 101);
    if (slash == std::string::npos || slash > 155)
      return Status::invalid_argument("the path '" + name + "' is too long");
    split = slash + 1;
    std::memcpy(header + 345, name.data(), slash);
  }
  std::memcpy(header, name.data() + split, name.size() - split);
  put_octal(header + 100, 7, 0644);
  put_octal(header + 108, 7, 0);
  put_octal(header + 116, 7, 0);
  put_octal(header + 124, 11, size);
  put_octal(header + 136, 11, 0);
  std::memset(header + 148, ' ', 8);
  header[156] = '0';
  std::memcpy(header + 257,
              "ustar\0"
              "00",
              8);
  std::uint64_t sum = 0;
  for (const char byte : header) sum += static_cast<unsigned char>(byte);
  put_octal(header + 148, 6, sum);
  header[154] = 0;
  tar.append(header, kBlock);
  return {};
}

Status put_file(const fs::path& file, const std::string& name, std::size_t max_bytes, std::string& tar) {
  std::ifstream in(file, std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(in), {}};
  if (!in) return Status::io_error("read '" + file.string() + "'");
  if (tar.size() + bytes.size() + 4 * kBlock > max_bytes) {
    return Status::resource_exhausted("more than " + std::to_string(max_bytes) + " bytes");
  }
  WEIR_RETURN_IF_ERROR(put_header(name, bytes.size(), tar));
  tar += bytes;
  tar.append((kBlock - bytes.size() % kBlock) % kBlock, '\0');
  return {};
}

}  // namespace

Result<std::string> pack_model_directory(const std::string& directory, std::size_t max_bytes) {
  const std::string what = "pack model directory '" + directory + "'";
  std::vector<fs::path> files;
  std::size_t entries = 0;
  std::error_code error;
  for (fs::recursive_directory_iterator at(directory, error), end; !error && at != end; at.increment(error)) {
    if (++entries > kMostEntries) {
      return Status::resource_exhausted(what + ": more than " + std::to_string(kMostEntries) + " entries");
    }
    const fs::file_status status = at->symlink_status(error);
    if (error) break;
    if (fs::is_directory(status)) continue;
    if (!fs::is_regular_file(status)) {
      return Status::invalid_argument(what + ": '" + at->path().string() + "' is no regular file");
    }
    const std::uintmax_t size = at->file_size(error);
    if (!error && size > max_bytes) {
      return Status::resource_exhausted(what + ": more than " + std::to_string(max_bytes) + " bytes");
    }
    files.push_back(at->path());
  }
  if (error) return Status::io_error(what + ": " + error.message());
  std::sort(files.begin(), files.end());
  std::string tar;
  for (const fs::path& file : files) {
    const Status put = put_file(file, file.lexically_relative(directory).generic_string(), max_bytes, tar);
    if (!put.is_ok()) return put.with_context(what);
  }
  if (files.empty()) return Status::invalid_argument(what + ": it holds no files");
  tar.append(2 * kBlock, '\0');
  return tar;
}

}  // namespace weir::serving
