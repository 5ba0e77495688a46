#include "models/pmml/plain_xml.hpp"

#include <algorithm>

namespace weir::pmml {
namespace {

constexpr std::size_t kMostAttributes = 32;  // every pair is compared

enum Kind : unsigned char {
  kNameStart = 1,
  kName = 2,
  kInValue = 4,  // as it is in an attribute's value, quotes apart
  kInText = 8,   // as it is in text
  kValid = 16,   // ASCII that XML allows, line ends apart
};

constexpr std::array<unsigned char, 256> make_kinds() {
  std::array<unsigned char, 256> kinds{};
  for (unsigned c = 0x20; c < 0x80; ++c) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == ':';
    if (letter) kinds[c] |= kNameStart | kName;
    if ((c >= '0' && c <= '9') || c == '-' || c == '.') kinds[c] |= kName;
    if (c != '<' && c != '&' && c != '"' && c != '\'') kinds[c] |= kInValue;
    if (c != '<' && c != '&' && c != ']') kinds[c] |= kInText;
    kinds[c] |= kValid;
  }
  kinds['\t'] |= kInText | kValid;
  kinds['\n'] |= kInText | kValid;
  return kinds;
}
constexpr std::array<unsigned char, 256> kKinds = make_kinds();

bool is(char c, Kind kind) { return (kKinds[static_cast<unsigned char>(c)] & kind) != 0; }

void append_utf8(std::string& out, std::uint32_t code) {
  const auto tail = [&](unsigned shift) { out += static_cast<char>(0x80 | ((code >> shift) & 0x3F)); };
  if (code < 0x80) {
    out += static_cast<char>(code);
  } else if (code < 0x800) {
    out += static_cast<char>(0xC0 | (code >> 6));
    tail(0);
  } else if (code < 0x10000) {
    out += static_cast<char>(0xE0 | (code >> 12));
    tail(6);
    tail(0);
  } else {
    out += static_cast<char>(0xF0 | (code >> 18));
    tail(12);
    tail(6);
    tail(0);
  }
}

// Every function returns false for what is not plain; then the whole document is left to expat.
class PlainXmlReader {
 public:
  PlainXmlReader(std::string_view bytes, DocumentBuilder& builder)
      : begin_(bytes.data()), at_(begin_), end_(begin_ + bytes.size()), builder_(builder) {}

  bool read() {
    skip("\xEF\xBB\xBF");
    if (starts_with("<?xml") && !declaration()) return false;
    while (at_ != end_) {
      if (*at_ == '<') {
        ++at_;
        if (!markup()) return false;
      } else if (open_.empty() ? !spaces() : !text()) {
        return false;
      }
    }
    return open_.empty() && rooted_;
  }

 private:
  [[nodiscard]] bool starts_with(std::string_view what) const {
    return std::string_view(at_, static_cast<std::size_t>(end_ - at_)).starts_with(what);
  }
  bool skip(std::string_view what) {
    if (!starts_with(what)) return false;
    at_ += what.size();
    return true;
  }
  /// False when there is none. A carriage return that ends a line alone is not plain.
  bool spaces() {
    const char* before = at_;
    while (at_ != end_ && (*at_ == ' ' || *at_ == '\n' || *at_ == '\t' || starts_with("\r\n"))) ++at_;
    return at_ != before;
  }
  bool name(std::string_view& out) {
    const char* first = at_;
    if (at_ == end_ || !is(*at_, kNameStart)) return false;
    while (at_ != end_ && is(*at_, kName)) ++at_;
    out = {first, static_cast<std::size_t>(at_ - first)};
    return at_ != end_ && static_cast<unsigned char>(*at_) < 0x80;
  }

  // <?xml version="1.0" encoding="UTF-8" standalone="yes"?>
  bool declaration() {
    std::string_view value;
    if (!skip("<?xml") || !pseudo_attribute("version", value) || value != "1.0") return false;
    if (pseudo_attribute("encoding", value)) {
      std::string upper(value);
      std::transform(upper.begin(), upper.end(), upper.begin(),
                     [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; });
      if (upper != "UTF-8") return false;
    }
    if (pseudo_attribute("standalone", value) && value != "yes" && value != "no") return false;
    spaces();
    return skip("?>");
  }
  bool pseudo_attribute(std::string_view name, std::string_view& value) {
    const char* before = at_;
    if (!spaces() || !skip(name)) {
      at_ = before;
      return false;
    }
    spaces();
    if (!skip("=")) return false;
    spaces();
    if (at_ == end_ || (*at_ != '"' && *at_ != '\'')) return false;
    const char* close = std::find(at_ + 1, end_, *at_);
    if (close == end_) return false;
    value = {at_ + 1, static_cast<std::size_t>(close - at_ - 1)};
    at_ = close + 1;
    return true;
  }

