#include "engine/http/http_server.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <exception>
#include <mutex>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "engine/http/http_session.hpp"

namespace weir::http {

namespace asio = boost::asio;
using boost::system::error_code;
using tcp = asio::ip::tcp;

namespace {

constexpr std::size_t kTurnedAwayAtOnce = 32;  // connections told 503 together; further ones are closed without a word
constexpr std::chrono::milliseconds kAcceptRetry{100};
constexpr int kNiceness = 5;  // below the workers: two cores have nothing to spare

Status check_limits(const HttpOptions& options) {
  const std::array<std::pair<const char*, bool>, 9> limits = {{
      {"max_body_bytes", options.max_body_bytes > 0},
      {"max_header_bytes", options.max_header_bytes > 0},
      {"max_connections", options.max_connections > 0},
      {"max_total_body_bytes", options.max_total_body_bytes > 0},
      {"request_timeout_ms", options.request_timeout_ms > 0},
      {"idle_timeout_ms", options.idle_timeout_ms > 0},
      {"heartbeat_ms", options.heartbeat_ms > 0},
      {"stop_timeout_ms", options.stop_timeout_ms >= 0},
      {"max_body_bytes (more than max_total_body_bytes)", options.max_body_bytes <= options.max_total_body_bytes},
  }};
  std::string faults;
  for (const auto& [name, is_good] : limits) {
    if (!is_good) faults += (faults.empty() ? "" : ", ") + std::string(name);
  }
  if (faults.empty()) return Status::ok();
  return Status::invalid_argument("set up HTTP: out of range: " + faults);
}

Result<asio::ip::address> listen_address(const HttpOptions& options) {
  error_code error;
  const std::string text = options.address == "localhost" ? "127.0.0.1" : options.address;
  const asio::ip::address address = asio::ip::make_address(text, error);
  if (error) return Status::invalid_argument("set up HTTP: '" + options.address + "' is no IP address");
  if (!address.is_loopback() && options.token.empty()) {
    return Status::invalid_argument("set up HTTP on '" + options.address +
                                    "': an address that is not loopback can be reached by others and needs a token");
  }
  return address;
}

Status listen_on(tcp::acceptor& acceptor, const tcp::endpoint& endpoint) {
  error_code error;
  acceptor.open(endpoint.protocol(), error);
  if (!error) acceptor.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error) acceptor.bind(endpoint, error);
  if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
  if (!error) return Status::ok();
  return Status::io_error("listen on " + endpoint.address().to_string() + " port " + std::to_string(endpoint.port()) +
                          ": " + error.message());
}

std::uint64_t load(const std::atomic<std::uint64_t>& counter) { return counter.load(std::memory_order_relaxed); }

}  // namespace

class HttpServer::Impl {
 public:
  Impl(HttpOptions options, RequestGate gate)
      : host_{std::move(options),         std::move(gate), std::make_shared<Mailbox>(context_), {}, {}, 0, 0, false,
              [this] { timer_.cancel(); }} {}

  Status start(const asio::ip::address& address) {
    WEIR_RETURN_IF_ERROR(listen_on(acceptor_, tcp::endpoint(address, host_.options.port)));
    error_code error;
    const tcp::endpoint local = acceptor_.local_endpoint(error);
    if (error) return Status::io_error("ask for the port listened on: " + error.message());
    port_ = local.port();
    is_ipv6_ = local.protocol() == tcp::v6();
    accept();
    try {
      thread_ = std::thread([this] { run(); });
    } catch (const std::system_error& thrown) {
      return Status::resource_exhausted(std::string("start the HTTP thread: ") + thrown.what());
    }
    return Status::ok();
  }

  void stop() {
    const std::lock_guard lock(stop_mutex_);
    if (!thread_.joinable()) return;
    WEIR_CHECK(thread_.get_id() != std::this_thread::get_id(), "a handler must not stop its own HTTP server");
    asio::post(context_, [this] { stop_serving(); });
    thread_.join();
    host_.mailbox->close();
  }

  [[nodiscard]] std::uint16_t port() const { return port_; }

