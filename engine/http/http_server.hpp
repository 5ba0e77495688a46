#pragma once
/// HttpServer: HTTP/1.1 on one low-priority thread of its own, for control and queries, not for bulk data.
///
/// Every size, time and count is bounded by HttpOptions; whatever a client sends, the answer is JSON or a closed
/// connection, and never more than one request of a connection is in a handler. A body is one string, or an HttpStream
/// that the session asks for pieces, one at a time: what a client does not take waits in the stream.

#include <cstdint>
#include <memory>
#include <vector>

#include <weir/http.hpp>
#include <weir/result.hpp>

namespace weir::http {

/// Since the start; for /metrics.
struct HttpCounters {
  std::uint64_t connections_open = 0;
  std::uint64_t connections_accepted = 0;
  std::uint64_t connections_refused = 0;  ///< over max_connections
  std::uint64_t requests = 0;             ///< handed to a handler
  std::uint64_t timeouts = 0;             ///< 408, 504 and answers not taken in time
  std::uint64_t streams_open = 0;         ///< answers that are streams, now
  std::uint64_t streams_dropped = 0;      ///< of those, ended because the client took nothing for request_timeout_ms
  std::uint64_t responses_2xx = 0;
  std::uint64_t responses_3xx = 0;
  std::uint64_t responses_4xx = 0;
  std::uint64_t responses_5xx = 0;
};

class HttpServer {
 public:
  /// Listens and serves when it returns. Invalid argument: options or routes are wrong, or the address is not a
  /// loopback address and no token is set. I/O error: the address cannot be listened on.
  static Result<std::unique_ptr<HttpServer>> start(HttpOptions options, std::vector<HttpRoute> routes);

  /// Stops. Handlers and what they captured are destroyed here, on the calling thread.
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  /// The port listened on, chosen by the system if HttpOptions::port is 0.
  [[nodiscard]] std::uint16_t port() const;

  /// Refuses new connections, closes those without a request in a handler, gives the others
  /// HttpOptions::stop_timeout_ms, joins the thread. Replies given later do nothing. Any thread but the HTTP thread (a
  /// handler must not call it); may be called again.
  void stop();

  /// Any thread.
  [[nodiscard]] HttpCounters counters() const;

 private:
  class Impl;
  explicit HttpServer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace weir::http
