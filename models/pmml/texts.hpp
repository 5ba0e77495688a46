#pragma once
/// Texts as codes: the model's own texts are interned at load, texts that only a row knows get codes after them.
///
/// Two values of one row are the same text exactly when their codes are equal.

#include <cstdint>
#include <cstring>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include <weir/hash.hpp>

namespace weir::pmml {

/// The texts of a model. Built at load, read-only afterwards.
class Texts {
 public:
  static constexpr std::uint32_t kNone = 0xffffffff;

  std::uint32_t intern(std::string_view text) {
    if (const std::uint32_t known = find(text); known != kNone) return known;
    texts_.emplace_back(text);
    if (texts_.size() * 2 > table_.size())
      grow();
    else
      insert(static_cast<std::uint32_t>(texts_.size() - 1));
    return static_cast<std::uint32_t>(texts_.size() - 1);
  }
  [[nodiscard]] std::uint32_t find(std::string_view text) const noexcept {
    if (table_.empty()) return kNone;
    const std::uint64_t hash = hash_bytes(text.data(), text.size());
    for (std::size_t at = hash & mask_;; at = (at + 1) & mask_) {
      const Slot& slot = table_[at];
      if (slot.code == kNone) return kNone;
      if (slot.hash == static_cast<std::uint32_t>(hash >> 32) && texts_[slot.code] == text) return slot.code;
    }
  }
  [[nodiscard]] std::string_view at(std::uint32_t code) const noexcept { return texts_[code]; }
  [[nodiscard]] std::uint32_t size() const noexcept { return static_cast<std::uint32_t>(texts_.size()); }
  [[nodiscard]] std::size_t memory_bytes() const noexcept { return texts_.size() * 64 + table_.size() * sizeof(Slot); }

 private:
  struct Slot {
    std::uint32_t code = kNone;
    std::uint32_t hash = 0;
  };
  void insert(std::uint32_t code) {
    const std::uint64_t hash = hash_bytes(texts_[code].data(), texts_[code].size());
    std::size_t at = hash & mask_;
    while (table_[at].code != kNone) at = (at + 1) & mask_;
    table_[at] = {code, static_cast<std::uint32_t>(hash >> 32)};
  }
  void grow() {
    table_.assign(table_.empty() ? 64 : table_.size() * 2, Slot{});
    mask_ = table_.size() - 1;
    for (std::uint32_t code = 0; code < texts_.size(); ++code) insert(code);
  }

  std::deque<std::string> texts_;
  std::vector<Slot> table_;
  std::size_t mask_ = 0;
};

/// The texts of one row: what the model does not know. Fixed memory, borrowed from the caller.
class RowTexts {
 public:
  static constexpr std::size_t kArenaBytes = 32 * 1024;
  static constexpr std::size_t bytes(std::size_t capacity) { return capacity * sizeof(std::string_view) + kArenaBytes; }

  RowTexts(const Texts& texts, void* memory, std::size_t capacity) noexcept
      : texts_(&texts),
        views_(static_cast<std::string_view*>(memory)),
        capacity_(capacity),
        arena_(reinterpret_cast<char*>(views_ + capacity)) {}

  void clear() noexcept {
    count_ = 0;
    used_ = 0;
  }
  /// The code of `text`, which must live until the row is done. Texts::kNone when the row has too many texts.
  std::uint32_t code(std::string_view text) noexcept {
    const std::uint32_t known = texts_->find(text);
    if (known != Texts::kNone) return known;
    for (std::size_t i = 0; i < count_; ++i)
      if (views_[i] == text) return texts_->size() + static_cast<std::uint32_t>(i);
    if (count_ == capacity_) return Texts::kNone;
    views_[count_] = text;
    return texts_->size() + static_cast<std::uint32_t>(count_++);
  }
  [[nodiscard]] std::string_view at(double code) const noexcept {
    const auto index = static_cast<std::uint32_t>(code);
    return index < texts_->size() ? texts_->at(index) : views_[index - texts_->size()];
  }
  /// `size` bytes that live until the row is done, or null when the row's memory is used up.
  char* allocate(std::size_t size) noexcept {
    if (size > kArenaBytes - used_) return nullptr;
    char* at = arena_ + used_;
    used_ += size;
    return at;
  }

 private:
  const Texts* texts_;
  std::string_view* views_;
  std::size_t capacity_;
  char* arena_;
  std::size_t count_ = 0;
  std::size_t used_ = 0;
};

}  // namespace weir::pmml
