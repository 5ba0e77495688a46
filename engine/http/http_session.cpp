#include "engine/http/http_session.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/message_generator.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>

#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <exception>
#include <limits>
#include <optional>
#include <sstream>
#include <utility>

#include "engine/http/http_response.hpp"

namespace weir::http {

namespace asio = boost::asio;
namespace beast = boost::beast;
using boost::system::error_code;
using tcp = asio::ip::tcp;

void Mailbox::post(std::function<void()> work) {
  const std::lock_guard lock(mutex_);
  if (context_ != nullptr) asio::post(*context_, std::move(work));
}

void Mailbox::close() {
  const std::lock_guard lock(mutex_);
  context_ = nullptr;
}

namespace {

// How long a closing connection's remaining input is read and dropped: closing a socket with unread input resets it,
// and the client might never see the answer.
constexpr std::int64_t kDrainTimeoutMs = 2'000;
constexpr std::int64_t kCancelAgainMs = 10;
constexpr std::size_t kReadAheadBytes = 64 << 10;
constexpr std::array<char, 25> kContinue = {'H', 'T', 'T', 'P', '/', '1', '.', '1', ' ',  '1',  '0',  '0', ' ',
                                            'C', 'o', 'n', 't', 'i', 'n', 'u', 'e', '\r', '\n', '\r', '\n'};

// kWaiting → kReceiving → kAnswering (in a handler) → kSending → kWaiting (kept alive) or kDraining → kClosed.
// A refused request goes from kReceiving to kSending; an answer that is a stream from kAnswering to kStreaming, and at
// its end to kDraining. Each stage has one timer. Any stage may go to kClosed; its
// pending operations then return and do nothing.
enum class Stage { kWaiting, kReceiving, kAnswering, kSending, kStreaming, kDraining, kClosed };

class SocketSession final : public Session, public std::enable_shared_from_this<SocketSession> {
 public:
  SocketSession(SessionHost& host, asio::io_context& context)
      : host_(host), socket_(context), timer_(context), buffer_(host.options.max_header_bytes + kReadAheadBytes) {
    host_.sessions.insert(this);
    ++host_.counters.connections_open;
  }
  ~SocketSession() override {
    release_body();
    if (is_streaming_) --host_.counters.streams_open;
    host_.sessions.erase(this);
    if (is_turned_away_) --host_.turned_away;
    --host_.counters.connections_open;
    if (host_.is_stopping && host_.sessions.empty()) host_.all_sessions_gone();
  }

  bool adopt(int socket, bool is_ipv6) {
    error_code error;
    socket_.assign(is_ipv6 ? tcp::v6() : tcp::v4(), socket, error);
    if (error) {
      ::close(socket);
      return false;
    }
    socket_.set_option(tcp::no_delay(true), error);
    return true;
  }

  void serve() override { await_request(host_.options.request_timeout_ms); }

  void turn_away() override {
    is_turned_away_ = true;
    ++host_.turned_away;
    HttpResponse response = error_response(503, "unavailable", "accept connection: too many are open");
    response.headers["Retry-After"] = "1";
    respond(std::move(response), false);
  }

  void finish() override {
    if (stage_ == Stage::kStreaming) return pump();
    if (stage_ != Stage::kAnswering && stage_ != Stage::kSending) close();
  }

  void abort() override {
    if (stage_ == Stage::kAnswering) {
      error_code error;
      socket_.non_blocking(true, error);
      auto message = make_message(error_response(503, "unavailable", "answer request: the server is stopping"), false);
      beast::write(socket_, std::move(message), error);
    }
    close();
  }

 private:
  using Parser = beast::http::request_parser<beast::http::string_body>;

  void await_request(std::int64_t timeout_ms) {
    stage_ = Stage::kWaiting;
    release_body();
    if (host_.is_stopping) return close();
    if (buffer_.size() > 0) return receive();
    arm(timeout_ms);
    socket_.async_wait(tcp::socket::wait_read, [self = shared_from_this()](error_code error) {
      if (self->stage_ != Stage::kWaiting) return;
      error ? self->close() : self->receive();
    });
  }

  void receive() {
    stage_ = Stage::kReceiving;
    is_head_ = false;
    version_ = 11;
    has_timed_out_ = false;
    admission_ = {};
    parser_.emplace();
    parser_->header_limit(static_cast<std::uint32_t>(
        std::min<std::size_t>(host_.options.max_header_bytes, std::numeric_limits<std::uint32_t>::max())));
    parser_->body_limit(boost::none);  // set when the route is known
    arm(host_.options.request_timeout_ms);
    beast::http::async_read_header(socket_, buffer_, *parser_,
                                   [self = shared_from_this()](error_code error, std::size_t bytes) {
                                     if (self->stage_ == Stage::kReceiving) self->header_received(error, bytes);
                                   });
  }

