#include "engine/http/request_target.hpp"

#include <algorithm>
#include <cstddef>

namespace weir::http {

namespace {

int hex_digit(char digit) {
  if (digit >= '0' && digit <= '9') return digit - '0';
  if (digit >= 'a' && digit <= 'f') return digit - 'a' + 10;
  if (digit >= 'A' && digit <= 'F') return digit - 'A' + 10;
  return -1;
}

// Calls `visit` with each piece of `text` between separators; stops at the first error.
template <class Visit>
Status split(std::string_view text, char separator, const Visit& visit) {
  for (;;) {
    const std::size_t end = text.find(separator);
    WEIR_RETURN_IF_ERROR(visit(text.substr(0, end)));
    if (end == std::string_view::npos) return Status::ok();
    text.remove_prefix(end + 1);
  }
}

Result<std::string> form_decode(std::string_view encoded) {
  std::string spaced(encoded);
  std::replace(spaced.begin(), spaced.end(), '+', ' ');
  return percent_decode(spaced);
}

Status add_parameter(std::string_view parameter, std::map<std::string, std::string>& query) {
  if (parameter.empty()) return Status::ok();
  const std::size_t equals = std::min(parameter.find('='), parameter.size());
  WEIR_ASSIGN_OR_RETURN(std::string name, form_decode(parameter.substr(0, equals)));
  WEIR_ASSIGN_OR_RETURN(std::string value, form_decode(parameter.substr(std::min(equals + 1, parameter.size()))));
  query.insert_or_assign(std::move(name), std::move(value));
  return Status::ok();
}

// Takes `http://authority` off the front; the path may then be empty.
void take_authority(std::string_view& target, std::string& authority) {
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (!target.starts_with(scheme)) continue;
    target.remove_prefix(scheme.size());
    const std::size_t end = std::min(target.find_first_of("/?"), target.size());
    authority = target.substr(0, end);
    target.remove_prefix(end);
    return;
  }
}

}  // namespace

Result<std::string> percent_decode(std::string_view encoded) {
  std::string decoded;
  decoded.reserve(encoded.size());
  for (std::size_t index = 0; index < encoded.size(); ++index) {
    if (encoded[index] != '%') {
      decoded += encoded[index];
      continue;
    }
    const int high = index + 2 < encoded.size() ? hex_digit(encoded[index + 1]) : -1;
    const int low = index + 2 < encoded.size() ? hex_digit(encoded[index + 2]) : -1;
    if (high < 0 || low < 0) {
      return Status::invalid_argument("percent-decode '" + std::string(encoded) +
                                      "': two hexadecimal digits must follow %");
    }
    decoded += static_cast<char>(high * 16 + low);
    index += 2;
  }
  return decoded;
}

Result<RequestTarget> parse_target(std::string_view target) {
  const auto refuse = [whole = target](std::string_view reason) {
    return Status::invalid_argument("parse request target '" + std::string(whole) + "': " + std::string(reason));
  };
  if (target.find('#') != std::string_view::npos) return refuse("a fragment is not sent to servers");
  RequestTarget parsed;
  take_authority(target, parsed.authority);
  const std::size_t question = std::min(target.find('?'), target.size());
  parsed.path = target.substr(0, question);
  if (parsed.path.empty() && !parsed.authority.empty()) parsed.path = "/";
  if (!parsed.path.starts_with('/')) return refuse("it must start with / or http://host");
  WEIR_RETURN_IF_ERROR(split(std::string_view(parsed.path).substr(1), '/', [&](std::string_view segment) {
    WEIR_ASSIGN_OR_RETURN(std::string decoded, percent_decode(segment));
    parsed.segments.push_back(std::move(decoded));
    return Status::ok();
  }));
  const std::string_view query = target.substr(std::min(question + 1, target.size()));
  WEIR_RETURN_IF_ERROR(split(query, '&', [&](std::string_view pair) { return add_parameter(pair, parsed.query); }));
  return parsed;
}

}  // namespace weir::http