  bool markup() {
    if (at_ == end_) return false;
    if (*at_ == '/') return end_tag();
    if (*at_ == '!') return skip("!--") ? comment() : !open_.empty() && skip("![CDATA[") && character_data();
    if (open_.empty() && rooted_) return false;
    rooted_ = true;
    return start_tag();
  }

  bool start_tag() {
    const auto place = static_cast<std::uint32_t>(at_ - begin_ - 1);
    std::string_view element;
    if (!name(element) || !builder_.start(element, place)) return false;
    std::size_t count = 0;
    while (true) {
      const bool apart = spaces();
      if (at_ == end_) return false;
      if (*at_ == '>') {
        ++at_;
        open_.push_back(element);
        return true;
      }
      if (*at_ == '/') return skip("/>") && builder_.end();
      if (!apart || count == kMostAttributes || !name(attributes_[count])) return false;
      for (std::size_t i = 0; i < count; ++i)
        if (attributes_[i] == attributes_[count]) return false;
      spaces();
      if (!skip("=")) return false;
      spaces();
      std::string_view text;
      if (!value(text) || !builder_.attribute(attributes_[count], text)) return false;
      ++count;
    }
  }

  bool end_tag() {
    ++at_;
    if (open_.empty() || !skip(open_.back())) return false;
    spaces();
    if (!skip(">")) return false;
    open_.pop_back();
    return builder_.end();
  }

  bool value(std::string_view& out) {
    if (at_ == end_ || (*at_ != '"' && *at_ != '\'')) return false;
    const char quote = *at_++;
    const char* first = at_;
    while (at_ != end_) {
      if (is(*at_, kInValue)) {
        ++at_;
      } else if (*at_ == quote) {
        out = {first, static_cast<std::size_t>(at_ - first)};
        ++at_;
        return true;
      } else if (*at_ == '"' || *at_ == '\'') {
        ++at_;
      } else if (*at_ == '&' || *at_ == '\t' || *at_ == '\n' || *at_ == '\r') {
        return decoded_value(first, quote, out);
      } else if (!beyond_ascii()) {
        return false;
      }
    }
    return false;
  }

  // With references, or with white space that becomes spaces.
  bool decoded_value(const char* first, char quote, std::string_view& out) {
    decoded_.assign(first, at_);
    while (at_ != end_) {
      const char* before = at_;
      if (*at_ == quote) {
        out = decoded_;
        ++at_;
        return true;
      }
      if (*at_ == '\r' && !starts_with("\r\n")) return false;
      if (*at_ == '\t' || *at_ == '\n' || *at_ == '\r') {
        at_ += *at_ == '\r' ? 2 : 1;
        decoded_ += ' ';
      } else if (*at_ == '&') {
        if (!reference()) return false;
      } else {
        if (is(*at_, kInValue) || *at_ == '"' || *at_ == '\'')
          ++at_;
        else if (!beyond_ascii())
          return false;
        decoded_.append(before, at_);
      }
    }
    return false;
  }

  bool text() {
    const char* first = at_;
    while (at_ != end_ && *at_ != '<') {
      if (is(*at_, kInText)) {
        ++at_;
      } else if (*at_ == ']') {
        if (starts_with("]]>")) return false;
        ++at_;
      } else if (*at_ == '&' || *at_ == '\r') {
        if (!builder_.text({first, static_cast<std::size_t>(at_ - first)}, true)) return false;
        decoded_.clear();
        if (*at_ == '&' ? !reference() : !line_end()) return false;
        if (!builder_.text(decoded_, false)) return false;
        first = at_;
      } else if (!beyond_ascii()) {
        return false;
      }
    }
    return builder_.text({first, static_cast<std::size_t>(at_ - first)}, true);
  }