  void header_received(error_code error, std::size_t header_bytes) {
    if (!error && header_bytes > host_.options.max_header_bytes) error = beast::http::error::header_limit;
    if (error) return receive_failed(error);
    const auto& message = parser_->get();
    RequestHead head;
    head.method = std::string(message.method_string());
    head.target = std::string(message.target());
    head.version = static_cast<int>(message.version());
    for (const auto& field : message) head.fields.emplace_back(field.name_string(), field.value());
    if (const auto length = parser_->content_length()) head.content_length = *length;
    is_head_ = head.method == "HEAD";
    version_ = message.version();
    may_keep_alive_ = parser_->keep_alive();

    admission_ = host_.gate.admit(head);
    if (admission_.refusal) return refuse(std::move(*admission_.refusal), admission_.must_close);
    if (parser_->is_done()) return handle();
    const std::size_t expected =
        head.content_length ? static_cast<std::size_t>(*head.content_length) : admission_.max_body_bytes;
    if (!reserve_body(expected)) {
      HttpResponse response =
          error_response(503, "unavailable", "read body: other requests' bodies fill the memory set aside");
      response.headers["Retry-After"] = "1";
      return refuse(std::move(response), true);
    }
    parser_->body_limit(admission_.max_body_bytes);
    if (!admission_.expects_continue) return receive_body();
    asio::async_write(socket_, asio::buffer(kContinue), [self = shared_from_this()](error_code failed, std::size_t) {
      if (self->stage_ != Stage::kReceiving) return;
      failed ? self->receive_failed(failed) : self->receive_body();
    });
  }

  void receive_body() {
    beast::http::async_read(socket_, buffer_, *parser_, [self = shared_from_this()](error_code error, std::size_t) {
      if (self->stage_ != Stage::kReceiving) return;
      if (error) return self->receive_failed(error);
      self->admission_.request.body = std::move(self->parser_->get().body());
      self->handle();
    });
  }

  void receive_failed(error_code failure) {
    using HttpError = beast::http::error;
    const HttpOptions& options = host_.options;
    if (failure == HttpError::end_of_stream) return close();
    if (failure == asio::error::operation_aborted && has_timed_out_) {
      ++host_.counters.timeouts;
      const std::string bound = std::to_string(options.request_timeout_ms) + " ms";
      return respond(error_response(408, "request_timeout", "receive request: not complete within " + bound), false);
    }
    const bool is_header_done = parser_->is_header_done();
    if (failure == HttpError::header_limit || (failure == HttpError::buffer_overflow && !is_header_done)) {
      const std::string bound = std::to_string(options.max_header_bytes) + " bytes";
      return respond(error_response(431, "headers_too_large", "read header: it exceeds " + bound), false);
    }
    if (failure == HttpError::body_limit) return respond(body_too_large(admission_.max_body_bytes), false);
    if (failure.category() == beast::http::make_error_code(HttpError::bad_method).category()) {
      const std::string part = is_header_done ? "read body: " : "read header: ";
      return respond(error_response(400, "invalid_argument", part + failure.message()), false);
    }
    close();  // the connection broke
  }

  void refuse(HttpResponse response, bool must_close) {
    respond(std::move(response), may_keep_alive_ && !must_close && parser_->is_done());
  }

  void handle() {
    stage_ = Stage::kAnswering;
    arm(host_.options.request_timeout_ms);
    ++host_.counters.requests;
    const HttpReply reply = make_reply();
    try {
      admission_.route->handler(admission_.request, reply);
    } catch (const std::exception& thrown) {
      reply(error_response(500, "internal", handler_name() + " threw: " + thrown.what()));
    } catch (...) {
      reply(error_response(500, "internal", handler_name() + " threw something that is no std::exception"));
    }
    admission_.request = {};
    parser_.reset();
    release_body();
  }

  [[nodiscard]] std::string handler_name() const {
    return "handler of " + admission_.route->method + " " + admission_.route->pattern;
  }

