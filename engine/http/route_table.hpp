#pragma once
/// Which route answers a method and a path.

#include <string>
#include <string_view>
#include <vector>

#include <weir/http.hpp>
#include <weir/result.hpp>

namespace weir::http {

struct RouteMatch {
  const HttpRoute* route = nullptr;   ///< null: no route has this path, or (then `allow` is set) none has this method
  std::vector<std::string> captures;  ///< in the pattern's order
  std::string allow;                  ///< `GET, HEAD, POST`: methods of the path, for 405
};

/// Constant after `build`; the matched route lives as long as the table.
class RouteTable {
 public:
  /// All faults of all routes at once: pattern without leading '/', empty or half-open segment, two routes that match
  /// the same, no handler, method not in upper case.
  static Result<RouteTable> build(std::vector<HttpRoute> routes);

  /// `segments` are decoded. HEAD falls back to GET. A capture never matches an empty segment.
  [[nodiscard]] RouteMatch match(std::string_view method, const std::vector<std::string>& segments) const;
  /// Does the path begin like a route with HttpRoute::plain_errors?
  [[nodiscard]] bool has_plain_errors(const std::vector<std::string>& segments) const;

 private:
  struct Segment {
    std::string literal;  // empty for a capture
    bool is_capture = false;
  };
  struct Entry {
    HttpRoute route;
    std::vector<Segment> segments;
  };

  static Status parse_pattern(std::string_view pattern, std::vector<Segment>& segments);
  static bool matches(const Entry& entry, const std::vector<std::string>& segments);
  static bool more_literal(const Entry& left, const Entry& right);

  std::vector<Entry> entries_;  // most literal first, so that the first match is the best
};

}  // namespace weir::http
