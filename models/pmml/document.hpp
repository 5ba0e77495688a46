#pragma once
/// A PMML document as parsed: elements with their line numbers, attributes and text, read-only and compact.
///
/// Names carry no namespace prefix. Subtrees that never matter to scoring (Extension, ModelStats, ModelExplanation,
/// ...) are not kept. DOCTYPE is refused, so there are no entities to expand.

#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <weir/model.hpp>
#include <weir/result.hpp>

namespace weir::pmml {

/// The end of a load's time budget.
class Deadline {
 public:
  explicit Deadline(std::int64_t budget_ms)
      : end_(std::chrono::steady_clock::now() + std::chrono::milliseconds(budget_ms)) {}
  [[nodiscard]] bool passed() const { return std::chrono::steady_clock::now() >= end_; }

 private:
  std::chrono::steady_clock::time_point end_;
};

class Document;

/// One element: a handle, valid while its document lives. A default-made one is absent.
class Element {
 public:
  Element() = default;
  Element(const Document* document, std::uint32_t index) : document_(document), index_(index) {}
  explicit operator bool() const noexcept { return document_ != nullptr; }
  [[nodiscard]] std::string_view name() const;
  [[nodiscard]] bool is(std::string_view name) const { return this->name() == name; }
  [[nodiscard]] std::uint32_t line() const;
  /// The text directly inside the element, untrimmed.
  [[nodiscard]] std::string_view text() const;
  [[nodiscard]] std::optional<std::string_view> attribute(std::string_view name) const;
  [[nodiscard]] std::string_view attribute_or(std::string_view name, std::string_view otherwise) const {
    return attribute(name).value_or(otherwise);
  }
  [[nodiscard]] Element parent() const;
  [[nodiscard]] Element first_child() const;
  [[nodiscard]] Element next_sibling() const;
  /// The first child of that name; absent when there is none.
  [[nodiscard]] Element child(std::string_view name) const;
  /// `PMML/TreeModel/Node`, shortened in the middle when deep.
  [[nodiscard]] std::string path() const;
  [[nodiscard]] std::uint32_t index() const noexcept { return index_; }
  friend bool operator==(const Element& left, const Element& right) noexcept {
    return left.document_ == right.document_ && left.index_ == right.index_;
  }

  class Iterator;
  [[nodiscard]] Iterator begin() const;
  [[nodiscard]] Iterator end() const;

 private:
  const Document* document_ = nullptr;
  std::uint32_t index_ = 0;
};

class Element::Iterator {
 public:
  explicit Iterator(Element at) : at_(at) {}
  Element operator*() const { return at_; }
  Iterator& operator++() {
    at_ = at_.next_sibling();
    return *this;
  }
  bool operator==(const Iterator& other) const { return at_ == other.at_; }

 private:
  Element at_;
};
inline Element::Iterator Element::begin() const { return Iterator(first_child()); }
inline Element::Iterator Element::end() const { return Iterator(Element()); }

/// Bounds that keep a hostile document from costing more than its size.
inline constexpr std::uint32_t kMaxDepth = 1'500;
inline constexpr std::uint32_t kMaxAttributes = 128;
inline constexpr std::size_t kMaxNames = 60'000;

class Document {
 public:
  /// Parses; fails on malformed XML, DOCTYPE or a bound, naming the line.
  static Result<std::unique_ptr<Document>> parse(std::string_view bytes, const ModelLimits& limits,
                                                 const Deadline& deadline);
  Document(const Document&) = delete;
  Document& operator=(const Document&) = delete;

  [[nodiscard]] Element root() const { return {this, 0}; }
  [[nodiscard]] std::size_t memory_bytes() const noexcept;

 private:
  friend class Element;
  friend class DocumentBuilder;
  static constexpr std::uint32_t kNone = 0xffffffff;

  struct Node {
    const char* text = nullptr;
    std::uint32_t text_size = 0;
    std::uint32_t name = 0;
    std::uint32_t line = 0;
    std::uint32_t parent = kNone;
    std::uint32_t first_child = kNone;
    std::uint32_t next_sibling = kNone;
    std::uint32_t attributes = 0;
    std::uint32_t attribute_count = 0;
  };
  struct Attribute {
    const char* value;
    std::uint32_t size;
    std::uint32_t name;
  };

  Document() = default;
  std::uint32_t intern(std::string_view name);
  const char* store(std::string_view text);

  std::vector<Node> nodes_;
  std::vector<Attribute> attributes_;
  std::deque<std::string> names_;
  std::unordered_map<std::string_view, std::uint32_t> name_ids_;
  std::deque<std::unique_ptr<char[]>> chunks_;
  std::size_t chunk_left_ = 0;
  char* chunk_at_ = nullptr;
  std::size_t chunk_bytes_ = 0;
};

}  // namespace weir::pmml