  [[nodiscard]] HttpCounters counters() const {
    const LiveCounters& live = host_.counters;
    return {load(live.connections_open),
            load(live.connections_accepted),
            load(live.connections_refused),
            load(live.requests),
            load(live.timeouts),
            load(live.streams_open),
            load(live.streams_dropped),
            load(live.responses[0]),
            load(live.responses[1]),
            load(live.responses[2]),
            load(live.responses[3])};
  }

 private:
  void run() {
    pthread_setname_np(pthread_self(), "weir-http");
    // On Linux niceness belongs to the thread. Refused, the thread only runs at the usual priority.
    (void)setpriority(PRIO_PROCESS, static_cast<id_t>(gettid()), kNiceness);
    for (;;) {
      try {
        context_.run();
        return;
      } catch (const std::exception& thrown) {
        // Out of memory, as a rule: the session it came from is gone with its handlers, the others go on.
        std::fprintf(stderr, "weir: HTTP session ended by an exception: %s\n", thrown.what());
      }
    }
  }

  void accept() {
    acceptor_.async_accept([this](error_code error, tcp::socket socket) {
      if (host_.is_stopping || error == asio::error::operation_aborted) return;
      if (error) return accept_later();
      accept();  // first, so that an exception below leaves the server listening
      welcome(std::move(socket));
    });
  }

  // No file descriptor is left, most likely: trying again at once would spin.
  void accept_later() {
    timer_.expires_after(kAcceptRetry);
    timer_.async_wait([this](error_code error) {
      if (!error && !host_.is_stopping) accept();
    });
  }

  void welcome(tcp::socket socket) {
    ++host_.counters.connections_accepted;
    const bool is_full = host_.sessions.size() - host_.turned_away >= host_.options.max_connections;
    if (is_full) ++host_.counters.connections_refused;
    if (is_full && host_.turned_away >= kTurnedAwayAtOnce) return;
    error_code error;
    const auto descriptor = socket.release(error);
    if (error) return;
    const std::shared_ptr<Session> session = Session::open(host_, context_, descriptor, is_ipv6_);
    if (session == nullptr) return;
    is_full ? session->turn_away() : session->serve();
  }

  void stop_serving() {
    host_.is_stopping = true;
    error_code error;
    acceptor_.close(error);
    timer_.cancel();
    // A session leaves the set when its last operation returns, never inside these calls.
    for (Session* const session : std::vector<Session*>(host_.sessions.begin(), host_.sessions.end()))
      session->finish();
    wait_for_sessions(std::chrono::steady_clock::now() + std::chrono::milliseconds(host_.options.stop_timeout_ms));
  }

  // run() returns by itself when the last session is gone and this timer is cancelled.
  void wait_for_sessions(std::chrono::steady_clock::time_point deadline) {
    if (host_.sessions.empty()) return;
    timer_.expires_at(deadline);
    timer_.async_wait([this](error_code error) {
      if (error) return;
      for (Session* const session : std::vector<Session*>(host_.sessions.begin(), host_.sessions.end()))
        session->abort();
    });
  }

  // The context goes first: with it the sessions, which still use the host.
  SessionHost host_;
  asio::io_context context_{1};
  tcp::acceptor acceptor_{context_};
  asio::steady_timer timer_{context_};
  std::uint16_t port_ = 0;
  bool is_ipv6_ = false;
  std::mutex stop_mutex_;
  std::thread thread_;  // guarded by stop_mutex_ after start
};

Result<std::unique_ptr<HttpServer>> HttpServer::start(HttpOptions options, std::vector<HttpRoute> routes) {
  WEIR_RETURN_IF_ERROR(check_limits(options));
  WEIR_ASSIGN_OR_RETURN(const asio::ip::address address, listen_address(options));
  WEIR_ASSIGN_OR_RETURN(RequestGate gate, RequestGate::build(options, std::move(routes)));
  auto impl = std::make_unique<Impl>(std::move(options), std::move(gate));
  WEIR_RETURN_IF_ERROR(impl->start(address));
  return std::unique_ptr<HttpServer>(new HttpServer(std::move(impl)));
}

HttpServer::HttpServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
HttpServer::~HttpServer() { impl_->stop(); }
std::uint16_t HttpServer::port() const { return impl_->port(); }
void HttpServer::stop() { impl_->stop(); }
HttpCounters HttpServer::counters() const { return impl_->counters(); }

}  // namespace weir::http
