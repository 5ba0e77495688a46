#include "operators/serving/multipart.hpp"

#include <algorithm>
#include <optional>

namespace weir::serving {
namespace {

constexpr std::size_t kMostParts = 64;
constexpr std::size_t kMostHeaderBytes = 8192;
constexpr std::size_t kMostBoundaryBytes = 70;  // RFC 2046
constexpr std::string_view kFormType = "multipart/form-data";
constexpr std::string_view kLineEnd = "\r\n";

char lower(char letter) noexcept { return letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter + 32) : letter; }

bool equal_ignoring_case(std::string_view left, std::string_view right) noexcept {
  return std::equal(left.begin(), left.end(), right.begin(), right.end(),
                    [](char a, char b) { return lower(a) == lower(b); });
}

std::string_view trim(std::string_view text) noexcept {
  const auto first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

Status malformed(const std::string& what) { return Status::invalid_argument("read the form: " + what); }

// `value; name="quoted"; other=token`: the parameter `name`. Quoted text has `\"` and `\\`. False: malformed.
bool find_parameter(std::string_view text, std::string_view wanted, std::optional<std::string>& found) {
  for (auto next = text.find(';'); next != std::string_view::npos;) {
    text.remove_prefix(next + 1);
    const auto equals = text.find('=');
    if (equals == std::string_view::npos) return trim(text).empty();
    const std::string_view name = trim(text.substr(0, equals));
    text = trim(text.substr(equals + 1));
    std::string value;
    if (text.starts_with('"')) {
      std::size_t at = 1;
      for (; at < text.size() && text[at] != '"'; ++at) {
        const bool escaped = text[at] == '\\' && at + 1 < text.size() && (text[at + 1] == '"' || text[at + 1] == '\\');
        if (escaped) ++at;
        value += text[at];
      }
      if (at >= text.size()) return false;  // never closed
      text.remove_prefix(at + 1);
      text = trim(text);
      if (!text.empty() && text[0] != ';') return false;
    } else {
      value = trim(text.substr(0, text.find(';')));
    }
    if (equal_ignoring_case(name, wanted)) {
      if (found) return false;
      found = std::move(value);
    }
    next = text.find(';');
  }
  return true;
}

Status read_headers(std::string_view headers, FormPart& part) {
  bool has_disposition = false;
  while (!headers.empty()) {
    const auto end = std::min(headers.find(kLineEnd), headers.size());
    const std::string_view line = headers.substr(0, end);
    headers.remove_prefix(std::min(end + kLineEnd.size(), headers.size()));
    const auto colon = line.find(':');
    if (colon == std::string_view::npos || colon == 0) return malformed("a part has a header without a name");
    const std::string_view name = line.substr(0, colon);
    const std::string_view value = trim(line.substr(colon + 1));
    if (equal_ignoring_case(name, "content-transfer-encoding")) {
      const bool plain = equal_ignoring_case(value, "binary") || equal_ignoring_case(value, "8bit") ||
                         equal_ignoring_case(value, "7bit");
      if (plain) continue;
      return malformed("a part is encoded as " + std::string(value.substr(0, 64)) + "; send it as it is");
    }
    if (!equal_ignoring_case(name, "content-disposition")) continue;
    std::optional<std::string> field;
    std::optional<std::string> filename;
    if (has_disposition || !equal_ignoring_case(trim(value.substr(0, value.find(';'))), "form-data") ||
        !find_parameter(value, "name", field) || !find_parameter(value, "filename", filename) || !field ||
        field->empty())
      return malformed("a part has no Content-Disposition of the form 'form-data; name=\"...\"'");
    has_disposition = true;
    part.name = std::move(*field);
    part.filename = filename.value_or("");
  }
  if (!has_disposition) return malformed("a part has no Content-Disposition");
  return {};
}

}  // namespace

bool is_form(std::string_view content_type) noexcept {
  return equal_ignoring_case(trim(content_type.substr(0, content_type.find(';'))), kFormType);
}

Result<std::vector<FormPart>> parse_form(std::string_view content_type, std::string_view body) {
  std::optional<std::string> boundary;
  if (!find_parameter(content_type, "boundary", boundary) || !boundary || boundary->empty() ||
      boundary->size() > kMostBoundaryBytes || boundary->find_first_of("\r\n") != std::string::npos)
    return malformed("Content-Type has no boundary of 1 to 70 characters");
  const std::string opening = "--" + *boundary;
  const std::string delimiter = "\r\n--" + *boundary;
  if (!body.starts_with(opening)) {
    const auto first = body.find(delimiter);  // behind a preamble
    if (first == std::string_view::npos) return malformed("its boundary does not occur in the body");
    body.remove_prefix(first + kLineEnd.size());
  }
  body.remove_prefix(opening.size());
  std::vector<FormPart> parts;
  for (;;) {
    if (body.starts_with("--")) return parts;  // what follows is of no interest
    const auto line = body.find(kLineEnd);
    if (line == std::string_view::npos || !trim(body.substr(0, line)).empty())
      return malformed("a boundary is followed by something else than the end of its line");
    body.remove_prefix(line + kLineEnd.size());
    if (parts.size() == kMostParts) return malformed("more than " + std::to_string(kMostParts) + " parts");
    FormPart part;
    if (body.starts_with(kLineEnd)) return malformed("a part has no Content-Disposition");
    const auto headers = body.substr(0, kMostHeaderBytes + 4).find("\r\n\r\n");
    if (headers == std::string_view::npos)
      return malformed("the headers of a part do not end, or are over " + std::to_string(kMostHeaderBytes) + " bytes");
    WEIR_RETURN_IF_ERROR(read_headers(body.substr(0, headers), part));
    body.remove_prefix(headers + kLineEnd.size());  // the empty line's end may begin the delimiter
    const auto end = body.find(delimiter);
    if (end == std::string_view::npos) return malformed("part '" + part.name.substr(0, 64) + "' has no end");
    part.body = end < kLineEnd.size() ? std::string_view() : body.substr(kLineEnd.size(), end - kLineEnd.size());
    body.remove_prefix(end + delimiter.size());
    for (const FormPart& other : parts)
      if (other.name == part.name) return malformed("there are two parts '" + part.name.substr(0, 64) + "'");
    parts.push_back(std::move(part));
  }
}

}  // namespace weir::serving
