#pragma once
/// A PMML document as parsed: elements with their line numbers, attributes and text, read-only and compact.
///
/// Plain UTF-8 is read by plain_xml and stays where it is: values and texts are pieces of the caller's bytes. Whatever
/// plain_xml does not accept, wrong documents among them, expat reads and judges.
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
inline constexpr std::size_t kMaxDocumentBytes = std::size_t{1} << 31;

/// A list that never moves what it holds, so that growing costs no second copy.
template <class T>
class ChunkedList {
 public:
  T& operator[](std::size_t i) noexcept { return chunks_[i / kChunk][i % kChunk]; }
  const T& operator[](std::size_t i) const noexcept { return chunks_[i / kChunk][i % kChunk]; }
  void push_back(const T& value) {
    if (size_ % kChunk == 0) chunks_.push_back(std::make_unique_for_overwrite<T[]>(kChunk));
    (*this)[size_++] = value;
  }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] std::size_t memory_bytes() const noexcept { return chunks_.size() * kChunk * sizeof(T); }

 private:
  static constexpr std::size_t kChunk = 4'096;
  std::vector<std::unique_ptr<T[]>> chunks_;
  std::size_t size_ = 0;
};

class Document {
 public:
  enum class Readers : unsigned char { kPlainFirst, kExpatOnly };
  /// Parses; fails on malformed XML, DOCTYPE or a bound, naming the line. The bytes must outlive the document: it reads
  /// values and texts there, and counts lines when somebody asks.
  static Result<std::unique_ptr<Document>> parse(std::string_view bytes, const ModelLimits& limits,
                                                 const Deadline& deadline, Readers readers = Readers::kPlainFirst);
  Document(const Document&) = delete;
  Document& operator=(const Document&) = delete;

  [[nodiscard]] Element root() const { return {this, 0}; }
  /// Whether plain_xml read it.
  [[nodiscard]] bool is_plain() const noexcept { return plain_; }
  [[nodiscard]] std::size_t memory_bytes() const noexcept;
  /// The same elements in the same lines, with the same attributes and texts.
  friend bool operator==(const Document& left, const Document& right);

 private:
  friend class Element;
  friend class DocumentBuilder;
  static constexpr std::uint32_t kNone = 0xffffffff;
  static constexpr std::size_t kLineStep = 16'384;

  /// A piece of the bytes or, from their end on, of `stored_`.
  struct Text {
    std::uint32_t at = 0;
    std::uint32_t size = 0;
  };
  struct Attribute {
    Text value;
    std::uint32_t name;
  };
  struct Node {
    std::uint32_t place = 0;  ///< plain: the offset of its tag in the bytes, else its line
    std::uint32_t parent = kNone;
    std::uint32_t next_sibling = kNone;
    std::uint32_t attributes = 0;
    std::uint32_t text = kNone;  ///< in `texts_`
    std::uint16_t name = 0;
    std::uint8_t attribute_count = 0;
    bool has_children = false;  ///< the first is the next node
  };
  static_assert(sizeof(Node) == 24 && sizeof(Attribute) == 12 && kMaxNames <= 0xffff && kMaxAttributes <= 0xff);

  explicit Document(std::string_view bytes) : bytes_(bytes) {}
  [[nodiscard]] std::string_view view(Text text) const noexcept {
    return text.at < bytes_.size() ? bytes_.substr(text.at, text.size)
                                   : std::string_view(stored_).substr(text.at - bytes_.size(), text.size);
  }
  [[nodiscard]] std::uint32_t line_of(const Node& node) const;

  std::string_view bytes_;
  ChunkedList<Node> nodes_;
  ChunkedList<Attribute> attributes_;
  ChunkedList<Text> texts_;
  std::string stored_;  ///< texts that are not in the bytes as they are
  std::deque<std::string> kept_names_;
  std::vector<std::string_view> names_;  ///< without prefixes: ends of kept ones
  bool plain_ = false;
  mutable std::vector<std::uint32_t> lines_before_;  ///< each kLineStep bytes; counted when the first line is asked for
};

}  // namespace weir::pmml
