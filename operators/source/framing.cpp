#include "operators/source/framing.hpp"

#include <weir/bytes.hpp>

#include <algorithm>

namespace weir::detail {
namespace {

constexpr std::string_view kTooLong = "the record is longer than the source's bound (max_record_bytes)";
constexpr std::string_view kNotClosed = "a quoted field is not closed";
constexpr std::string_view kTextAfterQuote = "text after the closing quote of a field";

std::string_view without_carriage_return(std::string_view line) {
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

// A frame whose record ends at the newline at `newline` (npos: at the window's end, which is the file's).
Frame line_frame(const FileReading& reading, std::string_view window, std::size_t newline) {
  Frame frame;
  frame.complete = true;
  frame.consumed = newline == std::string_view::npos ? window.size() : newline + 1;
  frame.content = without_carriage_return(window.substr(0, newline));
  if (frame.content.size() > reading.max_record_bytes) {
    frame.content = frame.content.substr(0, kShownBytes);
    frame.fault = kTooLong;
  }
  return frame;
}

// The first physical line as a record that cannot be read; what follows is read as if it had been one.
Frame bad_line(const FileReading& reading, std::string_view window, std::string_view fault) {
  const std::size_t newline = window.find('\n');
  Frame frame = line_frame(reading, window, newline);
  frame.fault = fault;
  if (newline == std::string_view::npos) frame.discard = Discard::kLine;
  return frame;
}

// One more than the bound, for the carriage return.
bool over_bound(const FileReading& reading, std::string_view window) {
  return window.size() > reading.max_record_bytes + 1;
}

// No end of the record in the window.
Frame unfinished(const FileReading& reading, std::string_view window, bool at_end) {
  if (over_bound(reading, window)) return bad_line(reading, window, kTooLong);
  return at_end ? line_frame(reading, window, std::string_view::npos) : Frame{};
}

Frame find_line(const FileReading& reading, std::string_view window, bool at_end) {
  const std::size_t newline = window.find('\n');
  return newline == std::string_view::npos ? unfinished(reading, window, at_end) : line_frame(reading, window, newline);
}

// Past the closing quote of the field whose opening quote is at `start`; npos when the window ends first, also when it
// ends behind a quote that may be the first of two.
std::size_t past_quoted(std::string_view window, std::size_t start, bool at_end) {
  std::size_t next = start + 1;
  while (true) {
    const std::size_t quote = window.find('"', next);
    if (quote == std::string_view::npos) return quote;
    if (quote + 1 == window.size()) return at_end ? quote + 1 : std::string_view::npos;
    if (window[quote + 1] != '"') return quote + 1;
    next = quote + 2;
  }
}

// A record over the bound counts as its first line whether or not its end is in the window: so it does not matter how
// the file is cut into chunks.
Frame csv_frame(const FileReading& reading, std::string_view window, std::size_t newline) {
  if (over_bound(reading, window.substr(0, newline))) return bad_line(reading, window, kTooLong);
  return line_frame(reading, window, newline);
}

Frame find_csv(const FileReading& reading, std::string_view window, bool at_end) {
  const std::size_t newline = window.find('\n');
  if (window.substr(0, newline).find('"') == std::string_view::npos) return find_line(reading, window, at_end);
  std::size_t next = 0;
  while (true) {  // next: where a field starts
    if (next < window.size() && window[next] == '"') {
      next = past_quoted(window, next, at_end);
      if (next == std::string_view::npos) {
        if (over_bound(reading, window)) return bad_line(reading, window, kTooLong);
        return at_end ? bad_line(reading, window, kNotClosed) : Frame{};
      }
      std::size_t after = next;
      if (after < window.size() && window[after] == '\r') ++after;
      if (after >= window.size()) return unfinished(reading, window, at_end);
      if (window[after] == '\n') return csv_frame(reading, window, after);
      if (window[next] != reading.delimiter) {
        // A '\r' that no '\n' follows counts as text.
        return window.find('\n') == std::string_view::npos && !at_end && !over_bound(reading, window)
                   ? Frame{}
                   : bad_line(reading, window, kTextAfterQuote);
      }
    } else {
      const char ends[] = {reading.delimiter, '\n'};
      next = window.find_first_of(std::string_view(ends, 2), next);
      if (next == std::string_view::npos) return unfinished(reading, window, at_end);
      if (window[next] == '\n') return csv_frame(reading, window, next);
    }
    ++next;  // the delimiter
  }
}

Frame rest_of_file(std::string_view window, std::string_view fault) {
  Frame frame;
  frame.complete = true;
  frame.consumed = window.size();
  frame.content = window.substr(0, kShownBytes);
  frame.fault = fault;
  frame.discard = Discard::kFile;
  return frame;
}

Frame find_delimited(const FileReading& reading, std::string_view window, bool at_end) {
  ByteReader reader(window);
  const std::uint64_t size = reader.varint();
  if (!reader.ok()) {
    if (window.size() >= 10) return rest_of_file(window, "the length before the record is no varint");
    return at_end ? rest_of_file(window, "the file ends within the length of a record") : Frame{};
  }
  if (size > reading.max_record_bytes) return rest_of_file(window, kTooLong);
  if (reader.remaining() < size) return at_end ? rest_of_file(window, "the file ends within a record") : Frame{};
  Frame frame;
  frame.complete = true;
  const std::size_t length_bytes = window.size() - reader.remaining();
  frame.consumed = length_bytes + static_cast<std::size_t>(size);
  frame.content = window.substr(length_bytes, static_cast<std::size_t>(size));
  return frame;
}

}  // namespace

Frame find_frame(const FileReading& reading, std::string_view window, bool at_end) {
  switch (reading.framing) {
    case Framing::kLines: return find_line(reading, window, at_end);
    case Framing::kCsv: return find_csv(reading, window, at_end);
    case Framing::kDelimited: break;
  }
  return find_delimited(reading, window, at_end);
}

}  // namespace weir::detail
