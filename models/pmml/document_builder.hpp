#pragma once
/// What the readers of XML (plain_xml, expat_xml) report, put into a Document: the bounds, what is left out, what of
/// white space is kept. An element's text is all character data directly inside it; blank text is kept only in an
/// element without children, and without a line break.

#include <array>
#include <unordered_map>

#include "models/pmml/document.hpp"

namespace weir::pmml {

class DocumentBuilder {
 public:
  using Text = Document::Text;
  DocumentBuilder(Document& document, const ModelLimits& limits, const Deadline& deadline)
      : document_(document), limits_(limits), deadline_(deadline) {}
  DocumentBuilder(const DocumentBuilder&) = delete;
  DocumentBuilder& operator=(const DocumentBuilder&) = delete;

  // Each returns false when a bound is crossed: then problem() says which, and nothing more may be reported.

  /// `place` is the offset of the tag for plain_xml, the line for expat.
  bool start(std::string_view name, std::uint32_t place);
  /// Of the element that has just started, in order; `value` is a piece of the bytes, or stored.
  bool attribute(std::string_view name, std::string_view value) {
    if (ignores()) return true;
    Text text;
    return locate(value, text) && add_attribute(name, text);
  }
  /// A piece of character data. `lasting` ones are pieces of the bytes.
  bool text(std::string_view piece, bool lasting);
  bool end();
  /// Whether what comes now is left out.
  [[nodiscard]] bool ignores() const noexcept { return ignored_depth_ > 0; }
  [[nodiscard]] const std::string& problem() const noexcept { return problem_; }
  [[nodiscard]] bool out_of_time() const { return deadline_.passed(); }

 private:
  static constexpr std::size_t kRecent = 64;
  struct Open {
    std::uint32_t index;
    std::uint32_t last_child = Document::kNone;
    std::string_view piece = {};  ///< the text so far, unless `gathered_` has it
    bool gathers = false;
    bool blank = true;
  };

  bool fail(std::string what) {
    problem_ = std::move(what);
    return false;
  }
  bool within_bounds();
  bool locate(std::string_view piece, Text& text);
  bool add_attribute(std::string_view name, Text value);
  bool name_of(std::string_view raw, std::uint16_t& name);
  [[nodiscard]] bool is_left_out(std::uint16_t name) const;

  Document& document_;
  const ModelLimits& limits_;
  const Deadline& deadline_;
  std::string problem_;
  std::uint32_t depth_ = 0;
  std::uint32_t ignored_depth_ = 0;
  std::uint32_t starts_ = 0;
  std::vector<Open> open_;
  std::vector<std::string> gathered_;        // by depth
  std::vector<std::string_view> raw_names_;  // with prefixes
  std::unordered_map<std::string_view, std::uint16_t> name_ids_;
  std::vector<bool> without_meaning_;            // by name
  std::array<std::uint16_t, kRecent> recent_{};  // a few names come again and again: by length and ends
};

}  // namespace weir::pmml
