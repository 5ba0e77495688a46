#pragma once
/// Writing and reading of bytes: the ground under Serde, row keys and snapshots.
///
///   fixed32, fixed64   little-endian
///   varint             LEB128, 1 to 10 bytes
///   sized              varint length, then so many bytes
///
/// Every read is checked against what is left. After the first failure all reads give zero or nothing and ok() is
/// false, so a decoder may check once, at its end. Thread: a value type.

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace weir {

static_assert(std::endian::native == std::endian::little, "weir's encodings copy integers as they lie in memory");

/// Appends to a string that outlives the writer.
class ByteWriter {
 public:
  explicit ByteWriter(std::string& out) noexcept : out_(out) {}

  void bytes(const void* data, std::size_t size) { out_.append(static_cast<const char*>(data), size); }
  void byte(std::uint8_t value) { out_.push_back(static_cast<char>(value)); }
  void fixed16(std::uint16_t value) { bytes(&value, sizeof value); }
  void fixed32(std::uint32_t value) { bytes(&value, sizeof value); }
  void fixed64(std::uint64_t value) { bytes(&value, sizeof value); }
  void varint(std::uint64_t value) {
    while (value >= 0x80) {
      byte(static_cast<std::uint8_t>(value | 0x80));
      value >>= 7;
    }
    byte(static_cast<std::uint8_t>(value));
  }
  void sized(std::string_view value) {
    varint(value.size());
    bytes(value.data(), value.size());
  }

 private:
  std::string& out_;
};

/// Reads from bytes that outlive the reader.
class ByteReader {
 public:
  explicit ByteReader(std::string_view in) noexcept : next_(in.data()), left_(in.size()) {}

  [[nodiscard]] bool ok() const noexcept { return ok_; }
  void fail() noexcept {
    ok_ = false;
    left_ = 0;
  }
  [[nodiscard]] std::size_t remaining() const noexcept { return left_; }
  /// Everything was read, and nothing failed.
  [[nodiscard]] bool at_end() const noexcept { return ok_ && left_ == 0; }

  /// The next `size` bytes, in place; null and failed when fewer are left.
  const char* bytes(std::size_t size) noexcept {
    if (size > left_) [[unlikely]] {
      fail();
      return nullptr;
    }
    const char* data = next_;
    next_ += size;
    left_ -= size;
    return data;
  }
  std::uint8_t byte() noexcept { return fixed<std::uint8_t>(); }
  std::uint16_t fixed16() noexcept { return fixed<std::uint16_t>(); }
  std::uint32_t fixed32() noexcept { return fixed<std::uint32_t>(); }
  std::uint64_t fixed64() noexcept { return fixed<std::uint64_t>(); }
  std::uint64_t varint() noexcept {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      const std::uint8_t part = byte();
      if (shift == 63 && part > 1) break;
      value |= static_cast<std::uint64_t>(part & 0x7f) << shift;
      if ((part & 0x80) == 0) return ok_ ? value : 0;
    }
    fail();
    return 0;
  }
  /// A varint length and that many bytes, in place.
  std::string_view sized() noexcept {
    const std::uint64_t size = varint();
    if (size > left_) [[unlikely]] {
      fail();
      return {};
    }
    const char* data = bytes(static_cast<std::size_t>(size));
    return {data, static_cast<std::size_t>(size)};
  }

  /// Guards decoders that call themselves against hostile depth: true when one more level is allowed, else failed.
  /// Each enter() that gave true is followed by a leave().
  bool enter() noexcept {
    if (depth_ == kMaxDepth) {
      fail();
      return false;
    }
    ++depth_;
    return true;
  }
  void leave() noexcept { --depth_; }
  static constexpr unsigned kMaxDepth = 500;

 private:
  template <class T>
  T fixed() noexcept {
    T value{};
    if (const char* data = bytes(sizeof value)) std::memcpy(&value, data, sizeof value);
    return value;
  }

  const char* next_;
  std::size_t left_;
  unsigned depth_ = 0;
  bool ok_ = true;
};

}  // namespace weir
