#pragma once
/// HTTP as weir's components see it: requests in, replies out, routes by method and path pattern. No socket in sight.
///
/// A pipeline turns the server on with `pipeline.serve_http(options)`; the engine and operators add their routes.

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <weir/status.hpp>

namespace weir {

struct HttpOptions {
  /// Address to listen on. Anything but a loopback address is refused unless `token` is set.
  std::string address = "127.0.0.1";
  /// TCP port; 0 lets the system choose (Job::http_port() tells).
  std::uint16_t port = 0;
  /// When set, every request but /healthz and /readyz must carry `Authorization: Bearer <token>`. When empty, none is
  /// asked.
  std::string token = {};
  /// Names by which the server may be called in `Host`, beside localhost and the loopback addresses (guards against DNS
  /// rebinding). `Origin`, when sent, must be one of them too.
  std::vector<std::string> allowed_hosts = {};
  std::size_t max_body_bytes = std::size_t{256} << 20;  ///< a larger body is answered with 413
  std::size_t max_header_bytes = 16 << 10;              ///< larger headers are answered with 431
  std::size_t max_connections = 256;                    ///< further ones are answered with 503 and closed
  /// Of all requests being received together; one that does not fit is answered with 503.
  std::size_t max_total_body_bytes = std::size_t{1} << 30;
  /// To receive a whole request (else 408), again to get the handler's reply (else 504), again to send it (else
  /// closed).
  std::int64_t request_timeout_ms = 30'000;
  std::int64_t idle_timeout_ms = 60'000;  ///< of a kept-alive connection between requests; then it is closed
  std::int64_t heartbeat_ms = 15'000;     ///< of a stream that has nothing to say; then a few bytes are sent
  /// Clients that may follow events (GET /v1/events) at once, of max_connections; further ones are answered with 503.
  std::size_t max_event_streams = 32;
  std::int64_t stop_timeout_ms = 2'000;  ///< that requests in a handler get at a stop; then they are answered 503
};

struct HttpRequest {
  std::string method;                        ///< upper case
  std::string path;                          ///< without the query; percent-encoding as sent
  std::vector<std::string> captures;         ///< decoded `{name}` segments of the route's pattern, in order
  std::map<std::string, std::string> query;  ///< decoded; the last of equal names counts
  /// Names in lower case; fields sent several times are joined by commas. Authorization is left out.
  std::map<std::string, std::string> headers;
  std::string body;

  /// The query parameter, or `fallback`.
  [[nodiscard]] std::string query_or(const std::string& name, const std::string& fallback) const {
    const auto found = query.find(name);
    return found == query.end() ? fallback : found->second;
  }
};

/// A body that goes on for as long as the client stays (server-sent events). Pieces are asked for when the client has
/// taken the one before: what it does not take waits here, within a bound of the stream's own. All calls come on the
/// HTTP thread, one at a time, and must not block. A client that takes nothing for HttpOptions::request_timeout_ms is
/// sent away. The stream is destroyed when either side ends.
class HttpStream {
 public:
  virtual ~HttpStream() = default;
  /// Once, at first. `wake` may be called at any time, from any thread, also when the client is gone: take() is then
  /// called again.
  virtual void start(std::function<void()> wake) = 0;
  /// The next piece, at most some 100 KiB; empty: nothing until `wake` is called.
  virtual std::string take() = 0;
  /// Asked after an empty piece. True: there will be no more.
  [[nodiscard]] virtual bool has_ended() const = 0;
  /// What to send when there was nothing else for HttpOptions::heartbeat_ms. Not empty.
  virtual std::string heartbeat() = 0;
};

struct HttpResponse {
  int status = 200;
  std::string content_type = "application/json";
  std::string body = {};
  /// Further headers (`Retry-After`, `Location`). One that would split the message, or that the server itself sets
  /// (Content-Type, Content-Length, Connection, ...), makes the answer a 500.
  std::map<std::string, std::string> headers = {};
  /// Of an answer made by error(): the message alone, for routes with plain_errors.
  std::string error_message = {};
  /// Set: instead of `body`. The connection ends with it.
  std::shared_ptr<HttpStream> stream = nullptr;

  static HttpResponse json(std::string body, int status = 200) {
    return {.status = status, .content_type = "application/json", .body = std::move(body)};
  }
  /// `{"error": {"code": ..., "message": ...}}` with the HTTP status that fits the code: not_found 404,
  /// invalid_argument 400, already_exists and failed_precondition 409, resource_exhausted 429, unavailable 503 with
  /// Retry-After: 1, deadline_exceeded 504, unimplemented 501, anything else 500.
  static HttpResponse error(const Status& status);
};

/// Answers one request; call exactly once, from any thread. Later calls and calls after the server stopped do nothing.
using HttpReply = std::function<void(HttpResponse)>;
/// Runs on the HTTP thread: must not block. Work that waits keeps `reply` and calls it later; `request` lives only
/// until the handler returns. An exception is answered with 500. GET handlers also answer HEAD (`request.method`
/// tells).
using HttpHandler = std::function<void(const HttpRequest& request, HttpReply reply)>;

/// `pattern`: `/v1/state/{uid}/{state}/{key}`; a capture matches one segment (percent-decoded after the split, so a key
/// may contain %2F). More literal segments win. Another method on a known path is answered 405 with Allow.
struct HttpRoute {
  std::string method;
  std::string pattern;
  HttpHandler handler;
  /// Per-route bound of the body; 0 takes HttpOptions::max_body_bytes. Routes that take no body set 1.
  std::size_t max_body_bytes = 64 << 10;
  /// For protocols that want it so: errors are `{"error": "<message>"}`, those that the server makes itself included,
  /// on all paths that begin with the same segment.
  bool plain_errors = false;
};

}  // namespace weir