  // The reply may be copied, kept for ever, called on any thread, and outlive session and server.
  HttpReply make_reply() {
    struct Pending {
      Pending(std::shared_ptr<Mailbox> to, std::weak_ptr<SocketSession> of, std::uint64_t number)
          : mailbox(std::move(to)), session(std::move(of)), request(number) {}
      std::shared_ptr<Mailbox> mailbox;
      std::weak_ptr<SocketSession> session;  // locked on the HTTP thread only: no session dies on another
      std::uint64_t request;
      std::atomic<bool> is_given = false;
    };
    const auto pending = std::make_shared<Pending>(host_.mailbox, weak_from_this(), ++request_number_);
    return [pending](HttpResponse response) {
      if (pending->is_given.exchange(true)) return;
      pending->mailbox->post(
          [session = pending->session, request = pending->request, answer = std::move(response)]() mutable {
            if (const auto alive = session.lock()) alive->replied(request, std::move(answer));
          });
    };
  }

  void replied(std::uint64_t request, HttpResponse response) {
    if (stage_ != Stage::kAnswering || request != request_number_) return;  // came after the 504 or the end
    if (const std::string fault = response_fault(response); !fault.empty()) {
      response = error_response(500, "internal", handler_name() + " gave an answer that cannot be sent: " + fault);
    }
    if (response.stream != nullptr && !is_head_) return stream(std::move(response));
    respond(std::move(response), may_keep_alive_);
  }

  // An answer whose end nobody knows: in chunks (HTTP/1.0: up to the end of the connection), and the connection's last.
  void stream(HttpResponse response) {
    stage_ = Stage::kStreaming;
    stream_ = std::move(response.stream);
    is_streaming_ = true;
    ++host_.counters.streams_open;
    ++host_.counters.responses[0];
    beast::http::response<beast::http::empty_body> message(make_header(response));
    message.keep_alive(false);
    if (version_ > 10) message.chunked(true);
    std::ostringstream header;
    header << message.base();
    stream_->start([mailbox = host_.mailbox, session = weak_from_this()] {
      mailbox->post([session] {
        if (const auto alive = session.lock(); alive && alive->stage_ == Stage::kStreaming) alive->pump();
      });
    });
    // A client that goes shows as the end of its input; what else it may send is left to itself.
    socket_.async_wait(tcp::socket::wait_read, [self = shared_from_this()](error_code error) {
      if (self->stage_ != Stage::kStreaming) return;
      if (error || self->socket_.available(error) == 0) self->close();
    });
    write(header.str());
  }

  // Sends what the stream has, when nothing is being sent.
  void pump() {
    if (is_writing_) return;
    const std::string piece = stream_->take();
    if (!piece.empty()) return write(chunk_of(piece));
    if (stream_->has_ended() || host_.is_stopping) return end_stream();
    arm(host_.options.heartbeat_ms);
  }

  void end_stream() {
    stream_.reset();
    write(version_ > 10 ? "0\r\n\r\n" : "");
  }

  [[nodiscard]] std::string chunk_of(const std::string& piece) const {
    if (version_ < 11) return piece;
    std::ostringstream size;
    size << std::hex << piece.size();
    return size.str() + "\r\n" + piece + "\r\n";
  }

  void write(std::string bytes) {
    is_writing_ = true;
    outgoing_ = std::move(bytes);
    arm(host_.options.request_timeout_ms);
    asio::async_write(socket_, asio::buffer(outgoing_), [self = shared_from_this()](error_code error, std::size_t) {
      if (self->stage_ != Stage::kStreaming) return;
      self->is_writing_ = false;
      if (error) return self->close();
      self->stream_ == nullptr ? self->sent(error, false) : self->pump();
    });
  }

  void respond(HttpResponse response, bool keep_alive) {
    stage_ = Stage::kSending;
    const bool stays = keep_alive && !host_.is_stopping;
    ++host_.counters.responses[std::clamp(response.status / 100, 2, 5) - 2];
    arm(host_.options.request_timeout_ms);
    beast::async_write(socket_, make_message(std::move(response), stays),
                       [self = shared_from_this(), stays](error_code error, std::size_t) {
                         if (self->stage_ == Stage::kSending) self->sent(error, stays);
                       });
  }

  static bool has_content(const HttpResponse& response) { return response.status != 204 && response.status != 304; }

  [[nodiscard]] beast::http::response_header<> make_header(const HttpResponse& response) const {
    beast::http::response_header<> header;
    header.version(version_);
    header.result(static_cast<unsigned>(response.status));
    header.set(beast::http::field::server, "weir");
    header.set(beast::http::field::cache_control, "no-store");
    header.set("X-Content-Type-Options", "nosniff");
    if (has_content(response)) header.set(beast::http::field::content_type, response.content_type);
    for (const auto& [name, value] : response.headers) header.set(name, value);
    return header;
  }

