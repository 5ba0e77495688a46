#pragma once
/// The request target of a request line, taken apart (RFC 9112 §3.2: origin form and absolute form).

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <weir/result.hpp>

namespace weir::http {

struct RequestTarget {
  std::string authority;                     ///< host[:port] of the absolute form, else empty
  std::string path;                          ///< as sent, starts with '/'
  std::vector<std::string> segments;         ///< decoded after the split at '/'; "/" has one empty segment
  std::map<std::string, std::string> query;  ///< decoded, '+' is a space; the last of equal names counts
};

/// Invalid argument for another form, a fragment or a percent sign that two hexadecimal digits do not follow.
Result<RequestTarget> parse_target(std::string_view target);

/// `%41` → `A`; any byte may result, NUL too. Invalid argument as above.
Result<std::string> percent_decode(std::string_view encoded);

}  // namespace weir::http
