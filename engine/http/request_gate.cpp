#include "engine/http/request_gate.hpp"

#include <algorithm>
#include <string_view>

#include "engine/http/ascii.hpp"
#include "engine/http/http_response.hpp"
#include "engine/http/request_target.hpp"

namespace weir::http {

namespace {

HttpResponse bad_request(std::string_view message) { return error_response(400, "invalid_argument", message); }

// Fields of one name become one, joined by commas (RFC 9110 §5.2), but for those that must come once.
Status collect_fields(const RequestHead& head, std::map<std::string, std::string>& headers) {
  for (const auto& [field, value] : head.fields) {
    const std::string name = lower_case(field);
    const auto [place, is_new] = headers.emplace(name, value);
    if (is_new) continue;
    for (const std::string_view single : {"host", "origin", "authorization", "content-length", "expect"}) {
      if (name == single) return Status::invalid_argument("read request: header '" + name + "' is sent more than once");
    }
    place->second += ", " + value;
  }
  return Status::ok();
}

// A public path needs no token, so that a supervisor can probe the process.
bool is_public(std::string_view path) { return path == "/healthz" || path == "/readyz"; }

std::string header_or_empty(const HttpRequest& request, const std::string& name) {
  const auto found = request.headers.find(name);
  return found == request.headers.end() ? std::string() : found->second;
}

}  // namespace

Result<RequestGate> RequestGate::build(const HttpOptions& options, std::vector<HttpRoute> routes) {
  WEIR_ASSIGN_OR_RETURN(AccessGuard guard, AccessGuard::build(options));
  WEIR_ASSIGN_OR_RETURN(RouteTable table, RouteTable::build(std::move(routes)));
  return RequestGate(std::move(guard), std::move(table), options.max_body_bytes);
}

Admission RequestGate::admit(const RequestHead& head) const {
  Admission admission;
  const auto refuse_and_close = [&admission](HttpResponse response) {
    admission.refusal = std::move(response);
    admission.must_close = true;
  };
  HttpRequest& request = admission.request;
  request.method = head.method;
  if (const Status collected = collect_fields(head, request.headers); !collected.is_ok()) {
    refuse_and_close(bad_request(collected.message()));
    return admission;
  }
  Result<RequestTarget> target = parse_target(head.target);
  if (!target) {
    refuse_and_close(bad_request(target.status().message()));
    return admission;
  }
  admission.plain_errors = routes_.has_plain_errors(target->segments);
  request.path = std::move(target->path);
  request.query = std::move(target->query);
  if (head.version >= 11 && !request.headers.contains("host")) {
    refuse_and_close(bad_request("read request: HTTP/1.1 needs a Host header"));
    return admission;
  }
  if (auto refusal = check_access(head, request, target->authority)) {
    admission.refusal = std::move(refusal);
    return admission;
  }
  request.headers.erase("authorization");
  if (const std::string coding = lower_case(header_or_empty(request, "transfer-encoding")); !coding.empty()) {
    if (head.version < 11) refuse_and_close(bad_request("read request: HTTP/1.0 has no transfer codings"));
    if (coding != "chunked")
      refuse_and_close(
          error_response(501, "unimplemented", "decode transfer coding '" + coding + "': only chunked is known"));
    if (admission.refusal) return admission;
  }
  choose_route(head, target->segments, admission);
  return admission;
}

std::optional<HttpResponse> RequestGate::check_access(const RequestHead& head, const HttpRequest& request,
                                                      const std::string& authority) const {
  // Without Host (HTTP/1.0 only) there is no browser behind the request, so there is nothing to rebind.
  const auto host = request.headers.find("host");
  if (!authority.empty() && !guard_.knows_host(authority)) {
    return error_response(421, "misdirected_request", "answer for host '" + authority + "': not a name of this server");
  }
  if (host != request.headers.end() && !guard_.knows_host(host->second)) {
    return error_response(421, "misdirected_request",
                          "answer for host '" + host->second + "': not a name of this server");
  }
  if (const auto origin = request.headers.find("origin");
      origin != request.headers.end() && !guard_.knows_origin(origin->second)) {
    return error_response(403, "permission_denied",
                          "answer origin '" + origin->second + "': not a name of this server");
  }
  if (is_public(request.path) || guard_.accepts(header_or_empty(request, "authorization"))) return std::nullopt;
  HttpResponse response =
      error_response(401, "unauthenticated",
                     head.method + " '" + request.path +
                         "' needs the header 'Authorization: Bearer <token>' with this server's token");
  response.headers["WWW-Authenticate"] = "Bearer realm=\"weir\"";
  return response;
}

void RequestGate::choose_route(const RequestHead& head, const std::vector<std::string>& segments,
                               Admission& admission) const {
  RouteMatch match = routes_.match(head.method, segments);
  if (match.route == nullptr && match.allow.empty()) {
    admission.refusal = error_response(404, "not_found", "find path '" + admission.request.path + "': there is none");
    return;
  }
  if (match.route == nullptr) {
    admission.refusal = error_response(405, "method_not_allowed",
                                       head.method + " '" + admission.request.path + "': only " + match.allow);
    admission.refusal->headers["Allow"] = match.allow;
    return;
  }
  const std::size_t limit =
      match.route->max_body_bytes == 0 ? max_body_bytes_ : std::min(match.route->max_body_bytes, max_body_bytes_);
  if (const std::string expect = lower_case(header_or_empty(admission.request, "expect")); !expect.empty()) {
    if (expect != "100-continue") {
      admission.refusal =
          error_response(417, "expectation_failed", "meet expectation '" + expect + "': only 100-continue is known");
      return;
    }
    admission.expects_continue = head.version >= 11;
  }
  if (head.content_length.value_or(0) > limit) {
    admission.refusal = body_too_large(limit);
    return;
  }
  admission.route = match.route;
  admission.request.captures = std::move(match.captures);
  admission.max_body_bytes = limit;
}

}  // namespace weir::http
