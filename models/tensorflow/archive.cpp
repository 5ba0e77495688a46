#include "models/tensorflow/archive.hpp"

#include <algorithm>
#include <charconv>
#include <set>

#include <zlib.h>

#include "models/tensors/border.hpp"

namespace weir::tensorflow {
namespace {

using tensors::Refusal;

constexpr std::size_t kBlock = 512;  // of tar

[[noreturn]] void refuse(const std::string& what) { throw Refusal("the archive " + what); }

/// Gathers files and watches the limits.
class Files {
 public:
  Files(std::size_t packed, const ArchiveLimits& limits) : packed_(packed), limits_(limits) {}

  void count_entry() {
    if (++entries_ > limits_.max_entries) refuse("has more than " + std::to_string(limits_.max_entries) + " entries");
  }
  /// Before the bytes are made: may there be as many more?
  void reserve(std::uint64_t bytes) {
    if (bytes > limits_.max_bytes || total_ + bytes > limits_.max_bytes) {
      refuse("unpacks to more than " + std::to_string(limits_.max_bytes) + " bytes");
    }
    total_ += bytes;
    if (total_ > (std::uint64_t{1} << 20) && total_ / limits_.max_ratio > packed_) {
      refuse("unpacks to more than " + std::to_string(limits_.max_ratio) + " times its size");
    }
  }
  /// `./a//b/` becomes `a/b`. Empty for the directory itself.
  [[nodiscard]] std::string clean(std::string_view path) const {
    if (path.size() > limits_.max_path_bytes) refuse("has a path of " + std::to_string(path.size()) + " bytes");
    if (path.find('\0') != std::string_view::npos || path.find('\\') != std::string_view::npos ||
        path.starts_with('/')) {
      refuse("has the path '" + std::string(path) + "', which is not a relative one");
    }
    std::string clean;
    std::size_t depth = 0;
    for (std::string_view left = path; !left.empty();) {
      const std::string_view part = left.substr(0, left.find('/'));
      left.remove_prefix(std::min(left.size(), part.size() + 1));
      if (part.empty() || part == ".") continue;
      if (part == "..") refuse("has the path '" + std::string(path) + "', which leaves its directory");
      if (part.size() > 255 || ++depth > limits_.max_depth)
        refuse("has the path '" + std::string(path) + "': too deep or long");
      clean += (clean.empty() ? "" : "/") + std::string(part);
    }
    return clean;
  }
  void add(std::string path, std::string bytes) {
    if (path.empty()) refuse("has a file without a name");
    if (!paths_.insert(path).second) refuse("has '" + path + "' twice");
    files_.push_back({std::move(path), std::move(bytes)});
  }
  std::vector<ArchiveFile> take() {
    // A file where another's directory should be.
    for (const ArchiveFile& file : files_)
      for (std::size_t at = file.path.find('/'); at != std::string::npos; at = file.path.find('/', at + 1))
        if (paths_.contains(file.path.substr(0, at)))
          refuse("has '" + file.path.substr(0, at) + "' as file and directory");
    return std::move(files_);
  }

 private:
  std::uint64_t packed_;
  const ArchiveLimits& limits_;
  std::size_t entries_ = 0;
  std::uint64_t total_ = 0;
  std::set<std::string> paths_;
  std::vector<ArchiveFile> files_;
};

std::uint32_t little(std::string_view bytes, std::size_t at, std::size_t size) {
  std::uint32_t value = 0;
  for (std::size_t i = size; i-- > 0;) value = value << 8 | static_cast<unsigned char>(bytes[at + i]);
  return value;
}

std::string inflate_bytes(std::string_view packed, std::size_t size, const std::string& path) {
  std::string bytes(size, '\0');
  z_stream stream{};
  if (::inflateInit2(&stream, -MAX_WBITS) != Z_OK) throw std::bad_alloc();
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.data()));
  stream.avail_in = static_cast<uInt>(packed.size());
  char nothing = 0;
  stream.next_out = reinterpret_cast<Bytef*>(size == 0 ? &nothing : bytes.data());
  stream.avail_out = static_cast<uInt>(size);
  const int result = ::inflate(&stream, Z_FINISH);
  const bool whole = result == Z_STREAM_END && stream.avail_out == 0;
  ::inflateEnd(&stream);
  if (!whole) refuse("is damaged: '" + path + "' does not unpack to the size it says");
  return bytes;
}

