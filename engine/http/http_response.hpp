#pragma once
/// Answers the server makes itself, and the last look at answers made by handlers.

#include <cstddef>
#include <string>
#include <string_view>

#include <weir/http.hpp>

namespace weir::http {

/// `{"error": {"code": code, "message": message}}`. Bytes of `message` that are no UTF-8 become U+FFFD.
HttpResponse error_response(int status, std::string_view code, std::string_view message);

/// `{"error": message}` instead, when the response is an error that was made as above.
void make_plain(HttpResponse& response);

/// 413, naming the limit.
HttpResponse body_too_large(std::size_t limit_bytes);

/// Why this response must not go on the wire (status outside 200..599, a header that would split the message or that
/// the server owns); empty when it may.
std::string response_fault(const HttpResponse& response);

/// `bytes` with each ill-formed sequence replaced by U+FFFD (Unicode 15, table 3-7).
std::string valid_utf8(std::string_view bytes);

}  // namespace weir::http
