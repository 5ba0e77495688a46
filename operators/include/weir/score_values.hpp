#pragma once
/// ScoreNumbers and ScoreTexts: the outputs of one score, without an allocation for the usual few.

#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace weir {

class ByteReader;
class ByteWriter;
class JsonWriter;

/// Numeric outputs in their order: up to two in place, more on the heap. NaN: the model gives no value.
class ScoreNumbers {
 public:
  static constexpr std::uint32_t kInline = 2;

  ScoreNumbers() noexcept : store_{.heap = nullptr}, size_(0) {}
  ScoreNumbers(const double* values, std::size_t count) { construct(values, count); }
  ScoreNumbers(const ScoreNumbers& other) { construct(other.data(), other.size_); }
  ScoreNumbers(ScoreNumbers&& other) noexcept : size_(0) { take(other); }
  ScoreNumbers& operator=(const ScoreNumbers& other) { return *this = ScoreNumbers(other); }
  ScoreNumbers& operator=(ScoreNumbers&& other) noexcept {
    if (this == &other) return *this;
    release();
    take(other);
    return *this;
  }
  ~ScoreNumbers() { release(); }

  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] const double* data() const noexcept { return size_ > kInline ? store_.heap : store_.in_place; }
  double operator[](std::size_t index) const noexcept { return data()[index]; }
  [[nodiscard]] std::span<const double> values() const noexcept { return {data(), size_}; }

  void weir_write(ByteWriter& writer) const;
  void weir_read(ByteReader& reader);
  static void weir_schema(std::string& out);
  void weir_json(JsonWriter& writer) const;

 private:
  void release() noexcept {
    if (size_ > kInline) [[unlikely]]
      delete[] store_.heap;
  }
  // Precondition: this owns nothing. What was never written is not read either.
  void take(ScoreNumbers& other) noexcept {
    size_ = std::exchange(other.size_, 0);
    if (size_ > kInline) [[unlikely]] {
      store_.heap = other.store_.heap;
    } else {
      for (std::uint32_t i = 0; i < size_; ++i) store_.in_place[i] = other.store_.in_place[i];
    }
  }
  void construct(const double* values, std::size_t count) {
    size_ = static_cast<std::uint32_t>(count);
    if (count == 1) [[likely]] {
      store_.in_place[0] = values[0];
      return;
    }
    double* target = store_.in_place;
    if (count > kInline) [[unlikely]]
      target = store_.heap = new double[count];
    for (std::size_t i = 0; i < count; ++i) target[i] = values[i];
  }

  union Store {
    double in_place[kInline];
    double* heap;
  } store_;
  std::uint32_t size_;
};

/// Text outputs in their order: one of 12 bytes in place, more on the heap; none costs nothing.
class ScoreTexts {
 public:
  ScoreTexts() noexcept : count_(0), bytes_(0) {}
  ScoreTexts(const std::string* texts, std::size_t count);
  explicit ScoreTexts(std::string_view text);
  ScoreTexts(const ScoreTexts& other) : count_(other.count_), bytes_(other.bytes_) {
    if (bytes_ != 0) [[unlikely]]
      copy(other);
  }
  ScoreTexts(ScoreTexts&& other) noexcept : count_(0), bytes_(0) { take(other); }
  ScoreTexts& operator=(const ScoreTexts& other) { return *this = ScoreTexts(other); }
  ScoreTexts& operator=(ScoreTexts&& other) noexcept {
    if (this == &other) return *this;
    release();
    take(other);
    return *this;
  }
  ~ScoreTexts() { release(); }

  [[nodiscard]] std::size_t size() const noexcept { return count_; }
  /// Valid while this object lives unchanged. Precondition: index < size().
  std::string_view operator[](std::size_t index) const noexcept;

  void weir_write(ByteWriter& writer) const;
  void weir_read(ByteReader& reader);
  static void weir_schema(std::string& out);
  void weir_json(JsonWriter& writer) const;

 private:
  // The end offset of each text (4 bytes each), then all texts one after the other; `bytes_` is the size of both.
  static constexpr std::uint32_t kInline = 16;
  [[nodiscard]] const char* data() const noexcept { return bytes_ > kInline ? store_.heap : store_.in_place; }
  void release() noexcept {
    if (bytes_ > kInline) [[unlikely]]
      delete[] store_.heap;
  }
  // Precondition: this owns nothing.
  void take(ScoreTexts& other) noexcept {
    count_ = std::exchange(other.count_, 0);
    bytes_ = std::exchange(other.bytes_, 0);
    if (bytes_ > kInline) [[unlikely]] {
      store_.heap = other.store_.heap;
    } else if (bytes_ != 0) {
      std::memcpy(store_.in_place, other.store_.in_place, bytes_);
    }
  }
  char* allocate(std::size_t count, std::size_t characters);
  void copy(const ScoreTexts& other);

  union Store {
    char in_place[kInline];
    char* heap;
  } store_;
  std::uint32_t count_;
  std::uint32_t bytes_;
};

}  // namespace weir
