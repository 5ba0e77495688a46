#include "engine/http/http_response.hpp"

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include <algorithm>
#include <array>
#include <cctype>
#include <cstddef>

#include "engine/http/ascii.hpp"

namespace weir {

namespace {

int status_of(StatusCode code) {
  switch (code) {
    case StatusCode::kNotFound: return 404;
    case StatusCode::kInvalidArgument: return 400;
    case StatusCode::kAlreadyExists:
    case StatusCode::kFailedPrecondition: return 409;
    case StatusCode::kResourceExhausted: return 429;
    case StatusCode::kUnavailable: return 503;
    case StatusCode::kDeadlineExceeded: return 504;
    case StatusCode::kUnimplemented: return 501;
    case StatusCode::kOk:
    case StatusCode::kDataLoss:
    case StatusCode::kIoError:
    case StatusCode::kCancelled:
    case StatusCode::kInternal: return 500;
  }
  return 500;
}

}  // namespace

HttpResponse HttpResponse::error(const Status& status) {
  HttpResponse response = http::error_response(status_of(status.code()), to_string(status.code()), status.message());
  if (status.code() == StatusCode::kUnavailable) response.headers["Retry-After"] = "1";
  return response;
}

namespace http {

namespace {

unsigned byte_at(std::string_view bytes, std::size_t index) { return static_cast<unsigned char>(bytes[index]); }

// Length of the well-formed UTF-8 sequence at `start`, or 0.
std::size_t utf8_length(std::string_view bytes, std::size_t start) {
  const unsigned first = byte_at(bytes, start);
  if (first < 0x80) return 1;
  const std::size_t length = first >= 0xC2 && first <= 0xDF   ? 2
                             : (first & 0xF0) == 0xE0         ? 3
                             : first >= 0xF0 && first <= 0xF4 ? 4
                                                              : 0;
  if (length == 0 || bytes.size() - start < length) return 0;
  const unsigned second = byte_at(bytes, start + 1);
  const unsigned lowest = first == 0xE0 ? 0xA0 : first == 0xF0 ? 0x90 : 0x80;   // no overlong form
  const unsigned highest = first == 0xED ? 0x9F : first == 0xF4 ? 0x8F : 0xBF;  // no surrogate, nothing past U+10FFFF
  if (second < lowest || second > highest) return 0;
  for (std::size_t index = start + 2; index < start + length; ++index) {
    if ((byte_at(bytes, index) & 0xC0) != 0x80) return 0;
  }
  return length;
}

bool is_token(std::string_view name) {
  constexpr std::string_view kMarks = "!#$%&'*+-.^_`|~";
  return !name.empty() && std::all_of(name.begin(), name.end(), [&](unsigned char c) {
    return c < 0x80 && (std::isalnum(c) != 0 || kMarks.find(static_cast<char>(c)) != std::string_view::npos);
  });
}

bool is_field_value(std::string_view value) {
  return std::none_of(value.begin(), value.end(), [](unsigned char c) { return (c < 0x20 && c != '\t') || c == 0x7F; });
}

bool is_owned_by_server(std::string_view name) {
  constexpr std::array<std::string_view, 5> kOwned = {"connection", "content-length", "content-type", "keep-alive",
                                                      "transfer-encoding"};
  return std::find(kOwned.begin(), kOwned.end(), lower_case(name)) != kOwned.end();
}

}  // namespace

HttpResponse error_response(int status, std::string_view code, std::string_view message) {
  std::string text = valid_utf8(message);
  const boost::json::object error{{"code", code}, {"message", text}};
  HttpResponse response = HttpResponse::json(boost::json::serialize(boost::json::object{{"error", error}}), status);
  response.error_message = text.empty() ? std::string(code) : std::move(text);
  return response;
}

void make_plain(HttpResponse& response) {
  if (response.error_message.empty()) return;
  response.body = boost::json::serialize(boost::json::object{{"error", response.error_message}});
}

HttpResponse body_too_large(std::size_t limit_bytes) {
  return error_response(413, "body_too_large", "read body: it exceeds " + std::to_string(limit_bytes) + " bytes");
}

std::string response_fault(const HttpResponse& response) {
  if (response.status < 200 || response.status > 599) return "status " + std::to_string(response.status);
  if (!is_field_value(response.content_type)) return "a content type with control characters";
  for (const auto& [name, value] : response.headers) {
    if (!is_token(name)) return "a header name that is no token";
    if (!is_field_value(value)) return "control characters in header '" + name + "'";
    if (is_owned_by_server(name)) return "header '" + name + "', which only the server sets";
  }
  return {};
}

std::string valid_utf8(std::string_view bytes) {
  std::string valid;
  valid.reserve(bytes.size());
  for (std::size_t index = 0; index < bytes.size();) {
    if (const std::size_t length = utf8_length(bytes, index); length > 0) {
      valid.append(bytes.substr(index, length));
      index += length;
    } else {
      valid += "\xEF\xBF\xBD";
      ++index;
    }
  }
  return valid;
}

}  // namespace http
}  // namespace weir
