#pragma once
/// One connection of the HTTP server, and what all connections share. No Asio here but one forward declaration.

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <unordered_set>

#include <weir/http.hpp>

#include "engine/http/request_gate.hpp"

namespace boost::asio {
class io_context;
}

namespace weir::http {

class Session;

/// The way from any thread to the HTTP thread. Outlives the server in the hands of late replies.
class Mailbox {
 public:
  explicit Mailbox(boost::asio::io_context& context) : context_(&context) {}
  /// Runs `work` on the HTTP thread, or drops it after close().
  void post(std::function<void()> work);
  /// Before the io_context goes.
  void close();

 private:
  std::mutex mutex_;
  boost::asio::io_context* context_;  // guarded by mutex_
};

/// Written by the HTTP thread, read by any: relaxed, each figure stands alone.
struct LiveCounters {
  std::atomic<std::uint64_t> connections_open = 0;
  std::atomic<std::uint64_t> connections_accepted = 0;
  std::atomic<std::uint64_t> connections_refused = 0;
  std::atomic<std::uint64_t> requests = 0;
  std::atomic<std::uint64_t> timeouts = 0;
  std::atomic<std::uint64_t> streams_open = 0;
  std::atomic<std::uint64_t> streams_dropped = 0;
  std::atomic<std::uint64_t> responses[4] = {};  // 2xx, 3xx, 4xx, 5xx
};

/// Shared by the sessions of one server; all but `counters` and `mailbox` belongs to the HTTP thread.
struct SessionHost {
  HttpOptions options;
  RequestGate gate;
  std::shared_ptr<Mailbox> mailbox;
  LiveCounters counters;
  std::unordered_set<Session*> sessions;
  std::size_t turned_away = 0;          ///< sessions among them that only say 503
  std::size_t reserved_body_bytes = 0;  ///< of requests being received or handled
  bool is_stopping = false;
  std::function<void()> all_sessions_gone;  ///< called when the last one ends while stopping
};

/// HTTP thread only. Owned by its pending operations; the host and the io_context outlive it.
class Session {
 public:
  virtual ~Session() = default;
  /// Reads and answers requests until the connection ends.
  virtual void serve() = 0;
  /// Answers 503 without reading, then ends.
  virtual void turn_away() = 0;
  /// Ends now if no request is in a handler or being answered, else after that answer. The host is stopping.
  virtual void finish() = 0;
  /// Ends now; a request in a handler is answered 503 if the client takes it at once.
  virtual void abort() = 0;

  /// Takes the connected socket (a file descriptor), whatever happens.
  static std::shared_ptr<Session> open(SessionHost& host, boost::asio::io_context& context, int socket, bool is_ipv6);
};

}  // namespace weir::http
