#include "models/pmml/document.hpp"

#include <algorithm>

#include "models/pmml/document_builder.hpp"
#include "models/pmml/expat_xml.hpp"
#include "models/pmml/plain_xml.hpp"

namespace weir::pmml {

std::string_view Element::name() const { return document_->names_[document_->nodes_[index_].name]; }
std::uint32_t Element::line() const { return document_->line_of(document_->nodes_[index_]); }
std::string_view Element::text() const {
  const std::uint32_t text = document_->nodes_[index_].text;
  return text == Document::kNone ? std::string_view() : document_->view(document_->texts_[text]);
}
std::optional<std::string_view> Element::attribute(std::string_view name) const {
  const auto& node = document_->nodes_[index_];
  for (std::uint32_t i = 0; i < node.attribute_count; ++i) {
    const auto& attribute = document_->attributes_[node.attributes + i];
    if (document_->names_[attribute.name] == name) return document_->view(attribute.value);
  }
  return std::nullopt;
}
Element Element::parent() const {
  const std::uint32_t up = document_->nodes_[index_].parent;
  return up == Document::kNone ? Element() : Element(document_, up);
}
Element Element::first_child() const {
  return document_->nodes_[index_].has_children ? Element(document_, index_ + 1) : Element();
}
Element Element::next_sibling() const {
  const std::uint32_t next = document_->nodes_[index_].next_sibling;
  return next == Document::kNone ? Element() : Element(document_, next);
}
Element Element::child(std::string_view name) const {
  for (const Element child : *this)
    if (child.is(name)) return child;
  return {};
}
std::string Element::path() const {
  std::vector<std::string_view> names;
  for (Element at = *this; at; at = at.parent()) names.push_back(at.name());
  std::reverse(names.begin(), names.end());
  std::string path;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (names.size() > 8 && i == 4) {
      path += "/...";
      i = names.size() - 3;
    }
    if (!path.empty()) path += '/';
    path += names[i];
  }
  return path;
}

std::uint32_t Document::line_of(const Node& node) const {
  if (!plain_) return node.place;
  const auto lines_in = [this](std::size_t first, std::size_t last) {
    return static_cast<std::uint32_t>(std::count(bytes_.data() + first, bytes_.data() + last, '\n'));
  };
  if (lines_before_.empty()) {
    lines_before_.push_back(0);
    for (std::size_t at = kLineStep; at <= bytes_.size(); at += kLineStep)
      lines_before_.push_back(lines_before_.back() + lines_in(at - kLineStep, at));
  }
  const std::size_t step = node.place / kLineStep;
  return lines_before_[step] + lines_in(step * kLineStep, node.place) + 1;
}

std::size_t Document::memory_bytes() const noexcept {
  return nodes_.memory_bytes() + attributes_.memory_bytes() + texts_.memory_bytes() + stored_.capacity();
}

bool operator==(const Document& left, const Document& right) {
  if (left.nodes_.size() != right.nodes_.size() || left.attributes_.size() != right.attributes_.size()) return false;
  const auto same_shape = [](const Document::Node& one, const Document::Node& other) {
    return one.parent == other.parent && one.next_sibling == other.next_sibling &&
           one.has_children == other.has_children && one.attributes == other.attributes &&
           one.attribute_count == other.attribute_count;
  };
  for (std::uint32_t i = 0; i < left.nodes_.size(); ++i) {
    const Element one(&left, i), other(&right, i);
    if (!same_shape(left.nodes_[i], right.nodes_[i]) || one.name() != other.name() || one.line() != other.line() ||
        one.text() != other.text())
      return false;
  }
  for (std::size_t i = 0; i < left.attributes_.size(); ++i)
    if (left.names_[left.attributes_[i].name] != right.names_[right.attributes_[i].name] ||
        left.view(left.attributes_[i].value) != right.view(right.attributes_[i].value))
      return false;
  return true;
}

Result<std::unique_ptr<Document>> Document::parse(std::string_view bytes, const ModelLimits& limits,
                                                  const Deadline& deadline, Readers readers) {
  if (bytes.size() > limits.max_bytes)
    return Status::resource_exhausted("load PMML: " + std::to_string(bytes.size()) + " bytes are more than max_bytes " +
                                      std::to_string(limits.max_bytes));
  if (bytes.size() > kMaxDocumentBytes) return Status::resource_exhausted("load PMML: a document of more than 2 GiB");
  if (bytes.empty()) return Status::invalid_argument("load PMML: the document is empty");
  std::unique_ptr<Document> document(new Document(bytes));
  document->plain_ = true;
  DocumentBuilder first(*document, limits, deadline);
  if (readers == Readers::kExpatOnly || !read_plain_xml(bytes, first)) {
    document.reset(new Document(bytes));
    DocumentBuilder second(*document, limits, deadline);
    WEIR_RETURN_IF_ERROR(read_with_expat(bytes, second));
  }
  if (deadline.passed())
    return Status::resource_exhausted("load PMML: the time budget max_load_ms ran out while parsing");
  if (document->nodes_.size() == 0) return Status::invalid_argument("load PMML: the document has no root element");
  return document;
}

}  // namespace weir::pmml
