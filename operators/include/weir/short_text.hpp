#pragma once
/// ShortText: a text that is copied into every result. 16 bytes; up to 15 characters in place, more on the heap.

#include <cstdint>
#include <cstring>
#include <ostream>
#include <string>
#include <string_view>
#include <utility>

namespace weir {

class ByteReader;
class ByteWriter;
class JsonWriter;

/// Reads as a std::string_view, converts to a std::string. Below 4 GiB (checked). Thread: a value type.
class ShortText {
 public:
  static constexpr std::size_t kInline = 15;

  ShortText() noexcept = default;
  ShortText(std::string_view text) { assign(text); }                         // NOLINT(google-explicit-constructor)
  ShortText(const std::string& text) : ShortText(std::string_view(text)) {}  // NOLINT(google-explicit-constructor)
  ShortText(const char* text) : ShortText(std::string_view(text)) {}         // NOLINT(google-explicit-constructor)
  ShortText(const ShortText& other) : store_(other.store_) {
    if (on_heap()) [[unlikely]]
      assign(other);
  }
  ShortText(ShortText&& other) noexcept : store_(std::exchange(other.store_, Store{})) {}
  ShortText& operator=(const ShortText& other) { return *this = ShortText(other); }
  ShortText& operator=(ShortText&& other) noexcept {
    std::swap(store_, other.store_);
    return *this;
  }
  ~ShortText() {
    if (on_heap()) [[unlikely]]
      release();
  }

  [[nodiscard]] std::size_t size() const noexcept { return on_heap() ? long_size() : store_.tag; }
  [[nodiscard]] bool empty() const noexcept { return size() == 0; }
  /// Not ended by a zero. Valid while this object lives unchanged.
  [[nodiscard]] const char* data() const noexcept { return on_heap() ? long_data() : store_.in_place; }
  [[nodiscard]] std::string_view view() const noexcept { return {data(), size()}; }
  [[nodiscard]] std::string str() const { return std::string(view()); }
  operator std::string_view() const noexcept { return view(); }  // NOLINT(google-explicit-constructor)
  operator std::string() const { return str(); }                 // NOLINT(google-explicit-constructor)

  friend bool operator==(const ShortText& left, const ShortText& right) noexcept { return left.view() == right.view(); }
  friend bool operator==(const ShortText& left, std::string_view right) noexcept { return left.view() == right; }
  friend bool operator==(const ShortText& left, const std::string& right) noexcept { return left.view() == right; }
  friend bool operator==(const ShortText& left, const char* right) noexcept { return left.view() == right; }
  friend auto operator<=>(const ShortText& left, const ShortText& right) noexcept {
    return left.view() <=> right.view();
  }
  friend std::ostream& operator<<(std::ostream& out, const ShortText& text) { return out << text.view(); }

  // Serde and JSON: as a std::string.
  void weir_write(ByteWriter& writer) const;
  void weir_read(ByteReader& reader);
  static void weir_schema(std::string& out);
  void weir_json(JsonWriter& writer) const;

 private:
  // Either `tag` characters, or (kOnHeap) a pointer to the characters, then their number in four bytes.
  struct Store {
    alignas(8) char in_place[kInline] = {};
    std::uint8_t tag = 0;
  };
  static constexpr std::uint8_t kOnHeap = 0xff;

  [[nodiscard]] bool on_heap() const noexcept { return store_.tag == kOnHeap; }
  [[nodiscard]] char* long_data() const noexcept {
    char* data;
    std::memcpy(&data, store_.in_place, sizeof data);
    return data;
  }
  [[nodiscard]] std::uint32_t long_size() const noexcept {
    std::uint32_t size;
    std::memcpy(&size, store_.in_place + sizeof(char*), sizeof size);
    return size;
  }
  void release() noexcept { delete[] long_data(); }
  // Precondition: this owns nothing; `text` may be in the memory that a copied store_ points to.
  void assign(std::string_view text);

  Store store_;
};
static_assert(sizeof(ShortText) == 16);

}  // namespace weir