  bool comment() {
    while (at_ != end_) {
      if (*at_ == '-' && starts_with("--")) return skip("-->");
      if (!valid()) return false;
    }
    return false;
  }

  bool character_data() {
    const char* first = at_;
    while (at_ != end_) {
      if (*at_ != ']' && *at_ != '\r') {
        if (!valid()) return false;
        continue;
      }
      const bool ends = starts_with("]]>");
      if (*at_ == ']' && !ends) {
        ++at_;
        continue;
      }
      if (!builder_.text({first, static_cast<std::size_t>(at_ - first)}, true)) return false;
      if (ends) return skip("]]>");
      decoded_.clear();
      if (!line_end() || !builder_.text(decoded_, false)) return false;
      first = at_;
    }
    return false;
  }

  /// One character of any kind.
  bool valid() {
    if (is(*at_, kValid)) {
      ++at_;
      return true;
    }
    return skip("\r\n") || beyond_ascii();
  }
  bool line_end() {
    if (!skip("\r\n")) return false;
    decoded_ += '\n';
    return true;
  }

  /// One character of two to four bytes.
  bool beyond_ascii() {
    const auto byte = [this](std::ptrdiff_t i) { return end_ - at_ > i ? static_cast<unsigned char>(at_[i]) : 0U; };
    const auto follows = [&](std::ptrdiff_t i) { return (byte(i) & 0xC0) == 0x80; };
    const unsigned first = byte(0);
    std::ptrdiff_t size = 0;
    if (first >= 0xC2 && first <= 0xDF && follows(1)) {
      size = 2;
    } else if (first >= 0xE0 && first <= 0xEF && follows(1) && follows(2)) {
      const unsigned code = ((first & 0x0F) << 12) | ((byte(1) & 0x3F) << 6) | (byte(2) & 0x3F);
      if (code < 0x800 || (code >= 0xD800 && code < 0xE000) || code >= 0xFFFE) return false;
      size = 3;
    } else if (first >= 0xF0 && first <= 0xF4 && follows(1) && follows(2) && follows(3)) {
      const unsigned top = ((first & 0x07) << 6) | (byte(1) & 0x3F);
      if (top < 0x10 || top > 0x10F) return false;
      size = 4;
    }
    at_ += size;
    return size != 0;
  }

  /// What a reference stands for, appended to `decoded_`.
  bool reference() {
    struct Entity {
      std::string_view name;
      char value;
    };
    static constexpr std::array<Entity, 5> kEntities = {
        {{"&lt;", '<'}, {"&gt;", '>'}, {"&amp;", '&'}, {"&quot;", '"'}, {"&apos;", '\''}}};
    for (const Entity& entity : kEntities)
      if (skip(entity.name)) {
        decoded_ += entity.value;
        return true;
      }
    if (!skip("&#")) return false;
    const std::uint32_t base = skip("x") ? 16 : 10;
    std::uint32_t code = 0;
    const char* first = at_;
    for (; at_ != end_ && *at_ != ';'; ++at_) {
      const char c = *at_;
      std::uint32_t digit = base;
      if (c >= '0' && c <= '9') digit = static_cast<std::uint32_t>(c - '0');
      if (c >= 'a' && c <= 'f') digit = static_cast<std::uint32_t>(c - 'a' + 10);
      if (c >= 'A' && c <= 'F') digit = static_cast<std::uint32_t>(c - 'A' + 10);
      if (digit >= base) return false;
      code = code * base + digit;
      if (code > 0x10FFFF) return false;
    }
    if (at_ == first || !skip(";")) return false;
    const bool control = code < 0x20 && code != '\t' && code != '\n' && code != '\r';
    if (control || (code >= 0xD800 && code < 0xE000) || code == 0xFFFE || code == 0xFFFF) return false;
    append_utf8(decoded_, code);
    return true;
  }

  const char* begin_;
  const char* at_;
  const char* end_;
  DocumentBuilder& builder_;
  bool rooted_ = false;
  std::vector<std::string_view> open_;
  std::array<std::string_view, kMostAttributes> attributes_;
  std::string decoded_;
};

}  // namespace

bool read_plain_xml(std::string_view bytes, DocumentBuilder& builder) { return PlainXmlReader(bytes, builder).read(); }

}  // namespace weir::pmml
