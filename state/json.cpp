#include <weir/json.hpp>

#include <cstdint>

namespace weir {
namespace {

// Length of the UTF-8 sequence `text` starts with, or 0 when it starts with none (RFC 3629: no overlong forms, no
// surrogates, nothing above U+10FFFF).
std::size_t utf8_length(std::string_view text) noexcept {
  const auto at = [&](std::size_t i) { return i < text.size() ? static_cast<std::uint8_t>(text[i]) : std::uint8_t{0}; };
  const auto follows = [&](std::size_t i) { return (at(i) & 0xc0) == 0x80; };
  const std::uint8_t first = at(0);
  if (first < 0x80) return 1;
  if (first >= 0xc2 && first <= 0xdf) return follows(1) ? 2 : 0;
  if ((first & 0xf0) == 0xe0) {
    if (!follows(1) || !follows(2)) return 0;
    if (first == 0xe0 && at(1) < 0xa0) return 0;
    return first == 0xed && at(1) > 0x9f ? 0 : 3;
  }
  if (first >= 0xf0 && first <= 0xf4) {
    if (!follows(1) || !follows(2) || !follows(3)) return 0;
    if (first == 0xf0 && at(1) < 0x90) return 0;
    return first == 0xf4 && at(1) > 0x8f ? 0 : 4;
  }
  return 0;
}

}  // namespace

void JsonWriter::quote(std::string_view text) {
  static constexpr char kHex[] = "0123456789abcdef";
  out_ += '"';
  while (!text.empty()) {
    const char c = text.front();
    std::size_t length = 1;
    switch (c) {
      case '"': out_ += "\\\""; break;
      case '\\': out_ += "\\\\"; break;
      case '\b': out_ += "\\b"; break;
      case '\f': out_ += "\\f"; break;
      case '\n': out_ += "\\n"; break;
      case '\r': out_ += "\\r"; break;
      case '\t': out_ += "\\t"; break;
      default:
        if (static_cast<std::uint8_t>(c) < 0x20) {
          ((out_ += "\\u00") += kHex[c >> 4]) += kHex[c & 15];
        } else if ((length = utf8_length(text)) != 0) {
          out_ += text.substr(0, length);
        } else {
          length = 1;
          out_ += "\xef\xbf\xbd";
        }
    }
    text.remove_prefix(length);
  }
  out_ += '"';
}

void JsonWriter::key(std::string_view name) {
  separate();
  quote(name);
  out_ += ':';
  comma_ = false;
}

void JsonWriter::string(std::string_view text) {
  separate();
  quote(text);
}

namespace {
template <class T>
std::string_view shortest(T value, char (&digits)[40]) {
  if (!std::isfinite(value)) return "null";
  const auto end = std::to_chars(digits, digits + sizeof digits, value).ptr;
  return {digits, static_cast<std::size_t>(end - digits)};
}
}  // namespace

void JsonWriter::number(double value) {
  char digits[40];
  raw(shortest(value, digits));
}
void JsonWriter::number(float value) {
  char digits[40];
  raw(shortest(value, digits));
}

namespace detail {

Status key_fault(std::string_view text, std::string_view wanted) {
  return Status::invalid_argument("parse key '" + std::string(text) + "': it is no " + std::string(wanted));
}

}  // namespace detail
}  // namespace weir
