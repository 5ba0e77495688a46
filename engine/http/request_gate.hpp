#pragma once
/// What happens to a request once its header is read, before any byte of its body: refused, or admitted to a route.
/// All rules are here; the session only moves bytes.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <weir/http.hpp>
#include <weir/result.hpp>

#include "engine/http/access_guard.hpp"
#include "engine/http/route_table.hpp"

namespace weir::http {

/// A request's header as parsed, nothing judged yet.
struct RequestHead {
  std::string method;
  std::string target;
  int version = 11;  ///< 10 or 11
  std::vector<std::pair<std::string, std::string>> fields;
  std::optional<std::uint64_t> content_length;
};

struct Admission {
  std::optional<HttpResponse> refusal;  ///< set: answer this, there is no route
  bool must_close = false;              ///< after the refusal: where the next request starts is not certain
  const HttpRoute* route = nullptr;
  HttpRequest request;  ///< complete but for the body
  std::size_t max_body_bytes = 0;
  bool plain_errors = false;      ///< as HttpRoute::plain_errors, known also when the request is refused
  bool expects_continue = false;  ///< the client waits for `100 Continue` before it sends the body
};

/// Constant after `build`.
class RequestGate {
 public:
  static Result<RequestGate> build(const HttpOptions& options, std::vector<HttpRoute> routes);

  /// In this order: malformed 400, Host 421, Origin 403, token 401, transfer coding 501, path 404, method 405,
  /// expectation 417, announced body 413.
  [[nodiscard]] Admission admit(const RequestHead& head) const;

 private:
  RequestGate(AccessGuard guard, RouteTable routes, std::size_t max_body_bytes)
      : guard_(std::move(guard)), routes_(std::move(routes)), max_body_bytes_(max_body_bytes) {}

  [[nodiscard]] std::optional<HttpResponse> check_access(const RequestHead& head, const HttpRequest& request,
                                                         const std::string& authority) const;
  void choose_route(const RequestHead& head, const std::vector<std::string>& segments, Admission& admission) const;

  AccessGuard guard_;
  RouteTable routes_;
  std::size_t max_body_bytes_;
};

}  // namespace weir::http