// End of central directory: signature, 2 disk numbers, entries here and in all (2 each), size and offset (4 each),
// comment length (2).
constexpr std::size_t kEndBytes = 22;
constexpr std::size_t kCentralBytes = 46;
constexpr std::size_t kLocalBytes = 30;

std::size_t find_end(std::string_view bytes) {
  const std::size_t last = bytes.size() - kEndBytes;
  const std::size_t least = last > 0xffff ? last - 0xffff : 0;
  for (std::size_t at = last + 1; at-- > least;)
    if (bytes.substr(at, 4) == "PK\5\6" && at + kEndBytes + little(bytes, at + 20, 2) == bytes.size()) return at;
  refuse("is a truncated zip: it has no end record");
}

std::vector<ArchiveFile> read_zip(std::string_view bytes, const ArchiveLimits& limits) {
  if (bytes.size() < kEndBytes) refuse("is a truncated zip");
  const std::size_t end = find_end(bytes);
  const std::uint32_t count = little(bytes, end + 10, 2);
  std::size_t at = little(bytes, end + 16, 4);
  Files files(bytes.size(), limits);
  for (std::uint32_t i = 0; i < count; ++i) {
    files.count_entry();
    if (at > end || end - at < kCentralBytes || bytes.substr(at, 4) != "PK\1\2")
      refuse("is a damaged zip: entry " + std::to_string(i));
    const std::uint32_t flags = little(bytes, at + 8, 2);
    const std::uint32_t method = little(bytes, at + 10, 2);
    const std::uint32_t checksum = little(bytes, at + 16, 4);
    const std::uint32_t packed = little(bytes, at + 20, 4);
    const std::uint32_t size = little(bytes, at + 24, 4);
    const std::uint32_t name_size = little(bytes, at + 28, 2);
    const std::uint32_t kind = little(bytes, at + 38, 4) >> 28;  // of the Unix mode: 8 regular, 4 directory, 10 link
    const std::size_t local = little(bytes, at + 42, 4);
    const std::size_t entry = kCentralBytes + name_size + little(bytes, at + 30, 2) + little(bytes, at + 32, 2);
    if (end - at < entry) refuse("is a damaged zip: entry " + std::to_string(i));
    const std::string_view name = bytes.substr(at + kCentralBytes, name_size);
    at += entry;
    const std::string path = files.clean(name);
    if (name.ends_with('/')) continue;
    if ((flags & 1U) != 0) refuse("holds an encrypted file, '" + path + "'");
    if (kind != 0 && kind != 8) refuse("holds '" + path + "', which is no regular file");
    if (method != 0 && method != 8)
      refuse("packs '" + path + "' by method " + std::to_string(method) + ": only 0 and 8 are known");
    if (packed == 0xffffffff || size == 0xffffffff) refuse("is a ZIP64, which is not supported");
    if (local > bytes.size() || bytes.size() - local < kLocalBytes || bytes.substr(local, 4) != "PK\3\4") {
      refuse("is a damaged zip: '" + path + "'");
    }
    const std::size_t data = local + kLocalBytes + little(bytes, local + 26, 2) + little(bytes, local + 28, 2);
    if (data > bytes.size() || bytes.size() - data < packed) refuse("is a truncated zip: '" + path + "'");
    files.reserve(size);
    const std::string_view content = bytes.substr(data, packed);
    if (method == 0 && packed != size) refuse("is a damaged zip: '" + path + "' has two sizes");
    std::string unpacked = method == 0 ? std::string(content) : inflate_bytes(content, size, path);
    const auto actual = ::crc32_z(0, reinterpret_cast<const Bytef*>(unpacked.data()), unpacked.size());
    if (actual != checksum) refuse("is a damaged zip: '" + path + "' has another checksum");
    files.add(path, std::move(unpacked));
  }
  return files.take();
}

