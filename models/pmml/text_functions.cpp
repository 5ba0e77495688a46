#include "models/pmml/text_functions.hpp"

#include <re2/re2.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <limits>

namespace weir::pmml {
namespace {

// Bytes of the UTF-8 character that starts with `lead`.
std::size_t character_bytes(char lead) noexcept {
  const auto byte = static_cast<unsigned char>(lead);
  return byte < 0x80 ? 1 : byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : 4;
}

double code_of(std::string_view text, Frame& frame) noexcept {
  const std::uint32_t code = frame.texts.code(text);
  if (code == Texts::kNone) {
    frame.fail("too many texts in one row");
    return kMissing;
  }
  return code;
}

// A copy of `text` in the row's memory.
double keep(std::string_view text, Frame& frame) noexcept {
  char* memory = frame.texts.allocate(text.size());
  if (memory == nullptr) {
    frame.fail("the texts of one row are longer than " + std::to_string(RowTexts::kArenaBytes) + " bytes");
    return kMissing;
  }
  if (!text.empty()) std::memcpy(memory, text.data(), text.size());
  return code_of({memory, text.size()}, frame);
}

double to_text(const Type& type, double value, Frame& frame) noexcept {
  std::array<char, 48> text{};
  return keep({text.data(), format_value(type, value, text.data())}, frame);
}

double from_text(const Type& type, double code, Frame& frame) noexcept {
  const std::string_view text = frame.texts.at(code);
  if (const auto value = parse_value(type, text)) return *value;
  frame.fail("'" + std::string(text) + "' is not a value of type " + std::string(to_string(type.data)));
  return kMissing;
}

double change_case(double code, bool upper, Frame& frame) noexcept {
  const std::string_view text = frame.texts.at(code);
  char* memory = frame.texts.allocate(text.size());
  if (memory == nullptr) return keep(text, frame);
  std::copy(text.begin(), text.end(), memory);
  change_letters(memory, text.size(), upper);
  return code_of({memory, text.size()}, frame);
}

// Positions count characters from 1.
double substring(std::string_view text, double position, double length, Frame& frame) noexcept {
  if (!(position >= 1) || !(length >= 0)) {
    frame.fail("substring: position " + std::to_string(position) + " or length " + std::to_string(length) +
               " is out of range");
    return kMissing;
  }
  std::size_t begin = 0;
  for (double skipped = 1; skipped < position && begin < text.size(); ++skipped) begin += character_bytes(text[begin]);
  begin = std::min(begin, text.size());
  std::size_t end = begin;
  for (double taken = 0; taken < length && end < text.size(); ++taken) end += character_bytes(text[end]);
  return code_of(text.substr(begin, std::min(end, text.size()) - begin), frame);
}

// Missing arguments are left out.
double concat(const Instruction& at, Frame& frame) noexcept {
  const std::uint32_t* arguments = frame.tables->arguments.data() + at.a;
  std::size_t size = 0, present = 0;
  for (std::size_t i = 0; i < at.count; ++i) {
    if (is_missing(frame.slots[arguments[i]])) continue;
    size += frame.texts.at(frame.slots[arguments[i]]).size();
    ++present;
  }
  if (present == 0) return kMissing;
  char* memory = frame.texts.allocate(size);
  if (memory == nullptr) {
    frame.fail("concat: the text is too long");
    return kMissing;
  }
  char* to = memory;
  for (std::size_t i = 0; i < at.count; ++i) {
    if (is_missing(frame.slots[arguments[i]])) continue;
    const std::string_view text = frame.texts.at(frame.slots[arguments[i]]);
    to = std::copy(text.begin(), text.end(), to);
  }
  return code_of({memory, size}, frame);
}

double replace(const Instruction& at, Frame& frame) noexcept {
  const std::uint32_t* arguments = frame.tables->arguments.data() + at.a;
  std::string text(frame.texts.at(frame.slots[arguments[0]]));
  RE2::GlobalReplace(&text, *frame.tables->regexes[at.b], frame.tables->formats[arguments[1]]);
  return keep(text, frame);
}

double length_of(std::string_view text) noexcept {
  return static_cast<double>(std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

// C's conversions for one number, checked at load.
double format_number(const Instruction& at, Frame& frame) noexcept {
  const std::string& format = frame.tables->formats[at.b];
  std::array<char, 512> text{};
  const double value = frame.slots[at.a];
  const char conversion = format[format.find_first_of("dfeEgG", format.find('%'))];
  if (conversion == 'd' && !(std::fabs(value) <= std::numeric_limits<int>::max())) {
    frame.fail("formatNumber: " + std::to_string(value) + " is too large for " + format);
    return kMissing;
  }
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
  const int size = conversion == 'd' ? std::snprintf(text.data(), text.size(), format.c_str(), static_cast<int>(value))
                                     : std::snprintf(text.data(), text.size(), format.c_str(), value);
#pragma GCC diagnostic pop
  if (size < 0 || static_cast<std::size_t>(size) >= text.size()) {
    frame.fail("formatNumber: the text is too long");
    return kMissing;
  }
  return keep({text.data(), static_cast<std::size_t>(size)}, frame);
}

// strftime's conversions for the fields that PMML's dates have.
double format_datetime(const Instruction& at, Frame& frame) noexcept {
  const double seconds = frame.slots[at.a];
  if (!(std::fabs(seconds) < kEndOfCalendar)) {
    frame.fail("formatDatetime: " + std::to_string(seconds) + " is no moment");
    return kMissing;
  }
  const double days = std::floor(seconds / 86'400);
  const Civil date = civil_from_days(static_cast<std::int64_t>(days));
  const auto of_day = static_cast<unsigned>(seconds - days * 86'400);
  std::string text;
  const auto number = [&](const char* format, unsigned value) {
    std::array<char, 16> digits{};
    text.append(digits.data(), static_cast<std::size_t>(std::snprintf(digits.data(), digits.size(), format, value)));
  };
  const std::string& format = frame.tables->formats[at.b];
  for (std::size_t i = 0; i < format.size(); ++i) {
    if (format[i] != '%' || i + 1 == format.size()) {
      text += format[i];
      continue;
    }
    switch (format[++i]) {
      case 'Y': number("%04u", static_cast<unsigned>(date.year)); break;
      case 'y': number("%02u", static_cast<unsigned>(date.year % 100)); break;
      case 'm': number("%02u", date.month); break;
      case 'd': number("%02u", date.day); break;
      case 'H': number("%02u", of_day / 3600); break;
      case 'I': number("%02u", (of_day / 3600 + 11) % 12 + 1); break;
      case 'M': number("%02u", of_day / 60 % 60); break;
      case 'S': number("%02u", of_day % 60); break;
      case 'p': text += of_day < 43'200 ? "AM" : "PM"; break;
      case 'j':
        number("%03u", static_cast<unsigned>(days - static_cast<double>(days_from_civil(date.year, 1, 1))) + 1);
        break;
      default: text += format[i]; break;
    }
  }
  return keep(text, frame);
}

}  // namespace

void change_letters(char* text, std::size_t size, bool upper) noexcept {
  // Blocks of capital letters, and how far their small ones are away; pairs alternate: even ones are capital.
  struct Range {
    unsigned first, last, distance;
  };
  static constexpr std::array<Range, 5> kRanges = {
      {{0xC0, 0xD6, 32}, {0xD8, 0xDE, 32}, {0x391, 0x3A9, 32}, {0x400, 0x40F, 80}, {0x410, 0x42F, 32}}};
  for (std::size_t i = 0; i < size; ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (!upper && byte >= 'A' && byte <= 'Z') text[i] = static_cast<char>(byte + 32);
    if (upper && byte >= 'a' && byte <= 'z') text[i] = static_cast<char>(byte - 32);
    if ((byte & 0xE0) != 0xC0 || i + 1 >= size) continue;
    unsigned letter = (byte & 0x1FU) << 6 | (static_cast<unsigned char>(text[i + 1]) & 0x3FU);
    for (const Range& range : kRanges) {
      const unsigned base = upper ? range.distance : 0;
      if (letter < range.first + base || letter > range.last + base) continue;
      letter = upper ? letter - range.distance : letter + range.distance;
      break;
    }
    if ((letter >= 0x100 && letter <= 0x12F) || (letter >= 0x14A && letter <= 0x177))
      letter = upper ? letter & ~1U : letter | 1U;
    text[i] = static_cast<char>(0xC0 | letter >> 6);
    text[i + 1] = static_cast<char>(0x80 | (letter & 0x3F));
    ++i;
  }
}

double text_function(const Instruction& at, Frame& frame) noexcept {
  if (at.op == Op::kConcat) return concat(at, frame);
  const bool several = at.op == Op::kSubstring || at.op == Op::kReplace;
  const std::uint32_t* arguments = several ? frame.tables->arguments.data() + at.a : nullptr;
  const double a = frame.slots[several ? arguments[0] : at.a];
  if (is_missing(a)) return kMissing;
  switch (at.op) {
    case Op::kToText: return to_text(frame.tables->types[at.b], a, frame);
    case Op::kFromText: return from_text(frame.tables->types[at.b], a, frame);
    case Op::kToInteger:
      if (a == std::trunc(a)) return a;
      frame.fail(std::to_string(a) + " is not a whole number");
      return kMissing;
    case Op::kToBoolean: return a != 0 ? 1 : 0;
    case Op::kUppercase: return change_case(a, true, frame);
    case Op::kLowercase: return change_case(a, false, frame);
    case Op::kTrimBlanks: return code_of(trim(frame.texts.at(a)), frame);
    case Op::kSubstring: {
      const double position = frame.slots[arguments[1]];
      const double length = at.count > 2 ? frame.slots[arguments[2]] : std::numeric_limits<double>::infinity();
      if (is_missing(position) || is_missing(length)) return kMissing;
      return substring(frame.texts.at(a), position, length, frame);
    }
    case Op::kReplace: return replace(at, frame);
    case Op::kMatches: return RE2::PartialMatch(frame.texts.at(a), *frame.tables->regexes[at.b]) ? 1 : 0;
    case Op::kStringLength: return length_of(frame.texts.at(a));
    case Op::kFormatNumber: return format_number(at, frame);
    case Op::kFormatDatetime: return format_datetime(at, frame);
    case Op::kSecondsSinceMidnight: return a - std::floor(a / 86'400) * 86'400;
    default: return kMissing;
  }
}

}  // namespace weir::pmml
