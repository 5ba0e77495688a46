#include "engine/http/route_table.hpp"

#include <algorithm>
#include <cstddef>
#include <set>

namespace weir::http {

namespace {

bool is_upper_case(std::string_view method) {
  return !method.empty() && std::all_of(method.begin(), method.end(), [](char c) { return c >= 'A' && c <= 'Z'; });
}

}  // namespace

Status RouteTable::parse_pattern(std::string_view pattern, std::vector<Segment>& segments) {
  if (!pattern.starts_with('/')) return Status::invalid_argument("a pattern starts with /");
  for (bool more = true; more;) {
    pattern.remove_prefix(1);
    const std::size_t end = std::min(pattern.find('/'), pattern.size());
    const std::string_view text = pattern.substr(0, end);
    const bool is_capture = text.size() > 2 && text.front() == '{' && text.back() == '}';
    if (!is_capture && text.find_first_of("{}%?#") != std::string_view::npos) {
      return Status::invalid_argument("segment '" + std::string(text) + "' is neither a literal nor {name}");
    }
    segments.push_back({is_capture ? std::string() : std::string(text), is_capture});
    pattern.remove_prefix(end);
    more = !pattern.empty();
    if (text.empty() && (more || segments.size() > 1)) return Status::invalid_argument("a segment is empty");
  }
  return Status::ok();
}

// Fewer captures first; among equals the one whose first capture comes later.
bool RouteTable::more_literal(const Entry& left, const Entry& right) {
  const auto captures = [](const Entry& entry) {
    return std::count_if(entry.segments.begin(), entry.segments.end(),
                         [](const Segment& one) { return one.is_capture; });
  };
  if (captures(left) != captures(right)) return captures(left) < captures(right);
  return std::lexicographical_compare(
      left.segments.begin(), left.segments.end(), right.segments.begin(), right.segments.end(),
      [](const Segment& one, const Segment& other) { return !one.is_capture && other.is_capture; });
}

Result<RouteTable> RouteTable::build(std::vector<HttpRoute> routes) {
  RouteTable table;
  std::set<std::string> shapes;
  std::string faults;
  for (HttpRoute& route : routes) {
    const std::string name = "route " + route.method + " " + route.pattern;
    const auto blame = [&](std::string_view reason) {
      faults += (faults.empty() ? "" : "; ") + name + ": " + std::string(reason);
    };
    Entry entry;
    if (const Status parsed = parse_pattern(route.pattern, entry.segments); !parsed.is_ok()) blame(parsed.message());
    if (!is_upper_case(route.method)) blame("the method must be upper case");
    if (!route.handler) blame("it has no handler");
    std::string shape = route.method;
    for (const Segment& segment : entry.segments) shape += "/" + (segment.is_capture ? "{}" : segment.literal);
    if (!shapes.insert(shape).second) blame("another route matches the same requests");
    entry.route = std::move(route);
    table.entries_.push_back(std::move(entry));
  }
  if (!faults.empty()) return Status::invalid_argument(faults);
  std::stable_sort(table.entries_.begin(), table.entries_.end(), more_literal);
  return table;
}

bool RouteTable::matches(const Entry& entry, const std::vector<std::string>& segments) {
  return std::equal(entry.segments.begin(), entry.segments.end(), segments.begin(), segments.end(),
                    [](const Segment& expected, const std::string& segment) {
                      return expected.is_capture ? !segment.empty() : expected.literal == segment;
                    });
}

bool RouteTable::has_plain_errors(const std::vector<std::string>& segments) const {
  return !segments.empty() && std::any_of(entries_.begin(), entries_.end(), [&](const Entry& entry) {
    return entry.route.plain_errors && entry.segments.front().literal == segments.front();
  });
}

RouteMatch RouteTable::match(std::string_view method, const std::vector<std::string>& segments) const {
  const Entry* found = nullptr;
  const Entry* found_get = nullptr;
  std::set<std::string> methods;
  for (const Entry& entry : entries_) {
    if (!matches(entry, segments)) continue;
    methods.insert(entry.route.method);
    if (entry.route.method == "GET") methods.insert("HEAD");
    if (found == nullptr && entry.route.method == method) found = &entry;
    if (found_get == nullptr && entry.route.method == "GET") found_get = &entry;
  }
  if (found == nullptr && method == "HEAD") found = found_get;
  RouteMatch match;
  for (const std::string& known : methods) match.allow += (match.allow.empty() ? "" : ", ") + known;
  if (found == nullptr) return match;
  match.route = &found->route;
  for (std::size_t index = 0; index < segments.size(); ++index) {
    if (found->segments[index].is_capture) match.captures.push_back(segments[index]);
  }
  return match;
}

}  // namespace weir::http
