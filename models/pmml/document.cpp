#include "models/pmml/document.hpp"

#include <expat.h>

#include <algorithm>
#include <array>
#include <cstring>

namespace weir::pmml {
namespace {

constexpr std::size_t kChunkBytes = std::size_t{256} << 10;
constexpr std::size_t kParseStepBytes = std::size_t{1} << 20;

std::string_view local_name(const char* name) {
  const std::string_view whole(name);
  const std::size_t colon = whole.rfind(':');
  return colon == std::string_view::npos ? whole : whole.substr(colon + 1);
}

// Subtrees without any meaning for scoring.
bool is_ignored(std::string_view name) {
  static constexpr std::array<std::string_view, 6> kIgnored = {"Extension",       "ModelStats", "ModelExplanation",
                                                               "MiningBuildTask", "Header",     "Timestamp"};
  return std::find(kIgnored.begin(), kIgnored.end(), name) != kIgnored.end();
}

}  // namespace

std::string_view Element::name() const { return document_->names_[document_->nodes_[index_].name]; }
std::uint32_t Element::line() const { return document_->nodes_[index_].line; }
std::string_view Element::text() const {
  const auto& node = document_->nodes_[index_];
  return node.text == nullptr ? std::string_view() : std::string_view(node.text, node.text_size);
}
std::optional<std::string_view> Element::attribute(std::string_view name) const {
  const auto& node = document_->nodes_[index_];
  for (std::uint32_t i = 0; i < node.attribute_count; ++i) {
    const auto& attribute = document_->attributes_[node.attributes + i];
    if (document_->names_[attribute.name] == name) return std::string_view(attribute.value, attribute.size);
  }
  return std::nullopt;
}
Element Element::parent() const {
  const std::uint32_t up = document_->nodes_[index_].parent;
  return up == Document::kNone ? Element() : Element(document_, up);
}
Element Element::first_child() const {
  const std::uint32_t child = document_->nodes_[index_].first_child;
  return child == Document::kNone ? Element() : Element(document_, child);
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

std::uint32_t Document::intern(std::string_view name) {
  if (const auto found = name_ids_.find(name); found != name_ids_.end()) return found->second;
  names_.emplace_back(name);
  const auto id = static_cast<std::uint32_t>(names_.size() - 1);
  name_ids_.emplace(names_.back(), id);
  return id;
}

const char* Document::store(std::string_view text) {
  if (text.size() > chunk_left_) {
    const std::size_t size = std::max(kChunkBytes, text.size());
    chunks_.push_back(std::make_unique_for_overwrite<char[]>(size));
    chunk_at_ = chunks_.back().get();
    chunk_left_ = size;
    chunk_bytes_ += size;
  }
  char* at = chunk_at_;
  if (!text.empty()) std::memcpy(at, text.data(), text.size());
  chunk_at_ += text.size();
  chunk_left_ -= text.size();
  return at;
}

std::size_t Document::memory_bytes() const noexcept {
  return nodes_.capacity() * sizeof(Node) + attributes_.capacity() * sizeof(Attribute) + chunk_bytes_;
}

// Receives expat's events. States: inside the tree, inside an ignored subtree (`ignored_depth_` > 0), failed.
class DocumentBuilder {
 public:
  DocumentBuilder(Document& document, const ModelLimits& limits, const Deadline& deadline)
      : document_(document), limits_(limits), deadline_(deadline), parser_(XML_ParserCreate(nullptr)) {
    XML_SetUserData(parser_, this);
    XML_SetElementHandler(parser_, &on_start, &on_end);
    XML_SetCharacterDataHandler(parser_, &on_text);
    XML_SetStartDoctypeDeclHandler(parser_, &on_doctype);
    XML_SetUnknownEncodingHandler(parser_, &on_encoding, nullptr);
  }
  ~DocumentBuilder() { XML_ParserFree(parser_); }
  DocumentBuilder(const DocumentBuilder&) = delete;
  DocumentBuilder& operator=(const DocumentBuilder&) = delete;

  Status parse(std::string_view bytes) {
    std::size_t done = 0;
    do {
      const std::size_t step = std::min(kParseStepBytes, bytes.size() - done);
      const bool last = done + step == bytes.size();
      const XML_Status status = XML_Parse(parser_, bytes.data() + done, static_cast<int>(step), last ? 1 : 0);
      if (!failure_.is_ok()) return failure_;
      if (status != XML_STATUS_OK)
        return Status::invalid_argument("parse PMML: line " + std::to_string(XML_GetCurrentLineNumber(parser_)) + ": " +
                                        XML_ErrorString(XML_GetErrorCode(parser_)));
      done += step;
      if (deadline_.passed())
        return Status::resource_exhausted("load PMML: the time budget max_load_ms ran out while parsing");
    } while (done < bytes.size());
    return Status::ok();
  }

 private:
  void fail(Status status) {
    if (failure_.is_ok()) failure_ = std::move(status);
    XML_StopParser(parser_, XML_FALSE);
  }
  std::string line() const { return "line " + std::to_string(XML_GetCurrentLineNumber(parser_)); }
  void fail_bound(const std::string& what) { fail(Status::resource_exhausted("parse PMML: " + line() + ": " + what)); }

  void start(const char* raw_name, const char** attributes) {
    if (!failure_.is_ok()) return;
    if (++depth_ > kMaxDepth) return fail_bound("elements nest deeper than " + std::to_string(kMaxDepth));
    const std::string_view name = local_name(raw_name);
    if (ignored_depth_ > 0 || (is_ignored(name) && !has_meaning(name))) {
      ++ignored_depth_;
      return;
    }
    const auto index = static_cast<std::uint32_t>(document_.nodes_.size());
    Document::Node node;
    node.name = document_.intern(name);
    node.line = static_cast<std::uint32_t>(XML_GetCurrentLineNumber(parser_));
    node.attributes = static_cast<std::uint32_t>(document_.attributes_.size());
    for (const char** at = attributes; *at != nullptr; at += 2) {
      if (++node.attribute_count > kMaxAttributes)
        return fail_bound("an element has more than " + std::to_string(kMaxAttributes) + " attributes");
      const std::string_view value(at[1]);
      document_.attributes_.push_back(
          {document_.store(value), static_cast<std::uint32_t>(value.size()), document_.intern(local_name(at[0]))});
    }
    if (document_.names_.size() > kMaxNames)
      return fail_bound("more than " + std::to_string(kMaxNames) + " different names");
    if (!open_.empty()) {
      node.parent = open_.back().index;
      if (open_.back().last_child == Document::kNone)
        document_.nodes_[open_.back().index].first_child = index;
      else
        document_.nodes_[open_.back().last_child].next_sibling = index;
      open_.back().last_child = index;
    }
    document_.nodes_.push_back(node);
    open_.push_back({index, Document::kNone});
    text_.emplace_back();
    if ((index & 0xfff) == 0 && document_.memory_bytes() > limits_.max_memory_bytes)
      fail_bound("the document needs more than max_memory_bytes");
  }

  void end() {
    if (!failure_.is_ok()) return;
    --depth_;
    if (ignored_depth_ > 0) {
      --ignored_depth_;
      return;
    }
    auto& node = document_.nodes_[open_.back().index];
    if (!text_.back().empty()) {
      node.text = document_.store(text_.back());
      node.text_size = static_cast<std::uint32_t>(text_.back().size());
    }
    open_.pop_back();
    text_.pop_back();
  }

  void text(std::string_view piece) {
    if (ignored_depth_ > 0 || text_.empty()) return;
    // White space between elements is most of a document's text: keep none of it.
    if (text_.back().empty() && piece.find_first_not_of(" \t\r\n") == std::string_view::npos &&
        piece.find('\n') != piece.npos)
      return;
    text_.back().append(piece);
  }

  static void on_start(void* self, const char* name, const char** attributes) {
    static_cast<DocumentBuilder*>(self)->start(name, attributes);
  }
  static void on_end(void* self, const char*) { static_cast<DocumentBuilder*>(self)->end(); }
  static void on_text(void* self, const char* piece, int size) {
    static_cast<DocumentBuilder*>(self)->text({piece, static_cast<std::size_t>(size)});
  }
  static void on_doctype(void* self, const char*, const char*, const char*, int) {
    auto* builder = static_cast<DocumentBuilder*>(self);
    builder->fail(Status::invalid_argument("parse PMML: " + builder->line() + ": DOCTYPE is not accepted"));
  }
  // Windows-1252 beside expat's own UTF-8, UTF-16, ISO-8859-1 and ASCII.
  static int on_encoding(void*, const char* name, XML_Encoding* encoding) {
    std::string lower(name);
    std::transform(lower.begin(), lower.end(), lower.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? char(c + 32) : c; });
    if (lower != "windows-1252" && lower != "cp1252") return XML_STATUS_ERROR;
    static constexpr std::array<int, 32> kUpper = {0x20AC, -1,     0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021,
                                                   0x02C6, 0x2030, 0x0160, 0x2039, 0x0152, -1,     0x017D, -1,
                                                   -1,     0x2018, 0x2019, 0x201C, 0x201D, 0x2022, 0x2013, 0x2014,
                                                   0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, -1,     0x017E, 0x0178};
    for (int i = 0; i < 256; ++i)
      encoding->map[i] = i >= 0x80 && i < 0xA0 ? kUpper[static_cast<std::size_t>(i - 0x80)] : i;
    encoding->data = nullptr;
    encoding->convert = nullptr;
    encoding->release = nullptr;
    return XML_STATUS_OK;
  }

  // Up to PMML 4.1 there was no place for an input's distribution but an Extension.
  [[nodiscard]] bool has_meaning(std::string_view name) const {
    return name == "Extension" && !open_.empty() && Element(&document_, open_.back().index).is("BayesInput");
  }

  struct Open {
    std::uint32_t index;
    std::uint32_t last_child;
  };
  Document& document_;
  const ModelLimits& limits_;
  const Deadline& deadline_;
  XML_Parser parser_;
  Status failure_;
  std::uint32_t depth_ = 0;
  std::uint32_t ignored_depth_ = 0;
  std::vector<Open> open_;
  std::vector<std::string> text_;
};

Result<std::unique_ptr<Document>> Document::parse(std::string_view bytes, const ModelLimits& limits,
                                                  const Deadline& deadline) {
  if (bytes.size() > limits.max_bytes)
    return Status::resource_exhausted("load PMML: " + std::to_string(bytes.size()) + " bytes are more than max_bytes " +
                                      std::to_string(limits.max_bytes));
  if (bytes.empty()) return Status::invalid_argument("load PMML: the document is empty");
  std::unique_ptr<Document> document(new Document());
  DocumentBuilder builder(*document, limits, deadline);
  WEIR_RETURN_IF_ERROR(builder.parse(bytes));
  if (document->nodes_.empty()) return Status::invalid_argument("load PMML: the document has no root element");
  return document;
}

}  // namespace weir::pmml