  [[nodiscard]] beast::http::message_generator make_message(HttpResponse response, bool keep_alive) const {
    if (admission_.plain_errors) make_plain(response);
    if (is_head_ || !has_content(response)) {
      beast::http::response<beast::http::empty_body> message(make_header(response));
      message.keep_alive(keep_alive);
      if (has_content(response) && response.stream == nullptr) message.content_length(response.body.size());
      return message;
    }
    beast::http::response<beast::http::string_body> message(make_header(response), std::move(response.body));
    message.keep_alive(keep_alive);
    message.content_length(message.body().size());
    return message;
  }

  void sent(error_code error, bool keep_alive) {
    if (error) return close();
    if (keep_alive) return await_request(host_.options.idle_timeout_ms);
    if (host_.is_stopping) return close();
    stage_ = Stage::kDraining;
    socket_.shutdown(tcp::socket::shutdown_send, error);
    arm(std::min(kDrainTimeoutMs, host_.options.request_timeout_ms));
    drain();
  }

  void drain() {
    buffer_.clear();
    socket_.async_read_some(buffer_.prepare(kReadAheadBytes),
                            [self = shared_from_this()](error_code error, std::size_t) {
                              if (self->stage_ != Stage::kDraining) return;
                              error ? self->close() : self->drain();
                            });
  }

  // One timer; arming it anew disarms the former.
  void arm(std::int64_t timeout_ms) {
    timer_.expires_after(std::chrono::milliseconds(timeout_ms));
    timer_.async_wait([self = shared_from_this(), armed = ++timer_number_](error_code error) {
      if (!error && armed == self->timer_number_) self->timed_out();
    });
  }

  void timed_out() {
    switch (stage_) {
      case Stage::kReceiving: {
        has_timed_out_ = true;
        error_code error;
        socket_.cancel(error);       // the read returns and receive_failed() answers,
        return arm(kCancelAgainMs);  // unless it was just between two reads
      }
      case Stage::kAnswering: {
        ++host_.counters.timeouts;
        const std::string bound = std::to_string(host_.options.request_timeout_ms) + " ms";
        return respond(error_response(504, "deadline_exceeded", handler_name() + " gave no reply within " + bound),
                       may_keep_alive_);
      }
      case Stage::kStreaming:
        if (!is_writing_) return write(chunk_of(stream_->heartbeat()));
        if (stream_ != nullptr) ++host_.counters.streams_dropped;
        [[fallthrough]];
      case Stage::kSending: ++host_.counters.timeouts; return close();
      case Stage::kWaiting:
      case Stage::kDraining:
      case Stage::kClosed: return close();
    }
  }

  void close() {
    stage_ = Stage::kClosed;
    stream_.reset();
    ++timer_number_;
    timer_.cancel();
    error_code error;
    socket_.close(error);
  }

  bool reserve_body(std::size_t bytes) {
    if (bytes > host_.options.max_total_body_bytes - host_.reserved_body_bytes) return false;
    host_.reserved_body_bytes += bytes;
    reserved_body_bytes_ = bytes;
    return true;
  }

  void release_body() { host_.reserved_body_bytes -= std::exchange(reserved_body_bytes_, 0); }

  SessionHost& host_;
  tcp::socket socket_;
  asio::steady_timer timer_;
  beast::flat_buffer buffer_;  // read ahead: bounded, so a client that pipelines is not read further
  std::optional<Parser> parser_;
  Admission admission_;                 // of the current request
  std::shared_ptr<HttpStream> stream_;  // while streaming; null when its end is being sent
  std::string outgoing_;                // a piece of it, while is_writing_
  Stage stage_ = Stage::kWaiting;
  std::uint64_t request_number_ = 0;
  std::uint64_t timer_number_ = 0;
  std::size_t reserved_body_bytes_ = 0;
  unsigned version_ = 11;
  bool is_head_ = false;
  bool may_keep_alive_ = false;
  bool has_timed_out_ = false;
  bool is_turned_away_ = false;
  bool is_streaming_ = false;  // the session's last answer is a stream
  bool is_writing_ = false;
};

}  // namespace

std::shared_ptr<Session> Session::open(SessionHost& host, asio::io_context& context, int socket, bool is_ipv6) {
  auto session = std::make_shared<SocketSession>(host, context);
  if (!session->adopt(socket, is_ipv6)) return nullptr;
  return session;
}

}  // namespace weir::http