/// A number field of tar: octal digits, ended by a blank or zero.
std::uint64_t octal(std::string_view field) {
  std::uint64_t value = 0;
  const auto first = field.find_first_not_of(' ');
  if (first == std::string_view::npos) return 0;
  const auto [end, error] = std::from_chars(field.data() + first, field.data() + field.size(), value, 8);
  const bool ends = end == field.data() + field.size() || *end == 0 || *end == ' ';
  if ((error != std::errc{} && *(field.data() + first) != 0) || !ends)
    refuse("is a damaged tar: a field holds no octal number");
  return value;
}

std::string_view until_zero(std::string_view text) { return text.substr(0, text.find('\0')); }

bool has_checksum(std::string_view header) {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < kBlock; ++i)
    sum += i >= 148 && i < 156 ? static_cast<unsigned char>(' ') : static_cast<unsigned char>(header[i]);
  return octal(header.substr(148, 8)) == sum;
}

/// `path` of a pax header: records `LENGTH KEY=VALUE\n`.
std::string pax_path(std::string_view records) {
  while (!records.empty()) {
    std::size_t length = 0;
    const auto [end, error] = std::from_chars(records.data(), records.data() + records.size(), length);
    const auto digits = static_cast<std::size_t>(end - records.data());
    if (error != std::errc{} || length <= digits + 1 || length > records.size())
      refuse("is a damaged tar: a pax header");
    const std::string_view record = records.substr(digits + 1, length - digits - 2);
    if (record.starts_with("path=")) return std::string(record.substr(5));
    records.remove_prefix(length);
  }
  return {};
}

std::vector<ArchiveFile> read_tar(std::string_view bytes, const ArchiveLimits& limits) {
  Files files(bytes.size(), limits);
  std::string long_name;
  while (bytes.size() >= kBlock && bytes[0] != 0) {
    files.count_entry();
    const std::string_view header = bytes.substr(0, kBlock);
    if (!has_checksum(header)) refuse("is a damaged tar: the checksum of a header");
    const std::uint64_t size = octal(header.substr(124, 12));
    if (size > bytes.size() - kBlock) refuse("is a truncated tar");
    const std::string_view content = bytes.substr(kBlock, size);
    const std::uint64_t blocks = (size + kBlock - 1) / kBlock * kBlock;
    bytes.remove_prefix(std::min<std::uint64_t>(bytes.size(), kBlock + blocks));
    const char kind = header[156];
    if (kind == 'L') {
      long_name = until_zero(content);
      continue;
    }
    if (kind == 'x') {
      long_name = pax_path(content);
      continue;
    }
    if (kind == 'g') continue;
    std::string name(until_zero(header.substr(0, 100)));
    const std::string_view prefix =
        header.substr(257, 5) == "ustar" && header[262] == 0 ? until_zero(header.substr(345, 155)) : "";
    if (!prefix.empty()) name = std::string(prefix) + "/" + name;
    if (!long_name.empty()) name = std::move(long_name);
    long_name.clear();
    const std::string path = files.clean(name);
    if (kind == '5' || (name.ends_with('/') && size == 0)) continue;
    if (kind != '0' && kind != 0) refuse("holds '" + path + "', which is no regular file");
    files.reserve(size);
    files.add(path, std::string(content));
  }
  if (bytes.size() < kBlock) refuse("is a truncated tar: it has no end");
  return files.take();
}

bool looks_like_tar(std::string_view bytes) noexcept {
  return bytes.size() >= kBlock && bytes.substr(257, 5) == "ustar";
}

}  // namespace

bool looks_like_archive(std::string_view bytes) noexcept {
  return bytes.starts_with("PK\3\4") || looks_like_tar(bytes);
}

std::vector<ArchiveFile> read_archive(std::string_view bytes, const ArchiveLimits& limits) {
  if (bytes.starts_with("PK\3\4")) return read_zip(bytes, limits);
  if (looks_like_tar(bytes)) return read_tar(bytes, limits);
  throw Refusal("the bytes are neither a zip nor a tar");
}

}  // namespace weir::tensorflow
