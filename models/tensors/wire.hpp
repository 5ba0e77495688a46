#pragma once
/// Reads Protobuf's wire format without its library: a field at a time, nothing copied, nothing trusted.
///
///   message = { key payload }     key = varint (field << 3 | kind)
///   kind 0: varint   kind 1: 8 bytes   kind 2: varint length, then as many bytes   kind 5: 4 bytes

#include <cstdint>
#include <cstring>
#include <string_view>

namespace weir::tensors {

class Wire {
 public:
  explicit Wire(std::string_view bytes) noexcept : left_(bytes) {}

  /// The next field; false at the end and when the bytes are damaged.
  bool next() noexcept {
    std::uint64_t key = 0;
    if (left_.empty() || damaged_) return false;
    if (!read_varint(key) || key >> 3 == 0 || key >> 3 > 0x1fffffff) return damage();
    field_ = static_cast<std::uint32_t>(key >> 3);
    kind_ = static_cast<unsigned>(key & 7);
    bytes_ = {};
    number_ = 0;
    switch (kind_) {
      case 0: return read_varint(number_) || damage();
      case 1: return take(8) || damage();
      case 2: return (read_varint(number_) && take(number_)) || damage();
      case 5: return take(4) || damage();
      default: return damage();
    }
  }
  [[nodiscard]] bool damaged() const noexcept { return damaged_; }
  [[nodiscard]] std::uint32_t field() const noexcept { return field_; }
  [[nodiscard]] bool is_number(std::uint32_t field) const noexcept { return field_ == field && kind_ == 0; }
  [[nodiscard]] bool is_bytes(std::uint32_t field) const noexcept { return field_ == field && kind_ == 2; }
  /// Of kind 0.
  [[nodiscard]] std::uint64_t number() const noexcept { return number_; }
  [[nodiscard]] std::int64_t signed_number() const noexcept { return static_cast<std::int64_t>(number_); }
  /// Of kinds 1, 2 and 5.
  [[nodiscard]] std::string_view bytes() const noexcept { return bytes_; }

  /// Calls `take(std::int64_t)` for the number, or the packed numbers, of this field. False when damaged.
  template <class Take>
  bool each_number(const Take& take) noexcept {
    if (kind_ == 0) return take(signed_number()), true;
    if (kind_ != 2) return damage();
    Wire packed(bytes_);
    for (std::uint64_t value = 0; !packed.left_.empty();) {
      if (!packed.read_varint(value)) return damage();
      take(static_cast<std::int64_t>(value));
    }
    return true;
  }

 private:
  bool damage() noexcept {
    damaged_ = true;
    return false;
  }
  bool take(std::uint64_t size) noexcept {
    if (size > left_.size()) return false;
    bytes_ = left_.substr(0, size);
    left_.remove_prefix(size);
    return true;
  }
  bool read_varint(std::uint64_t& value) noexcept {
    value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      if (left_.empty()) return false;
      const auto byte = static_cast<unsigned char>(left_.front());
      left_.remove_prefix(1);
      value |= std::uint64_t{byte & 0x7fU} << shift;
      if ((byte & 0x80U) == 0) return true;
    }
    return false;
  }

  std::string_view left_;
  std::string_view bytes_;
  std::uint64_t number_ = 0;
  std::uint32_t field_ = 0;
  unsigned kind_ = 0;
  bool damaged_ = false;
};

}  // namespace weir::tensors
